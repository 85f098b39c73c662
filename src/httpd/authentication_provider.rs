//! Authentication providers that a module offers: who checks a user name and password for `AuthBasicProvider`,
//! `AuthFormProvider` and whoever else asks.

use std::ffi::{CStr, c_char};
use std::marker::PhantomData;
use std::ptr;

use super::guard::guarded;
use super::{Hooks, Request, ffi};

/// A provider that a module offers.
pub trait AuthenticationProvider: 'static {
    /// Its name after `AuthBasicProvider`.
    const NAME: &'static CStr;

    /// Whether this is the user's password. Meanwhile the request is what it becomes if it is: this user's, authenticated
    /// as the place says.
    fn check(request: &Request<'_>, user: &str, password: &CStr) -> Authentication;
}

/// What a provider says of a user name and password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authentication {
    /// They fit.
    Granted,
    /// They do not.
    Denied,
    /// There is no such user here: the next provider is asked.
    UnknownUser,
    /// That cannot be told: no other provider is asked, and the request is refused.
    Unknown,
}

impl Authentication {
    fn code(self) -> ffi::authn_status {
        match self {
            Authentication::Granted => ffi::authn_status_AUTH_GRANTED,
            Authentication::Denied => ffi::authn_status_AUTH_DENIED,
            Authentication::UnknownUser => ffi::authn_status_AUTH_USER_NOT_FOUND,
            Authentication::Unknown => ffi::authn_status_AUTH_GENERAL_ERROR,
        }
    }
}

impl Hooks<'_> {
    /// Offers an authentication provider, for passwords (`Basic`, `Form`), not for digests.
    pub fn offer_authentication_provider<P: AuthenticationProvider>(&mut self) {
        // SAFETY: httpd is loading the module; name, version and table are 'static, and the table is of the group's type.
        unsafe {
            ffi::ap_register_auth_provider(
                self.pool().raw(),
                ffi::AUTHN_PROVIDER_GROUP.as_ptr().cast(),
                P::NAME.as_ptr(),
                ffi::AUTHN_PROVIDER_VERSION.as_ptr().cast(),
                ptr::from_ref(const { &Table::<P>::TABLE }).cast(),
                ffi::AP_AUTH_INTERNAL_PER_CONF as i32,
            );
        }
    }
}

struct Table<P>(PhantomData<P>);

impl<P: AuthenticationProvider> Table<P> {
    const TABLE: ffi::authn_provider = ffi::authn_provider {
        check_password: Some(check_password::<P>),
        get_realm_hash: None,
    };
}

unsafe extern "C" fn check_password<P: AuthenticationProvider>(
    request: *mut ffi::request_rec,
    user: *const c_char,
    password: *const c_char,
) -> ffi::authn_status {
    // SAFETY: httpd's modules pass a request that lives for the call, on the thread that works on it, and two strings
    // that end with a NUL and live as long; a null pointer is looked at by nobody.
    let (request, user, password) = unsafe {
        if user.is_null() || password.is_null() {
            return Authentication::Denied.code();
        }
        (
            Request::from_raw(request),
            CStr::from_ptr(user),
            CStr::from_ptr(password),
        )
    };
    guarded(
        "authentication provider",
        &request,
        Authentication::Unknown,
        || {
            let _named = Named::after(&request, user);
            // No provider of ours knows a name that is not UTF-8.
            user.to_str().map_or(Authentication::UnknownUser, |user| {
                P::check(&request, user, password)
            })
        },
    )
    .code()
}

/// A request that has a user before anybody knows whether the password is right. As it was when this is dropped.
struct Named<'n> {
    request: &'n Request<'n>,
    user: *mut c_char,
    authentication_type: *mut c_char,
}

impl<'n> Named<'n> {
    fn after(request: &'n Request<'n>, user: &CStr) -> Self {
        let raw = request.raw();
        // SAFETY: the request is this thread's, and what is put into it lives in its pool or in its configuration.
        unsafe {
            let before = Named {
                request,
                user: (*raw).user,
                authentication_type: (*raw).ap_auth_type,
            };
            (*raw).user = request.pool().copy(user.to_bytes());
            // A form's own login handler asks without having set it.
            if (*raw).ap_auth_type.is_null() {
                (*raw).ap_auth_type = ffi::ap_auth_type(raw).cast_mut();
            }
            before
        }
    }
}

impl Drop for Named<'_> {
    fn drop(&mut self) {
        let raw = self.request.raw();
        // SAFETY: as above; these came from the request.
        unsafe {
            (*raw).user = self.user;
            (*raw).ap_auth_type = self.authentication_type;
        }
    }
}
