//! Keys made ahead of need (`MyProxyKeyPool`): after the first logon, so many in all children, gone with their child.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use testbed::application::Seen;
use testbed::httpd::{Httpd, Log, Mpm, configtest};
use testbed::site::Site;
use testbed::wait_until;

/// What httpd logs of a child's keys.
const COUNT: &str = "keys made ahead of need: ";
/// The thread that makes them.
const THREAD: &str = "myproxy keys";
/// A loaded machine has little time for it.
const LIMIT: Duration = Duration::from_secs(90);

/// How many keys each child has, by its process number, and the most that there ever were in all.
fn counted(log: &Log) -> Result<(BTreeMap<String, usize>, usize)> {
    let (mut children, mut most) = (BTreeMap::new(), 0);
    for line in log.lines_with(COUNT) {
        let counts = line.split_once(COUNT).and_then(|(_, counts)| {
            let (here, all) = counts.strip_suffix(" in all")?.split_once(" in this child, ")?;
            Some((here.parse().ok()?, all.parse().ok()?))
        });
        let process = line
            .split_once("[pid ")
            .and_then(|(_, rest)| rest.split([':', ']']).next());
        let ((here, all), process): ((usize, usize), _) = counts.zip(process).context(line.clone())?;
        children.insert(process.to_owned(), here);
        most = most.max(all);
    }
    Ok((children, most))
}

/// How many of the children have a thread that makes keys.
fn children_with_thread(httpd: &Httpd) -> Result<usize> {
    let has_thread = |pid| {
        let tasks = fs::read_dir(format!("/proc/{pid}/task"))
            .into_iter()
            .flatten()
            .flatten();
        let names = tasks.filter_map(|task| fs::read_to_string(task.path().join("comm")).ok());
        names.into_iter().any(|name| name.trim_end() == THREAD)
    };
    let children = httpd.children()?;
    Ok(children.iter().filter(|child| has_thread(child.pid)).count())
}

/// The private key in the file that a page's application was told of.
fn private_key(site: &Site) -> Result<String> {
    let pem = fs::read_to_string(site.credential_directory().join("alice"))?;
    let (_, key) = pem
        .split_once("-----BEGIN RSA PRIVATE KEY-----")
        .context("no key")?;
    Ok(key.to_owned())
}

fn log_in(site: &Site) -> Result<()> {
    let page = site.log_in(&site.browser()?, "/app")?;
    Seen::in_page(&page.body)?.credential().map(drop)
}

#[test]
fn a_child_makes_keys_after_its_first_logon_and_takes_them_along_when_it_ends() -> Result<()> {
    let site = Site::builder()
        .mpm(Mpm::Event)
        .configuration(
            "MyProxyKeyPool 1\nStartServers 1\nServerLimit 1\nMaxRequestWorkers 16\nMaxSpareThreads 16",
        )
        .start()?;
    let log = site.httpd.log();
    site.browser()?.get(&site.url("/"))?;
    assert_eq!(children_with_thread(&site.httpd)?, site.httpd.children()?.len());
    assert_eq!(log.lines_with(COUNT), [""; 0], "no user has logged on");

    log_in(&site)?;
    let first = private_key(&site)?;
    log.wait_for("1 in this child, 1 in all", LIMIT)?;
    let log = site.httpd.log_from_now();
    log_in(&site)?;
    let second = private_key(&site)?;
    assert_ne!(first, second);
    // The one that was ready is taken, and another one made.
    log.wait_for("0 in this child", LIMIT)?;
    log.wait_for("1 in this child, 1 in all", LIMIT)?;
    log_in(&site)?;
    assert_ne!(private_key(&site)?, second, "no key serves twice");

    let old = site.httpd.children()?;
    site.httpd.graceful_restart()?;
    let remains = || {
        let now = site.httpd.children().unwrap_or_default();
        old.iter().any(|old| now.iter().any(|child| child.pid == old.pid))
    };
    ensure!(
        wait_until(LIMIT, || !remains()),
        "a child waits for ever for its thread"
    );
    let log = site.httpd.log_from_now();
    site.browser()?.get(&site.url("/"))?;
    assert_eq!(
        log.lines_with(COUNT),
        [""; 0],
        "nobody has logged on since the restart"
    );
    Ok(())
}

#[test]
fn all_children_together_have_as_many_keys_as_the_pool() -> Result<()> {
    let site = Site::builder()
        .mpm(Mpm::Prefork)
        .configuration("MyProxyKeyPool 2\nStartServers 8\nMinSpareServers 8")
        .start()?;
    // Each child serves one of them at a time.
    thread::scope(|scope| {
        let logins: Vec<_> = (0..6).map(|_| scope.spawn(|| log_in(&site))).collect();
        logins
            .into_iter()
            .try_for_each(|login| login.join().map_err(|_| anyhow!("a login panicked"))?)
    })?;
    let log = site.httpd.log();
    let mut state = Ok((BTreeMap::new(), 0));
    let full = wait_until(LIMIT, || {
        state = counted(&log);
        state
            .as_ref()
            .is_ok_and(|(children, _)| children.values().sum::<usize>() == 2)
    });
    let (children, most) = state?;
    ensure!(full, "{children:?}");
    assert_eq!(most, 2, "{children:?}");
    site.httpd.stop()
}

#[test]
fn prefork_makes_no_keys_ahead_unless_it_is_told_to() -> Result<()> {
    let site = Site::builder().mpm(Mpm::Prefork).start()?;
    log_in(&site)?;
    assert_eq!(children_with_thread(&site.httpd)?, 0);
    Ok(())
}

#[test]
fn what_cannot_be_is_refused() {
    let refused = [
        (
            "MyProxyKeyPool many",
            r#""many" is not a whole number from 0 to 1024"#,
        ),
        (
            "MyProxyKeyPool 1025",
            r#""1025" is not a whole number from 0 to 1024"#,
        ),
        (
            "MyProxyKeyPool -1",
            r#""-1" is not a whole number from 0 to 1024"#,
        ),
        (
            "<VirtualHost *>\nMyProxyKeyPool 2\n</VirtualHost>",
            "is for the whole httpd, and cannot stand in a virtual host",
        ),
    ];
    for (configuration, reason) in refused {
        let words = configtest(configuration).expect_err(configuration);
        assert!(words.contains(&format!("MyProxyKeyPool: {reason}")), "{words}");
    }
    configtest("MyProxyKeyPool 0").expect("a pool of none");
}
