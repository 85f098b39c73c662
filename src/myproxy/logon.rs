//! Fetching a credential: one logon for all requests that bring the same proof.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use credential_store::{Credential, Failure, Logon, PENDING_MAX_AGE, ProofDigest, SessionLookup};
use granting_cookie::SignedCookie;
use myproxy_client::{GetRequest, Key, KeyFormat, KeySpec, PassPhrase};
use zeroize::Zeroizing;

use super::identity::Identity;
use super::limit::Place;
use super::log;
use super::meeting::GrantingCookie;
use super::running::Running;
use super::session::OpenSession;
use super::shortfall::{Class, Shortfall};
use super::wanted::{Stored, Wanted};

/// A granting cookie to show to the MyProxy server.
pub struct Proof {
    cookie: Zeroizing<String>,
    created: SystemTime,
}

impl Proof {
    /// The cookie that this request brought.
    pub fn of_this_login(GrantingCookie { proof, plain }: GrantingCookie) -> Result<Self, Shortfall> {
        let signed =
            SignedCookie::from_base64(&plain).map_err(|error| Shortfall::new(Class::Refused, error))?;
        let cookie = signed
            .unverified()
            .ok_or_else(|| Shortfall::new(Class::Refused, "the granting cookie is cut"))?;
        let created = u64::from(cookie.create_time);
        Ok(Proof {
            cookie: proof,
            created: UNIX_EPOCH + Duration::from_secs(created),
        })
    }

    /// The cookie that an earlier request of the session could not use.
    pub fn that_waits(session: &OpenSession, now: SystemTime) -> Option<Self> {
        let pending = session.session.pending(&session.id, now)?;
        let cookie = Zeroizing::new(std::str::from_utf8(&pending).ok()?.to_owned());
        Some(Proof {
            cookie,
            created: session.session.pending_since()?,
        })
    }

    /// What tells this attempt from another one of the same session.
    fn digest(&self, session: &OpenSession, identity: &Identity) -> ProofDigest {
        let servers = identity.record.servers.join(" ");
        let name = identity.record.credential_name.as_deref().unwrap_or_default();
        session.id.proof_digest(&[
            self.cookie.as_bytes(),
            identity.myproxy_user.as_str().as_bytes(),
            servers.as_bytes(),
            name.as_bytes(),
        ])
    }
}

/// The turn to log on for a user, and a place among the requests that may wait for it.
pub struct Turn<'w> {
    logon: Logon<'w>,
    _place: Place<'w>,
}

/// Waits for the turn to log on for the request's user, no longer than a logon may take.
pub fn wait_for_turn<'w>(wanted: &Wanted<'w>) -> Result<Turn<'w>, Shortfall> {
    let Running {
        credentials,
        waiting,
        patience,
        ..
    } = wanted.running;
    let too_many = || Shortfall::not_asked("too many requests wait for a logon; try again");
    Ok(Turn {
        _place: waiting.enter().ok_or_else(too_many)?,
        logon: credentials.logon(&wanted.identity.name, Instant::now() + *patience)?,
    })
}

/// Gets a credential with a granting cookie. One request of a user at a time does; the others wait for it and
/// take what it got.
pub fn log_on(wanted: &Wanted<'_>, session: &OpenSession, proof: &Proof) -> Result<Credential, Shortfall> {
    let arrival = Instant::now();
    let turn = match wait_for_turn(wanted) {
        Ok(turn) => turn,
        Err(shortfall) => {
            let result = Err(shortfall);
            remember(wanted, session, proof, &result);
            return result;
        }
    };
    if let Some(result) = result_of_another(wanted, session, proof)? {
        return result;
    }
    let result = ask_and_publish(wanted, session, proof, &turn);
    remember(wanted, session, proof, &result);
    if let Ok(credential) = &result {
        log!(
            wanted.request,
            Info,
            "got a credential of {} for {} ({} at the MyProxy server) in {} ms",
            credential.certificate.subject,
            wanted.identity.record.web_user.name,
            wanted.identity.myproxy_user.as_str(),
            arrival.elapsed().as_millis(),
        );
    }
    result
}

/// What another request got with the same cookie while this one waited, or shortly before this one came. Asking
/// again would show the server a cookie that it has seen.
fn result_of_another(
    wanted: &Wanted<'_>,
    session: &OpenSession,
    proof: &Proof,
) -> Result<Option<Result<Credential, Shortfall>>, Shortfall> {
    if let Stored::Good(credential) = wanted.stored()?
        && credential.was_got_with(proof.cookie.as_bytes())
    {
        return Ok(Some(Ok(credential)));
    }
    let web_user = &wanted.identity.record.web_user;
    let idle = wanted.place.session_idle();
    let SessionLookup::Live(session_now) =
        wanted
            .running
            .sessions
            .find(&session.id, web_user, idle, wanted.now)?
    else {
        return Err(credential_store::Error::SessionEnded.into());
    };
    let failure = session_now.failure_since(&proof.digest(session, &wanted.identity), wanted.now);
    Ok(failure.map(|failure| Err(Shortfall::of_another(failure))))
}

fn ask_and_publish(
    wanted: &Wanted<'_>,
    session: &OpenSession,
    proof: &Proof,
    turn: &Turn<'_>,
) -> Result<Credential, Shortfall> {
    let running = wanted.running;
    let too_many = || Shortfall::not_asked("too many logons at once (MyProxyMaxConcurrent)");
    let _place = running.logons.enter().ok_or_else(too_many)?;
    let request = GetRequest {
        user_name: wanted.identity.myproxy_user.clone(),
        proof: myproxy_client::Proof::PassPhrase(
            PassPhrase::new(proof.cookie.as_bytes())
                .map_err(|problem| Shortfall::new(Class::Refused, problem))?,
        ),
        lifetime: wanted.place.lifetime(),
        credential_name: wanted.place.credential_name.clone(),
    };
    let key = Key::generate(KeySpec::Rsa2048).map_err(|error| Shortfall::new(Class::Store, error))?;
    let credential = running
        .client
        .get(&request, &key)
        .map_err(|error| Shortfall::from(&error))?;
    let pem = credential
        .to_pem(KeyFormat::Pkcs1)
        .map_err(|error| Shortfall::new(Class::Store, error))?;
    let record = &wanted.identity.record;
    Ok(turn.logon.publish(
        &running.sessions,
        &session.id,
        record,
        proof.cookie.as_bytes(),
        &pem,
        SystemTime::now(),
    )?)
}

/// Writes down in the session how a logon ended: a failure for those who wait for it, and the cookie where
/// the server could not be reached, so that the login is not wasted.
fn remember(
    wanted: &Wanted<'_>,
    session: &OpenSession,
    proof: &Proof,
    result: &Result<Credential, Shortfall>,
) {
    let sessions = &wanted.running.sessions;
    let now = SystemTime::now();
    let written = match result {
        Ok(_) => sessions.clear_pending(&session.id, now),
        Err(shortfall) => {
            let kept = if shortfall.login_unspent && age(proof.created, now) < PENDING_MAX_AGE {
                sessions.set_pending(&session.id, proof.cookie.as_bytes(), proof.created, now)
            } else {
                sessions.clear_pending(&session.id, now)
            };
            let failure = Failure {
                class: shortfall.class.as_str().to_owned(),
                description: shortfall.description().to_owned(),
                at: now,
                proof: proof.digest(session, &wanted.identity),
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
