//! No panic crosses into C: every callback runs in here.

use std::cell::RefCell;
use std::ffi::c_int;
use std::panic::{AssertUnwindSafe, PanicHookInfo, catch_unwind};

use super::logging::Log;
use super::{ffi, text};

thread_local! {
    static LAST_PANIC: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Keeps where a panic happened for [`guarded`] to log, instead of printing it to standard error.
pub fn remember_panics() {
    std::panic::set_hook(Box::new(|panic: &PanicHookInfo<'_>| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let payload = panic.payload();
        let message = payload.downcast_ref::<&str>().copied();
        let message = message
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
            .unwrap_or("no message");
        // During the destruction of a thread there is nowhere to keep it: then the line lacks the place.
        let _ = LAST_PANIC.try_with(|last| *last.borrow_mut() = format!("{place}: {message}"));
    }));
}

/// Runs a callback. Where it panics, logs that with file and line and answers `refusal` in its place.
pub fn guarded<T>(callback: &'static str, target: &impl Log, refusal: T, body: impl FnOnce() -> T) -> T {
    let body = || {
        #[cfg(debug_assertions)]
        panic_if_asked(callback);
        body()
    };
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|_| {
        let panic = LAST_PANIC
            .try_with(|last| std::mem::take(&mut *last.borrow_mut()))
            .unwrap_or_default();
        let message = text::terminated(format!(
            "mod_myproxy: internal error in {callback} at {panic}; the request or operation was refused. \
             Please report this line."
        ));
        target.write(c"guard.rs", 0, -1, ffi::APLOG_CRIT as c_int, &message);
        refusal
    })
}

/// For the test that forces a panic in each callback: httpd's environment names the one. Never in what is
/// installed, which is built for release.
#[cfg(debug_assertions)]
fn panic_if_asked(callback: &'static str) {
    assert!(
        std::env::var_os("MOD_MYPROXY_PANIC_IN").is_none_or(|name| name != callback),
        "a forced panic"
    );
}
