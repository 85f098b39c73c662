//! Fetching a credential: one logon for all requests that bring the same proof.

pub mod key_pool;
pub mod limit;
pub mod pause;
pub mod renewal;

use std::time::{Duration, Instant, SystemTime};

use credential_store::{Credential, Failure, Logon, NewCredential, PENDING_MAX_AGE, Record, SessionLookup};

use crate::myproxy::proof::{GrantingCookie, Proof};
use crate::myproxy::running::Running;
use crate::myproxy::session::OpenSession;
use crate::myproxy::shortfall::{Class, Shortfall};
use crate::myproxy::wanted::{Stored, Wanted};
use crate::myproxy::{htaccess, log, session};
use limit::Place;

/// The turn to log on for a user, and a place among the requests that may wait for it.
pub struct Turn<'w> {
    logon: Logon<'w>,
    _place: Place,
}

/// Waits for the turn to log on for the request's user, no longer than a logon may take.
pub fn wait_for_turn<'w>(wanted: &Wanted<'w>) -> Result<Turn<'w>, Shortfall> {
    let Running {
        asking,
        credentials,
        patience,
        ..
    } = wanted.running;
    let name = wanted.name().ok_or_else(Shortfall::nothing)?;
    Ok(Turn {
        _place: asking.wait()?,
        logon: credentials.logon(name, Instant::now() + *patience)?,
    })
}

/// Gets a credential with a proof. One request of a user at a time does. What the others, who wait for it, take over
/// depends on the proof: of a granting cookie, what it brought, and that it failed; with our own certificate, whatever
/// is there by then; of a pass phrase, nothing.
///
/// Without a session one begins when the server has said yes. A granting cookie needs one before: it waits there
/// while the server cannot be reached. So does a credential that is its session's alone.
pub fn log_on(
    wanted: &Wanted<'_>,
    session: Option<&OpenSession>,
    proof: &Proof,
) -> Result<Credential, Shortfall> {
    let arrival = Instant::now();
    if let Proof::Certificate(_) = proof
        && htaccess::could_name_the_user(wanted.request, wanted.place)
    {
        return Err(Shortfall::new(Class::Refused, NOT_BY_HTACCESS));
    }
    if let Some(shortfall) = pause::current(wanted, session, proof)? {
        return Err(shortfall);
    }
    if !wanted.place.user_shared() {
        let credentials = &wanted.running.credentials;
        credentials.require_free(&wanted.identity.origin, wanted.now)?;
    }
    let alone;
    let session = match session {
        None if wanted.name().is_none() => {
            alone = session::begin(wanted)?;
            Some(&alone)
        }
        session => session,
    };
    let turn = match wait_for_turn(wanted) {
        Ok(turn) => turn,
        Err(shortfall) => {
            let result = Err(shortfall);
            remember(wanted, session, proof, &result, arrival.elapsed());
            return result;
        }
    };
    if let Some(result) = result_of_another(wanted, session, proof)? {
        return result;
    }
    let turn_came = Instant::now();
    let mut result = ask_and_publish(wanted, session, proof, &turn);
    let took = turn_came.elapsed();
    if let (Proof::Certificate(_), Err(shortfall)) = (proof, &result) {
        result = Err(pause::begin(wanted, shortfall.clone(), took));
    }
    remember(wanted, session, proof, &result, took);
    if let Ok(credential) = &result {
        log!(
            wanted.request,
            Info,
            "got a credential of {} for {} ({} at the MyProxy server, by {}) in {} ms",
            credential.certificate.subject,
            wanted.identity.origin.web_user.name,
            wanted.identity.myproxy_user.as_str(),
            credential.method,
            arrival.elapsed().as_millis(),
        );
    }
    result
}

/// Our certificate gives a credential to whomever httpd says the user is, and here others than the administrator say it.
const NOT_BY_HTACCESS: &str = "MyProxyAuthMethod certificate is not used where AllowOverride lets an .htaccess file say \
                               who the user is (AuthConfig; beside MyProxyUser also FileInfo)";

/// What another request got while this one waited, or shortly before this one came.
fn result_of_another(
    wanted: &Wanted<'_>,
    session: Option<&OpenSession>,
    proof: &Proof,
) -> Result<Option<Result<Credential, Shortfall>>, Shortfall> {
    match (proof, session) {
        (Proof::GrantingCookie(cookie), Some(session)) => result_of_cookie(wanted, session, cookie),
        (Proof::Certificate(_), _) => match wanted.stored()? {
            Stored::Good(credential) => Ok(Some(Ok(credential))),
            Stored::Lacking(_) | Stored::Over(_) | Stored::Unsafe(_) => Ok(pause::of_user(wanted)?.map(Err)),
        },
        // A verdict on a pass phrase is the server's alone.
        (Proof::PassPhrase(_) | Proof::GrantingCookie(_), _) => Ok(None),
    }
}

/// What another request got with the same cookie. Asking again would show the server a cookie that it has seen.
fn result_of_cookie(
    wanted: &Wanted<'_>,
    session: &OpenSession,
    cookie: &GrantingCookie,
) -> Result<Option<Result<Credential, Shortfall>>, Shortfall> {
    if let Stored::Good(credential) = wanted.stored()?
        && credential.was_got_with(cookie.cookie.as_bytes())
    {
        return Ok(Some(Ok(credential)));
    }
    let web_user = &wanted.identity.origin.web_user;
    let idle = wanted.place.session_idle();
    let SessionLookup::Live(session_now) =
        wanted
            .running
            .sessions
            .find(&session.id, web_user, idle, wanted.now)?
    else {
        return Err(credential_store::Error::SessionEnded.into());
    };
    let failure = session_now.failure_since(&cookie.digest(session, &wanted.identity), wanted.now);
    Ok(failure.map(|failure| Err(Shortfall::of_another(failure))))
}

fn ask_and_publish(
    wanted: &Wanted<'_>,
    session: Option<&OpenSession>,
    proof: &Proof,
    turn: &Turn<'_>,
) -> Result<Credential, Shortfall> {
    let credential = ask(wanted, proof)?;
    let begun;
    let session = match session {
        Some(session) => session,
        None => {
            begun = session::begin(wanted)?;
            &begun
        }
    };
    publish(wanted, session, proof, &credential, turn)
}

/// Puts a credential where applications find it.
pub fn publish(
    wanted: &Wanted<'_>,
    session: &OpenSession,
    proof: &Proof,
    credential: &myproxy_client::Credential,
    turn: &Turn<'_>,
) -> Result<Credential, Shortfall> {
    let pem = wanted.running.file_of(credential)?;
    let record = Record {
        origin: wanted.identity.origin.clone(),
        method: proof.method(),
    };
    let new = NewCredential {
        record: &record,
        cookie: proof.cookie().map(|cookie| cookie.cookie.as_bytes()),
        pem: &pem,
        renewal: wanted.place.renewal(wanted.config),
        shared: wanted.place.user_shared(),
    };
    let now = SystemTime::now();
    let sessions = &wanted.running.sessions;
    Ok(turn.logon.publish(sessions, &session.id, &new, now)?)
}

/// Asks the MyProxy server for a credential.
pub fn ask(wanted: &Wanted<'_>, proof: &Proof) -> Result<myproxy_client::Credential, Shortfall> {
    let _place = wanted.running.asking.enter()?;
    let Wanted {
        config,
        place,
        identity,
        ..
    } = wanted;
    let request = place.request(config, identity.myproxy_user.clone(), proof.to_show()?);
    wanted.running.get(&request)
}

/// Writes down how a logon ended, and took so long. In the session, a failure for those who wait with the same granting cookie, and
/// the cookie where the server could not be reached, so that the login is not wasted.
fn remember(
    wanted: &Wanted<'_>,
    session: Option<&OpenSession>,
    proof: &Proof,
    result: &Result<Credential, Shortfall>,
    took: Duration,
) {
    let Some(session) = session else { return };
    let sessions = &wanted.running.sessions;
    let now = SystemTime::now();
    let written = match (result, proof.cookie()) {
        (Ok(_), _) => sessions.clear_pending(&session.id, now),
        (Err(_), None) => Ok(()),
        (Err(shortfall), Some(cookie)) => {
            let kept = if shortfall.login_unspent && age(cookie.created, now) < PENDING_MAX_AGE {
                sessions.set_pending(&session.id, cookie.cookie.as_bytes(), cookie.created, now)
            } else {
                sessions.clear_pending(&session.id, now)
            };
            let failure = Failure {
                class: shortfall.class.as_str().to_owned(),
                description: shortfall.description().to_owned(),
                at: now,
                until: now + pause::of_cookie(cookie, took, now),
                proof: cookie.digest(session, &wanted.identity),
            };
            kept.and_then(|()| sessions.record_failure(&session.id, failure, now))
        }
    };
    match written {
        // The session ended meanwhile: there is nothing to remember for it.
        Ok(()) | Err(credential_store::Error::SessionEnded) => {}
        Err(error) => log!(
            wanted.request,
            Warning,
            "the end of a logon could not be written down: {error}"
        ),
    }
}

fn age(created: SystemTime, now: SystemTime) -> Duration {
    now.duration_since(created).unwrap_or_default()
}
