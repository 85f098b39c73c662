//! Slows down guessing: the wrong passwords that all children of httpd count together.
//!
//! A password is counted as wrong before anybody looks at it, and taken back where it was not: many requests at once
//! guess no more than one after the other. No thread waits; a request that comes too early is refused.

use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::login::{Allowance, Guesses, GuessingLimits, Source, UserName};

use crate::httpd::Request;
use crate::pubcookie::locked_cache::{Held, LockedCache, Purpose};

/// `PubcookieLoginDelayCache`.
pub const PURPOSE: Purpose = Purpose {
    directive: "PubcookieLoginDelayCache",
    mutex: "pubcookie-login-delay",
    name: "pubcookie-delay",
};

/// A password that is about to be looked at, and has been counted.
pub struct Attempt<'g> {
    cache: &'g LockedCache,
    counts: Vec<Count>,
}

/// Whether a password may be looked at.
pub enum Admission<'g> {
    /// It may.
    Admitted(Attempt<'g>),
    /// Not for so many seconds, because of what came from there.
    TooEarly(u64, Source),
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The password is right.
    Right,
    /// Nobody could tell.
    Unknown,
}

struct Count {
    source: Source,
    identifier: [u8; 32],
    allowance: Allowance,
}

/// Counts a password of a user, unless it comes too early. Where this fails, no password must be looked at: whoever brings
/// the cache down would guess freely.
pub fn admit<'g>(
    cache: &'g LockedCache,
    request: &Request<'_>,
    limits: GuessingLimits,
    user: &UserName,
    creds: Creds,
    now: u64,
) -> Result<Admission<'g>, String> {
    let address = request.client_address();
    let count = |source: Source| {
        let allowance = source.allowance(limits)?;
        Some(Count {
            source,
            identifier: source.identifier(user.as_str(), creds, &address),
            allowance,
        })
    };
    let counts: Vec<Count> = [Source::UserAtAddress, Source::Address]
        .into_iter()
        .filter_map(count)
        .collect();
    let held = cache.lock()?;
    for count in &counts {
        let wait = count.read(&held, request)?.wait(count.allowance, now);
        if wait > 0 {
            return Ok(Admission::TooEarly(wait, count.source));
        }
    }
    for count in &counts {
        let guesses = count.read(&held, request)?.one_more(count.allowance, now);
        count.write(&held, request, guesses, now)?;
    }
    drop(held);
    Ok(Admission::Admitted(Attempt { cache, counts }))
}

impl Attempt<'_> {
    /// Takes back what was counted. A right password clears its user's count at the address; the address as a whole has one
    /// less: whoever has an account could clear it for guessing others'.
    pub fn take_back(self, request: &Request<'_>, verdict: Verdict, now: u64) -> Result<(), String> {
        let held = self.cache.lock()?;
        for count in &self.counts {
            let guesses = match (verdict, count.source) {
                (Verdict::Right, Source::UserAtAddress) => Guesses::default(),
                _ => count.read(&held, request)?.one_less(count.allowance),
            };
            count.write(&held, request, guesses, now)?;
        }
        Ok(())
    }
}

impl Count {
    fn read(&self, held: &Held<'_>, request: &Request<'_>) -> Result<Guesses, String> {
        match held.get(request, &self.identifier)? {
            None => Ok(Guesses::default()),
            Some(bytes) => {
                Guesses::from_bytes(&bytes).ok_or_else(|| "a count in the cache is none".to_owned())
            }
        }
    }

    fn write(
        &self,
        held: &Held<'_>,
        request: &Request<'_>,
        guesses: Guesses,
        now: u64,
    ) -> Result<(), String> {
        let until = guesses.kept_until(self.allowance).max(now.saturating_add(60));
        held.set(request, &self.identifier, &guesses.to_bytes(), until)
    }
}
