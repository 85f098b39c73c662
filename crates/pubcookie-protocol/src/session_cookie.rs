//! Session cookies: a session in the sealed format, and in the original's.

use crate::app_id::{AppId, AppServerId};
use crate::auth_type::Creds;
use crate::legacy_cookie::{LegacyCookie, LegacyCookieError};
use crate::sealed::{SealingError, SealingKeys};
use crate::session::Session;
use crate::{cookie_header, set_cookie};
use granting_cookie::{Cookie, CookieType};
use std::str::FromStr;
use zeroize::Zeroizing;

pub use crate::legacy_cookie::LegacyKeys;

/// `PubcookieSessionFormat`: what is written, and what is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SessionFormat {
    /// Writes and reads sealed cookies.
    #[default]
    Sealed,
    /// Writes sealed cookies, reads both.
    SealedLegacy,
    /// Writes the original's cookies, reads both.
    LegacySealed,
    /// Writes and reads the original's cookies.
    Legacy,
}

/// What makes and reads the session cookies of one app server.
#[derive(Debug)]
pub enum SessionCookies {
    /// [`SessionFormat::Sealed`].
    Sealed(SealingKeys),
    /// [`SessionFormat::Legacy`].
    Legacy(LegacyKeys),
    /// Writes sealed cookies, reads both.
    SealedLegacy(SealingKeys, LegacyKeys),
    /// Writes the original's cookies, reads both.
    LegacySealed(SealingKeys, LegacyKeys),
}

/// A session that a cookie held.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundSession {
    /// The session; whether it counts is still to be checked.
    pub session: Session,
    /// It was not written as it would be now (another format, the previous key): write it anew.
    pub outdated: bool,
}

/// Why a session cookie could not be made.
#[derive(Debug, thiserror::Error)]
pub enum SessionCookieError {
    /// Sealing failed.
    #[error(transparent)]
    Sealing(#[from] SealingError),
    /// The original's cookie could not be made.
    #[error(transparent)]
    Legacy(#[from] LegacyCookieError),
    /// Name and value together are longer than a browser keeps.
    #[error("the session cookie has {0} bytes; browsers keep {COOKIE_LIMIT}")]
    TooLong(usize),
}

/// What browsers keep of one cookie, name and value, in bytes (RFC 6265, section 6.1).
pub const COOKIE_LIMIT: usize = 4096;

/// The most cookies of one name that are tried; a neighbour in the domain may plant as many as it likes.
const TRIED_LIMIT: usize = 8;

/// What the original writes into a session cookie's token field.
const ORDINARY: i32 = 23;
const REAUTHENTICATED: i32 = 24;

impl SessionCookies {
    /// The `Set-Cookie` value that keeps the session in the browser.
    pub fn write(&self, session: &Session) -> Result<Zeroizing<String>, SessionCookieError> {
        let (name, value) = match self {
            SessionCookies::Sealed(keys) | SessionCookies::SealedLegacy(keys, _) => (
                set_cookie::session(&session.app_id),
                Zeroizing::new(keys.seal(&to_bytes(session))?),
            ),
            SessionCookies::Legacy(keys) | SessionCookies::LegacySealed(_, keys) => (
                set_cookie::legacy_session(&session.app_id),
                write_legacy(keys, session)?,
            ),
        };
        let length = name.len() + 1 + value.len();
        if length > COOKIE_LIMIT {
            return Err(SessionCookieError::TooLong(length));
        }
        Ok(set_cookie::session_cookie(&name, &value))
    }

    /// Every session for this application that the request's Cookie header holds, in the order to be tried.
    pub fn read(&self, cookie_header: &[u8], app_id: &AppId) -> Vec<FoundSession> {
        match self {
            SessionCookies::Sealed(keys) => read_sealed(keys, cookie_header, app_id, false),
            SessionCookies::Legacy(keys) => read_legacy(keys, cookie_header, app_id, false),
            SessionCookies::SealedLegacy(sealed, legacy) => {
                let mut found = read_sealed(sealed, cookie_header, app_id, false);
                found.extend(read_legacy(legacy, cookie_header, app_id, true));
                found
            }
            SessionCookies::LegacySealed(sealed, legacy) => {
                let mut found = read_legacy(legacy, cookie_header, app_id, false);
                found.extend(read_sealed(sealed, cookie_header, app_id, true));
                found
            }
        }
    }

    /// The keys of the original's format, where that is read.
    pub fn legacy_keys(&self) -> Option<&LegacyKeys> {
        match self {
            SessionCookies::Sealed(_) => None,
            SessionCookies::Legacy(keys)
            | SessionCookies::SealedLegacy(_, keys)
            | SessionCookies::LegacySealed(_, keys) => Some(keys),
        }
    }

    /// Whether the original's format is the one that is written.
    pub fn writes_legacy(&self) -> bool {
        matches!(self, SessionCookies::Legacy(_) | SessionCookies::LegacySealed(..))
    }
}

fn read_sealed(keys: &SealingKeys, header: &[u8], app_id: &AppId, outdated: bool) -> Vec<FoundSession> {
    let name = set_cookie::session(app_id);
    let sessions = cookie_header::values(header, &name)
        .take(TRIED_LIMIT)
        .filter_map(|value| {
            let opened = keys.open(value)?;
            let session = from_bytes(&opened.bytes, app_id, keys.app_server_id())?;
            Some(FoundSession {
                session,
                outdated: outdated || opened.under_previous_key,
            })
        });
    sessions.collect()
}

fn write_legacy(keys: &LegacyKeys, session: &Session) -> Result<Zeroizing<String>, LegacyCookieError> {
    keys.make(&LegacyCookie {
        cookie_type: CookieType::SESSION,
        user: &session.user,
        app_server_id: &session.app_server_id,
        app_id: &session.app_id,
        creds: session.creds,
        token: if session.reauthenticated {
            REAUTHENTICATED
        } else {
            ORDINARY
        },
        create_time: session.create_time,
        last_time: session.last_time,
    })
}

fn read_legacy(keys: &LegacyKeys, header: &[u8], app_id: &AppId, outdated: bool) -> Vec<FoundSession> {
    let name = set_cookie::legacy_session(app_id);
    let sessions = cookie_header::values(header, &name)
        .take(TRIED_LIMIT)
        .filter_map(|value| {
            Some(FoundSession {
                session: from_cookie(&keys.open(value, CookieType::SESSION)?)?,
                outdated,
            })
        });
    sessions.collect()
}

/// The session that the original's cookie describes.
fn from_cookie(cookie: &Cookie) -> Option<Session> {
    Some(Session {
        user: String::from_utf8(cookie.user.decoded()).ok()?,
        app_id: AppId::from_encoded(cookie.app_id.as_bytes()).ok()?,
        app_server_id: AppServerId::from_encoded(cookie.app_server_id.as_bytes()).ok()?,
        creds: Creds::from_digit(cookie.creds)?,
        reauthenticated: cookie.pre_session_token == REAUTHENTICATED,
        create_time: cookie.create_time.into(),
        last_time: cookie.last_time.into(),
    })
}

/// The first byte of what is sealed, so that a later version can tell this one.
const LAYOUT: u8 = 1;

/// What is sealed: layout, creds, reauthenticated, create time, last time, then app server ID, app ID and user, each
/// of the IDs behind its length.
fn to_bytes(session: &Session) -> Zeroizing<Vec<u8>> {
    let mut bytes = vec![LAYOUT, session.creds.digit(), u8::from(session.reauthenticated)];
    bytes.extend(session.create_time.to_be_bytes());
    bytes.extend(session.last_time.to_be_bytes());
    for id in [session.app_server_id.as_str(), session.app_id.as_str()] {
        bytes.push(u8::try_from(id.len()).expect("an ID has at most 127 bytes"));
        bytes.extend(id.as_bytes());
    }
    bytes.extend(session.user.as_bytes());
    bytes.into()
}

/// The session that was sealed, most likely one with this application of this app server.
fn from_bytes(bytes: &[u8], likely_app: &AppId, likely_server: &AppServerId) -> Option<Session> {
    let (&[LAYOUT, creds, reauthenticated @ 0..=1], rest) = bytes.split_first_chunk()? else {
        return None;
    };
    let (create_time, rest) = rest.split_first_chunk()?;
    let (last_time, rest) = rest.split_first_chunk()?;
    let (app_server_id, rest) = length_and_text(rest)?;
    let (app_id, user) = length_and_text(rest)?;
    Some(Session {
        user: std::str::from_utf8(user).ok()?.into(),
        app_id: likely_app.from_similar(app_id).ok()?,
        app_server_id: likely_server.from_similar(app_server_id).ok()?,
        creds: Creds::from_digit(creds)?,
        reauthenticated: reauthenticated == 1,
        create_time: u64::from_be_bytes(*create_time),
        last_time: u64::from_be_bytes(*last_time),
    })
}

fn length_and_text(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(length.into())
}

/// Not a session format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not one of: sealed, legacy, sealed legacy, legacy sealed", .0.escape_debug())]
pub struct UnknownSessionFormat(String);

impl FromStr for SessionFormat {
    type Err = UnknownSessionFormat;

    fn from_str(text: &str) -> Result<SessionFormat, UnknownSessionFormat> {
        let words: Vec<String> = text
            .split_ascii_whitespace()
            .map(str::to_ascii_lowercase)
            .collect();
        match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["sealed"] => Ok(SessionFormat::Sealed),
            ["legacy"] => Ok(SessionFormat::Legacy),
            ["sealed", "legacy"] => Ok(SessionFormat::SealedLegacy),
            ["legacy", "sealed"] => Ok(SessionFormat::LegacySealed),
            _ => Err(UnknownSessionFormat(text.chars().take(80).collect())),
        }
    }
}
