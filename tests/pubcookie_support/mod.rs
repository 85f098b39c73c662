//! What the tests of single sign-on have in common.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result};
use granting_cookie::{
    AppId, AppServerId, Cookie, CookieType, CryptKey, Encryption, Reauthentication, SignedCookie, SigningKey,
    User, Version,
};
use pubcookie_protocol::app_id;
use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod};
use pubcookie_protocol::sealed::{self, Purpose, SealingKeys};
use pubcookie_protocol::session::Session;
use pubcookie_protocol::session_cookie::SessionCookies;
use testbed::application::Seen;
use testbed::browser::{Browser, Page, Request, Response};
use testbed::site::{Site, USER};
use url::Url;

/// The site's application server.
const HOST: &str = "app.demo.localhost";

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
    Ok(SignedCookie::sign(cookie, &key)?
        .encrypt(encryption, &crypt_key(site)?, HOST)?
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

/// The key that the site's application server shares with the login server.
pub fn crypt_key(site: &Site) -> Result<CryptKey> {
    let file = site.keys.of(HOST).key_directory.join(HOST);
    CryptKey::from_bytes(&fs::read(file)?).context("a short key file")
}

/// A session with the site's application, of this age and idle for so long, in seconds.
pub fn session(age: u64, idle: u64) -> Result<Session> {
    Ok(Session {
        user: USER.to_owned(),
        app_id: app_id::AppId::configured("demo")?,
        app_server_id: app_id::AppServerId::configured(HOST)?,
        creds: Creds::FIRST,
        reauthenticated: false,
        create_time: u64::from(now()) - age,
        last_time: u64::from(now()) - idle,
    })
}

/// Its cookie, as `Set-Cookie` text.
pub fn session_cookie(site: &Site, age: u64, idle: u64) -> Result<String> {
    cookie_of(site, &session(age, idle)?)
}

/// The cookie of any session with the site's application server, as `Set-Cookie` text.
pub fn cookie_of(site: &Site, session: &Session) -> Result<String> {
    let pem = fs::read(&site.keys.of(HOST).session.key)?;
    let context = sealed::Context {
        server_name: HOST,
        app_server_id: &app_id::AppServerId::configured(HOST)?,
    };
    let keys = SealingKeys::derive(&pem, None, Purpose::Session, context)?;
    Ok(SessionCookies::Sealed(keys).write(session)?.to_string())
}
