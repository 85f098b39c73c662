//! Authentication providers: who checks a user name and password for httpd (`file`, `ldap`, `dbd`, ...).

use std::ptr::NonNull;

use zeroize::Zeroizing;

use super::{Request, ffi, text};

/// What a provider says of a user name and password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasswordVerdict {
    /// They fit, and the user is called so: as was asked, unless the provider knows better (mod_authnz_ldap by
    /// `AuthLDAPRemoteUserAttribute`).
    Granted(String),
    /// The provider knows the user, and the password is wrong.
    Denied,
    /// The provider does not know the user.
    NotFound,
    /// The provider could not tell.
    Error,
}

/// A provider that httpd has.
#[derive(Clone)]
pub struct PasswordProvider {
    name: String,
    provider: NonNull<ffi::authn_provider>,
}

// SAFETY: a provider is a table of functions that its module registered for all threads; it lives as long as
// the configuration that names it.
unsafe impl Send for PasswordProvider {}
// SAFETY: likewise.
unsafe impl Sync for PasswordProvider {}

impl PasswordProvider {
    /// The provider of a name, as `AuthBasicProvider` looks it up.
    pub fn find(name: &str) -> Result<Self, String> {
        let wanted = text::terminated(name);
        // SAFETY: all strings end with a NUL; the answer is null or an authn_provider by the group's contract.
        let provider = unsafe {
            ffi::ap_lookup_provider(
                ffi::AUTHN_PROVIDER_GROUP.as_ptr().cast(),
                wanted.as_ptr(),
                ffi::AUTHN_PROVIDER_VERSION.as_ptr().cast(),
            )
        };
        let provider = NonNull::new(provider.cast::<ffi::authn_provider>())
            .ok_or_else(|| format!("unknown authentication provider \"{name}\"; is its module loaded?"))?;
        // SAFETY: see above.
        if unsafe { provider.as_ref() }.check_password.is_none() {
            return Err(format!(
                "the authentication provider \"{name}\" does not check passwords"
            ));
        }
        Ok(PasswordProvider {
            name: name.to_owned(),
            provider,
        })
    }

    /// Asks the provider, as mod_auth_basic does: for a request in the user's name. A user name or password with a NUL
    /// in it is denied: no provider could see its end.
    pub fn check(&self, request: &Request<'_>, user: &str, password: &str) -> PasswordVerdict {
        if user.contains('\0') || password.contains('\0') {
            return PasswordVerdict::Denied;
        }
        request.set_user(Some(user));
        let user = text::terminated(user);
        let password = Zeroizing::new(text::terminated(password).into_bytes_with_nul());
        // The stock providers leave their name there for the authorization that follows.
        request.notes().set("authn_provider_name", &self.name);
        // SAFETY: `find` saw the function; both strings end with a NUL and outlive the call.
        let verdict = unsafe {
            let check = self.provider.as_ref().check_password;
            check.map(|check| check(request.raw(), user.as_ptr(), password.as_ptr().cast()))
        };
        let called = request.user();
        request.notes().remove("authn_provider_name");
        request.set_user(None);
        match (verdict, called) {
            (Some(ffi::authn_status_AUTH_GRANTED), Ok(Some(called))) => {
                PasswordVerdict::Granted(called.to_owned())
            }
            (Some(ffi::authn_status_AUTH_DENIED), _) => PasswordVerdict::Denied,
            (Some(ffi::authn_status_AUTH_USER_NOT_FOUND), _) => PasswordVerdict::NotFound,
            _ => PasswordVerdict::Error,
        }
    }
}
