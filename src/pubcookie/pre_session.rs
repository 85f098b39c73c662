//! The pre-session cookie: which logins this browser has begun here.

use pubcookie_protocol::granting_request::LoginMethod;
use pubcookie_protocol::pre_session::PreSession;
use pubcookie_protocol::sealed::SealingError;
use pubcookie_protocol::set_cookie;

use super::keys::AppServer;
use super::{answer, state};
use crate::httpd::Request;

/// The pre-session that the browser sent, or is given with this answer; `None` where it sent none of ours.
pub fn of(request: &Request<'_>, app_server: &AppServer) -> Option<PreSession> {
    state::given_pre_session(request).or_else(|| {
        PreSession::read(
            state::cookies(request),
            &app_server.pre_session_keys,
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
    method: LoginMethod,
    pre_session: &PreSession,
) -> Result<(), SealingError> {
    if of(request, app_server).as_ref() == Some(pre_session) {
        return Ok(());
    }
    if pre_session.is_empty() && method == LoginMethod::Get {
        answer::set_cookies(request, set_cookie::clear_pre_session());
    } else {
        let sealed = pre_session.seal(&app_server.pre_session_keys)?;
        answer::set_cookies(request, [set_cookie::pre_session(&sealed, method)]);
    }
    state::remember_pre_session(request, pre_session.clone());
    Ok(())
}
