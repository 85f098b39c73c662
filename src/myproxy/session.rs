//! The session that ties a browser to its user's credential.

use credential_store::{EndedSession, Session, SessionId, SessionLookup, WebUser};

use super::config::SHORTEST_SESSION_IDLE;
use super::running::Running;
use super::shortfall::Shortfall;
use super::wanted::Wanted;
use super::{log, session_cookie};
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
    for id in session_cookie::identifiers(wanted.request, wanted.config) {
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
    for old in session_cookie::identifiers(request, config) {
        end(request, running, old, Some(web_user));
    }
    session_cookie::set(request, config, &id);
    log!(request, Debug, "a session of {} begins", web_user.name);
    Ok(OpenSession { id, session })
}

/// Ends one session. First its file is removed, so that no logon in flight publishes anything for it any more;
/// then its credential is erased, unless the session is this user's, who is about to get another one.
pub fn end(request: &Request<'_>, running: &Running, id: &SessionId, user: Option<&WebUser>) {
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
