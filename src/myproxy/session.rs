//! The session that ties a browser to its user's credential.

use std::time::{Duration, SystemTime};

use credential_store::{Session, SessionId, SessionLookup};
use pubcookie_protocol::cookie_header;

use super::config::{ServerConfig, SessionCookie};
use super::identity::Identity;
use super::log;
use super::logout;
use super::shortfall::Shortfall;
use super::start::Running;
use crate::httpd::Request;

/// A live session of the request's user.
pub struct OpenSession {
    /// What the browser has.
    pub id: SessionId,
    /// What we know of it.
    pub session: Session,
}

/// The session that the request's cookie names, if it is the user's and lives. Its use is written down.
pub fn find(
    request: &Request<'_>,
    config: &ServerConfig,
    running: &Running,
    identity: &Identity,
    idle: Duration,
    now: SystemTime,
) -> Result<Option<OpenSession>, Shortfall> {
    for id in identifiers(request, config) {
        match running.sessions.find(&id, &identity.record.web_user, idle, now)? {
            SessionLookup::Live(session) if *session.credential() == identity.name => {
                running.sessions.touch(&session, idle, now)?;
                return Ok(Some(OpenSession { id, session }));
            }
            // A session whose user has changed is over, and so is one that was idle: its credential goes.
            SessionLookup::OtherUser | SessionLookup::Idle | SessionLookup::Live(_) => {
                logout::end(request, running, &id);
            }
            SessionLookup::Unknown => {}
        }
    }
    Ok(None)
}

/// Begins a session for the request's user, and gives the browser its cookie. The session that the browser
/// had is over; its credential stays where it is the same user's, for the logon will replace it.
pub fn begin(
    request: &Request<'_>,
    config: &ServerConfig,
    running: &Running,
    identity: &Identity,
    now: SystemTime,
) -> Result<OpenSession, Shortfall> {
    let (id, session) = running
        .sessions
        .create(&identity.record.web_user, &identity.name, now)?;
    for old in identifiers(request, config) {
        if let Some(ended) = running.sessions.end(&old)? {
            let same = *ended.credential() == identity.name && *ended.web_user() == identity.record.web_user;
            if !same {
                running.credentials.erase(&ended)?;
            }
        }
    }
    let SessionCookie { name, attributes } = cookie(config);
    set_cookie(request, &format!("{name}={}; {attributes}", *id.to_cookie()));
    log!(
        request,
        Debug,
        "a session of {} begins",
        identity.record.web_user.name
    );
    Ok(OpenSession { id, session })
}

/// Tells the browser to forget its session cookie.
pub fn clear_cookie(request: &Request<'_>, config: &ServerConfig) {
    let SessionCookie { name, attributes } = cookie(config);
    set_cookie(request, &format!("{name}=; {attributes}; Max-Age=0"));
}

/// Every well-formed identifier in the request's cookies. Whether they exist is another question.
pub fn identifiers(request: &Request<'_>, config: &ServerConfig) -> Vec<SessionId> {
    let SessionCookie { name, .. } = cookie(config);
    let headers = request.headers().get_all("Cookie").into_iter();
    headers
        .flat_map(|header| cookie_header::values(header.to_bytes(), &name).collect::<Vec<_>>())
        .filter_map(|value| SessionId::parse(std::str::from_utf8(value).ok()?))
        .collect()
}

/// Hides the session cookie from the application: it could be used to pretend to the user.
pub fn hide_cookie(request: &Request<'_>, config: &ServerConfig) {
    let SessionCookie { name, .. } = cookie(config);
    let headers = request.headers();
    let cookies = headers.get_all("Cookie");
    let is_ours = |cookie: &[u8]| cookie == name.as_bytes();
    if cookies
        .iter()
        .all(|header| cookie_header::obscured(header.to_bytes(), is_ours).is_none())
    {
        return;
    }
    headers.remove("Cookie");
    for header in cookies {
        let header = header.to_bytes();
        headers.add(
            "Cookie",
            cookie_header::obscured(header, is_ours)
                .as_deref()
                .unwrap_or(header),
        );
    }
}

fn cookie(config: &ServerConfig) -> SessionCookie {
    config.session_cookie.clone().unwrap_or_default()
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
