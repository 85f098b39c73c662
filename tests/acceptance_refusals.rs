//! A granting cookie that does not count leaves a line in the log that says why, and nothing else.

mod pubcookie_support;

use std::time::Duration;

use anyhow::{Result, ensure};
use granting_cookie::{AppId, AppServerId, Cookie, CookieType, Encryption, Reauthentication, User, Version};
use pubcookie_support::{bring, now, sealed};
use testbed::application::Seen;
use testbed::browser::{Browser, Request};
use testbed::site::{AppServer, PASSWORD, Site, USER};

const HOST: &str = "app.demo.localhost";

fn site() -> Result<Site> {
    Site::builder()
        .app_server(
            AppServer::new("app").configuration("<Location /basic>\nPubcookieAppID demo\n</Location>"),
        )
        .start()
}

/// What the application sees behind Basic authentication.
fn ask(browser: &Browser, site: &Site) -> Result<Seen> {
    let credentials = openssl::base64::encode_block(format!("{USER}:{PASSWORD}").as_bytes());
    let request = Request::get(site.url("/basic").parse()?);
    let response = browser.exchange(&request.header("Authorization", &format!("Basic {credentials}")))?;
    Seen::in_page(&response.body)
}

/// A granting cookie that counts, changed.
fn granting_cookie(site: &Site, change: impl FnOnce(&mut Cookie) -> Result<()>) -> Result<String> {
    let mut cookie = Cookie {
        user: User::encode(USER)?,
        version: Version::new(Encryption::Aes, Reauthentication::Happened),
        app_server_id: AppServerId::encode(HOST)?,
        app_id: AppId::encode("demo")?,
        cookie_type: CookieType::GRANTING,
        creds: b'1',
        pre_session_token: 0,
        create_time: now(),
        last_time: 0,
    };
    change(&mut cookie)?;
    sealed(site, &cookie, Encryption::Aes)
}

/// The browser brings the cookie: no credential, a line with these words, and no file.
fn expect_refusal(site: &Site, cookie: &str, words: &str) -> Result<()> {
    let browser = site.browser()?;
    bring(&browser, site, cookie)?;
    let issued = site.myproxy.issued()?;
    let log = site.httpd.log_from_now();
    let page = ask(&browser, site)?;
    assert_eq!(page.variable("REMOTE_USER"), Some(USER), "{words}");
    assert_eq!(page.variable("X509_USER_PROXY"), None, "{words}");
    assert_eq!(page.variable("MYPROXY_ERROR"), Some("none"), "{words}");
    let line = log.wait_for(words, Duration::from_secs(5))?;
    // A cookie that is for us and does not count is worth a look; what may be another application's, or was never
    // one of ours, is not.
    let not_ours = ["for another app ID", "signature does not hold"].contains(&words);
    let level = if not_ours {
        "[pubcookie:info]"
    } else {
        "[pubcookie:warn]"
    };
    ensure!(line.contains(level), "{words}: {line}");
    ensure!(!log.text().contains(&cookie[..40]), "the log shows the cookie");
    assert_eq!(site.myproxy.issued()?, issued, "{words}");
    assert_eq!(site.stored_credentials()?, [""; 0], "{words}");
    assert_eq!(site.stored_sessions()?, [""; 0], "{words}");
    Ok(())
}

#[test]
fn a_cookie_that_does_not_count_leaves_a_line_and_nothing_else() -> Result<()> {
    let site = site()?;
    let refused = |words: &str, change: fn(&mut Cookie) -> Result<()>| {
        expect_refusal(&site, &granting_cookie(&site, change)?, words)
    };
    refused("too old or from the future", |cookie| {
        cookie.create_time -= 62;
        Ok(())
    })?;
    refused("too old or from the future", |cookie| {
        cookie.create_time += 310;
        Ok(())
    })?;
    refused("for another app ID", |cookie| {
        cookie.app_id = AppId::encode("other")?;
        Ok(())
    })?;
    refused("for another app server ID", |cookie| {
        cookie.app_server_id = AppServerId::encode("other.demo.localhost")?;
        Ok(())
    })?;
    refused("it is user bob's", |cookie| {
        cookie.user = User::encode("bob")?;
        Ok(())
    })?;
    refused("user login didn't happen", |cookie| {
        cookie.user = User::encode("")?;
        Ok(())
    })?;

    let good = granting_cookie(&site, |_| Ok(()))?;
    let mut tampered = good.clone();
    let other = if good.as_bytes()[300] == b'A' { "B" } else { "A" };
    tampered.replace_range(300..301, other);
    expect_refusal(&site, &tampered, "signature does not hold")?;

    // All of that has not spoilt the good one, which is good once.
    let browser = site.browser()?;
    bring(&browser, &site, &good)?;
    ask(&browser, &site)?.credential()?;
    browser.get(&site.url("/logout"))?;
    expect_refusal(&site, &good, "was used before")?;
    Ok(())
}
