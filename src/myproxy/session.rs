//! The session that ties a browser to its user's credential.

use credential_store::{Session, SessionId, SessionLookup};
use pubcookie_protocol::cookie_header;

use super::config::{SHORTEST_SESSION_IDLE, ServerConfig, SessionCookie};
use super::credential::Wanted;
use super::shortfall::Shortfall;
use super::{MyProxy, log, logout};
use crate::httpd::Request;

/// A live session of the request's user.
pub struct OpenSession {
    /// What the browser has.
    pub id: SessionId,
    /// What we know of it.
    pub session: Session,
}

/// The session that the request's cookie names, if it is the user's and lives. Its use is written down.
///
/// One of another user is ignored, and one that was idle is left to the sweep: another session of its user may
/// be at work with the same credential.
pub fn find(wanted: &Wanted<'_>) -> Result<Option<OpenSession>, Shortfall> {
    let sessions = &wanted.running.sessions;
    let web_user = &wanted.identity.record.web_user;
    for id in identifiers(wanted.request, wanted.config) {
        let idle = wanted.place.session_idle();
        if let SessionLookup::Live(session) = sessions.find(id, web_user, idle, wanted.now)? {
            // For a place with the shortest idle time too, which reads the same file.
            sessions.touch(&session, SHORTEST_SESSION_IDLE, wanted.now)?;
            return Ok(Some(OpenSession {
                id: id.clone(),
                session,
            }));
        }
    }
    Ok(None)
}

/// Begins a session for the request's user, and gives the browser its cookie. The session that the browser had
/// is over.
pub fn begin(wanted: &Wanted<'_>) -> Result<OpenSession, Shortfall> {
    let Wanted {
        request,
        config,
        running,
        identity,
        now,
        ..
    } = wanted;
    let web_user = &identity.record.web_user;
    let (id, session) = running.sessions.create(web_user, &identity.name, *now)?;
    for old in identifiers(request, config) {
        logout::end_unless_of(request, running, old, Some(web_user));
    }
    let SessionCookie { name, attributes } = config.settings.session_cookie();
    set_cookie(request, &format!("{name}={}; {attributes}", *id.to_cookie()));
    log!(request, Debug, "a session of {} begins", web_user.name);
    Ok(OpenSession { id, session })
}

/// Tells the browser to forget its session cookie.
pub fn clear_cookie(request: &Request<'_>, config: &ServerConfig) {
    let SessionCookie { name, attributes } = config.settings.session_cookie();
    set_cookie(request, &format!("{name}=; {attributes}; Max-Age=0"));
}

/// Every well-formed identifier that the client sent. Whether they exist is another question.
///
/// They are read once, for the first request and all that it leads to: the application in between must not see
/// them.
pub fn identifiers<'r>(request: &Request<'r>, config: &ServerConfig) -> &'r [SessionId] {
    request.first().state::<MyProxy>().identifiers.get_or_init(|| {
        let SessionCookie { name, .. } = config.settings.session_cookie();
        let headers = request.headers().get_all("Cookie").into_iter();
        headers
            .flat_map(|header| cookie_header::values(header.to_bytes(), name).collect::<Vec<_>>())
            .filter_map(|value| SessionId::parse(std::str::from_utf8(value).ok()?))
            .collect()
    })
}

/// Hides the session cookie from the application, which could pretend to the user with it.
pub fn hide_cookie(request: &Request<'_>, config: &ServerConfig) {
    identifiers(request, config);
    let SessionCookie { name, .. } = config.settings.session_cookie();
    let is_ours = |cookie: &[u8]| cookie == name.as_bytes();
    let headers = request.headers();
    let cookies = headers.get_all("Cookie");
    let hidden: Vec<_> = cookies
        .iter()
        .map(|header| cookie_header::obscured(header.to_bytes(), is_ours))
        .collect();
    if hidden.iter().all(Option::is_none) {
        return;
    }
    headers.remove("Cookie");
    for (header, hidden) in cookies.iter().zip(&hidden) {
        headers.add("Cookie", hidden.as_deref().unwrap_or(header.to_bytes()));
    }
}

fn set_cookie(request: &Request<'_>, value: &str) {
    let headers = request.response_headers_always();
    headers.add("Set-Cookie", value);
    // No cache that is shared may keep an answer that carries a session.
    let stricter = |value: &str| ["private", "no-store"].iter().any(|word| value.contains(word));
    if !headers.get_str("Cache-Control").is_some_and(stricter) {
        headers.add("Cache-Control", "private");
    }
}
