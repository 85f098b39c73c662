//! The login cookie: what the login server itself remembers of a login, in the browser.

use super::keys::LoginKeys;
use super::user::UserName;
use crate::auth_type::Creds;
use crate::cookie_header;
use crate::granting_request::{GrantingRequest, Reauthentication};
use crate::session::CLOCK_SKEW;
use crate::settings::LoginUrl;
use granting_cookie::{Cookie, CookieType, EncryptedCookie, Encryption};

/// The login cookie's name.
pub(super) const NAME: &str = "pubcookie_l";

/// A login that counts: the password was typed at `logged_in`, and serves until `expires` (Unix seconds).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Login {
    pub user: UserName,
    pub creds: Creds,
    pub logged_in: u64,
    pub expires: u64,
}

/// What the browser's login cookies say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum KnownUser {
    /// The user is logged in.
    LoggedIn(Login),
    /// The login has ended; the name serves to fill in the form.
    Remembered(UserName),
    /// There is no login cookie of ours.
    Nobody,
}

impl KnownUser {
    /// Reads the Cookie header. Of several login cookies the first good one counts.
    pub fn read(cookies: &[u8], url: &LoginUrl, keys: &impl LoginKeys, now: u64) -> KnownUser {
        let mut known = KnownUser::Nobody;
        for value in cookie_header::values(cookies, NAME) {
            let Some((user, cookie)) = open(value, url, keys) else {
                continue;
            };
            match login_of(&cookie, &user, now) {
                Some(login) => return KnownUser::LoggedIn(login),
                None if known == KnownUser::Nobody => known = KnownUser::Remembered(user),
                None => {}
            }
        }
        known
    }

    /// The user's name, whether logged in or only remembered.
    pub fn name(&self) -> Option<&UserName> {
        match self {
            KnownUser::LoggedIn(login) => Some(&login.user),
            KnownUser::Remembered(user) => Some(user),
            KnownUser::Nobody => None,
        }
    }

    /// The login, where it counts.
    pub fn login(&self) -> Option<&Login> {
        match self {
            KnownUser::LoggedIn(login) => Some(login),
            KnownUser::Remembered(_) | KnownUser::Nobody => None,
        }
    }
}

impl Login {
    /// Whether this login answers the request without a form.
    pub fn answers(&self, request: &GrantingRequest, now: u64) -> bool {
        let recent_enough = match request.reauthentication {
            Reauthentication::NotDemanded => true,
            Reauthentication::Always => false,
            Reauthentication::UnlessWithin(seconds) => {
                now.saturating_sub(self.logged_in) <= u64::from(seconds)
            }
        };
        self.creds == request.creds && recent_enough
    }
}

/// Opens a login cookie of ours: nothing else that the session key may have signed.
fn open(value: &[u8], url: &LoginUrl, keys: &impl LoginKeys) -> Option<(UserName, Cookie)> {
    let encrypted = EncryptedCookie::from_base64(std::str::from_utf8(value).ok()?).ok()?;
    let peer = url.host().name();
    let cookie = keys
        .own_crypt_keys()
        .open(&encrypted, Encryption::Aes, peer, keys.session_certificates())
        .ok()?
        .cookie;
    let ours = cookie.cookie_type == CookieType::LOGIN
        && cookie.version.0.starts_with(b"a5")
        && cookie.is_printable_ascii();
    let user = UserName::from_cookie(&cookie.user).ok().filter(|_| ours)?;
    Some((user, cookie))
}

fn login_of(cookie: &Cookie, user: &UserName, now: u64) -> Option<Login> {
    let creds = Creds::from_digit(cookie.creds).filter(|creds| *creds != Creds::NONE)?;
    let (logged_in, expires) = (u64::from(cookie.create_time), u64::from(cookie.last_time));
    let counts = expires >= now && logged_in <= now.saturating_add(CLOCK_SKEW);
    counts.then(|| Login {
        user: user.clone(),
        creds,
        logged_in,
        expires,
    })
}
