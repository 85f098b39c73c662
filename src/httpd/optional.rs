//! Optional functions: how two httpd modules meet that may each be absent.

use std::ffi::{CStr, c_char, c_int};

use zeroize::{Zeroize, Zeroizing};

use super::guard::guarded;
use super::{Hooks, Outcome, Pool, Request, ffi, text};

/// An optional function `const char *name(request_rec *)` that hands over a granting cookie. The string is
/// the caller's to read at once; it is wiped with the request's pool.
#[derive(Clone, Copy, Debug)]
pub struct OptionalCookie {
    name: &'static CStr,
}

type CookieFunction = unsafe extern "C" fn(*mut ffi::request_rec) -> *const c_char;

impl OptionalCookie {
    /// The function of this name.
    pub const fn named(name: &'static CStr) -> Self {
        OptionalCookie { name }
    }

    /// Offers the function to other modules.
    pub fn offer<F>(self, _hooks: &mut Hooks<'_>, _function: F)
    where
        F: Fn(&Request<'_>) -> Option<Zeroizing<String>> + Copy + 'static,
    {
        unsafe extern "C" fn callback<F>(request: *mut ffi::request_rec) -> *const c_char
        where
            F: Fn(&Request<'_>) -> Option<Zeroizing<String>> + Copy + 'static,
        {
            // SAFETY: modules pass a request that lives, on its thread; F has no bytes (checked below).
            let (request, function) = unsafe { (Request::from_raw(request), std::mem::zeroed::<F>()) };
            let cookie = guarded("optional function", &request, None, || function(&request));
            cookie.map_or(std::ptr::null(), |cookie| lend(request.pool(), cookie))
        }
        const {
            assert!(
                size_of::<F>() == 0,
                "an optional function must not capture anything"
            )
        }
        let function: CookieFunction = callback::<F>;
        // SAFETY: APR keeps any function under a name; who retrieves it knows the type by the name.
        unsafe { ffi::apr_dynamic_fn_register(self.name.as_ptr(), Some(erase(function as *const ()))) }
    }

    /// Calls the function, where a module offers it.
    pub fn ask(self, request: &Request<'_>) -> Option<Zeroizing<String>> {
        // SAFETY: the function was registered under this name with this type.
        let cookie = unsafe {
            let function = ffi::apr_dynamic_fn_retrieve(self.name.as_ptr())?;
            let function: CookieFunction = std::mem::transmute(function);
            text::borrow(function(request.raw()))
        };
        cookie?
            .to_str()
            .ok()
            .map(|cookie| Zeroizing::new(cookie.to_owned()))
    }
}

/// Puts a secret where C can read it until the pool ends, and has it wiped then.
fn lend(pool: Pool<'_>, secret: Zeroizing<String>) -> *const c_char {
    struct Lent(Vec<u8>);
    impl Drop for Lent {
        fn drop(&mut self) {
            self.0.zeroize();
        }
    }
    let mut bytes = Vec::with_capacity(secret.len() + 1);
    bytes.extend_from_slice(secret.as_bytes());
    bytes.push(0);
    pool.own(Lent(bytes)).0.as_ptr().cast()
}

/// An optional function `int name(request_rec *)` that tells another module that something happened.
#[derive(Clone, Copy, Debug)]
pub struct OptionalNotice {
    name: &'static CStr,
}

type NoticeFunction = unsafe extern "C" fn(*mut ffi::request_rec) -> c_int;

impl OptionalNotice {
    /// The function of this name.
    pub const fn named(name: &'static CStr) -> Self {
        OptionalNotice { name }
    }

    /// Offers the function to other modules.
    pub fn offer<F>(self, _hooks: &mut Hooks<'_>, _function: F)
    where
        F: Fn(&Request<'_>) + Copy + 'static,
    {
        unsafe extern "C" fn callback<F>(request: *mut ffi::request_rec) -> c_int
        where
            F: Fn(&Request<'_>) + Copy + 'static,
        {
            // SAFETY: as in `OptionalCookie::offer`.
            let (request, function) = unsafe { (Request::from_raw(request), std::mem::zeroed::<F>()) };
            guarded("optional function", &request, (), || function(&request));
            ffi::OK as c_int
        }
        const {
            assert!(
                size_of::<F>() == 0,
                "an optional function must not capture anything"
            )
        }
        let function: NoticeFunction = callback::<F>;
        // SAFETY: as in `OptionalCookie::offer`.
        unsafe { ffi::apr_dynamic_fn_register(self.name.as_ptr(), Some(erase(function as *const ()))) }
    }

    /// Calls the function, where a module offers it.
    pub fn tell(self, request: &Request<'_>) {
        // SAFETY: the function was registered under this name with this type.
        unsafe {
            if let Some(function) = ffi::apr_dynamic_fn_retrieve(self.name.as_ptr()) {
                let function: NoticeFunction = std::mem::transmute(function);
                function(request.raw());
            }
        }
    }
}

/// An optional function `int name(request_rec *)` that works on a request of another module's hook, and answers what the
/// hook is to answer.
#[derive(Clone, Copy, Debug)]
pub struct OptionalHook {
    name: &'static CStr,
}

type HookFunction = unsafe extern "C" fn(*mut ffi::request_rec) -> c_int;

impl OptionalHook {
    /// The function of this name.
    pub const fn named(name: &'static CStr) -> Self {
        OptionalHook { name }
    }

    /// Offers the function to other modules.
    pub fn offer<F>(self, _hooks: &mut Hooks<'_>, _function: F)
    where
        F: Fn(&Request<'_>) -> Outcome + Copy + 'static,
    {
        unsafe extern "C" fn callback<F>(request: *mut ffi::request_rec) -> c_int
        where
            F: Fn(&Request<'_>) -> Outcome + Copy + 'static,
        {
            // SAFETY: as in `OptionalCookie::offer`.
            let (request, function) = unsafe { (Request::from_raw(request), std::mem::zeroed::<F>()) };
            let refusal = Outcome::Status(500);
            guarded("optional function", &request, refusal, || function(&request)).code()
        }
        const {
            assert!(
                size_of::<F>() == 0,
                "an optional function must not capture anything"
            )
        }
        let function: HookFunction = callback::<F>;
        // SAFETY: as in `OptionalCookie::offer`.
        unsafe { ffi::apr_dynamic_fn_register(self.name.as_ptr(), Some(erase(function as *const ()))) }
    }

    /// Calls the function. Where no module offers it, it declines.
    pub fn ask(self, request: &Request<'_>) -> Outcome {
        // SAFETY: the function was registered under this name with this type.
        unsafe {
            let Some(function) = ffi::apr_dynamic_fn_retrieve(self.name.as_ptr()) else {
                return Outcome::Declined;
            };
            let function: HookFunction = std::mem::transmute(function);
            Outcome::from_code(function(request.raw()))
        }
    }
}

/// A function pointer as APR keeps it, without its type.
fn erase(function: *const ()) -> unsafe extern "C" fn() {
    // SAFETY: APR never calls it; it is turned back into its own type before it is called.
    unsafe { std::mem::transmute(function) }
}
