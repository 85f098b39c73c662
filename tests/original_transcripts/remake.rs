//! Cookies that the recorded browser made up: the application server's own are made again as ours has them, with what
//! they say.

use std::fs;

use anyhow::{Context, Result};
use granting_cookie::{
    Cookie, CookieType, CryptKey, Encryption, Reauthentication, SignedCookie, SigningKey, User, Version,
};
use pubcookie_protocol::app_id::{AppId, AppServerId};
use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::sealed::Purpose;
use pubcookie_protocol::session::Session;
use pubcookie_protocol::session_cookie::SessionCookies;

use super::keys::GRANTING;
use super::site::{Servers, SessionFormat};
use super::transcript::Request;

/// A cookie that no server set, as the `Cookie` header has it.
pub fn made_again(
    (name, value): (&str, &str),
    request: &Request,
    servers: &Servers,
    format: SessionFormat,
) -> String {
    let host = request.url.host_str().unwrap_or_default();
    let body = if request.form.is_some() {
        BODY_GOES_ON
    } else {
        NO_BODY
    };
    let made = match name {
        _ if format == SessionFormat::Legacy => return format!("{name}={value}"),
        "pubcookie_pre_s" => pre_session(value, body, host, servers),
        _ if name.starts_with("pubcookie_s_") => session(value, host, servers),
        _ => return format!("{name}={value}"),
    };
    format!("__Host-{name}={}", made.unwrap_or_else(|| value.to_owned()))
}

/// What the recorded browser brought to the reply URL in the place of a granting cookie. The original took it unseen.
pub const NO_GRANTING_COOKIE: &str = "AbC+/==";

/// What ours takes in its place: a granting cookie, and the pre-session cookie of the login that it is for.
pub struct Granted {
    pub granting_cookie: String,
    pub pre_session: String,
}

/// A login at `host` that comes back to the reply URL now.
pub fn granted(host: &str, now: u64, servers: &Servers) -> Result<Granted> {
    let token = 777;
    let create_time = u32::try_from(now)?;
    let cookie = Cookie {
        user: User::encode("alice")?,
        version: Version::new(Encryption::Aes, Reauthentication::Unknown),
        app_server_id: granting_cookie::AppServerId::encode(host)?,
        app_id: granting_cookie::AppId::encode("secureapp")?,
        cookie_type: CookieType::GRANTING,
        creds: Creds::FIRST.digit(),
        pre_session_token: token,
        create_time,
        last_time: 0,
    };
    let key = SigningKey::from_pem(&fs::read(servers.keys.private_key(GRANTING))?)?;
    let crypt_key =
        CryptKey::from_bytes(&fs::read(servers.keys.key_directory().join(host))?).context("a short key")?;
    let granting_cookie = SignedCookie::sign(&cookie, &key)?
        .encrypt(Encryption::Aes, &crypt_key, host)?
        .to_base64()
        .to_string();
    let pre_session = sealed_pre_session(token, create_time, BODY_GOES_ON, host, servers);
    Ok(Granted {
        granting_cookie,
        pre_session: pre_session.context("no key to seal with")?,
    })
}

/// The pre-session of the login that a granting cookie answers; its body goes on by itself.
pub fn pre_session_of(granting_cookie: &str, host: &str, servers: &Servers) -> Option<String> {
    let cookie = servers.keys.open(granting_cookie)?.cookie;
    sealed_pre_session(
        cookie.pre_session_token,
        cookie.create_time,
        BODY_GOES_ON,
        host,
        servers,
    )
}

fn pre_session(value: &str, body: u8, host: &str, servers: &Servers) -> Option<String> {
    let cookie = servers.keys.open(value)?.cookie;
    sealed_pre_session(cookie.pre_session_token, cookie.create_time, body, host, servers)
}

const BODY_GOES_ON: u8 = 0;
const NO_BODY: u8 = 2;

/// One login under way: layout, number of logins, token, time, how its body goes on.
fn sealed_pre_session(token: i32, since: u32, body: u8, host: &str, servers: &Servers) -> Option<String> {
    let since = u64::from(since).to_be_bytes();
    let login = [&[1, 1][..], &token.to_be_bytes(), &since, &[body]].concat();
    servers.keys.sealing(Purpose::PreSession, host)?.seal(&login).ok()
}

/// A session that says the same; one that this server did not make so, or that is none, stays as it is.
fn session(value: &str, host: &str, servers: &Servers) -> Option<String> {
    let opened = servers.keys.open(value)?;
    let cookie = opened.cookie;
    let made_here = opened.signer == host && opened.peer == host && opened.encryption == Encryption::Aes;
    if !made_here || cookie.cookie_type != CookieType::SESSION || !cookie.version.is_compatible() {
        return None;
    }
    let session = Session {
        user: String::from_utf8(cookie.user.decoded()).ok()?,
        app_id: AppId::from_encoded(cookie.app_id.as_bytes()).ok()?,
        app_server_id: AppServerId::from_encoded(cookie.app_server_id.as_bytes()).ok()?,
        creds: Creds::from_digit(cookie.creds)?,
        reauthenticated: cookie.pre_session_token == 24,
        create_time: cookie.create_time.into(),
        last_time: cookie.last_time.into(),
    };
    let cookies = SessionCookies::Sealed(servers.keys.sealing(Purpose::Session, host)?);
    let text = cookies.write(&session).ok()?;
    let (_, value) = text.split(';').next()?.split_once('=')?;
    Some(value.to_owned())
}
