//! What the tests of single sign-on have in common.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use granting_cookie::{
    AppId, AppServerId, Cookie, CookieType, CryptKey, Encryption, Reauthentication, SignedCookie, SigningKey,
    User, Version,
};
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod};
use testbed::application::Seen;
use testbed::browser::{Browser, Page, Request, Response};
use testbed::site::Site;
use url::Url;

/// Now, in Unix seconds.
pub fn now() -> u32 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since_1970.as_secs()).unwrap_or(u32::MAX)
}

/// One request without what follows it.
pub fn ask(browser: &Browser, url: &str) -> Result<Response> {
    browser.exchange(&Request::get(Url::parse(url)?))
}

/// The user whom the application saw.
pub fn user(page: &Page) -> Result<Option<String>> {
    let seen = Seen::in_page(&page.body).with_context(|| page.story())?;
    Ok(seen.variable("REMOTE_USER").map(str::to_owned))
}

/// A login at an application server (GET method) that has begun: the granting request that the browser was given.
pub fn begin_login(browser: &Browser, url: &str) -> Result<GrantingRequest> {
    granting_request(&ask(browser, url)?)
}

/// The granting request in a response (GET method).
pub fn granting_request(response: &Response) -> Result<GrantingRequest> {
    let cookie = response
        .set_cookie("pubcookie_g_req")
        .with_context(|| response.summary())?;
    let (_, value) = cookie.split_once('=').unwrap_or_default();
    let value = value.split(';').next().unwrap_or_default();
    Ok(GrantingRequest::decode(value.as_bytes(), LoginMethod::Get)?)
}

/// What the login server would grant for a request: a test changes what it likes.
pub fn granted(asked: &GrantingRequest, user: &str) -> Result<Cookie> {
    Ok(Cookie {
        user: User::encode(user)?,
        version: Version::new(asked.encryption, Reauthentication::Happened),
        app_server_id: AppServerId::from_encoded(asked.app_server_id.as_str())?,
        app_id: AppId::from_encoded(asked.app_id.as_str())?,
        cookie_type: CookieType::GRANTING,
        creds: asked.creds.digit(),
        pre_session_token: asked.pre_session_token,
        create_time: now(),
        last_time: 0,
    })
}

/// A cookie signed with the site's granting key, and encrypted for one of its application servers.
pub fn sealed(site: &Site, cookie: &Cookie, encryption: Encryption) -> Result<String> {
    let key = SigningKey::from_pem(&fs::read(&site.keys.granting.key)?)?;
    let host = "app.demo.localhost";
    let crypt_key = fs::read(site.keys.of(host).key_directory.join(host))?;
    let crypt_key = CryptKey::from_bytes(&crypt_key).context("a short key file")?;
    Ok(SignedCookie::sign(cookie, &key)?
        .encrypt(encryption, &crypt_key, host)?
        .to_base64()
        .to_string())
}

/// Gives the browser a granting cookie, as the login server would.
pub fn bring(browser: &Browser, site: &Site, cookie: &str) -> Result<()> {
    browser.set_cookie(
        &site.url_at("login", "/"),
        &format!("pubcookie_g={cookie}; domain=.demo.localhost; path=/; secure"),
    )
}
