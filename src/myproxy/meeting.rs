//! Where this module meets `pubcookie_module`: two httpd modules that may each be absent.

use zeroize::Zeroizing;

use super::config::Forward;
use super::session::logout;
use crate::httpd::{Hooks, OptionalCookie, OptionalHook, OptionalNotice, Outcome, Request};

/// The verified granting cookie of this request: decrypted, still signed, in base64.
const PLAIN_COOKIE: OptionalCookie = OptionalCookie::named(c"pubcookie_granting_cookie");
/// The verified granting cookie as the browser sent it.
const ENCRYPTED_COOKIE: OptionalCookie = OptionalCookie::named(c"pubcookie_encrypted_granting_cookie");
/// Sends the user of this request to log in again.
const LOG_IN_AGAIN: OptionalHook = OptionalHook::named(c"pubcookie_log_in_again");
/// Ends the session of this request and erases its credential.
const END_SESSION: OptionalNotice = OptionalNotice::named(c"myproxy_end_session");

/// A verified granting cookie, which proves a login to a MyProxy server once.
pub struct GrantingCookie {
    /// What is shown to the server.
    pub proof: Zeroizing<String>,
    /// The same, in its plain form.
    pub plain: Zeroizing<String>,
}

/// What this request's login brought, if it brought one.
pub fn granting_cookie(request: &Request<'_>, forward: Forward) -> Option<GrantingCookie> {
    let plain = PLAIN_COOKIE.ask(request)?;
    let proof = match forward {
        Forward::Plain => plain.clone(),
        Forward::Encrypted => ENCRYPTED_COOKIE.ask(request)?,
    };
    Some(GrantingCookie { proof, plain })
}

/// Whether this request comes from a login.
pub fn brings_granting_cookie(request: &Request<'_>) -> bool {
    PLAIN_COOKIE.ask(request).is_some()
}

/// Sends the user of a request to log in again. Declines where the user is none of Pubcookie's, or comes from a login
/// with this very request.
pub fn log_in_again(request: &Request<'_>) -> Outcome {
    LOG_IN_AGAIN.ask(request)
}

/// Offers what `pubcookie_module` calls when `PubcookieEndSession` ends a session.
pub fn offer(hooks: &mut Hooks<'_>) {
    END_SESSION.offer(hooks, logout::end_session);
}
