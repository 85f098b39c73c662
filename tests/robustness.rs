//! httpd lives on: panics in every callback, restarts under load.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::application::Seen;
use testbed::httpd::Mpm;
use testbed::site::{AppServer, PASSWORD, Site, USER};

/// Where httpd calls us during a request, a host and path that get there, and what the client is answered: after an
/// answer has been decided on, nothing can be refused any more.
const DURING_A_REQUEST: [(&str, &str, &str, u16); 9] = [
    ("post_read_request", "app", "/", 500),
    ("translate_name", "app", "/", 500),
    ("post_perdir_config", "app", "/", 500),
    ("access_checker", "app", "/", 500),
    ("check_authn", "app", "/app", 500),
    ("fixups", "app", "/", 500),
    ("handler", "login", "/", 500),
    ("insert_error_filter", "app", "/a%2Fb", 404),
    ("log_transaction", "app", "/", 200),
];

#[test]
fn a_panic_during_a_request_is_a_refusal_and_no_more() -> Result<()> {
    for (callback, host, path, status) in DURING_A_REQUEST {
        let mut site = Site::builder()
            .mpm(Mpm::Prefork)
            .environment("MOD_MYPROXY_PANIC_IN", callback)
            .start()?;
        let children = site.httpd.children()?;
        let log = site.httpd.log_from_now();
        for _ in 0..3 {
            let page = site.browser()?.get(&site.url_at(host, path))?;
            assert_eq!(page.status, status, "{callback}: {}", page.story());
        }
        let line = log.wait_for(&format!("internal error in {callback}"), Duration::from_secs(5))?;
        assert!(line.contains(".rs:") && line.contains("a forced panic"), "{line}");
        ensure!(site.httpd.is_running(), "{callback}: httpd has ended");
        // Under load httpd starts more of them.
        let alive: Vec<u32> = site.httpd.children()?.iter().map(|child| child.pid).collect();
        for child in children {
            ensure!(
                alive.contains(&child.pid),
                "{callback}: child {} has died",
                child.pid
            );
        }
        assert!(!log.text().contains("exit signal"), "{callback}: {}", log.text());
    }
    Ok(())
}

/// Nothing that answers for a password is more dangerous than one that says yes because it failed.
#[test]
fn a_panic_of_the_authentication_provider_lets_nobody_in() -> Result<()> {
    let mut site = Site::builder()
        .app_server(AppServer::new("app").configuration(
            "<Location /pass-phrase>\nAuthType Basic\nAuthName demo\nAuthBasicProvider myproxy\nRequire valid-user\n\
             </Location>",
        ))
        .environment("MOD_MYPROXY_PANIC_IN", "authentication provider")
        .start()?;
    let log = site.httpd.log_from_now();
    for password in [PASSWORD, "wrong", ""] {
        let credentials = openssl::base64::encode_block(format!("{USER}:{password}").as_bytes());
        let request = testbed::browser::Request::get(site.url("/pass-phrase").parse()?)
            .header("Authorization", &format!("Basic {credentials}"));
        assert_eq!(site.browser()?.exchange(&request)?.status, 500);
    }
    let line = log.wait_for(
        "internal error in authentication provider",
        Duration::from_secs(5),
    )?;
    assert!(line.contains(".rs:") && line.contains("a forced panic"), "{line}");
    ensure!(site.httpd.is_running(), "httpd has ended");
    Ok(())
}

/// Nor does one that answers for a credential, whether it is to let in or to keep out.
#[test]
fn a_panic_about_an_authorization_lets_nobody_in() -> Result<()> {
    let place = |path: &str, requirements: &str| {
        format!(
            "<Location {path}>\nAuthType Basic\nAuthName demo\nAuthBasicProvider file\nAuthUserFile passwords\n\
             MyProxyCredential On\n<RequireAll>\nRequire valid-user\n{requirements}\n</RequireAll>\n</Location>\n"
        )
    };
    let places = place("/demanded", "Require myproxy-credential")
        + &place("/negated", "Require not myproxy-credential");
    for callback in ["authorization provider", "auth_checker"] {
        let mut site = Site::builder()
            .app_server(AppServer::new("app").configuration(&places))
            .environment("MOD_MYPROXY_PANIC_IN", callback)
            .start()?;
        let log = site.httpd.log_from_now();
        let credentials = openssl::base64::encode_block(format!("{USER}:{PASSWORD}").as_bytes());
        for path in ["/demanded", "/negated"] {
            let request = testbed::browser::Request::get(site.url(path).parse()?)
                .header("Authorization", &format!("Basic {credentials}"));
            assert_eq!(
                site.browser()?.exchange(&request)?.status,
                500,
                "{callback}, {path}"
            );
        }
        log.wait_for(&format!("internal error in {callback}"), Duration::from_secs(5))?;
        ensure!(site.httpd.is_running(), "{callback}: httpd has ended");
    }
    Ok(())
}

#[test]
fn a_panic_at_the_start_stops_it_with_a_line() {
    for callback in [
        "register_hooks",
        "create_config",
        "directive",
        "merge_config",
        "pre_config",
        "check_config",
        "post_config",
    ] {
        let started = Site::builder()
            .environment("MOD_MYPROXY_PANIC_IN", callback)
            .start();
        let error = started
            .err()
            .map(|error| format!("{error:#}"))
            .unwrap_or_else(|| panic!("{callback}: httpd started"));
        assert!(error.contains("internal error"), "{callback}: {error}");
        assert!(!error.contains("signal"), "{callback}: {error}");
    }
}

#[test]
fn a_panic_of_the_sweep_or_at_a_childs_start_leaves_httpd_serving() -> Result<()> {
    for callback in ["watchdog", "child_init", "optional function"] {
        let mut site = Site::builder()
            .configuration("MyProxySweepInterval 1")
            .environment("MOD_MYPROXY_PANIC_IN", callback)
            .start()?;
        let browser = site.browser()?;
        site.log_in(&browser, "/app")?;
        site.httpd
            .log()
            .wait_for(&format!("internal error in {callback}"), Duration::from_secs(15))?;
        let page = browser.get(&site.url("/"))?;
        assert_eq!(page.status, 200, "{callback}: {}", page.story());
        ensure!(site.httpd.is_running(), "{callback}: httpd has ended");
    }
    Ok(())
}

#[test]
fn a_hundred_graceful_restarts_under_load_lose_no_session_and_no_memory() -> Result<()> {
    let site = Site::builder().mpm(Mpm::Event).start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    let parent = || resident_memory(site.httpd.pid());
    let (stop, served) = (AtomicBool::new(false), AtomicUsize::new(0));
    let mut after_ten = 0;
    thread::scope(|scope| {
        let load = scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                // A connection that a child closes while it ends is tried again, as browsers do.
                let page = browser
                    .get(&site.url("/app"))
                    .or_else(|_| browser.get(&site.url("/app")))?;
                Seen::in_page(&page.body)?.credential()?;
                served.fetch_add(1, Ordering::Relaxed);
            }
            anyhow::Ok(())
        });
        let restarts = (|| {
            for number in 0..100 {
                site.httpd.graceful_restart()?;
                if number == 10 {
                    after_ten = parent()?;
                }
            }
            anyhow::Ok(())
        })();
        stop.store(true, Ordering::Relaxed);
        restarts.and(load.join().map_err(|_| anyhow::anyhow!("the load panicked"))?)
    })?;
    ensure!(
        served.load(Ordering::Relaxed) >= 20,
        "only {} requests were served",
        served.load(Ordering::Relaxed)
    );
    assert_eq!(site.myproxy.issued()?, 1, "no restart may cost a logon");
    // What httpd itself and its allocator keep varies a little; a leak of ours would come ninety times.
    let growth = parent()?.saturating_sub(after_ten);
    ensure!(
        growth < 4 << 20,
        "the parent grew by {growth} bytes in 90 restarts"
    );
    Ok(())
}

/// VmRSS of a process, in bytes.
fn resident_memory(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .unwrap_or_default();
    let kilobytes: u64 = line.split_whitespace().nth(1).unwrap_or_default().parse()?;
    Ok(kilobytes * 1024)
}

/// Debian compresses by default: its filters must be ready for a page that an authentication hook answers.
#[test]
fn a_login_page_passes_the_filters_of_a_stock_httpd() -> Result<()> {
    let site = Site::builder()
        .module("filter")
        .module("deflate")
        .configuration("AddOutputFilterByType DEFLATE text/html\nHeader always set X-Site-Wide yes")
        .module("headers")
        .start()?;
    let browser = site.browser()?;
    let request = testbed::browser::Request::get(site.url("/app").parse()?).header("Accept-Encoding", "gzip");
    let answer = browser.exchange(&request)?;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("X-Site-Wide"), Some("yes"));
    assert_eq!(answer.header("Content-Encoding"), Some("gzip"));
    assert!(!site.httpd.log().text().contains("exit signal"));
    Ok(())
}
