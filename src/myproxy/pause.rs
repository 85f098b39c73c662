//! After a logon that failed, a while in which the same is not asked again: a request without a new proof of its own
//! does not make every one of a user wait for a server that is down.

use std::time::{Duration, SystemTime};

use credential_store::{Origin, Pause, PauseLengths};

use super::log;
use super::proof::{GrantingCookie, Proof};
use super::running::Running;
use super::session::OpenSession;
use super::shortfall::{Class, Shortfall};
use super::wanted::Wanted;

/// A server that said no was asked and has decided: somebody has to change something first.
const AFTER_REFUSAL: PauseLengths = PauseLengths {
    first: Duration::from_secs(60),
    longest: Duration::from_secs(600),
};
/// What went wrong otherwise passes.
const AFTER_OUTAGE: PauseLengths = PauseLengths {
    first: Duration::from_secs(2),
    longest: Duration::from_secs(60),
};

/// A granting cookie that waits in its session is shown again after a quarter of the time that it has waited.
const A_COOKIES_SHORTEST: Duration = Duration::from_secs(1);
const A_COOKIES_LONGEST: Duration = Duration::from_secs(10);

/// Why a proof is not shown just now, where that is so.
pub fn current(
    wanted: &Wanted<'_>,
    session: Option<&OpenSession>,
    proof: &Proof,
) -> Result<Option<Shortfall>, Shortfall> {
    match (proof, session) {
        (Proof::Certificate(_), _) => of_user(wanted),
        (Proof::GrantingCookie(cookie), Some(session)) => Ok(of_cookie(wanted, session, cookie)),
        (Proof::GrantingCookie(_) | Proof::PassPhrase(_), _) => Ok(None),
    }
}

fn of_cookie(wanted: &Wanted<'_>, session: &OpenSession, cookie: &GrantingCookie) -> Option<Shortfall> {
    let failed = session.session.last_failure()?.at;
    let waited = failed.duration_since(cookie.created).unwrap_or_default();
    let length = (waited / 4).clamp(A_COOKIES_SHORTEST, A_COOKIES_LONGEST);
    session
        .session
        .failure_since(&cookie.digest(session, &wanted.identity), wanted.now - length)
        .map(Shortfall::of_another)
}

/// Why nobody asks for this user without the user just now, where that is so.
pub fn of_user(wanted: &Wanted<'_>) -> Result<Option<Shortfall>, Shortfall> {
    let credentials = &wanted.running.credentials;
    let pause = credentials.pause(&wanted.identity.origin, wanted.now)?;
    Ok(pause.map(|pause| Shortfall::of_pause(&pause)))
}

/// Begins a pause. What comes back is what failed, to be told once for each cause and hour.
pub fn begin(wanted: &Wanted<'_>, shortfall: Shortfall) -> Shortfall {
    match write(wanted.running, &wanted.identity.origin, &shortfall) {
        Ok(pause) if pause.is_news => shortfall,
        Ok(_) => shortfall.told_before(),
        Err(error) => {
            log!(
                wanted.request,
                Warning,
                "a failed logon could not be written down: {error}"
            );
            shortfall
        }
    }
}

/// Writes down what failed for a user, so that nobody asks again for a while.
pub fn write(
    running: &Running,
    origin: &Origin,
    shortfall: &Shortfall,
) -> Result<Pause, credential_store::Error> {
    let lengths = match shortfall.class {
        Class::Refused => AFTER_REFUSAL,
        Class::None | Class::Expired | Class::Unreachable | Class::Untrusted | Class::Store => AFTER_OUTAGE,
    };
    let (class, words) = (shortfall.class.as_str(), shortfall.description());
    running
        .credentials
        .begin_pause(origin, class, words, lengths, SystemTime::now())
}
