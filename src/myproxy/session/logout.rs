//! The end of a session: its credential goes at once.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::session_cookie;
use crate::httpd::{Outcome, Request, normalized_path};
use crate::myproxy::MyProxy;
use crate::myproxy::config::DirectoryConfig;
use crate::myproxy::missing::login_again;
use crate::myproxy::session::{self, Reason};

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
    login_again::forget(request);
    let identifiers = session_cookie::identifiers(request, config);
    // A place can be a logout URI and end the Pubcookie session too: once is enough.
    if request.first().state::<MyProxy>().logged_out.replace(true) || identifiers.is_empty() {
        return;
    }
    session_cookie::clear(request, config);
    for id in identifiers {
        session::end(request, running, id, Reason::Logout);
    }
}
