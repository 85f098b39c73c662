//! The boundary to libpam: what PAM calls, what we call, and the only `unsafe` code.
//!
//! PAM gives every entry point a handle that is valid until the entry point returns, and that no other thread uses
//! meanwhile (pam(3)). Strings that it hands out belong to it and live until the next call that may change them; here
//! they are copied at once.
#![allow(unsafe_code)]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr;

use zeroize::Zeroizing;

use crate::module;

/// What a module answers, in the numbers of Linux-PAM (`security/_pam_types.h`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(i32)]
pub enum Status {
    Success = 0,
    /// The module is not set up properly.
    ServiceError = 3,
    AuthenticationError = 7,
    /// This module has no say.
    Ignore = 25,
}

/// How much a line in the log matters, in the numbers of syslog.
#[derive(Debug, Clone, Copy)]
#[repr(i32)]
pub enum Priority {
    Error = libc::LOG_ERR,
    Warning = libc::LOG_WARNING,
    Notice = libc::LOG_NOTICE,
    Info = libc::LOG_INFO,
}

/// A conversation between PAM and this module, for as long as an entry point runs.
pub struct Transaction<'call> {
    handle: *mut Handle,
    call: PhantomData<&'call mut Handle>,
}

/// The name under which the user is kept whose cookie was accepted.
const ACCEPTED_USER: &CStr = c"pam_pubcookie_accepted_user";

impl Transaction<'_> {
    /// Who wants to come in. `None` if PAM does not know, or the name is not UTF-8.
    pub fn user(&self) -> Option<String> {
        let mut user = ptr::null();
        // SAFETY: the handle is valid, and PAM writes a pointer to `user` or leaves it null.
        let status = unsafe { pam_get_user(self.handle, &mut user, ptr::null()) };
        // SAFETY: after success the pointer is null or a C string of PAM's that lives until the next call.
        unsafe { copy_string(status, user) }
    }

    /// What was given as the pass phrase. PAM asks for it if no module before did. `None` if there is none, or it is
    /// not UTF-8.
    pub fn pass_phrase(&self) -> Option<Zeroizing<String>> {
        let mut pass_phrase = ptr::null();
        // SAFETY: the handle is valid, and PAM writes a pointer to `pass_phrase` or leaves it null.
        let status = unsafe { pam_get_authtok(self.handle, PAM_AUTHTOK, &mut pass_phrase, ptr::null()) };
        // SAFETY: after success the pointer is null or a C string of PAM's that lives until the next call.
        unsafe { copy_string(status, pass_phrase) }.map(Zeroizing::new)
    }

    /// Writes a line to the system's log, with the PAM service's name in front.
    pub fn log(&self, priority: Priority, message: &str) {
        let printable: String = message
            .chars()
            .map(|c| if c.is_control() { '?' } else { c })
            .collect();
        if let Ok(message) = CString::new(printable) {
            // SAFETY: the handle is valid, and the format takes exactly one C string.
            unsafe { pam_syslog(self.handle, priority as c_int, c"%s".as_ptr(), message.as_ptr()) };
        }
    }

    /// Keeps the name of a user whose cookie was accepted until PAM ends the conversation with the application.
    pub fn remember_user(&mut self, user: String) -> Status {
        let data = Box::into_raw(Box::new(user));
        // SAFETY: the handle is valid, the name is a C string, and `forget_user` takes back what `data` points to.
        let status = unsafe {
            pam_set_data(
                self.handle,
                ACCEPTED_USER.as_ptr(),
                data.cast(),
                Some(forget_user),
            )
        };
        if status == Status::Success as c_int {
            return Status::Success;
        }
        // SAFETY: PAM did not take `data`, so it is still ours, and from `Box::into_raw`.
        drop(unsafe { Box::from_raw(data) });
        Status::AuthenticationError
    }

    /// The name that [`Transaction::remember_user`] kept.
    pub fn remembered_user(&self) -> Option<String> {
        let mut data = ptr::null();
        // SAFETY: the handle is valid, the name is a C string, and PAM writes a pointer to `data` or leaves it null.
        let status = unsafe { pam_get_data(self.handle, ACCEPTED_USER.as_ptr(), &mut data) };
        if status != Status::Success as c_int {
            return None;
        }
        // SAFETY: under this name only `remember_user` keeps something: a `String`, which PAM holds until the end.
        unsafe { data.cast::<String>().as_ref() }.cloned()
    }
}

/// Answers a question of PAM's. A panic ends here, and is a no.
fn guard(handle: *mut Handle, answer: impl FnOnce(&mut Transaction) -> Status) -> c_int {
    if handle.is_null() {
        return Status::AuthenticationError as c_int;
    }
    let mut transaction = Transaction {
        handle,
        call: PhantomData,
    };
    let status = unless_it_panics(|| answer(&mut transaction)).unwrap_or_else(|| {
        let message = "internal error (the server's standard error has it): nobody is let in";
        transaction.log(Priority::Error, message);
        Status::AuthenticationError
    });
    status as c_int
}

fn unless_it_panics<T>(answer: impl FnOnce() -> T) -> Option<T> {
    catch_unwind(AssertUnwindSafe(answer)).ok()
}

/// PAM's question whether the pass phrase is right.
///
/// # Safety
/// For PAM alone: a valid handle, and `count` C strings at `arguments`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pam_sm_authenticate(
    handle: *mut Handle,
    _flags: c_int,
    count: c_int,
    arguments: *const *const c_char,
) -> c_int {
    guard(handle, |transaction| {
        let arguments = (0..usize::try_from(count).unwrap_or(0)).map(|index| {
            // SAFETY: PAM gives `count` valid C strings, which outlive this call.
            unsafe { CStr::from_ptr(*arguments.add(index)) }.to_str().ok()
        });
        module::authenticate(transaction, arguments)
    })
}

/// PAM's question whether an authenticated user may come in now.
///
/// # Safety
/// For PAM alone: a valid handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pam_sm_acct_mgmt(
    handle: *mut Handle,
    _flags: c_int,
    _count: c_int,
    _arguments: *const *const c_char,
) -> c_int {
    guard(handle, module::confirm)
}

/// PAM's order to set the credentials of a user: there are none.
///
/// # Safety
/// For PAM alone: a valid handle.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn pam_sm_setcred(
    handle: *mut Handle,
    _flags: c_int,
    _count: c_int,
    _arguments: *const *const c_char,
) -> c_int {
    guard(handle, module::confirm)
}

/// PAM's end of the conversation: takes back what [`Transaction::remember_user`] gave.
unsafe extern "C" fn forget_user(_handle: *mut Handle, data: *mut c_void, _status: c_int) {
    if !data.is_null() {
        // SAFETY: PAM gives back what `remember_user` gave it, once. Dropping a `String` does not panic.
        drop(unsafe { Box::from_raw(data.cast::<String>()) });
    }
}

/// # Safety
/// If the status is success, the pointer is null or a valid C string.
unsafe fn copy_string(status: c_int, string: *const c_char) -> Option<String> {
    if status != Status::Success as c_int || string.is_null() {
        return None;
    }
    // SAFETY: as the caller says.
    unsafe { CStr::from_ptr(string) }.to_str().ok().map(str::to_owned)
}

/// `pam_handle_t`, of which only libpam knows the inside.
#[repr(C)]
pub struct Handle {
    _private: [u8; 0],
}

const PAM_AUTHTOK: c_int = 6;

type Cleanup = unsafe extern "C" fn(*mut Handle, *mut c_void, c_int);

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_get_user(handle: *mut Handle, user: *mut *const c_char, prompt: *const c_char) -> c_int;
    fn pam_get_authtok(
        handle: *mut Handle,
        item: c_int,
        token: *mut *const c_char,
        prompt: *const c_char,
    ) -> c_int;
    fn pam_syslog(handle: *const Handle, priority: c_int, format: *const c_char, ...);
    fn pam_set_data(
        handle: *mut Handle,
        name: *const c_char,
        data: *mut c_void,
        cleanup: Option<Cleanup>,
    ) -> c_int;
    fn pam_get_data(handle: *const Handle, name: *const c_char, data: *mut *const c_void) -> c_int;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_handle_the_answer_is_no() {
        assert_eq!(
            guard(ptr::null_mut(), |_| Status::Success),
            Status::AuthenticationError as c_int
        );
    }

    #[test]
    fn a_panic_ends_at_the_boundary() {
        assert_eq!(unless_it_panics(|| Status::Success), Some(Status::Success));
        assert_eq!(
            unless_it_panics(|| -> Status { panic!("forced by a test") }),
            None
        );
    }
}
