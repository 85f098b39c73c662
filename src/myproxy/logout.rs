//! The end of a session: its credential goes at once.

use std::borrow::Cow;

use credential_store::SessionId;
use percent_encoding::percent_decode;

use super::config::DirectoryConfig;
use super::start::Running;
use super::{MyProxy, log, session};
use crate::httpd::{Outcome, Request};

/// `post_read_request`: a logout URI of the whole server ends the session before anything else looks at the
/// request, whoever its user is and whatever is done with its path.
pub fn at_the_server(request: &Request<'_>) -> Outcome {
    if !request.is_internal_redirect() {
        if let Some(place) = request.server().directory_defaults::<MyProxy>() {
            end_where_asked(request, place);
        }
    }
    Outcome::Declined
}

/// `access_checker`: the same for a logout URI that a Directory or Location names. No user is needed.
pub fn in_this_place(request: &Request<'_>) -> Outcome {
    if !request.is_subrequest() && !request.is_internal_redirect() {
        if let Some(place) = request.directory_config::<MyProxy>() {
            end_where_asked(request, place);
        }
    }
    Outcome::Declined
}

fn end_where_asked(request: &Request<'_>, place: &DirectoryConfig) {
    let Some(logout) = &place.logout else { return };
    if logout.is_match(&target(request.unparsed_uri())) {
        end_session(request);
    }
}

/// The decoded path that the client asked for, then `?` and its query: what `MyProxyLogoutURI` is matched
/// with. Later steps may have rewritten the path that httpd works with.
fn target(uri: &[u8]) -> Vec<u8> {
    let without_host = match uri.windows(3).position(|window| window == b"://") {
        Some(scheme) if !uri.starts_with(b"/") => {
            let rest = &uri[scheme + 3..];
            rest.iter()
                .position(|&byte| byte == b'/')
                .map_or(&b"/"[..], |path| &rest[path..])
        }
        _ => uri,
    };
    match without_host.iter().position(|&byte| byte == b'?') {
        None => Cow::from(percent_decode(without_host)).into_owned(),
        Some(query) => {
            let mut target = Cow::from(percent_decode(&without_host[..query])).into_owned();
            target.extend_from_slice(&without_host[query..]);
            target
        }
    }
}

/// Ends the session that the request's cookie names, whoever its user is, and erases its credential.
pub fn end_session(request: &Request<'_>) {
    let Some(config) = request.server_config::<MyProxy>() else {
        return;
    };
    let Some(running) = config.running.get() else {
        return;
    };
    let identifiers = session::identifiers(request, config);
    // A place can be a logout URI and end the Pubcookie session too: once is enough.
    if request.first().state::<MyProxy>().logged_out.replace(true) || identifiers.is_empty() {
        return;
    }
    session::clear_cookie(request, config);
    for id in &identifiers {
        end(request, running, id);
    }
}

/// Ends one session. First its file is removed, so that no logon in flight publishes anything for it any more;
/// then its credential is erased.
pub fn end(request: &Request<'_>, running: &Running, id: &SessionId) {
    let result = running.sessions.end(id).and_then(|ended| match ended {
        Some(ended) => running
            .credentials
            .erase(&ended)
            .map(|erased| Some((ended, erased))),
        None => Ok(None),
    });
    match result {
        Ok(None) => {}
        Ok(Some((ended, erased))) => {
            let what = if erased {
                "its credential was erased"
            } else {
                "it had no credential"
            };
            log!(
                request,
                Info,
                "a session of {} ended; {what}",
                ended.web_user().name
            );
        }
        Err(error) => log!(
            request,
            Error,
            "a session could not be ended, or its credential not be erased; the sweep will try again: {error}"
        ),
    }
}
