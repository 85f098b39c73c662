//! Hours pass in seconds: what expires, what is idle, and what waits too long, by a clock that runs ahead.

use std::path::PathBuf;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::application::Seen;
use testbed::site::{AppServer, Site, SiteBuilder, USER};
use testbed::{Clock, wait_until};

/// A site whose httpd goes by this clock, with Pubcookie sessions that outlive whatever is tried here.
fn site(clock: &Clock, protected: &str) -> SiteBuilder {
    let lasting = "PubcookieInactiveExpire -1\nPubcookieHardExpire 43200";
    let app = AppServer::new("app").protected(lasting).protected(protected);
    clock.drive(Site::builder().app_server(app))
}

fn alices_file(site: &Site) -> PathBuf {
    site.credential_directory().join(USER)
}

/// What the application is told instead of a credential.
fn error_of(page: &Seen) -> Option<&str> {
    assert_eq!(page.variable("REMOTE_USER"), Some(USER));
    assert_eq!(page.variable("X509_USER_PROXY"), None);
    page.variable("MYPROXY_ERROR")
}

#[test]
fn an_expired_credential_is_told_as_such_and_ends_with_its_session() -> Result<()> {
    let clock = Clock::new()?;
    let site = site(&clock, "MyProxyLifetime 3600")
        .configuration("MyProxySweepInterval 0")
        .start()?;
    let browser = site.browser()?;
    Seen::in_page(&site.log_in(&browser, "/app")?.body)?.credential()?;

    clock.set_ahead(7200)?;
    let log = site.httpd.log_from_now();
    let page = Seen::in_page(&browser.get(&site.url("/app"))?.body)?;
    assert_eq!(error_of(&page), Some("expired"));
    let line = log.wait_for("no credential for alice: expired:", Duration::from_secs(5))?;
    ensure!(
        line.contains("[myproxy:debug]"),
        "to log in again is no error: {line}"
    );
    // Both are gone, without a sweep.
    log.wait_for(
        "a session of alice ended (its credential has expired); its credential was erased",
        Duration::from_secs(5),
    )?;
    assert!(!alices_file(&site).exists());
    assert_eq!(site.stored_credentials()?, [""; 0]);
    assert_eq!(site.stored_sessions()?, [""; 0]);
    Ok(())
}

#[test]
fn an_expired_credential_is_swept() -> Result<()> {
    let clock = Clock::new()?;
    let site = site(&clock, "MyProxyLifetime 3600")
        .configuration("MyProxySweepInterval 1")
        .start()?;
    Seen::in_page(&site.log_in(&site.browser()?, "/app")?.body)?.credential()?;
    clock.set_ahead(7200)?;
    // The line comes when the sweep is through: the credential goes first, its record after it.
    site.httpd
        .log()
        .wait_for("swept: 1 expired", Duration::from_secs(15))?;
    assert_eq!(site.stored_credentials()?, [""; 0]);
    assert_eq!(
        site.stored_sessions()?,
        [""; 0],
        "a session outlived its credential"
    );
    Ok(())
}

#[test]
fn a_session_goes_on_while_it_is_used_and_ends_with_its_credential() -> Result<()> {
    let clock = Clock::new()?;
    let site = site(&clock, "")
        .configuration("MyProxySessionIdle 3600\nMyProxySweepInterval 1")
        .start()?;
    let browser = site.browser()?;
    Seen::in_page(&site.log_in(&browser, "/app")?.body)?.credential()?;
    // Used within the hour, it goes on for another, sweep or not.
    for ahead in [3000, 6000, 9000] {
        clock.set_ahead(ahead)?;
        thread::sleep(Duration::from_millis(1200));
        Seen::in_page(&browser.get(&site.url("/app"))?.body)?.credential()?;
    }
    clock.set_ahead(9000 + 3700)?;
    let gone = wait_until(Duration::from_secs(15), || {
        site.stored_credentials().is_ok_and(|names| names.is_empty())
            && site.stored_sessions().is_ok_and(|names| names.is_empty())
    });
    ensure!(gone, "the sweep did not come: {}", site.httpd.log().text());
    let page = Seen::in_page(&browser.get(&site.url("/app"))?.body)?;
    assert_eq!(error_of(&page), Some("none"));
    assert_eq!(site.stored_credentials()?, [""; 0]);
    assert_eq!(site.stored_sessions()?, [""; 0]);
    assert_eq!(site.myproxy.issued()?, 1);
    Ok(())
}

#[test]
fn a_granting_cookie_waits_a_hundred_seconds_for_the_myproxy_server() -> Result<()> {
    for (ahead, still_tried) in [(80, true), (105, false)] {
        let clock = Clock::new()?;
        let mut site = site(&clock, "").start()?;
        site.myproxy.stop();
        let browser = site.browser()?;
        let page = Seen::in_page(&site.log_in(&browser, "/app")?.body)?;
        assert_eq!(error_of(&page), Some("unreachable"));

        site.myproxy.start()?;
        clock.set_ahead(ahead)?;
        let page = Seen::in_page(&browser.get(&site.url("/app"))?.body)?;
        assert_eq!(
            page.credential().is_ok(),
            still_tried,
            "after {ahead} s: {:?}",
            page.environment
        );
        assert_eq!(site.myproxy.issued()?, u64::from(still_tried));
        assert_eq!(alices_file(&site).exists(), still_tried);
    }
    Ok(())
}
