//! `PubcookieEndSession`: a request for some places ends the session, and with it the credential.

use pubcookie_protocol::app_id::AppServerId;
use pubcookie_protocol::app_pages;
use pubcookie_protocol::end_session::logout_url;
use pubcookie_protocol::set_cookie;
use pubcookie_protocol::settings::EndSession;

use super::answer::Stage;
use super::config::ServerConfig;
use super::{Pubcookie, answer, meeting, place, server_name, state};
use crate::httpd::{Outcome, Request, log};

/// In `access_checker`, which httpd asks with and without `Require`.
pub fn access_checker(request: &Request<'_>) -> Outcome {
    let what = what(request);
    if what == EndSession::Off {
        return Outcome::Declined;
    }
    if !request.is_subrequest() {
        return end(request, what, Stage::Early);
    }
    // httpd only looks here for a directory's index, or to list it. The page of a session that has ended has no user.
    if state::session_has_ended(request) {
        state::end_session(request);
    }
    Outcome::Declined
}

/// Before all content handlers: a directory's index has become what the request is for, and is a logout.
pub fn handler(request: &Request<'_>) -> Outcome {
    let what = what(request);
    if what == EndSession::Off || request.is_subrequest() || state::ends_session(request) {
        return Outcome::Declined;
    }
    request.set_user(None);
    end(request, what, Stage::Handler)
}

fn what(request: &Request<'_>) -> EndSession {
    request
        .directory_config::<Pubcookie>()
        .and_then(|place| place.end_session)
        .unwrap_or_default()
}

fn end(request: &Request<'_>, what: EndSession, stage: Stage) -> Outcome {
    if !request.is_https() {
        return answer::refuse_plain_http(request);
    }
    let Some(config) = request.server_config::<Pubcookie>() else {
        return Outcome::Status(500);
    };
    let app_id = place::app_id(request);
    answer::set_cookies(request, set_cookie::clear_session(&app_id));
    state::end_session(request);
    meeting::END_SESSION.tell(request);
    log!(Pubcookie, *request, Info, "ended the session with {app_id}");
    if what == EndSession::On {
        return Outcome::Declined;
    }
    let (login, app_server_id) = match (&config.login, app_server_id(request, config)) {
        (Some(login), Some(app_server_id)) => (login, app_server_id),
        _ => {
            log!(
                Pubcookie,
                *request,
                Error,
                "PubcookieEndSession is to send the user to the login server, but PubcookieLogin is not set"
            );
            return Outcome::Status(500);
        }
    };
    answer::set_cookies(
        request,
        place::clear_granting(config.domain(server_name::of(request)).as_ref()),
    );
    answer::set_cookies(request, set_cookie::clear_pre_session());
    match logout_url(what, login, &app_id, &app_server_id) {
        Some(url) => answer::send_page_at(request, stage, |nonce| app_pages::to_logout(&url, nonce)),
        None => Outcome::Declined,
    }
}

fn app_server_id(request: &Request<'_>, config: &ServerConfig) -> Option<AppServerId> {
    let configured = config
        .app_server
        .get()
        .map(|app_server| app_server.id(request).into_owned());
    configured.or_else(|| AppServerId::configured(server_name::of(request)).ok())
}
