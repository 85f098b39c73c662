//! The session cookie of an application: found, checked, and made anew from time to time.

use pubcookie_protocol::reason::Reason;
use pubcookie_protocol::session::Session;
use pubcookie_protocol::session_cookie::SessionCookieError;

use super::place::Place;
use super::{Pubcookie, answer};
use crate::httpd::{Request, log};

/// The session of this request that satisfies the place, or why there is none.
pub fn look_for(request: &Request<'_>, place: &Place<'_>) -> Result<Session, Reason> {
    let now = answer::now(request);
    let policy = place.session_policy();
    let mut reason = Reason::NoCookie;
    for found in place
        .app_server
        .sessions
        .read(answer::cookies(request), &place.app_id)
    {
        match found.session.check(&policy, now) {
            Ok(()) => {
                if found.outdated || found.session.needs_rewrite(policy.inactive_expire, now) {
                    keep_alive(request, place, &found.session.used(now));
                }
                return Ok(found.session);
            }
            Err(why) => reason = why,
        }
    }
    Err(reason)
}

/// Gives the session to the browser.
pub fn set(request: &Request<'_>, place: &Place<'_>, session: &Session) -> Result<(), SessionCookieError> {
    answer::set_cookies(request, [place.app_server.sessions.write(session)?]);
    Ok(())
}

/// Makes the cookie anew. Where that fails the session goes on with the old one for as long as that serves.
fn keep_alive(request: &Request<'_>, place: &Place<'_>, session: &Session) {
    if let Err(problem) = set(request, place, session) {
        log!(
            Pubcookie,
            *request,
            Error,
            "the session cookie cannot be made anew: {problem}"
        );
    }
}
