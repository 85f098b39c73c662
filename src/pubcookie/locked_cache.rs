//! A shared cache of httpd's with the mutex that it needs: it has no add-if-absent, and some providers are not safe alone.

use std::sync::OnceLock;

use crate::httpd::{ChildStart, GlobalMutex, GlobalMutexGuard, Request, Setup, SharedCache};

/// The cache and its mutex.
pub struct LockedCache {
    purpose: Purpose,
    cache: SharedCache,
    mutex: OnceLock<GlobalMutex>,
}

/// What a cache is for.
#[derive(Clone, Copy, Debug)]
pub struct Purpose {
    /// The directive that names the cache.
    pub directive: &'static str,
    /// The name by which httpd's `Mutex` directive knows the mutex.
    pub mutex: &'static str,
    /// What tells the cache's entries from others: at most 16 letters, digits, `_`, `-`.
    pub name: &'static str,
}

/// The cache, while nobody else uses it.
pub struct Held<'c> {
    cache: &'c SharedCache,
    _mutex: GlobalMutexGuard<'c>,
}

impl LockedCache {
    /// A cache that a directive names, or a default.
    pub fn new(cache: SharedCache, purpose: Purpose) -> Self {
        LockedCache {
            purpose,
            cache,
            mutex: OnceLock::new(),
        }
    }

    /// The cache where no directive names one: in shared memory.
    pub fn by_default(setup: &Setup<'_>, purpose: Purpose) -> Result<Self, String> {
        let cache = SharedCache::from_default(setup, "shmcb");
        Ok(LockedCache::new(
            cache.map_err(|problem| format!("{}: {problem}", purpose.directive))?,
            purpose,
        ))
    }

    /// Makes it ready, before httpd serves.
    pub fn start(&self, setup: &Setup<'_>) -> Result<(), String> {
        let about = |problem| format!("{}: {problem}", self.purpose.directive);
        let mutex = GlobalMutex::create(setup, self.purpose.mutex).map_err(about)?;
        self.cache.start(setup, self.purpose.name).map_err(about)?;
        // Set for the first time: the configuration is new.
        let _ = self.mutex.set(mutex);
        Ok(())
    }

    /// Makes it ready in a child.
    pub fn open_in_child(&self, child: &ChildStart<'_>) -> Result<(), String> {
        self.mutex
            .get()
            .map_or(Ok(()), |mutex| mutex.open_in_child(child))
    }

    /// Waits until nobody else uses it.
    pub fn lock(&self) -> Result<Held<'_>, String> {
        let mutex = self.mutex.get();
        let mutex =
            mutex.ok_or_else(|| format!("the cache of {} was not started", self.purpose.directive))?;
        Ok(Held {
            cache: &self.cache,
            _mutex: mutex.lock()?,
        })
    }
}

impl Held<'_> {
    /// What is stored under an identifier.
    pub fn get(&self, request: &Request<'_>, identifier: &[u8]) -> Result<Option<Vec<u8>>, String> {
        self.cache
            .get(request, identifier)
            .map_err(|problem| problem.to_string())
    }

    /// Stores a value of at most 1024 bytes until a time in Unix seconds.
    pub fn set(
        &self,
        request: &Request<'_>,
        identifier: &[u8],
        value: &[u8],
        until: u64,
    ) -> Result<(), String> {
        let until = i64::try_from(until).map_err(|problem| problem.to_string())?;
        self.cache
            .set(request, identifier, value, until)
            .map_err(|problem| problem.to_string())
    }
}
