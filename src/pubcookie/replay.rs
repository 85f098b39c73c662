//! A granting cookie works once: those that were used are remembered for as long as they could be shown again.

use granting_cookie::SignedCookie;
use openssl::sha::sha256;
use pubcookie_protocol::grant::GRANTING_SECONDS;
use pubcookie_protocol::session::CLOCK_SKEW;

use super::locked_cache::{LockedCache, Purpose};
use crate::httpd::Request;

/// What the cache is for.
pub const PURPOSE: Purpose = Purpose {
    directive: "PubcookieReplayCache",
    mutex: "pubcookie-replay",
    name: "pubcookie",
};

/// For so many seconds a browser's parallel requests with one granting cookie get one session.
const PARALLEL_SECONDS: u64 = 5;

/// The granting cookies that were used, on all servers of this httpd.
pub struct ReplayCache(pub LockedCache);

/// What shows that a granting cookie is used by the browser that it was made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding {
    /// Its token is in the browser's pre-session. Two uses that are bound so are the same browser's.
    PreSession = 1,
    /// Nothing: another module has authenticated the user.
    Unbound = 0,
}

/// What a use of a granting cookie is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Use {
    /// The first: it counts.
    First,
    /// By the same browser as the first, which was just now, at this time in Unix seconds.
    Parallel(u64),
    /// Any later: it does not count.
    Replay,
}

impl ReplayCache {
    /// Uses a verified granting cookie, made at `created`. Where this fails the cookie must not be accepted.
    pub fn use_up(
        &self,
        request: &Request<'_>,
        cookie: &SignedCookie,
        created: u64,
        binding: Binding,
        now: u64,
    ) -> Result<Use, String> {
        let identifier = sha256(cookie.to_base64().as_bytes());
        let held = self.0.lock()?;
        if let Some(first) = held.get(request, &identifier)? {
            return Ok(later_use(&first, binding, now));
        }
        let value = [&now.to_be_bytes()[..], &[binding as u8]].concat();
        // Another member of a cluster may have a clock that is behind ours.
        let until = created.saturating_add(GRANTING_SECONDS + 2 * CLOCK_SKEW);
        held.set(request, &identifier, &value, until)?;
        Ok(Use::First)
    }
}

fn later_use(first: &[u8], binding: Binding, now: u64) -> Use {
    let Some((time, first_binding)) = first.split_first_chunk() else {
        return Use::Replay;
    };
    let time = u64::from_be_bytes(*time);
    let bound = binding == Binding::PreSession && first_binding == [Binding::PreSession as u8];
    if bound && now.saturating_sub(time) <= PARALLEL_SECONDS {
        Use::Parallel(time)
    } else {
        Use::Replay
    }
}
