//! The session cookie of an application: found, checked, and made anew from time to time.

use pubcookie_protocol::cookie_header;
use pubcookie_protocol::reason::Reason;
use pubcookie_protocol::session::Session;
use pubcookie_protocol::session_cookie::SessionCookieError;
use pubcookie_protocol::set_cookie;
use zeroize::Zeroizing;

use super::place::Place;
use super::{Pubcookie, answer, state};
use crate::httpd::{Request, log};

/// The session of this request that satisfies the place, or why there is none.
pub fn look_for(request: &Request<'_>, place: &Place<'_>) -> Result<Session, Reason> {
    let now = answer::now(request);
    let policy = place.session_policy();
    let mut reason = Reason::NoCookie;
    for found in place
        .app_server
        .sessions(request)
        .read(state::cookies(request), &place.app_id)
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

/// Gives the session to the browser, and takes away what it has under the name of the other format.
pub fn set(request: &Request<'_>, place: &Place<'_>, session: &Session) -> Result<(), SessionCookieError> {
    let session_cookie = place.app_server.sessions(request).write(session)?;
    let (name, _) = session_cookie.split_once('=').unwrap_or_default();
    let other = set_cookie::session_names(&session.app_id)
        .into_iter()
        .find(|other| other != name && is_brought(request, other))
        .map(|other| Zeroizing::new(set_cookie::clear_named_session(&other)));
    answer::set_cookies(request, other.into_iter().chain([session_cookie]));
    Ok(())
}

fn is_brought(request: &Request<'_>, name: &str) -> bool {
    cookie_header::values(state::cookies(request), name)
        .next()
        .is_some()
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
