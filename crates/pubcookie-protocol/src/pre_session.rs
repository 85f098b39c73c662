//! The pre-session: which logins a browser has begun here and not yet finished.
//!
//! A granting cookie is only taken from the browser that asked for it: its token must be one of these. The original
//! keeps one token, and of several tabs the last one wins; here up to eight logins can be under way at once.

use crate::cookie_header;
use crate::sealed::{SealingError, SealingKeys};
use crate::set_cookie::PRE_SESSION;

/// The logins that a browser has begun, and how often it came back from the login server for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreSession {
    /// Oldest first; at most [`OUTSTANDING_LIMIT`].
    outstanding: Vec<Outstanding>,
    /// When it came back for nothing, oldest first; at most [`FRUITLESS_LIMIT`].
    fruitless: Vec<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outstanding {
    token: i32,
    since: u64,
}

/// How many logins may be under way in one browser.
pub const OUTSTANDING_LIMIT: usize = 8;
/// How long a login may take, in seconds.
pub const OUTSTANDING_SECONDS: u64 = 3600;
/// After how many fruitless trips within [`FRUITLESS_SECONDS`] the user is not sent again.
pub const FRUITLESS_LIMIT: usize = 3;
/// How long a fruitless trip counts, in seconds.
pub const FRUITLESS_SECONDS: u64 = 60;

impl PreSession {
    /// The pre-session of the request's Cookie header, without what is too old; `None` where the browser sent none that
    /// we made.
    pub fn read(cookie_header: &[u8], keys: &SealingKeys, now: u64) -> Option<PreSession> {
        cookie_header::values(cookie_header, PRE_SESSION)
            .take(4)
            .find_map(|value| {
                let mut pre_session = PreSession::from_bytes(&keys.open(value)?.bytes)?;
                pre_session
                    .outstanding
                    .retain(|login| lives(login.since, OUTSTANDING_SECONDS, now));
                pre_session
                    .fruitless
                    .retain(|&time| lives(time, FRUITLESS_SECONDS, now));
                Some(pre_session)
            })
    }

    /// The cookie's value.
    pub fn seal(&self, keys: &SealingKeys) -> Result<String, SealingError> {
        keys.seal(&self.to_bytes())
    }

    /// A login begins; the token goes into the granting request. The oldest of more than eight is given up.
    pub fn begin(&mut self, now: u64) -> Result<i32, SealingError> {
        let mut random = [0; 4];
        openssl::rand::rand_bytes(&mut random).map_err(SealingError::NoRandomness)?;
        let token = i32::from_be_bytes(random);
        if self.outstanding.len() >= OUTSTANDING_LIMIT {
            self.outstanding.remove(0);
        }
        self.outstanding.push(Outstanding { token, since: now });
        Ok(token)
    }

    /// Whether a login with this token is under way.
    pub fn holds(&self, token: i32) -> bool {
        self.outstanding.iter().any(|login| login.token == token)
    }

    /// A login has come to its end: its token no longer counts, nor do fruitless trips before it.
    pub fn finish(&mut self, token: i32) {
        self.outstanding.retain(|login| login.token != token);
        self.fruitless.clear();
    }

    /// The browser came back from the login server, and what it brought was not good enough.
    pub fn count_fruitless(&mut self, now: u64) {
        if self.fruitless.len() >= FRUITLESS_LIMIT {
            self.fruitless.remove(0);
        }
        self.fruitless.push(now);
    }

    /// Whether another trip would only be one more turn of a loop.
    pub fn goes_in_circles(&self) -> bool {
        self.fruitless.len() >= FRUITLESS_LIMIT
    }

    /// Whether nothing is left that would have to be kept.
    pub fn is_empty(&self) -> bool {
        self.outstanding.is_empty() && self.fruitless.is_empty()
    }

    /// Layout, number of outstanding logins, each as token and time, then the times of fruitless trips.
    fn to_bytes(&self) -> Vec<u8> {
        let count = u8::try_from(self.outstanding.len()).expect("at most eight logins are kept");
        let mut bytes = vec![LAYOUT, count];
        for login in &self.outstanding {
            bytes.extend(login.token.to_be_bytes());
            bytes.extend(login.since.to_be_bytes());
        }
        bytes.extend(self.fruitless.iter().flat_map(|time| time.to_be_bytes()));
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<PreSession> {
        let (&[LAYOUT, count], rest) = bytes.split_first_chunk()? else {
            return None;
        };
        let (outstanding, fruitless) = rest.split_at_checked(usize::from(count) * LOGIN_SIZE)?;
        let (outstanding, _) = outstanding.as_chunks::<LOGIN_SIZE>();
        let (fruitless, []) = fruitless.as_chunks::<8>() else {
            return None;
        };
        if outstanding.len() > OUTSTANDING_LIMIT || fruitless.len() > FRUITLESS_LIMIT {
            return None;
        }
        let login = |&[a, b, c, d, since @ ..]: &[u8; LOGIN_SIZE]| Outstanding {
            token: i32::from_be_bytes([a, b, c, d]),
            since: u64::from_be_bytes(since),
        };
        Some(PreSession {
            outstanding: outstanding.iter().map(login).collect(),
            fruitless: fruitless.iter().map(|&time| u64::from_be_bytes(time)).collect(),
        })
    }
}

/// The first byte of what is sealed, so that a later version can tell this one.
const LAYOUT: u8 = 1;
const LOGIN_SIZE: usize = 12;

/// Whether something of this time still counts; what is from the future does not.
fn lives(time: u64, seconds: u64, now: u64) -> bool {
    time <= now.saturating_add(crate::session::CLOCK_SKEW) && now.saturating_sub(time) <= seconds
}
