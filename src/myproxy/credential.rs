//! Which credential a request gets: the one that is stored, or the one that its login brings.

use credential_store::{Credential, Record};

use super::config::DirectoryConfig;
use super::logon::{self, Proof};
use super::session::{self, OpenSession};
use super::shortfall::{Class, Shortfall};
use super::wanted::{Stored, Wanted};
use super::{MyProxy, meeting};
use crate::httpd::Request;

/// What was decided about a request.
pub struct Verdict {
    /// Whose credential it was about, where there was anybody.
    record: Option<Record>,
    /// The credential, or why there is none.
    pub result: Result<Credential, Shortfall>,
}

impl Verdict {
    /// Decides about a request. May fetch a credential.
    ///
    /// A subrequest, or an internal redirect, that is about the same takes over what was decided before it: a
    /// granting cookie is shown to the MyProxy server once.
    pub fn on(request: &Request<'_>, place: &DirectoryConfig) -> Self {
        let logged_out = request.first().state::<MyProxy>().logged_out.get();
        let wanted = if logged_out {
            Err(Shortfall::new(Class::None, "this request logged the user out"))
        } else {
            Wanted::of(request, place)
        };
        match wanted {
            Err(shortfall) => Verdict {
                record: None,
                result: Err(shortfall),
            },
            Ok(wanted) => Verdict {
                result: before(request, &wanted.identity.record).unwrap_or_else(|| obtain(&wanted)),
                record: Some(wanted.identity.record),
            },
        }
    }
}

/// What a request that this one comes from was told about the same.
fn before(request: &Request<'_>, record: &Record) -> Option<Result<Credential, Shortfall>> {
    request
        .origins()
        .filter_map(|origin| origin.state::<MyProxy>().verdict.get())
        .find(|verdict| verdict.record.as_ref() == Some(record))
        .map(|verdict| verdict.result.clone().map_err(Shortfall::told_before))
}

/// A granting cookie in this request leads to a logon; otherwise the stored credential serves; otherwise a granting
/// cookie that waits in the session is tried again.
fn obtain(wanted: &Wanted<'_>) -> Result<Credential, Shortfall> {
    if let Some(cookie) = meeting::granting_cookie(wanted.request, wanted.place.forward()) {
        let session = session::begin(wanted)?;
        return logon::log_on(wanted, &session, &Proof::of_this_login(cookie)?);
    }
    // In this order: a session that was idle takes its credential along.
    let session = session::find(wanted)?;
    match (wanted.stored()?, session) {
        (Stored::Good(credential), Some(_)) => Ok(credential),
        (Stored::Good(credential), None) => join(wanted, credential),
        (Stored::Lacking(shortfall), Some(session)) => try_again(wanted, &session, shortfall),
        (Stored::Lacking(_), None) => wait_for_another(wanted),
        (Stored::Unsafe(shortfall), _) => Err(shortfall),
    }
}

/// Tries the granting cookie that a failed logon left in the session, if it is young enough.
fn try_again(
    wanted: &Wanted<'_>,
    session: &OpenSession,
    shortfall: Shortfall,
) -> Result<Credential, Shortfall> {
    if let Some(proof) = Proof::that_waits(session, wanted.now) {
        return logon::log_on(wanted, session, &proof);
    }
    // What kept the last logon from succeeding says more than that there is nothing.
    Err(session
        .session
        .last_failure()
        .map_or(shortfall, Shortfall::of_another))
}

/// The first request of this login may be logging on: a reload, or another tab, comes without a session.
fn wait_for_another(wanted: &Wanted<'_>) -> Result<Credential, Shortfall> {
    let turn = logon::wait_for_turn(wanted)?;
    let stored = wanted.stored()?;
    drop(turn);
    match stored {
        Stored::Good(credential) => join(wanted, credential),
        Stored::Lacking(shortfall) | Stored::Unsafe(shortfall) => Err(shortfall),
    }
}

/// A browser of a user whose credential is there already gets a session of its own, so that its logout finds one. A
/// client that keeps no cookies would leave a session behind with every request.
fn join(wanted: &Wanted<'_>, credential: Credential) -> Result<Credential, Shortfall> {
    let request = wanted.request;
    let keeps_cookies = request.header("Sec-Fetch-Mode") == Some("navigate") && request.is_https();
    if keeps_cookies && !request.is_subrequest() {
        session::begin(wanted)?;
    }
    Ok(credential)
}
