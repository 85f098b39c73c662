//! Sessions: how long they last, how their cookies are kept, and what remembers used granting cookies.

mod pubcookie_support;

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use granting_cookie::{Encryption, SigningKey, WatchedKey};
use pubcookie_protocol::reason::Reason;
use pubcookie_protocol::session_cookie::{LegacyKeys, SessionCookies};
use pubcookie_support::{
    ask, begin_login, bring, crypt_key, granted, granting_request, sealed, session, session_cookie, user,
};
use testbed::PrivateDirectory;
use testbed::application::Seen;
use testbed::pki;
use testbed::redis::Redis;
use testbed::site::{AppServer, Site, USER};

#[test]
fn sessions_end_when_they_are_old_or_idle() -> Result<()> {
    let places = "<Location /app/short>\nPubcookieHardExpire 3600\nPubcookieInactiveExpire 300\n</Location>\n\
                  <Location /app/never>\nPubcookieInactiveExpire -1\n</Location>";
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration(places))
        .start()?;
    for (path, age, idle, ended) in [
        ("/app", 0, 0, None),
        ("/app", 28790, 0, None),
        ("/app", 28810, 0, Some(Reason::SessionTooOld)),
        ("/app", 5000, 1790, None),
        ("/app", 5000, 1810, Some(Reason::SessionInactive)),
        ("/app/short", 3590, 290, None),
        ("/app/short", 3610, 0, Some(Reason::SessionTooOld)),
        ("/app/short", 400, 310, Some(Reason::SessionInactive)),
        ("/app/never", 28000, 28000, None),
        ("/app/never", 28810, 0, Some(Reason::SessionTooOld)),
    ] {
        let browser = site.browser()?;
        browser.set_cookie(&site.url("/"), &session_cookie(&site, age, idle)?)?;
        let response = ask(&browser, &site.url(path))?;
        let what = format!("{path}, {age} s old, {idle} s idle: {}", response.summary());
        match ended {
            None => assert_eq!(
                Seen::in_page(&response.body)
                    .context(what)?
                    .variable("REMOTE_USER"),
                Some(USER)
            ),
            Some(reason) => assert_eq!(granting_request(&response).context(what)?.reason, Some(reason)),
        }
    }
    Ok(())
}

#[test]
fn a_session_cookie_is_made_anew_when_a_twentieth_of_the_idle_time_has_passed() -> Result<()> {
    let site = Site::start()?;
    for (idle, anew) in [(0, false), (30, false), (100, true), (1600, true)] {
        let browser = site.browser()?;
        browser.set_cookie(&site.url("/"), &session_cookie(&site, 2000, idle)?)?;
        let response = ask(&browser, &site.url("/app"))?;
        assert_eq!(
            response.set_cookie("__Host-pubcookie_s_demo").is_some(),
            anew,
            "{idle} s"
        );
        assert_eq!(response.header("cache-control"), Some("private"), "{idle} s");
        // The new one has forgotten that it was idle.
        assert!(
            ask(&browser, &site.url("/app"))?
                .set_cookie("__Host-pubcookie_s_demo")
                .is_none()
        );
    }
    Ok(())
}

#[test]
fn the_formats_of_the_original_are_written_and_read_on_request() -> Result<()> {
    const SEALED: &str = "__Host-pubcookie_s_demo";
    const LEGACY: &str = "pubcookie_s_demo";
    for (format, written, reads_the_other) in [
        ("sealed", SEALED, false),
        ("legacy", LEGACY, false),
        ("sealed legacy", SEALED, true),
        ("legacy sealed", LEGACY, true),
    ] {
        let site = Site::builder()
            .app_server(AppServer::new("app").configuration(&format!("PubcookieSessionFormat {format}")))
            .start()?;
        let browser = site.browser()?;
        site.log_in(&browser, "/app")?;
        ensure!(browser.cookie(written).is_some(), "{format}");
        assert_eq!(
            user(&browser.get(&site.url("/app"))?)?.as_deref(),
            Some(USER),
            "{format}"
        );
        // A sealed one of another member.
        let other = site.browser()?;
        other.set_cookie(&site.url("/"), &session_cookie(&site, 0, 0)?)?;
        let response = ask(&other, &site.url("/app"))?;
        let reads_sealed = written == SEALED || reads_the_other;
        assert_eq!(
            Seen::in_page(&response.body).is_ok(),
            reads_sealed,
            "{format}: {}",
            response.summary()
        );
        // Where it is not written so any more, it is made anew.
        assert_eq!(
            other.cookie(LEGACY).is_some(),
            format == "legacy sealed",
            "{format}"
        );
    }
    Ok(())
}

#[test]
fn a_cookie_under_the_name_of_the_other_format_is_taken_away() -> Result<()> {
    const SEALED: &str = "__Host-pubcookie_s_demo";
    const LEGACY: &str = "pubcookie_s_demo";
    for (format, written, other) in [
        ("sealed", SEALED, LEGACY),
        ("legacy", LEGACY, SEALED),
        ("sealed legacy", SEALED, LEGACY),
    ] {
        let site = Site::builder()
            .app_server(AppServer::new("app").configuration(&format!("PubcookieSessionFormat {format}")))
            .start()?;
        let browser = site.browser()?;
        browser.set_cookie(&site.url("/"), &format!("{other}=old; path=/; secure"))?;
        site.log_in(&browser, "/app")?;
        assert!(browser.cookie(written).is_some(), "{format}");
        assert!(browser.cookie(other).is_none(), "{format}");
        // Where it is not there, nothing is said of it.
        let page = site.log_in(&site.browser()?, "/app")?;
        assert!(page.set_cookie(other).is_none(), "{format}: {}", page.story());
    }
    Ok(())
}

#[test]
fn a_session_of_the_previous_key_is_read_in_the_original_format_too() -> Result<()> {
    let host = "app.demo.localhost";
    let keys = PrivateDirectory::new("session-keys")?;
    let new = pki::self_signed(keys.path(), "new", host)?;
    let previous = pki::self_signed(keys.path(), "previous", host)?;
    let configuration = format!(
        "PubcookieSessionFormat legacy\nPubcookieSessionKeyFile \"{}\" \"{}\"\nPubcookieSessionCertFile \"{}\"",
        new.key.display(),
        previous.key.display(),
        new.certificate.display()
    );
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration(&configuration))
        .start()?;
    let cookies = SessionCookies::Legacy(LegacyKeys {
        signing_key: SigningKey::from_pem(&std::fs::read(&previous.key)?)?,
        certificates: Vec::new(),
        crypt_key: Arc::new(WatchedKey::fixed(crypt_key(&site)?)),
        encryption: Encryption::Aes,
        own_name: host.to_owned(),
    });
    let browser = site.browser()?;
    browser.set_cookie(&site.url("/"), &cookies.write(&session(0, 0)?)?)?;
    let response = ask(&browser, &site.url("/app"))?;
    let seen = Seen::in_page(&response.body).with_context(|| response.summary())?;
    assert_eq!(seen.variable("REMOTE_USER"), Some(USER));
    Ok(())
}

/// Begins a login and brings a granting cookie for it: what becomes of it.
fn log_in_with(site: &Site) -> Result<(testbed::browser::Browser, testbed::browser::Response)> {
    let browser = site.browser()?;
    let url = site.url("/app");
    let cookie = granted(&begin_login(&browser, &url)?, USER)?;
    bring(&browser, site, &sealed(site, &cookie, Encryption::Aes)?)?;
    let response = ask(&browser, &url)?;
    Ok((browser, response))
}

#[test]
fn where_used_cookies_cannot_be_remembered_nobody_logs_in() -> Result<()> {
    let redis = Redis::start()?;
    let site = Site::builder()
        .module("socache_redis")
        .configuration(&format!("PubcookieReplayCache {}", redis.socache()))
        .start()?;
    let (browser, response) = log_in_with(&site)?;
    assert_eq!(Seen::in_page(&response.body)?.variable("REMOTE_USER"), Some(USER));
    drop(redis);
    let log = site.httpd.log_from_now();
    let (_, response) = log_in_with(&site)?;
    assert_eq!(response.status, 500, "{}", response.summary());
    assert!(
        log.text()
            .contains("a login was refused, because it could not be checked"),
        "{}",
        log.text()
    );
    assert!(response.set_cookie("__Host-pubcookie_s_demo").is_none());
    // Whoever is logged in already goes on.
    assert_eq!(user(&browser.get(&site.url("/app"))?)?.as_deref(), Some(USER));
    Ok(())
}
