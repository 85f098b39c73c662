//! After a logon that failed, a while in which the same is not asked again: a request without a new proof of its own
//! does not make every one of a user wait for a server that is down.

use std::time::{Duration, SystemTime};

use credential_store::{Origin, Pause, PauseLengths};

use crate::myproxy::log;
use crate::myproxy::proof::{GrantingCookie, Proof};
use crate::myproxy::running::Running;
use crate::myproxy::session::OpenSession;
use crate::myproxy::shortfall::{Class, Shortfall};
use crate::myproxy::wanted::Wanted;

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

/// What fails at once may be tried again at once: it keeps nobody waiting, and a login works as soon as the server does.
const AT_ONCE: PauseLengths = PauseLengths {
    first: Duration::ZERO,
    longest: Duration::ZERO,
};
/// What takes less time is at once.
const A_WAIT: Duration = Duration::from_secs(1);

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
        (Proof::GrantingCookie(cookie), Some(session)) => {
            let digest = cookie.digest(session, &wanted.identity);
            let failure = session.session.failure_that_lasts(&digest, wanted.now);
            Ok(failure.map(Shortfall::of_another))
        }
        (Proof::GrantingCookie(_) | Proof::PassPhrase(_), _) => Ok(None),
    }
}

/// How long a granting cookie is not shown again after a logon that failed, and took so long.
pub fn of_cookie(cookie: &GrantingCookie, took: Duration, now: SystemTime) -> Duration {
    if took < A_WAIT {
        return Duration::ZERO;
    }
    let waited = now.duration_since(cookie.created).unwrap_or_default();
    (waited / 4).clamp(A_COOKIES_SHORTEST, A_COOKIES_LONGEST)
}

/// Why nobody asks for this user without the user just now, where that is so.
pub fn of_user(wanted: &Wanted<'_>) -> Result<Option<Shortfall>, Shortfall> {
    let credentials = &wanted.running.credentials;
    let pause = credentials.pause(&wanted.identity.origin, wanted.now)?;
    Ok(pause.map(|pause| Shortfall::of_pause(&pause)))
}

/// Begins a pause after a logon that failed, and took so long. What comes back is what failed, to be told once for each
/// cause and hour.
pub fn begin(wanted: &Wanted<'_>, shortfall: Shortfall, took: Duration) -> Shortfall {
    let lengths = match shortfall.class {
        Class::Unreachable if took < A_WAIT => AT_ONCE,
        _ => usual(&shortfall),
    };
    match write_of_length(wanted.running, &wanted.identity.origin, &shortfall, lengths) {
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

/// Writes down what failed for a user, so that nobody asks again for a while: also where it failed at once.
pub fn write(
    running: &Running,
    origin: &Origin,
    shortfall: &Shortfall,
) -> Result<Pause, credential_store::Error> {
    write_of_length(running, origin, shortfall, usual(shortfall))
}

fn usual(shortfall: &Shortfall) -> PauseLengths {
    match shortfall.class {
        Class::Refused => AFTER_REFUSAL,
        Class::None | Class::Expired | Class::Unreachable | Class::Untrusted | Class::Store => AFTER_OUTAGE,
    }
}

fn write_of_length(
    running: &Running,
    origin: &Origin,
    shortfall: &Shortfall,
    lengths: PauseLengths,
) -> Result<Pause, credential_store::Error> {
    let (class, words) = (shortfall.class.as_str(), shortfall.description());
    running
        .credentials
        .begin_pause(origin, class, words, lengths, SystemTime::now())
}
