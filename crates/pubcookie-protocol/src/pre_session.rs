//! The pre-session: which logins a browser has begun here and not yet finished.
//!
//! A granting cookie is only taken from the browser that asked for it: its token must be one of these. The original
//! keeps one token, and of several tabs the last one wins; here up to eight logins can be under way at once. In a cluster
//! with members of the original its cookie is kept besides: a login may end at another member than it began at.

use crate::app_id::{AppId, AppServerId};
use crate::auth_type::Creds;
use crate::cookie_header;
use crate::form::Carriage;
use crate::legacy_cookie::{LegacyCookie, LegacyKeys};
use crate::sealed::{SealingError, SealingKeys};
use crate::set_cookie::{LEGACY_PRE_SESSION, PRE_SESSION};
use granting_cookie::{Cookie, CookieType};

/// The logins that a browser has begun, and how often it came back from the login server for nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PreSession {
    /// Oldest first; at most [`OUTSTANDING_LIMIT`].
    outstanding: Vec<Outstanding>,
    /// When it came back for nothing, oldest first; at most [`FRUITLESS_LIMIT`].
    fruitless: Vec<u64>,
    /// What the original's cookie says, or is to say: the login that began last, here or at a member of the original. A
    /// neighbour in the domain may plant others that were once its own. None of them is sealed, nor joined: their tokens
    /// may be known to somebody else.
    legacy: Vec<Outstanding>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Outstanding {
    token: i32,
    since: u64,
    /// Of the body with which it began; `None` where it began without one.
    body: Option<Carriage>,
}

/// How many logins may be under way in one browser.
pub const OUTSTANDING_LIMIT: usize = 8;
/// How long a login may take, in seconds.
pub const OUTSTANDING_SECONDS: u64 = 3600;
/// After how many fruitless trips within [`FRUITLESS_SECONDS`] the user is not sent again.
pub const FRUITLESS_LIMIT: usize = 3;
/// How long a fruitless trip counts, in seconds.
pub const FRUITLESS_SECONDS: u64 = 60;

/// The most cookies of one name that are tried.
const TRIED_LIMIT: usize = 4;

/// For how many seconds what happens in several tabs happens at once.
const MOMENT_SECONDS: u64 = 2;

impl PreSession {
    /// The pre-session of the request's Cookie header, without what is too old; `None` where the browser sent none at
    /// all. One that we did not make counts as empty. The original's cookie is read where there are keys for it.
    pub fn read(
        cookie_header: &[u8],
        keys: &SealingKeys,
        legacy_keys: Option<&LegacyKeys>,
        now: u64,
    ) -> Option<PreSession> {
        let values = |name| cookie_header::values(cookie_header, name).take(TRIED_LIMIT);
        let mut ours = values(PRE_SESSION).peekable();
        let mut legacy = legacy_keys
            .into_iter()
            .flat_map(|keys| values(LEGACY_PRE_SESSION).map(move |value| (keys, value)))
            .peekable();
        if ours.peek().is_none() && legacy.peek().is_none() {
            return None;
        }
        let mut pre_session = ours
            .find_map(|value| PreSession::from_bytes(&keys.open(value)?.bytes))
            .unwrap_or_default();
        pre_session.legacy = legacy
            .filter_map(|(keys, value)| keys.open(value, CookieType::PRE_SESSION))
            .map(|cookie| Outstanding::of_legacy(&cookie))
            .collect();
        let is_under_way = |login: &Outstanding| lives(login.since, OUTSTANDING_SECONDS, now);
        pre_session.outstanding.retain(is_under_way);
        pre_session.legacy.retain(is_under_way);
        pre_session
            .fruitless
            .retain(|&time| lives(time, FRUITLESS_SECONDS, now));
        Some(pre_session)
    }

    /// The cookie's value.
    pub fn seal(&self, keys: &SealingKeys) -> Result<String, SealingError> {
        keys.seal(&self.to_bytes())
    }

    /// What the original's cookie is to say; `None` where it goes. The original compares the token alone.
    pub fn legacy_cookie<'a>(
        &self,
        app_server_id: &'a AppServerId,
        app_id: &'a AppId,
    ) -> Option<LegacyCookie<'a>> {
        let login = self.legacy.first()?;
        Some(LegacyCookie {
            cookie_type: CookieType::PRE_SESSION,
            user: LEGACY_USER,
            app_server_id,
            app_id,
            creds: Creds::NONE,
            token: login.token,
            create_time: login.since,
            last_time: login.since,
        })
    }

    /// Whether the original's cookie says the same of both.
    pub fn has_same_legacy_cookie(&self, other: Option<&PreSession>) -> bool {
        self.legacy == other.map_or(&[][..], |other| &other.legacy)
    }

    /// A login begins; the token goes into the granting request. `body` says how the body of the user's request goes on
    /// afterwards; `None` where it has none. The oldest of more than eight logins is given up.
    pub fn begin(&mut self, body: Option<Carriage>, now: u64) -> Result<i32, SealingError> {
        let mut random = [0; 4];
        getrandom::fill(&mut random).map_err(SealingError::NoRandomness)?;
        let token = i32::from_be_bytes(random);
        if self.outstanding.len() >= OUTSTANDING_LIMIT {
            self.outstanding.remove(0);
        }
        let login = Outstanding {
            token,
            since: now,
            body,
        };
        self.outstanding.push(login);
        self.legacy = vec![login];
        Ok(token)
    }

    /// The token of a login that began a moment ago. Tabs that open at once overwrite each other's cookies: one that
    /// joins the login of another instead of beginning its own brings them together.
    pub fn just_begun(&self, now: u64) -> Option<i32> {
        let newest = self.outstanding.last()?;
        (newest.body.is_none() && lives(newest.since, MOMENT_SECONDS, now)).then_some(newest.token)
    }

    /// Whether a login with this token is under way.
    pub fn holds(&self, token: i32) -> bool {
        self.carriage(token).is_some()
    }

    /// Whether any login is under way, so that a granting cookie may be its answer.
    pub fn awaits_a_login(&self) -> bool {
        !(self.outstanding.is_empty() && self.legacy.is_empty())
    }

    /// How a body that comes back from the login with this token goes on; `None` where no such login is under way. One
    /// that was not there when the login began was put in on the way.
    pub fn carriage(&self, token: i32) -> Option<Carriage> {
        self.outstanding
            .iter()
            .chain(&self.legacy)
            .find(|login| login.token == token)
            .map(|login| login.body.unwrap_or(Carriage::OnClick))
    }

    /// A login has come to its end: its token no longer counts, nor do fruitless trips before it.
    pub fn finish(&mut self, token: i32) {
        self.outstanding.retain(|login| login.token != token);
        if self.legacy.iter().any(|login| login.token == token) {
            self.legacy.clear();
        }
        self.fruitless.clear();
    }

    /// The browser came back from the login server, and what it brought was not good enough.
    pub fn count_fruitless(&mut self, now: u64) {
        if self.fruitless.len() >= FRUITLESS_LIMIT {
            self.fruitless.remove(0);
        }
        self.fruitless.push(now);
    }

    /// The same where it brought a granting cookie of another login. Tabs that log in at once do so to each other:
    /// trips within a moment count once.
    pub fn count_mismatch(&mut self, now: u64) {
        if !self
            .fruitless
            .last()
            .is_some_and(|&time| lives(time, MOMENT_SECONDS, now))
        {
            self.count_fruitless(now);
        }
    }

    /// Whether another trip would only be one more turn of a loop.
    pub fn goes_in_circles(&self) -> bool {
        self.fruitless.len() >= FRUITLESS_LIMIT
    }

    /// Whether nothing is left that would have to be kept.
    pub fn is_empty(&self) -> bool {
        self.outstanding.is_empty() && self.fruitless.is_empty() && self.legacy.is_empty()
    }

    /// What is sealed: layout, number of outstanding logins, each as token, time and its body's carriage, then the times of fruitless trips.
    fn to_bytes(&self) -> Vec<u8> {
        let count = u8::try_from(self.outstanding.len()).expect("at most eight logins are kept");
        let mut bytes = vec![LAYOUT, count];
        for login in &self.outstanding {
            bytes.extend(login.token.to_be_bytes());
            bytes.extend(login.since.to_be_bytes());
            bytes.push(match login.body {
                None => WITHOUT_BODY,
                Some(Carriage::ByItself) => BY_ITSELF,
                Some(Carriage::OnClick) => ON_CLICK,
            });
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
        let login = |&[a, b, c, d, ref since @ .., body]: &[u8; LOGIN_SIZE]| {
            Some(Outstanding {
                token: i32::from_be_bytes([a, b, c, d]),
                since: u64::from_be_bytes(*since),
                body: match body {
                    WITHOUT_BODY => None,
                    BY_ITSELF => Some(Carriage::ByItself),
                    ON_CLICK => Some(Carriage::OnClick),
                    _ => return None,
                },
            })
        };
        Some(PreSession {
            outstanding: outstanding.iter().map(login).collect::<Option<_>>()?,
            fruitless: fruitless.iter().map(|&time| u64::from_be_bytes(time)).collect(),
            legacy: Vec::new(),
        })
    }
}

impl Outstanding {
    /// The original does not say whether there was a body.
    fn of_legacy(cookie: &Cookie) -> Outstanding {
        Outstanding {
            token: cookie.pre_session_token,
            since: cookie.create_time.into(),
            body: None,
        }
    }
}

/// The user of the original's pre-session cookies.
const LEGACY_USER: &str = "presesuser";

/// The first byte of what is sealed, so that a later version can tell this one.
const LAYOUT: u8 = 1;
const LOGIN_SIZE: usize = 13;
const BY_ITSELF: u8 = 0;
const ON_CLICK: u8 = 1;
const WITHOUT_BODY: u8 = 2;

/// Whether something of this time still counts; what is from the future does not.
fn lives(time: u64, seconds: u64, now: u64) -> bool {
    time <= now.saturating_add(crate::session::CLOCK_SKEW) && now.saturating_sub(time) <= seconds
}

#[cfg(test)]
mod tests;
