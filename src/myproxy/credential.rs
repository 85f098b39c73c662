//! Which credential a request gets: the one that is stored, or the one that its login brings.

use credential_store::{Credential, Method, Origin};

use super::config::DirectoryConfig;
use super::logon;
use super::logon::renewal;
use super::proof::{GrantingCookie, Proof};
use super::session::{self, OpenSession, Reason};
use super::shortfall::{Class, Shortfall};
use super::wanted::{Stored, Wanted};
use super::{MyProxy, meeting};
use crate::httpd::Request;

/// What was decided about a request.
pub struct Verdict {
    /// Whose credential it was about, where there was anybody.
    origin: Option<Origin>,
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
            Err(Shortfall::logged_out())
        } else {
            Wanted::of(request, place)
        };
        match wanted {
            Err(shortfall) => Verdict {
                origin: None,
                result: Err(shortfall),
            },
            Ok(wanted) => Verdict {
                result: before(request, &wanted.identity.origin).unwrap_or_else(|| obtain(&wanted)),
                origin: Some(wanted.identity.origin),
            },
        }
    }

    /// What was decided while the user was authenticated.
    pub fn without_credential(wanted: &Wanted<'_>, shortfall: Shortfall) -> Self {
        Verdict {
            origin: Some(wanted.identity.origin.clone()),
            result: Err(shortfall),
        }
    }
}

/// What a request that this one comes from was told about the same.
fn before(request: &Request<'_>, origin: &Origin) -> Option<Result<Credential, Shortfall>> {
    request
        .origins()
        .filter_map(|origin| origin.state::<MyProxy>().verdict.get())
        .find(|verdict| verdict.origin.as_ref() == Some(origin))
        .map(|verdict| verdict.result.clone().map_err(Shortfall::told_before))
}

/// A granting cookie in this request leads to a logon; otherwise the stored credential serves; otherwise what the place
/// has to show is tried: a granting cookie that waits in the session, our own certificate.
fn obtain(wanted: &Wanted<'_>) -> Result<Credential, Shortfall> {
    if let Some(cookie) = cookie_of_this_login(wanted)? {
        let session = session::begin(wanted)?;
        return log_on(
            wanted,
            Some(&session),
            proofs(wanted, Some(cookie)),
            Shortfall::nothing(),
        );
    }
    // In this order: a session that was idle takes its credential along.
    let session = session::find(wanted)?;
    let mut over = false;
    let shortfall = match wanted.stored()? {
        Stored::Good(credential) => return go_on(wanted, session.as_ref(), credential),
        Stored::Lacking(shortfall) => shortfall,
        Stored::Over(shortfall) => {
            over = true;
            shortfall
        }
        Stored::Unsafe(shortfall) => return Err(shortfall),
    };
    let waiting = session
        .as_ref()
        .and_then(|session| GrantingCookie::that_waits(session, wanted.now));
    let proofs = proofs(wanted, waiting);
    match &session {
        _ if !proofs.is_empty() => log_on(wanted, session.as_ref(), proofs, shortfall),
        Some(session) if over => {
            session::end(wanted.request, wanted.running, &session.id, Reason::Over);
            Err(shortfall)
        }
        // What kept the last logon from succeeding says more than that there is nothing. That no server could be
        // reached does not, where nothing is left to ask one with: another login would help.
        Some(session) => Err(session
            .session
            .last_failure()
            .filter(|failure| Class::from_name(&failure.class) != Some(Class::Unreachable))
            .map_or(shortfall, Shortfall::of_another)),
        None => wait_for_another(wanted),
    }
}

/// The granting cookie that this request brought, where one counts here.
fn cookie_of_this_login(wanted: &Wanted<'_>) -> Result<Option<GrantingCookie>, Shortfall> {
    let Wanted { request, place, .. } = wanted;
    if !place.methods().contains(&Method::Cookie) {
        return Ok(None);
    }
    meeting::granting_cookie(request, place.forward())
        .map(GrantingCookie::of_this_login)
        .transpose()
}

/// What there is to show, in the order of preference. A pass phrase is not among it: it was shown when the user was
/// authenticated with it.
fn proofs(wanted: &Wanted<'_>, cookie: Option<GrantingCookie>) -> Vec<Proof> {
    let mut cookie = cookie.map(Proof::GrantingCookie);
    let proof = |method: &Method| match method {
        Method::Cookie => cookie.take(),
        Method::PassPhrase => None,
        Method::Certificate => {
            let certificate = wanted.running.certificate.as_ref()?;
            Some(Proof::Certificate(certificate.current(wanted.request)))
        }
    };
    wanted.place.methods().iter().filter_map(proof).collect()
}

/// Shows one proof after the other: what the server refuses one for need not be so with the next. Where it cannot be
/// reached, the next would not help.
fn log_on(
    wanted: &Wanted<'_>,
    session: Option<&OpenSession>,
    proofs: Vec<Proof>,
    nothing: Shortfall,
) -> Result<Credential, Shortfall> {
    let mut result = Err(nothing);
    for proof in proofs {
        result = logon::log_on(wanted, session, &proof);
        match &result {
            Err(shortfall) if shortfall.class == Class::Refused => {}
            _ => break,
        }
    }
    result
}

/// The first request of this login may be logging on: a reload, or another tab, comes without a session.
fn wait_for_another(wanted: &Wanted<'_>) -> Result<Credential, Shortfall> {
    let turn = logon::wait_for_turn(wanted)?;
    let stored = wanted.stored()?;
    drop(turn);
    match stored {
        Stored::Good(credential) => go_on(wanted, None, credential),
        Stored::Lacking(shortfall) | Stored::Over(shortfall) | Stored::Unsafe(shortfall) => Err(shortfall),
    }
}

/// The session goes on. A browser of a user whose credential is there already gets one, so that its logout finds one.
fn go_on(
    wanted: &Wanted<'_>,
    session: Option<&OpenSession>,
    credential: Credential,
) -> Result<Credential, Shortfall> {
    match session {
        Some(session) => {
            session::extend(wanted, session)?;
            renewal::notice(wanted, &credential);
        }
        None if session::is_kept_by(wanted.request) => {
            session::begin(wanted)?;
            // The last session that used it may have ended before this one began.
            return wanted.what_is_there();
        }
        None => {}
    }
    Ok(credential)
}
