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
use testbed::site::{AppServer, Site, SiteBuilder, USER};
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
    assert_eq!(site.stored_credentials()?, [USER, &format!("{USER}%record")]);
    Ok(())
}

#[test]
fn a_trusted_retriever_renews() -> Result<()> {
    for mpm in [Mpm::Event, Mpm::Prefork] {
        is_renewed_once(Site::builder().mpm(mpm).trusted_retriever())?;
    }
    Ok(())
}
