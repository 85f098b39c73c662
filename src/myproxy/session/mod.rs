//! The session that ties a browser to its user's credential.

pub mod logout;
pub mod session_cookie;
pub mod sweep;

use std::fmt;
use std::time::SystemTime;

use credential_store::{Session, SessionId, SessionLookup, WebUser, erase_if_expired, erase_if_orphaned};

use crate::httpd::Request;
use crate::myproxy::config::{DirectoryConfig, SHORTEST_SESSION_IDLE};
use crate::myproxy::running::Running;
use crate::myproxy::shortfall::Shortfall;
use crate::myproxy::wanted::Wanted;
use crate::myproxy::{MyProxy, log};

/// A live session of the request's user.
pub struct OpenSession {
    /// What the browser has.
    pub id: SessionId,
    /// What we know of it.
    pub session: Session,
}

/// The session that began with this request, or the one that its cookie names, if it is the user's and lives. One that
/// was idle ends; one of another user is ignored.
pub fn find(wanted: &Wanted<'_>) -> Result<Option<OpenSession>, Shortfall> {
    let sessions = &wanted.running.sessions;
    let web_user = &wanted.identity.origin.web_user;
    let begun = wanted
        .request
        .first()
        .state::<MyProxy>()
        .session_begun
        .borrow()
        .clone();
    let brought = session_cookie::identifiers(wanted.request, wanted.config);
    for id in begun.iter().chain(brought) {
        match sessions.find(id, web_user, wanted.place.session_idle(), wanted.now)? {
            SessionLookup::Live(session) => {
                wanted.go_by(&session);
                let id = id.clone();
                return Ok(Some(OpenSession { id, session }));
            }
            SessionLookup::Idle => end(wanted.request, wanted.running, id, Reason::Idle),
            SessionLookup::OtherUser | SessionLookup::Unknown => {}
        }
    }
    Ok(None)
}

/// Writes down that a session is used, so that it goes on. One whose credential is over does not.
pub fn extend(wanted: &Wanted<'_>, OpenSession { session, .. }: &OpenSession) -> Result<(), Shortfall> {
    // For a place with the shortest idle time too, which reads the same file.
    let sessions = &wanted.running.sessions;
    Ok(sessions.touch(session, SHORTEST_SESSION_IDLE, wanted.now)?)
}

/// Begins a session for the request's user, and gives the browser its cookie. The session that the browser had
/// is over.
pub fn begin(wanted: &Wanted<'_>) -> Result<OpenSession, Shortfall> {
    let Wanted {
        request,
        config,
        running,
        place,
        identity,
        now,
        ..
    } = wanted;
    let web_user = &identity.origin.web_user;
    let (sessions, idle) = (&running.sessions, place.session_idle());
    let (id, session) = match wanted.alone {
        true => sessions.create_alone(web_user, idle, *now)?,
        false => sessions.create(web_user, &identity.name, idle, *now)?,
    };
    wanted.go_by(&session);
    let before = request
        .first()
        .state::<MyProxy>()
        .session_begun
        .replace(Some(id.clone()));
    for old in before.iter().chain(session_cookie::identifiers(request, config)) {
        end(request, running, old, Reason::FollowedBy(web_user));
    }
    session_cookie::set(request, config, &id);
    log!(request, Debug, "a session of {} begins", web_user.name);
    Ok(OpenSession { id, session })
}

/// Whether the client keeps the cookie of a session that would begin: a browser that goes to a page does, over TLS. A
/// client that keeps no cookies would leave a session behind with every request.
pub fn is_kept_by(request: &Request<'_>) -> bool {
    let navigates = request.header("Sec-Fetch-Mode") == Some("navigate");
    navigates && request.is_https() && !request.is_subrequest()
}

/// Why a session ends.
#[derive(Clone, Copy)]
pub enum Reason<'a> {
    /// Its user wants it to.
    Logout,
    /// It was not used for too long.
    Idle,
    /// Its credential has expired, and there is nothing to get another one with.
    Over,
    /// This user begins another one in the same browser.
    FollowedBy(&'a WebUser),
}

/// Ends one session. First its file is removed, so that no logon in flight publishes anything for it any more; then
/// its credential is erased, unless others have a use for it (`MyProxyCredScope`, `MyProxyLogoutAll`).
pub fn end(request: &Request<'_>, running: &Running, id: &SessionId, reason: Reason<'_>) {
    let Running {
        credentials,
        sessions,
        ..
    } = running;
    let all = request
        .directory_config::<MyProxy>()
        .is_none_or(DirectoryConfig::logout_all);
    let result = sessions.end(id).and_then(|ended| {
        let Some(ended) = ended else { return Ok(None) };
        let now = SystemTime::now();
        let erased = match reason {
            _ if ended.credential().is_of_one_session() => credentials.erase(&ended)?,
            Reason::FollowedBy(user) if user == ended.web_user() => false,
            Reason::Logout | Reason::FollowedBy(_) if all => credentials.erase(&ended)?,
            // Another session of the user may have got a new one.
            Reason::Over => erase_if_expired(credentials, sessions, &ended, now)?,
            Reason::Idle | Reason::Logout | Reason::FollowedBy(_) => {
                erase_if_orphaned(credentials, sessions, &ended, now)?
            }
        };
        Ok(Some((ended, erased)))
    });
    match result {
        Ok(None) => {}
        Ok(Some((ended, erased))) => {
            let user = &ended.web_user().name;
            let what = if erased {
                "its credential was erased"
            } else {
                "no credential was erased"
            };
            log!(request, Info, "a session of {user} ended ({reason}); {what}");
        }
        Err(error) => log!(
            request,
            Error,
            "a session could not be ended, or its credential not be erased; the sweep will try again: {error}"
        ),
    }
}

impl fmt::Display for Reason<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Reason::Logout => "logout",
            Reason::Idle => "idle",
            Reason::Over => "its credential has expired",
            Reason::FollowedBy(_) => "another one begins",
        })
    }
}
