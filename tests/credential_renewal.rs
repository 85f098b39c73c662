//! `MyProxyRenew`: a credential stays good for as long as its session lives, and no request waits for that.

use std::fs;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::application::Seen;
use testbed::browser::Browser;
use testbed::httpd::Mpm;
use testbed::relay::Relay;
use testbed::site::{AppServer, PASSWORD, Site, SiteBuilder, USER};
use testbed::{Clock, wait_until};

/// A credential lasts an hour, and is due with less than half of it left.
const RENEWED: &str = "MyProxyLifetime 3600\nMyProxyRenew 1700";
const UNTIL_DUE: u32 = 2000;
const PATIENCE: Duration = Duration::from_secs(30);

/// A site whose MyProxy server is reached through a relay.
fn site(builder: SiteBuilder, clock: &Clock, relay: &Relay) -> Result<Site> {
    let site = clock
        .drive(builder)
        .app_server(AppServer::new("app").protected("PubcookieInactiveExpire 7200"))
        .configuration(&format!("{RENEWED}\nMyProxyServer localhost:{}", relay.port()))
        .start()?;
    relay.lead_to(site.myproxy.port());
    Ok(site)
}

fn file(site: &Site) -> PathBuf {
    site.credential_directory().join(USER)
}

/// What the record says of whose it is and how it was got.
fn record(site: &Site) -> Result<serde_json::Value> {
    let path = site.credential_directory().join(format!("{USER}%record"));
    let mut record: serde_json::Value = serde_json::from_slice(&fs::read(path)?)?;
    let fields = record.as_object_mut().context("a record")?;
    fields.retain(|name, _| !["credential_sha256", "renewal"].contains(&name.as_str()));
    Ok(record)
}

fn expect_page(browser: &Browser, site: &Site) -> Result<()> {
    let page = browser.get(&site.url("/app"))?;
    Seen::in_page(&page.body)?.credential()?;
    Ok(())
}

/// Requests of one user at once, on every MPM: each is served at once, and one renewal happens.
fn is_renewed_once(builder: SiteBuilder) -> Result<()> {
    let (clock, relay) = (Clock::new()?, Relay::start()?);
    let site = site(builder, &clock, &relay)?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    let (before, record_before) = (fs::read(file(&site))?, record(&site)?);

    // It is still good, but due: requests see it until the new one is there.
    relay.delay(Duration::from_millis(200));
    clock.set_ahead(UNTIL_DUE)?;
    let renewed = AtomicBool::new(false);
    thread::scope(|scope| {
        let busy = |_| {
            scope.spawn(|| {
                while !renewed.load(Ordering::Relaxed) {
                    expect_page(&browser.with_stolen_cookies(), &site)?;
                }
                anyhow::Ok(())
            })
        };
        let busy: Vec<_> = (0..3).map(busy).collect();
        let done = wait_until(PATIENCE, || fs::read(file(&site)).is_ok_and(|now| now != before));
        renewed.store(true, Ordering::Relaxed);
        for thread in busy {
            thread
                .join()
                .map_err(|_| anyhow::anyhow!("a browser panicked"))??;
        }
        ensure!(
            done,
            "it was not renewed: {}",
            site.httpd.log().lines_with("renew").join("\n")
        );
        anyhow::Ok(())
    })?;
    expect_page(&browser, &site)?;
    assert_eq!(site.myproxy.issued()?, 2);
    assert_eq!(record(&site)?, record_before);
    let left = [USER.to_owned(), format!("{USER}%record")];
    assert_eq!(site.stored_credentials()?, left);
    Ok(())
}

#[test]
fn a_renewer_renews_with_the_old_credential() -> Result<()> {
    is_renewed_once(Site::builder().mpm(Mpm::Worker).renewer())
}

#[test]
fn a_trusted_retriever_renews() -> Result<()> {
    for mpm in [Mpm::Event, Mpm::Prefork] {
        is_renewed_once(Site::builder().mpm(mpm).trusted_retriever())?;
    }
    Ok(())
}

/// A long job works behind a session, and no request comes.
#[test]
fn what_no_request_notices_is_renewed_too_and_a_failure_leaves_the_old_one() -> Result<()> {
    let (clock, relay) = (Clock::new()?, Relay::start()?);
    let mut site = site(
        Site::builder()
            .trusted_retriever()
            .configuration("MyProxySweepInterval 1"),
        &clock,
        &relay,
    )?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    let before = fs::read(file(&site))?;

    site.myproxy.stop();
    let log = site.httpd.log_from_now();
    clock.set_ahead(UNTIL_DUE)?;
    let line = log.wait_for("could not be renewed", PATIENCE)?;
    ensure!(
        line.contains("the credential of alice, good for 1") && line.contains("unreachable"),
        "{line}"
    );
    for _ in 0..3 {
        expect_page(&browser, &site)?;
    }
    let told = log.lines_with("more, could not be renewed");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!(fs::read(file(&site))?, before);

    site.myproxy.start()?;
    let is_renewed = || fs::read(file(&site)).is_ok_and(|now| now != before);
    ensure!(wait_until(PATIENCE, is_renewed), "{}", site.httpd.log().text());
    assert_eq!(site.myproxy.issued()?, 2);
    Ok(())
}

/// The user logs out while the MyProxy server works on a new credential.
#[test]
fn nothing_comes_back_after_a_logout() -> Result<()> {
    let (clock, relay) = (Clock::new()?, Relay::start()?);
    let site = site(Site::builder().trusted_retriever(), &clock, &relay)?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    let asked = relay.taken();
    relay.delay(Duration::from_millis(500));
    clock.set_ahead(UNTIL_DUE)?;
    expect_page(&browser, &site)?;
    ensure!(wait_until(PATIENCE, || relay.taken() > asked), "nobody asks");
    browser.get(&site.url("/logout"))?;
    assert_eq!(site.stored_credentials()?, [""; 0]);
    // The server has issued it, and nobody takes it.
    ensure!(wait_until(PATIENCE, || site
        .myproxy
        .issued()
        .is_ok_and(|issued| issued == 2)));
    relay.delay(Duration::ZERO);
    let all_is_over = || {
        relay.taken() > asked
            && site
                .httpd
                .log()
                .text()
                .contains("a new one was got, which is dropped")
    };
    ensure!(wait_until(PATIENCE, all_is_over), "{}", site.httpd.log().text());
    assert_eq!(site.stored_credentials()?, [""; 0]);
    Ok(())
}

/// The administrator has named another server since: what the old one gave is none of its business.
#[test]
fn no_other_server_renews_what_one_gave() -> Result<()> {
    let (clock, relay) = (Clock::new()?, Relay::start()?);
    let builder = Site::builder()
        .trusted_retriever()
        .user("bob", PASSWORD)
        .configuration("MyProxySweepInterval 1");
    let site = site(builder, &clock, &relay)?;
    site.log_in(&site.browser()?, "/app")?;
    let before = fs::read(file(&site))?;

    let configuration = site.directory().join("httpd.conf");
    let (old, new) = (
        format!("MyProxyServer localhost:{}", relay.port()),
        format!("MyProxyServer 127.0.0.1:{}=localhost", relay.port()),
    );
    let text = fs::read_to_string(&configuration)?;
    ensure!(text.contains(&old));
    fs::write(&configuration, text.replace(&old, &new))?;
    site.httpd.graceful_restart()?;
    site.log_in_as(&site.browser()?, &site.url("/app"), "bob", PASSWORD)?;
    let of_bob = || fs::read(site.credential_directory().join("bob"));
    let of_bob_before = of_bob()?;

    // Both are due. One thread renews them, in the order of their names.
    clock.set_ahead(UNTIL_DUE)?;
    let is_renewed = || of_bob().is_ok_and(|now| now != of_bob_before);
    ensure!(wait_until(PATIENCE, is_renewed), "{}", site.httpd.log().text());
    ensure!(fs::read(file(&site))? == before, "the other server renewed it");
    assert_eq!(site.myproxy.issued()?, 3);
    Ok(())
}
