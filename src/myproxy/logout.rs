//! The end of a session: its credential goes at once.

use std::borrow::Cow;

use credential_store::{EndedSession, SessionId, WebUser};
use percent_encoding::percent_decode;

use super::config::DirectoryConfig;
use super::start::Running;
use super::{MyProxy, log, session};
use crate::httpd::{Outcome, Request, normalized_path};

/// `post_read_request`: a logout URI of the whole server ends the session before anything else looks at the
/// request, whoever its user is and whatever is done with its path.
pub fn at_the_server(request: &Request<'_>) -> Outcome {
    if let Some(place) = request.server().directory_defaults::<MyProxy>() {
        end_where_asked(request, place);
    }
    Outcome::Declined
}

/// `access_checker`: the same for a logout URI that a Directory or Location names. No user is needed.
pub fn in_this_place(request: &Request<'_>) -> Outcome {
    if let Some(place) = request.directory_config::<MyProxy>() {
        end_where_asked(request, place);
    }
    Outcome::Declined
}

/// Only what the client itself asked for can log it out.
fn end_where_asked(request: &Request<'_>, place: &DirectoryConfig) {
    let Some(logout) = &place.logout else { return };
    if request.origin().is_none() && logout.is_match(&target(request.unparsed_uri())) {
        end_session(request);
    }
}

/// The path that the client asked for, decoded and normalized as httpd does it, then `?` and the query: what
/// `MyProxyLogoutURI` is matched with. Later steps may have rewritten the path that httpd works with.
fn target(uri: &[u8]) -> Vec<u8> {
    let (path, query) = match uri.iter().position(|&byte| byte == b'?') {
        Some(query) => uri.split_at(query),
        None => (uri, &b""[..]),
    };
    let mut target = normalized_path(&Cow::from(percent_decode(without_host(path))));
    target.extend_from_slice(query);
    target
}

/// A request may carry the whole URL, as to a proxy (RFC 9112, section 3.2.2).
fn without_host(url: &[u8]) -> &[u8] {
    let host = url
        .windows(3)
        .position(|window| window == b"://")
        .filter(|_| !url.starts_with(b"/"));
    let Some(host) = host else { return url };
    let rest = &url[host + 3..];
    rest.iter()
        .position(|&byte| byte == b'/')
        .map_or(b"/", |path| &rest[path..])
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
    for id in identifiers {
        end_unless_of(request, running, id, None);
    }
}

/// Ends one session. First its file is removed, so that no logon in flight publishes anything for it any more;
/// then its credential is erased, unless the session is this user's, who is about to get another one.
pub fn end_unless_of(request: &Request<'_>, running: &Running, id: &SessionId, user: Option<&WebUser>) {
    let result = running.sessions.end(id).and_then(|ended| match ended {
        None => Ok(None),
        Some(ended) if user == Some(ended.web_user()) => Ok(Some((ended, Fate::Kept))),
        Some(ended) => running
            .credentials
            .erase(&ended)
            .map(|erased| Some((ended, Fate::of(erased)))),
    });
    match result {
        Ok(None) => {}
        Ok(Some((ended, fate))) => tell(request, &ended, fate),
        Err(error) => log!(
            request,
            Error,
            "a session could not be ended, or its credential not be erased; the sweep will try again: {error}"
        ),
    }
}

/// What became of the credential of a session that ended.
enum Fate {
    Erased,
    Kept,
    WasNotThere,
}

impl Fate {
    fn of(erased: bool) -> Self {
        if erased { Fate::Erased } else { Fate::WasNotThere }
    }
}

fn tell(request: &Request<'_>, ended: &EndedSession, fate: Fate) {
    let what = match fate {
        Fate::Erased => "its credential was erased",
        Fate::Kept => "another one of the same user follows",
        Fate::WasNotThere => "it had no credential",
    };
    log!(
        request,
        Info,
        "a session of {} ended; {what}",
        ended.web_user().name
    );
}
