//! The pre-session cookie: which logins this browser has begun here.

use pubcookie_protocol::cookie_header;
use pubcookie_protocol::pre_session::PreSession;
use pubcookie_protocol::sealed::SealingError;
use pubcookie_protocol::set_cookie;
use zeroize::Zeroizing;

use super::answer;
use super::place::Place;
use crate::httpd::Request;

/// The pre-session that the browser sent; `None` where it sent none of ours.
pub fn of(request: &Request<'_>, place: &Place<'_>) -> Option<PreSession> {
    PreSession::read(
        answer::cookies(request),
        &place.app_server.pre_session_keys,
        answer::now(request),
    )
}

/// The cookie itself, as it came: what a browser's parallel requests have in common.
pub fn cookie(request: &Request<'_>) -> Zeroizing<Vec<u8>> {
    let values: Vec<&[u8]> =
        cookie_header::values(answer::cookies(request), set_cookie::PRE_SESSION).collect();
    Zeroizing::new(values.join(&b';'))
}

/// Gives the pre-session to the browser, or takes it away where nothing is left in it.
pub fn keep(request: &Request<'_>, place: &Place<'_>, pre_session: &PreSession) -> Result<(), SealingError> {
    if pre_session.is_empty() {
        answer::set_cookies(request, set_cookie::clear_pre_session());
    } else {
        let sealed = pre_session.seal(&place.app_server.pre_session_keys)?;
        answer::set_cookies(request, [set_cookie::pre_session(&sealed, place.login_method())]);
    }
    Ok(())
}
