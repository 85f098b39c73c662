//! Guessing passwords at the login server is slowed down.

mod pubcookie_support;

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use pubcookie_support::user;
use testbed::browser::Page;
use testbed::httpd::Mpm;
use testbed::site::{PASSWORD, Site, USER};

/// Nothing here takes that long.
const LIMIT: Duration = Duration::from_secs(120);

/// A login in a new browser, and so maybe at another child of httpd.
fn guess(site: &Site, user: &str, password: &str) -> Result<Page> {
    site.log_in_as(&site.browser()?, &site.url("/app"), user, password)
}

/// How long to wait, where a password was not looked at.
fn wait(page: &Page) -> Result<Option<Duration>> {
    if page.status != 429 {
        return Ok(None);
    }
    let seconds = page.header("retry-after").context("no Retry-After")?.parse()?;
    Ok(Some(Duration::from_secs(seconds)))
}

/// Guesses until the time to wait is longer than a guess takes. It doubles, and so that comes, however slow this machine is.
fn guess_until_it_takes_long(site: &Site, user: impl Fn(usize) -> String) -> Result<(Instant, Duration)> {
    let began = Instant::now();
    for number in 0.. {
        ensure!(began.elapsed() < LIMIT, "nothing is slowed down");
        let page = guess(site, &user(number), "wrong")?;
        match wait(&page)? {
            Some(wait) if wait >= Duration::from_secs(3) => return Ok((Instant::now(), wait)),
            Some(_) => thread::sleep(Duration::from_millis(100)),
            None => assert_eq!(page.status, 200, "{}", page.story()),
        }
    }
    unreachable!("the numbers end")
}

#[test]
fn a_user_has_to_wait_at_the_address_of_the_guesses() -> Result<()> {
    let site = Site::builder()
        .mpm(Mpm::Prefork)
        .user("bob", "of-bob")
        .login_configuration("PubcookieLoginDelay 2 3600")
        .start()?;
    let log = site.httpd.log_from_now();
    let (seen, time) = guess_until_it_takes_long(&site, |_| USER.to_owned())?;
    // The right password is not looked at either, until the time has come.
    let page = guess(&site, USER, PASSWORD)?;
    assert!(page.status == 429 || seen.elapsed() >= time, "{}", page.story());
    if page.status == 429 {
        assert!(page.body.contains("too many wrong passwords") && page.form_with("user").is_ok());
        assert!(page.hops.is_empty() && page.set_cookie("pubcookie_l").is_none());
    }
    let reason = "more seconds, after too many wrong passwords for this user from this address";
    let line = log.wait_for(reason, Duration::from_secs(5))?;
    assert!(
        line.contains("user alice: refused for ") && line.contains("app server ID app.demo.localhost"),
        "{line}"
    );
    // Another user at the same address is none the wiser.
    assert_eq!(user(&guess(&site, "bob", "of-bob")?)?.as_deref(), Some("bob"));
    // Waiting helps.
    let began = Instant::now();
    let granted = loop {
        let page = guess(&site, USER, PASSWORD)?;
        if page.status != 429 {
            break page;
        }
        ensure!(began.elapsed() < LIMIT, "it never ends");
        thread::sleep(Duration::from_millis(200));
    };
    assert_eq!(user(&granted)?.as_deref(), Some(USER));
    Ok(())
}

#[test]
fn an_address_that_guesses_at_many_users_has_to_wait_for_all_of_them() -> Result<()> {
    let site = Site::builder()
        .login_configuration("PubcookieLoginDelay 1 3600")
        .start()?;
    let log = site.httpd.log_from_now();
    let (seen, time) = guess_until_it_takes_long(&site, |number| format!("nobody{number}"))?;
    let page = guess(&site, USER, PASSWORD)?;
    assert!(page.status == 429 || seen.elapsed() >= time, "{}", page.story());
    let line = log.wait_for(
        "after too many wrong passwords from this address",
        Duration::from_secs(5),
    )?;
    assert!(line.contains("user nobody"), "{line}");
    Ok(())
}

#[test]
fn no_password_is_looked_at_while_wrong_ones_cannot_be_counted() -> Result<()> {
    // Nothing listens there.
    let site = Site::builder()
        .module("socache_redis")
        .configuration("PubcookieLoginDelayCache redis:127.0.0.1:9")
        .start()?;
    let page = site.log_in_as(&site.browser()?, &site.url("/app"), USER, PASSWORD)?;
    assert_eq!(page.status, 503, "{}", page.story());
    assert!(
        site.httpd.log().text().contains("or say PubcookieLoginDelay Off"),
        "{}",
        site.httpd.log().text()
    );
    Ok(())
}

#[test]
fn without_a_delay_nothing_is_counted() -> Result<()> {
    let site = Site::builder()
        .module("socache_redis")
        .configuration("PubcookieLoginDelayCache redis:127.0.0.1:9\nPubcookieLoginDelay off")
        .start()?;
    let browser = site.browser()?;
    for _ in 0..7 {
        let page = site.log_in_as(&browser, &site.url("/app"), USER, "wrong")?;
        assert_eq!(page.status, 200, "{}", page.story());
    }
    assert_eq!(user(&site.log_in(&browser, "/app")?)?.as_deref(), Some(USER));
    Ok(())
}
