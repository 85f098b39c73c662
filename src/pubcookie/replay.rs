//! A granting cookie works once: those that were used are remembered for as long as they could be shown again.

use std::sync::OnceLock;

use granting_cookie::SignedCookie;
use openssl::sha::sha256;
use pubcookie_protocol::grant::GRANTING_SECONDS;
use pubcookie_protocol::session::CLOCK_SKEW;

use crate::httpd::{ChildStart, GlobalMutex, Request, Setup, SharedCache};

/// The name by which httpd's `Mutex` directive knows the mutex.
pub const MUTEX: &str = "pubcookie-replay";

/// For so many seconds a browser's parallel requests with one granting cookie get one session.
const PARALLEL_SECONDS: u64 = 5;

/// The granting cookies that were used, on all servers of this httpd.
pub struct ReplayCache {
    cache: SharedCache,
    /// A shared cache has no add-if-absent.
    mutex: OnceLock<GlobalMutex>,
}

/// What shows that a granting cookie is used by the browser that it was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Its token is in the browser's pre-session. Two uses that are bound so are the same browser's.
    PreSession = 1,
    /// Nothing: another module has authenticated the user.
    Unbound = 0,
}

/// What a use of a granting cookie is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The first: it counts.
    First,
    /// By the same browser as the first, which was just now, at this time in Unix seconds.
    Parallel(u64),
    /// Any later: it does not count.
    Replay,
}

impl ReplayCache {
    /// Remembers in this cache.
    pub fn new(cache: SharedCache) -> Self {
        ReplayCache {
            cache,
            mutex: OnceLock::new(),
        }
    }

    /// Makes it ready, before httpd serves.
    pub fn start(&self, setup: &Setup<'_>) -> Result<(), String> {
        let about = |problem| format!("PubcookieReplayCache: {problem}");
        let mutex = GlobalMutex::create(setup, MUTEX).map_err(about)?;
        self.cache.start(setup, "pubcookie").map_err(about)?;
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

    /// Uses a verified granting cookie, made at `created`. Where this fails the cookie must not be accepted.
    pub fn use_up(
        &self,
        request: &Request<'_>,
        cookie: &SignedCookie,
        created: u64,
        binding: Binding,
        now: u64,
    ) -> Result<Use, String> {
        let identifier = sha256(cookie.to_base64().as_bytes());
        let mutex = self.mutex.get().ok_or("the replay cache was not started")?;
        let _held = mutex.lock()?;
        let first = self
            .cache
            .get(request, &identifier)
            .map_err(|problem| problem.to_string())?;
        if let Some(first) = first {
            return Ok(later_use(&first, binding, now));
        }
        let value = [&now.to_be_bytes()[..], &[binding as u8]].concat();
        // Another member of a cluster may have a clock that is behind ours.
        let until = created.saturating_add(GRANTING_SECONDS + 2 * CLOCK_SKEW);
        let until = i64::try_from(until).map_err(|problem| problem.to_string())?;
        self.cache
            .set(request, &identifier, &value, until)
            .map_err(|problem| problem.to_string())?;
        Ok(Use::First)
    }
}

fn later_use(first: &[u8], binding: Binding, now: u64) -> Use {
    let Some((time, first_binding)) = first.split_first_chunk() else {
        return Use::Replay;
    };
    let time = u64::from_be_bytes(*time);
    let bound = binding == Binding::PreSession && first_binding == [Binding::PreSession as u8];
    if bound && now.saturating_sub(time) <= PARALLEL_SECONDS {
        Use::Parallel(time)
    } else {
        Use::Replay
    }
}
