//! The pre-session cookie: which logins this browser has begun here.

use pubcookie_protocol::granting_request::LoginMethod;
use pubcookie_protocol::legacy_cookie::{LegacyCookieError, LegacyKeys};
use pubcookie_protocol::pre_session::PreSession;
use pubcookie_protocol::sealed::SealingError;
use pubcookie_protocol::set_cookie;

use super::keys::AppServer;
use super::{Pubcookie, answer, place, state};
use crate::httpd::Request;

/// Why a pre-session cookie could not be made.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub enum PreSessionError {
    /// Ours.
    Sealed(#[from] SealingError),
    /// The original's.
    Legacy(#[from] LegacyCookieError),
}

/// The pre-session that the browser sent, or is given with this answer; `None` where it sent none that is read here.
pub fn of(request: &Request<'_>, app_server: &AppServer) -> Option<PreSession> {
    state::given_pre_session(request).or_else(|| {
        PreSession::read(
            state::cookies(request),
            &app_server.pre_session_keys,
            legacy_keys(request, app_server),
            answer::now(request),
        )
    })
}

/// Gives the pre-session to the browser, or takes it away where nothing is left in it. In the POST method an empty one
/// stays: it tells the reply URL that the browser keeps cookies, and that another tab was faster. One that the browser
/// has is not given again: it could overwrite what another tab was given since.
pub fn keep(
    request: &Request<'_>,
    app_server: &AppServer,
    pre_session: &PreSession,
) -> Result<(), PreSessionError> {
    let before = of(request, app_server);
    if before.as_ref() == Some(pre_session) {
        return Ok(());
    }
    let method = login_method(request);
    if pre_session.is_empty() && method == LoginMethod::Get {
        answer::set_cookies(request, set_cookie::clear_pre_session());
    } else {
        let sealed = pre_session.seal(&app_server.pre_session_keys)?;
        answer::set_cookies(request, [set_cookie::pre_session(&sealed, method)]);
        if !pre_session.has_same_legacy_cookie(before.as_ref()) {
            keep_legacy(request, app_server, pre_session)?;
        }
    }
    state::remember_pre_session(request, pre_session.clone());
    Ok(())
}

/// The same with the cookie that members of the original read.
fn keep_legacy(
    request: &Request<'_>,
    app_server: &AppServer,
    pre_session: &PreSession,
) -> Result<(), LegacyCookieError> {
    let Some(keys) = legacy_keys(request, app_server) else {
        return Ok(());
    };
    let (id, app_id) = (app_server.id(request), place::app_id(request));
    match pre_session.legacy_cookie(&id, &app_id) {
        None => answer::set_cookies(request, [set_cookie::clear_legacy_pre_session()]),
        Some(cookie) if app_server.sessions(request).writes_legacy() => {
            answer::set_cookies(request, [set_cookie::legacy_pre_session(&keys.make(&cookie)?)]);
        }
        Some(_) => {}
    }
    Ok(())
}

/// The keys of the original's pre-session cookie, where that is read. It has one in the GET method alone.
fn legacy_keys<'a>(request: &Request<'_>, app_server: &'a AppServer) -> Option<&'a LegacyKeys> {
    match login_method(request) {
        LoginMethod::Get => app_server.sessions(request).legacy_keys(),
        LoginMethod::Post => None,
    }
}

fn login_method(request: &Request<'_>) -> LoginMethod {
    request
        .server_config::<Pubcookie>()
        .and_then(|config| config.login_method)
        .unwrap_or_default()
}
