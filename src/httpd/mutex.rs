//! Mutexes that hold across all threads of all children.

use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::{ChildStart, Pool, Setup, ffi, text};

/// A global mutex, which the administrator can move with httpd's `Mutex` directive under its name.
#[derive(Debug)]
pub struct GlobalMutex {
    raw: AtomicPtr<ffi::apr_global_mutex_t>,
}

/// The mutex is held while this lives, by this thread.
pub struct GlobalMutexGuard<'m> {
    mutex: &'m GlobalMutex,
    /// Only the thread that locked it may unlock it.
    not_send: PhantomData<*const ()>,
}

impl GlobalMutex {
    /// Makes the name known to the `Mutex` directive. Call it in `pre_config`.
    pub fn announce(pool: Pool<'_>, name: &str) -> Result<(), String> {
        let wanted = pool.copy(name);
        // SAFETY: the pool is the configuration's, and the name lives in it.
        let status = unsafe {
            ffi::ap_mutex_register(
                pool.raw(),
                wanted,
                ptr::null(),
                ffi::apr_lockmech_e_APR_LOCK_DEFAULT,
                0,
            )
        };
        if status == 0 {
            Ok(())
        } else {
            Err(format!("the mutex {name} cannot be registered ({status})"))
        }
    }

    /// Makes the mutex. Call it in `post_config`; it lives as long as the configuration.
    pub fn create(setup: &Setup<'_>, name: &str) -> Result<Self, String> {
        let wanted = text::terminated(name);
        let mut raw = ptr::null_mut();
        // SAFETY: server and pool live; httpd writes the mutex to `raw`.
        let status = unsafe {
            ffi::ap_global_mutex_create(
                &raw mut raw,
                ptr::null_mut(),
                wanted.as_ptr(),
                ptr::null(),
                setup.main().raw(),
                setup.pool().raw(),
                0,
            )
        };
        if status != 0 || raw.is_null() {
            return Err(format!(
                "the mutex {name} cannot be made (status {status}): see the Mutex directive"
            ));
        }
        Ok(GlobalMutex {
            raw: AtomicPtr::new(raw),
        })
    }

    /// Opens the mutex in a child. Call it in `child_init`.
    pub fn open_in_child(&self, child: &ChildStart<'_>) -> Result<(), String> {
        let mut raw = self.raw.load(Ordering::Acquire);
        // SAFETY: the mutex came from `create`; the child has one thread still.
        let status = unsafe {
            let file = ffi::apr_global_mutex_lockfile(raw);
            ffi::apr_global_mutex_child_init(&raw mut raw, file, child.pool().raw())
        };
        if status != 0 {
            return Err(format!("a mutex cannot be opened in a child (status {status})"));
        }
        self.raw.store(raw, Ordering::Release);
        Ok(())
    }

    /// Waits for the mutex and holds it.
    pub fn lock(&self) -> Result<GlobalMutexGuard<'_>, String> {
        // SAFETY: the mutex came from `create`, and lives as long as the configuration that owns `self`.
        let status = unsafe { ffi::apr_global_mutex_lock(self.raw.load(Ordering::Acquire)) };
        if status == 0 {
            Ok(GlobalMutexGuard {
                mutex: self,
                not_send: PhantomData,
            })
        } else {
            Err(format!("a mutex cannot be locked ({status})"))
        }
    }
}

impl Drop for GlobalMutexGuard<'_> {
    fn drop(&mut self) {
        // SAFETY: the guard exists because this thread holds the mutex.
        unsafe { ffi::apr_global_mutex_unlock(self.mutex.raw.load(Ordering::Acquire)) };
    }
}
