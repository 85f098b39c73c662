//! The cookies that the login server makes, and how it sets and clears them.

use super::keys::LoginKeys;
use super::login_cookie::{self, Login};
use super::refusal::Refusal;
use super::user::UserName;
use crate::granting_request::GrantingRequest;
use crate::set_cookie;
use crate::settings::{CookieDomain, LoginUrl};
use granting_cookie::{
    AppId, AppServerId, Cookie, CookieType, CryptKey, Encryption, Reauthentication, SignedCookie, SigningKey,
    User, Version,
};
use zeroize::Zeroizing;

/// A granting cookie in base64: this user may have a session with the application that asks. `None` is somebody who
/// was not to be asked, and comes back blank.
pub(super) fn granting_cookie(
    request: &GrantingRequest,
    user: Option<&UserName>,
    reauthentication: Reauthentication,
    now: u64,
    crypt_key: &CryptKey,
    keys: &impl LoginKeys,
) -> Result<Zeroizing<String>, Refusal> {
    let cookie = Cookie {
        user: user.map_or_else(|| User::encode(""), |user| Ok(user.field()))?,
        version: Version::new(request.encryption, reauthentication),
        app_server_id: AppServerId::from_encoded(request.app_server_id.as_str())?,
        app_id: AppId::from_encoded(request.app_id.as_str())?,
        cookie_type: CookieType::GRANTING,
        creds: request.creds.digit(),
        pre_session_token: request.pre_session_token,
        create_time: seconds(now),
        last_time: 0,
    };
    sealed(
        &cookie,
        keys.granting_key(),
        request.encryption,
        crypt_key,
        request.host.name(),
    )
}

/// The login cookie of a login, as Set-Cookie. `request` is what the user logged in for, unless it was for the login
/// server itself.
pub(super) fn set_login(
    login: &Login,
    request: Option<&GrantingRequest>,
    url: &LoginUrl,
    keys: &impl LoginKeys,
) -> Result<Zeroizing<String>, Refusal> {
    let app_server_id = request.map_or("", |request| request.app_server_id.as_str());
    let cookie = Cookie {
        user: login.user.field(),
        version: Version::new(Encryption::Des, Reauthentication::Unknown),
        app_server_id: AppServerId::from_encoded(app_server_id)?,
        app_id: AppId::from_encoded(request.map_or("pinit", |request| request.app_id.as_str()))?,
        cookie_type: CookieType::LOGIN,
        creds: login.creds.digit(),
        pre_session_token: 0,
        create_time: seconds(login.logged_in),
        last_time: seconds(login.expires),
    };
    set_login_cookie(&cookie, url, keys)
}

/// A login cookie that only remembers the user's name, as Set-Cookie.
pub(super) fn set_expired_login(
    user: &UserName,
    url: &LoginUrl,
    now: u64,
    keys: &impl LoginKeys,
) -> Result<Zeroizing<String>, Refusal> {
    let cookie = Cookie {
        user: user.field(),
        version: Version::new(Encryption::Des, Reauthentication::Unknown),
        app_server_id: AppServerId::from_encoded("expired")?,
        app_id: AppId::from_encoded("expired")?,
        cookie_type: CookieType::LOGIN,
        creds: b'0',
        pre_session_token: 23,
        create_time: seconds(now),
        last_time: seconds(now),
    };
    set_login_cookie(&cookie, url, keys)
}

/// Takes the login cookie away.
pub(super) fn clear_login(url: &LoginUrl) -> Zeroizing<String> {
    let name = login_cookie::NAME;
    Zeroizing::new(format!(
        "{name}=clear; path={}; expires={EXPIRED}; secure; HttpOnly; SameSite=None",
        url.path()
    ))
}

/// Gives the granting cookie to all hosts of the domain. Both ends of the way are on one site, so it is Lax.
pub(super) fn set_granting(cookie: &str, domain: Option<&CookieDomain>) -> Zeroizing<String> {
    let (name, domain) = (set_cookie::GRANTING, domain_attribute(domain));
    Zeroizing::new(format!(
        "{name}={cookie}{domain}; path=/; secure; HttpOnly; SameSite=Lax"
    ))
}

/// Takes the granting request away.
pub(super) fn clear_granting_request(domain: Option<&CookieDomain>) -> Zeroizing<String> {
    let (name, domain) = (set_cookie::GRANTING_REQUEST, domain_attribute(domain));
    Zeroizing::new(format!(
        "{name}=clear{domain}; path=/; expires={EXPIRED}; secure; HttpOnly"
    ))
}

/// It is not Lax: a granting request of the POST method comes by a form from another site, and single sign-on needs the
/// login cookie then.
fn set_login_cookie(
    cookie: &Cookie,
    url: &LoginUrl,
    keys: &impl LoginKeys,
) -> Result<Zeroizing<String>, Refusal> {
    let value = sealed(
        cookie,
        keys.session_key(),
        Encryption::Aes,
        keys.own_crypt_keys().current(),
        url.host().name(),
    )?;
    let name = login_cookie::NAME;
    Ok(Zeroizing::new(format!(
        "{name}={}; path={}; secure; HttpOnly; SameSite=None",
        *value,
        url.path()
    )))
}

fn sealed(
    cookie: &Cookie,
    signing_key: &SigningKey,
    encryption: Encryption,
    crypt_key: &CryptKey,
    peer: &str,
) -> Result<Zeroizing<String>, Refusal> {
    Ok(SignedCookie::sign(cookie, signing_key)?
        .encrypt(encryption, crypt_key, peer)?
        .to_base64())
}

/// Unix seconds as a cookie holds them: four bytes, until 2106.
fn seconds(time: u64) -> u32 {
    u32::try_from(time).unwrap_or(u32::MAX)
}

fn domain_attribute(domain: Option<&CookieDomain>) -> String {
    domain.map_or(String::new(), |domain| format!("; domain={domain}"))
}

const EXPIRED: &str = "Fri, 11-Jan-1990 00:00:01 GMT";
