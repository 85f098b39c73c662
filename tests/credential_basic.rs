//! Another authentication of httpd, and a granting cookie made by our own encoder.

mod pubcookie_support;

use anyhow::Result;
use granting_cookie::{AppId, AppServerId, Cookie, CookieType, Encryption, Reauthentication, User, Version};
use pubcookie_support::{bring, now, sealed};
use testbed::application::Seen;
use testbed::browser::{Browser, Request, Response};
use testbed::site::{AppServer, PASSWORD, Site};

const HOST: &str = "app.demo.localhost";

/// A site whose `/basic` belongs to the application `demo`, and shows its own page of a wrong password.
fn site() -> Result<Site> {
    Site::builder()
        .app_server(AppServer::new("app").configuration(
            "<Location /basic>\nPubcookieAppID demo\nErrorDocument 401 /basic/wrong\n</Location>",
        ))
        .start()
}

fn ask(browser: &Browser, site: &Site, password: &str) -> Result<Response> {
    let credentials = openssl::base64::encode_block(format!("alice:{password}").as_bytes());
    let request = Request::get(site.url("/basic").parse()?);
    browser.exchange(&request.header("Authorization", &format!("Basic {credentials}")))
}

fn granting_cookie(site: &Site, user: &str) -> Result<String> {
    let cookie = Cookie {
        user: User::encode(user)?,
        version: Version::new(Encryption::Aes, Reauthentication::Happened),
        app_server_id: AppServerId::encode(HOST)?,
        app_id: AppId::encode("demo")?,
        cookie_type: CookieType::GRANTING,
        creds: b'1',
        pre_session_token: 0,
        create_time: now(),
        last_time: 0,
    };
    sealed(site, &cookie, Encryption::Aes)
}

#[test]
fn a_granting_cookie_beside_basic_authentication_brings_a_credential_once() -> Result<()> {
    let site = site()?;
    let browser = site.browser()?;
    bring(&browser, &site, &granting_cookie(&site, "alice")?)?;
    let stolen = browser.with_stolen_cookies();
    let page = Seen::in_page(&ask(&browser, &site, PASSWORD)?.body)?;
    assert_eq!(page.variable("AUTH_TYPE"), Some("Basic"));
    page.credential()?;
    assert!(
        !page
            .variable("HTTP_COOKIE")
            .unwrap_or_default()
            .contains("pubcookie_g=a")
    );
    assert_eq!(site.myproxy.issued()?, 1);

    // The next request is served from the store; the same cookie once more brings nothing new.
    Seen::in_page(&ask(&browser, &site, PASSWORD)?.body)?.credential()?;
    browser.get(&site.url("/logout"))?;
    let replayed = Seen::in_page(&ask(&stolen, &site, PASSWORD)?.body)?;
    assert_eq!(replayed.variable("MYPROXY_ERROR"), Some("none"));
    assert_eq!(site.myproxy.issued()?, 1);
    Ok(())
}

#[test]
fn a_granting_cookie_of_somebody_else_does_not_count() -> Result<()> {
    let site = site()?;
    let browser = site.browser()?;
    bring(&browser, &site, &granting_cookie(&site, "mallory")?)?;
    let page = Seen::in_page(&ask(&browser, &site, PASSWORD)?.body)?;
    assert_eq!(page.variable("REMOTE_USER"), Some("alice"));
    assert_eq!(page.variable("MYPROXY_ERROR"), Some("none"));
    assert_eq!(site.myproxy.issued()?, 0);
    Ok(())
}

/// mod_auth_basic names the user before it has seen the password.
#[test]
fn the_page_about_a_wrong_password_has_no_credential() -> Result<()> {
    let site = site()?;
    let owner = site.browser()?;
    bring(&owner, &site, &granting_cookie(&site, "alice")?)?;
    Seen::in_page(&ask(&owner, &site, PASSWORD)?.body)?.credential()?;

    let stranger = site.browser()?;
    let response = ask(&stranger, &site, "wrong")?;
    assert_eq!(response.status, 401);
    assert!(response.set_cookie("MM_SESSION").is_none());
    let page = Seen::in_page(&response.body)?;
    assert_eq!(page.variable("X509_USER_PROXY"), None, "{:?}", page.environment);
    assert_eq!(page.variable("MYPROXY_ERROR"), Some("none"));
    Ok(())
}
