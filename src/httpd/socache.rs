//! httpd's small object caches, shared by all children or by several servers: `shmcb`, `redis`, `memcache`.

use std::ffi::c_uchar;
use std::ptr::{self, NonNull};

use thiserror::Error;

use super::{Arguments, Pool, Request, Setup, ffi, text};

/// A cache that did not do what it was asked.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("the shared cache {cache} failed to {operation} (status {status})")]
pub struct SharedCacheError {
    cache: String,
    operation: &'static str,
    status: i32,
}

/// A cache that a directive names. Use it under a [`super::GlobalMutex`]: it has no add-if-absent, and some
/// providers need the protection.
#[derive(Debug)]
pub struct SharedCache {
    name: String,
    provider: NonNull<ffi::ap_socache_provider_t>,
    instance: NonNull<ffi::ap_socache_instance_t>,
}

// SAFETY: providers are made for httpd's threads, each call under the caller's mutex; the instance lives as
// long as the configuration that owns this.
unsafe impl Send for SharedCache {}
// SAFETY: likewise.
unsafe impl Sync for SharedCache {}

impl SharedCache {
    /// The cache that `provider` or `provider:arguments` names, as a directive's argument.
    pub fn from_directive(arguments: &Arguments<'_>, value: &str) -> Result<Self, String> {
        Self::create(arguments.pool(), arguments.temporary_pool(), value)
    }

    /// The same where a default takes the place of a directive.
    pub fn from_default(setup: &Setup<'_>, value: &str) -> Result<Self, String> {
        Self::create(setup.pool(), setup.temporary_pool(), value)
    }

    fn create(pool: Pool<'_>, temporary: Pool<'_>, value: &str) -> Result<Self, String> {
        let (name, settings) = match value.split_once(':') {
            Some((name, settings)) => (name, Some(pool.copy(settings))),
            None => (value, None),
        };
        let wanted = text::terminated(name);
        // SAFETY: all strings end with a NUL; the answer is null or a provider by the group's contract.
        let provider = unsafe {
            ffi::ap_lookup_provider(
                ffi::AP_SOCACHE_PROVIDER_GROUP.as_ptr().cast(),
                wanted.as_ptr(),
                ffi::AP_SOCACHE_PROVIDER_VERSION.as_ptr().cast(),
            )
        };
        let provider = NonNull::new(provider.cast::<ffi::ap_socache_provider_t>()).ok_or_else(|| {
            format!(
                "unknown shared cache \"{name}\"; load socache_{name}_module (modules/mod_socache_{name}.so)"
            )
        })?;
        let mut instance = ptr::null_mut();
        // SAFETY: the provider is one; both pools live, and the instance lives in the first.
        let problem = unsafe {
            let create = provider
                .as_ref()
                .create
                .ok_or("the shared cache cannot be made")?;
            let settings = settings.map_or(ptr::null(), |settings| settings.cast_const());
            text::borrow(create(&raw mut instance, settings, temporary.raw(), pool.raw()))
        };
        if let Some(problem) = problem {
            return Err(format!("\"{value}\": {}", problem.to_string_lossy()));
        }
        let instance = NonNull::new(instance).ok_or_else(|| format!("\"{value}\" cannot be made"))?;
        Ok(SharedCache {
            name: name.to_owned(),
            provider,
            instance,
        })
    }

    /// Makes the cache ready. Call it in `post_config`. `purpose` has at most 16 letters, digits, `_`, `-`.
    pub fn start(&self, setup: &Setup<'_>, purpose: &str) -> Result<(), String> {
        let purpose = setup.pool().copy(purpose);
        let hints = ffi::ap_socache_hints {
            avg_obj_size: 64,
            avg_id_len: 32,
            expiry_interval: 60_000_000,
        };
        // SAFETY: the instance came from this provider; server and pool live.
        let status = unsafe {
            let start = self
                .provider
                .as_ref()
                .init
                .ok_or("the shared cache cannot be started")?;
            start(
                self.instance.as_ptr(),
                purpose,
                &raw const hints,
                setup.main().raw(),
                setup.pool().raw(),
            )
        };
        if status != 0 {
            return Err(format!(
                "the shared cache {} cannot be started (status {status})",
                self.name
            ));
        }
        // Given to the pool after what `init` gave it, and so ended before: the provider can still let go of its
        // shared memory.
        setup.pool().own(Started {
            provider: self.provider,
            instance: self.instance,
        });
        Ok(())
    }

    /// What is stored under an identifier.
    pub fn get(&self, request: &Request<'_>, identifier: &[u8]) -> Result<Option<Vec<u8>>, SharedCacheError> {
        let mut value = vec![0 as c_uchar; 1024];
        let mut length = value.len() as u32;
        // SAFETY: the instance came from this provider; the provider writes at most `length` bytes.
        let status = unsafe {
            let retrieve = self
                .provider
                .as_ref()
                .retrieve
                .ok_or_else(|| self.error("read", -1))?;
            retrieve(
                self.instance.as_ptr(),
                request.server().raw(),
                identifier.as_ptr(),
                identifier.len() as u32,
                value.as_mut_ptr(),
                &raw mut length,
                request.pool().raw(),
            )
        };
        match status {
            0 => {
                value.truncate(length as usize);
                Ok(Some(value))
            }
            // Some providers say "not found" with their peer's word for the end of a file.
            status if status == ffi::APR_NOTFOUND as i32 || status == ffi::APR_EOF as i32 => Ok(None),
            status => Err(self.error("read", status)),
        }
    }

    /// Stores a value of at most 1024 bytes until a time, in seconds since 1970.
    pub fn set(
        &self,
        request: &Request<'_>,
        identifier: &[u8],
        value: &[u8],
        until: i64,
    ) -> Result<(), SharedCacheError> {
        let mut value = value.to_vec();
        // SAFETY: the instance came from this provider, which copies identifier and value.
        let status = unsafe {
            let store = self
                .provider
                .as_ref()
                .store
                .ok_or_else(|| self.error("write", -1))?;
            store(
                self.instance.as_ptr(),
                request.server().raw(),
                identifier.as_ptr(),
                identifier.len() as u32,
                until.saturating_mul(1_000_000),
                value.as_mut_ptr(),
                value.len() as u32,
                request.pool().raw(),
            )
        };
        if status == 0 {
            Ok(())
        } else {
            Err(self.error("write", status))
        }
    }

    fn error(&self, operation: &'static str, status: i32) -> SharedCacheError {
        SharedCacheError {
            cache: self.name.clone(),
            operation,
            status,
        }
    }
}

/// A cache that was started, until its pool ends.
struct Started {
    provider: NonNull<ffi::ap_socache_provider_t>,
    instance: NonNull<ffi::ap_socache_instance_t>,
}

impl Drop for Started {
    fn drop(&mut self) {
        // SAFETY: the instance came from this provider and was started once; the pool that owns `self` is the one
        // that the instance lives in. `destroy` may want a server to log for, and takes null for none.
        unsafe {
            if let Some(destroy) = self.provider.as_ref().destroy {
                destroy(self.instance.as_ptr(), ptr::null_mut());
            }
        }
    }
}
