//! A MyProxy server that is stopped, started again and slow, while requests go on: those that need no logon notice
//! nothing, and every login of the time has its credential afterwards.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rustix::process::{Pid, Signal, kill_process};
use testbed::application::Seen;
use testbed::browser::{Browser, Request};
use testbed::httpd::Mpm;
use testbed::relay::Relay;
use testbed::site::{AppServer, PASSWORD, Site, USER};
use testbed::wait_until;

/// Those who are logged in when it begins, and go on working.
const BUSY: [&str; 3] = ["busy-1", "busy-2", "busy-3"];
/// Those who log in while the server does not answer. With the busy ones they are as many as httpd has workers, less one.
const LATE: [&str; 4] = ["late-1", "late-2", "late-3", "late-4"];
const PATIENCE: Duration = Duration::from_secs(60);

/// Eight workers in all, and four logons at once.
fn site(mpm: Mpm, relay: &Relay) -> Result<Site> {
    let workers = match mpm {
        Mpm::Event | Mpm::Worker => "ServerLimit 2\nThreadsPerChild 4\nMinSpareThreads 8\nMaxSpareThreads 8",
        Mpm::Prefork => "ServerLimit 8",
    };
    let mut builder = Site::builder().mpm(mpm).configuration(&format!(
        "MyProxyServer localhost:{}\nMyProxyTimeout 2 3\nStartServers 2\n{workers}\nMaxRequestWorkers 8",
        relay.port()
    ));
    for user in BUSY.iter().chain(&LATE) {
        builder = builder.user(user, PASSWORD);
    }
    let site = builder.start()?;
    relay.lead_to(site.myproxy.port());
    Ok(site)
}

fn log_in(site: &Site, user: &str) -> Result<(Browser, Seen)> {
    let browser = site.browser()?;
    let page = site.log_in_as(&browser, &site.url("/app"), user, PASSWORD)?;
    Ok((browser, Seen::in_page(&page.body)?))
}

/// That `user` is served with the own credential.
fn expect_own_credential(page: &Seen, user: &str) -> Result<()> {
    let subject = &page.credential()?.subject;
    ensure!(
        subject.ends_with(&format!("/CN={user}")),
        "{user} got the credential of {subject}"
    );
    Ok(())
}

/// The requests of those who are logged in already, one after the other for each, until it is over.
struct Load<'s> {
    site: &'s Site,
    served: AtomicUsize,
    over: AtomicBool,
}

impl Load<'_> {
    fn work(&self, browser: &Browser, user: &str) -> Result<()> {
        while !self.over.load(Ordering::Relaxed) {
            let page = browser.get(&self.site.url("/app"))?;
            let seen = Seen::in_page(&page.body).with_context(|| format!("{user}: {}", page.body))?;
            expect_own_credential(&seen, user)?;
            self.served.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// That all of them get on.
    fn expect_progress(&self, when: &str) -> Result<()> {
        let served = || self.served.load(Ordering::Relaxed);
        let goal = served() + 4 * BUSY.len();
        ensure!(wait_until(PATIENCE, || served() >= goal), "nobody gets on {when}");
        Ok(())
    }
}

/// Over, whatever happens: the scope waits for those who work.
struct Over<'l>(&'l AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn an_outage_under_load(mpm: Mpm) -> Result<()> {
    let relay = Relay::start()?;
    let mut site = site(mpm, &relay)?;
    let busy = BUSY
        .iter()
        .map(|user| log_in(&site, user).map(|(browser, _)| (browser, *user)))
        .collect::<Result<Vec<_>>>()?;
    // Connections lead nowhere: as if the server had been stopped.
    relay.lead_to(0);
    let load = Load {
        site: &site,
        served: AtomicUsize::new(0),
        over: AtomicBool::new(false),
    };
    let late = thread::scope(|scope| {
        let over = Over(&load.over);
        let working: Vec<_> = busy
            .iter()
            .map(|(browser, user)| scope.spawn(|| load.work(browser, user)))
            .collect();
        load.expect_progress("while the server is down")?;
        let (first, page) = log_in(&site, LATE[0])?;
        ensure!(page.variable("MYPROXY_ERROR") == Some("unreachable"), "{page:?}");

        // It takes connections and says nothing: each logon waits for its limit.
        relay.lead_to(site.myproxy.port());
        relay.delay(PATIENCE);
        let waiting: Vec<_> = LATE[1..]
            .iter()
            .map(|user| scope.spawn(|| log_in(&site, user)))
            .collect();
        load.expect_progress("while the server is silent")?;
        let mut late = vec![(first, LATE[0])];
        for (login, user) in waiting.into_iter().zip(&LATE[1..]) {
            let (browser, page) = login.join().expect("a login panicked")?;
            ensure!(page.variable("MYPROXY_ERROR") == Some("unreachable"), "{page:?}");
            late.push((browser, *user));
        }

        relay.delay(Duration::from_millis(100));
        load.expect_progress("while the server is slow")?;
        drop(over);
        for thread in working {
            thread.join().expect("a request panicked")?;
        }
        anyhow::Ok(late)
    })?;

    // The server itself goes and comes. Every login of that time has its credential in the end, nobody has another's.
    site.myproxy.stop();
    relay.delay(Duration::ZERO);
    site.myproxy.start()?;
    for (browser, user) in busy.iter().chain(&late) {
        let has_it = || {
            let page = browser.get(&site.url("/app")).ok()?;
            expect_own_credential(&Seen::in_page(&page.body).ok()?, user).ok()
        };
        ensure!(
            wait_until(PATIENCE, || has_it().is_some()),
            "{user} has no credential of the own"
        );
    }
    let mut users: Vec<_> = BUSY.iter().chain(&LATE).map(|user| (*user).to_owned()).collect();
    users.sort();
    let mut stored = site.stored_credentials()?;
    stored.retain(|name| !name.contains("%record"));
    assert_eq!(stored, users, "and nothing else is left");
    Ok(())
}

#[test]
fn a_child_that_dies_while_it_logs_on_does_not_count_any_more() -> Result<()> {
    let relay = Relay::start()?;
    let site = Site::builder()
        .mpm(Mpm::Prefork)
        .user("bob", PASSWORD)
        .configuration(&format!(
            "MyProxyServer localhost:{}\nMyProxyMaxConcurrent 1\nMyProxyTimeout 30 30",
            relay.port()
        ))
        .start()?;
    relay.lead_to(site.myproxy.port());
    relay.delay(PATIENCE);
    thread::scope(|scope| {
        let lost = scope.spawn(|| log_in(&site, USER));
        ensure!(wait_until(PATIENCE, || relay.taken() > 0), "no logon");
        for child in site.httpd.children()? {
            let pid = Pid::from_raw(i32::try_from(child.pid)?).context("no process number")?;
            kill_process(pid, Signal::KILL)?;
        }
        // The browser may have tried again, with a login that counts no more.
        let _ = lost.join();
        Ok(())
    })?;
    relay.delay(Duration::ZERO);
    // The parent starts others in its own time.
    let log_in = || log_in(&site, "bob").ok();
    let mut page = None;
    wait_until(PATIENCE, || {
        page = log_in();
        page.is_some()
    });
    let (_, page) = page.context("nobody answers")?;
    expect_own_credential(&page, "bob")
}

/// Virtual hosts with settings of their own count their logons for themselves, but have their workers together.
#[test]
fn a_worker_remains_however_many_hosts_wait() -> Result<()> {
    let relay = Relay::start()?;
    let host = |label: &str| {
        AppServer::new(label)
            .protected("MyProxyAuthMethod cookie certificate")
            .configuration(&format!("MyProxyCredStoreDir credentials-{label}"))
    };
    let mut builder = Site::builder()
        .mpm(Mpm::Prefork)
        .trusted_retriever()
        .configuration(&format!(
            "MyProxyAuthMethod cookie certificate\nMyProxyServer localhost:{}\nMyProxyTimeout 60 60\n\
             StartServers 8\nServerLimit 8\nMaxRequestWorkers 8",
            relay.port()
        ));
    for user in LATE {
        builder = builder.user(user, PASSWORD);
    }
    let site = builder
        .app_server(host("one"))
        .app_server(host("other"))
        .start()?;
    relay.lead_to(site.myproxy.port());
    relay.delay(PATIENCE);

    let ask = |label: &str, user: &str| -> Result<_> {
        let browser = site.browser()?;
        let credentials = openssl::base64::encode_block(format!("{user}:{PASSWORD}").as_bytes());
        let request = Request::get(site.url_at(label, "/basic").parse()?);
        let request = request.header("Authorization", &format!("Basic {credentials}"));
        Ok(move || browser.exchange(&request))
    };
    // Four logons at once are each host's limit; seven workers may wait in all.
    let hosts = ["one", "other"];
    let all: Vec<_> = hosts
        .iter()
        .flat_map(|host| LATE.map(|user| (*host, user)))
        .collect();
    let (last, first) = all.split_last().context("nobody")?;
    for (host, user) in first {
        thread::spawn(ask(host, user)?);
    }
    ensure!(
        wait_until(PATIENCE, || relay.taken() == 7),
        "{} wait",
        relay.taken()
    );
    let page = Seen::in_page(&ask(last.0, last.1)?()?.body)?;
    assert_eq!(page.variable("MYPROXY_ERROR"), Some("unreachable"));
    let words = page.variable("MYPROXY_ERROR_DESC").unwrap_or_default();
    ensure!(words.contains("too many requests wait"), "{words}");
    // Those who wait are let go when httpd ends.
    Ok(())
}

#[test]
fn an_outage_under_event() -> Result<()> {
    an_outage_under_load(Mpm::Event)
}

#[test]
fn an_outage_under_worker() -> Result<()> {
    an_outage_under_load(Mpm::Worker)
}

#[test]
fn an_outage_under_prefork() -> Result<()> {
    an_outage_under_load(Mpm::Prefork)
}
