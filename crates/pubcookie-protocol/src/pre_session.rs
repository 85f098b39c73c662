//! The pre-session: which logins a browser has begun here and not yet finished.
//!
//! A granting cookie is only taken from the browser that asked for it: its token must be one of these. The original
//! keeps one token, and of several tabs the last one wins; here up to eight logins can be under way at once.

use crate::cookie_header;
use crate::form::Carriage;
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

/// For how many seconds what happens in several tabs happens at once.
const MOMENT_SECONDS: u64 = 2;

impl PreSession {
    /// The pre-session of the request's Cookie header, without what is too old; `None` where the browser sent none at
    /// all. One that we did not make counts as empty.
    pub fn read(cookie_header: &[u8], keys: &SealingKeys, now: u64) -> Option<PreSession> {
        let mut values = cookie_header::values(cookie_header, PRE_SESSION)
            .take(4)
            .peekable();
        values.peek()?;
        let mut pre_session = values
            .find_map(|value| PreSession::from_bytes(&keys.open(value)?.bytes))
            .unwrap_or_default();
        pre_session
            .outstanding
            .retain(|login| lives(login.since, OUTSTANDING_SECONDS, now));
        pre_session
            .fruitless
            .retain(|&time| lives(time, FRUITLESS_SECONDS, now));
        Some(pre_session)
    }

    /// The cookie's value.
    pub fn seal(&self, keys: &SealingKeys) -> Result<String, SealingError> {
        keys.seal(&self.to_bytes())
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
        self.outstanding.push(Outstanding {
            token,
            since: now,
            body,
        });
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
        !self.outstanding.is_empty()
    }

    /// How a body that comes back from the login with this token goes on; `None` where no such login is under way. One
    /// that was not there when the login began was put in on the way.
    pub fn carriage(&self, token: i32) -> Option<Carriage> {
        self.outstanding
            .iter()
            .find(|login| login.token == token)
            .map(|login| login.body.unwrap_or(Carriage::OnClick))
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
        self.outstanding.is_empty() && self.fruitless.is_empty()
    }

    /// Layout, number of outstanding logins, each as token, time and its body's carriage, then the times of fruitless trips.
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
        })
    }
}

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
mod tests {
    use super::*;
    use crate::app_id::AppServerId;
    use crate::sealed::{Context, Purpose};
    use openssl::rsa::Rsa;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static KEYS: LazyLock<SealingKeys> = LazyLock::new(|| {
        let pem = Rsa::generate(2048).unwrap().private_key_to_pem().unwrap();
        let app_server_id = &AppServerId::configured("a").unwrap();
        SealingKeys::derive(
            &pem,
            None,
            Purpose::PreSession,
            Context {
                server_name: "a",
                app_server_id,
            },
        )
        .unwrap()
    });
    const NOW: u64 = 1_795_291_382;

    fn sent_back(pre_session: &PreSession, now: u64) -> PreSession {
        let header = format!(
            "x=1; {PRE_SESSION}=planted; {PRE_SESSION}={}",
            pre_session.seal(&KEYS).unwrap()
        );
        PreSession::read(header.as_bytes(), &KEYS, now).unwrap()
    }

    #[test]
    fn tabs_that_open_at_once_come_together() {
        let mut pre_session = PreSession::default();
        assert_eq!(pre_session.just_begun(NOW), None);
        let token = pre_session.begin(None, NOW).unwrap();
        assert_eq!(pre_session.just_begun(NOW + 2), Some(token));
        assert_eq!(pre_session.just_begun(NOW + 3), None);
        for body in [Carriage::ByItself, Carriage::OnClick] {
            pre_session.begin(Some(body), NOW + 1).unwrap();
            assert_eq!(pre_session.just_begun(NOW + 1), None);
        }
        for _ in 0..8 {
            pre_session.count_mismatch(NOW);
        }
        assert!(!pre_session.goes_in_circles());
        pre_session.count_mismatch(NOW + 3);
        pre_session.count_mismatch(NOW + 6);
        assert!(pre_session.goes_in_circles());
    }

    #[test]
    fn eight_logins_are_under_way_and_the_ninth_drops_the_oldest() {
        let mut pre_session = PreSession::default();
        let tokens: Vec<i32> = (0..9).map(|_| pre_session.begin(None, NOW).unwrap()).collect();
        let mut pre_session = sent_back(&pre_session, NOW);
        assert!(!pre_session.holds(tokens[0]));
        assert!(tokens[1..].iter().all(|&token| pre_session.holds(token)));
        pre_session.finish(tokens[4]);
        assert!(!pre_session.holds(tokens[4]));
        assert!(pre_session.holds(tokens[5]) && !pre_session.is_empty());
    }

    #[test]
    fn a_login_is_given_up_after_an_hour() {
        let mut pre_session = PreSession::default();
        let token = pre_session.begin(None, NOW).unwrap();
        assert!(sent_back(&pre_session, NOW + 3600).holds(token));
        assert!(sent_back(&pre_session, NOW + 3601).is_empty());
        assert!(sent_back(&pre_session, NOW - 301).is_empty());
    }

    #[test]
    fn a_body_goes_on_by_itself_only_where_a_page_of_ours_began_the_login_with_one() {
        let mut pre_session = PreSession::default();
        for (body, back) in [
            (Some(Carriage::ByItself), Carriage::ByItself),
            (Some(Carriage::OnClick), Carriage::OnClick),
            (None, Carriage::OnClick),
        ] {
            let token = pre_session.begin(body, NOW).unwrap();
            assert_eq!(
                sent_back(&pre_session, NOW).carriage(token),
                Some(back),
                "{body:?}"
            );
        }
    }

    #[test]
    fn three_fruitless_trips_in_a_minute_are_a_circle() {
        let mut pre_session = PreSession::default();
        for time in [NOW, NOW + 1, NOW + 2] {
            assert!(!pre_session.goes_in_circles());
            pre_session.count_fruitless(time);
        }
        assert!(sent_back(&pre_session, NOW + 60).goes_in_circles());
        assert!(!sent_back(&pre_session, NOW + 61).goes_in_circles());
        pre_session.count_fruitless(NOW + 61);
        assert!(sent_back(&pre_session, NOW + 61).goes_in_circles());
        pre_session.finish(0);
        assert!(!pre_session.goes_in_circles());
    }

    #[test]
    fn a_cookie_that_we_did_not_make_holds_nothing() {
        for header in ["", "x=1", "pubcookie_pre_s=x", "x__Host-pubcookie_pre_s=x"] {
            assert_eq!(PreSession::read(header.as_bytes(), &KEYS, NOW), None, "{header}");
        }
        for header in ["__Host-pubcookie_pre_s=", "__Host-pubcookie_pre_s=AAAA"] {
            assert_eq!(
                PreSession::read(header.as_bytes(), &KEYS, NOW),
                Some(PreSession::default()),
                "{header}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..140)) {
            if let Some(pre_session) = PreSession::from_bytes(&bytes) {
                prop_assert_eq!(PreSession::from_bytes(&pre_session.to_bytes()), Some(pre_session));
            }
        }
    }
}
