//! mod_watchdog: a function that one child at a time calls again and again.

use std::ffi::{c_int, c_void};
use std::ptr;

use thiserror::Error;

use super::guard::guarded;
use super::{Server, Setup, ffi};

/// Why nothing is watched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum WatchdogError {
    /// mod_watchdog is not loaded.
    #[error("mod_watchdog is not loaded")]
    Absent,
    /// mod_watchdog refused.
    #[error("mod_watchdog refused (status {0})")]
    Refused(i32),
}

/// Has `work` called with the main server every so many seconds, in one child at a time. That child changes,
/// so what `work` does must be repeatable. Call it in `post_config`.
pub fn watch<F>(setup: &Setup<'_>, name: &str, seconds: i64, _work: F) -> Result<(), WatchdogError>
where
    F: Fn(Server<'_>) + Copy + 'static,
{
    const {
        assert!(
            size_of::<F>() == 0,
            "a watched function must not capture anything"
        )
    }
    // SAFETY: httpd's optional functions have the types of mod_watchdog.h; both are null where it is absent.
    let (get, register) = unsafe {
        (
            optional::<ffi::apr_OFN_ap_watchdog_get_instance_t>(c"ap_watchdog_get_instance"),
            optional::<ffi::apr_OFN_ap_watchdog_register_callback_t>(c"ap_watchdog_register_callback"),
        )
    };
    let (Some(get), Some(register)) = (get, register) else {
        return Err(WatchdogError::Absent);
    };
    let mut watchdog = ptr::null_mut();
    let name = setup.pool().copy(name);
    // SAFETY: pool, name and server live as long as the configuration; the callback as long as the module.
    unsafe {
        let status = get(&raw mut watchdog, name, 0, 1, setup.pool().raw());
        if status != 0 {
            return Err(WatchdogError::Refused(status));
        }
        let server = setup.main().raw().cast::<c_void>();
        match register(
            watchdog,
            seconds.saturating_mul(1_000_000),
            server,
            Some(callback::<F>),
        ) {
            0 => Ok(()),
            status => Err(WatchdogError::Refused(status)),
        }
    }
}

/// An optional function, or nothing where its module is not loaded.
///
/// # Safety
/// `T` is the type, an `Option` of a function pointer, that the function is registered with.
unsafe fn optional<T: Copy>(name: &'static std::ffi::CStr) -> T {
    const {
        assert!(
            size_of::<T>() == size_of::<*const c_void>(),
            "an optional function is a pointer"
        )
    }
    // SAFETY: function pointers have one size, null is `None`, and the caller vouches for the type.
    unsafe {
        let function = ffi::apr_dynamic_fn_retrieve(name.as_ptr());
        std::mem::transmute_copy(&function)
    }
}

unsafe extern "C" fn callback<F>(
    state: c_int,
    server: *mut c_void,
    _: *mut ffi::apr_pool_t,
) -> ffi::apr_status_t
where
    F: Fn(Server<'_>) + Copy + 'static,
{
    if state == ffi::AP_WATCHDOG_STATE_RUNNING as c_int {
        // SAFETY: `watch` registered the main server, which outlives the watchdog; F has no bytes (checked
        // there) and `watch` was handed one.
        let (server, work) = unsafe { (Server::from_raw(server.cast()), std::mem::zeroed::<F>()) };
        guarded("watchdog", &server, (), || work(server));
    }
    0
}
