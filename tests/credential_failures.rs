//! Every way in which there is no credential: a clear log line, the right `MYPROXY_ERROR`, no file left.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::Result;
use testbed::PrivateDirectory;
use testbed::application::Seen;
use testbed::pki::Authority;
use testbed::site::{AppServer, Site, SiteBuilder};

/// Logs in as `user` and looks at what the application was told, at the log, and at what is left.
fn expect_failure(site: &Site, user: &str, class: &str, words: &str) -> Result<()> {
    let log = site.httpd.log_from_now();
    let page = site.log_in_as(&site.browser()?, &site.url("/app"), user, testbed::site::PASSWORD)?;
    let page = Seen::in_page(&page.body)?;
    assert_eq!(page.variable("X509_USER_PROXY"), None);
    assert_eq!(
        page.variable("MYPROXY_ERROR"),
        Some(class),
        "{:?}",
        page.variable("MYPROXY_ERROR_DESC")
    );
    let line = log.wait_for(&format!("no credential for {user}"), Duration::from_secs(5))?;
    assert!(line.contains(words), "{line}");
    let stored = site.stored_credentials()?;
    assert!(
        stored.iter().all(|name| name.starts_with('.')),
        "left behind: {stored:?}"
    );
    Ok(())
}

fn site_with(configuration: &str) -> SiteBuilder {
    Site::builder().app_server(AppServer::new("app").configuration(configuration))
}

#[test]
fn a_refusal_is_told_in_the_servers_words() -> Result<()> {
    // The MyProxy server takes nobody for bob: the cookie is alice's.
    let site = Site::builder()
        .app_server(AppServer::new("app").protected("MyProxyUser bob"))
        .start()?;
    expect_failure(&site, "alice", "refused", "invalid password")?;
    // The refusal does not turn into a loop of questions.
    assert_eq!(site.myproxy.issued()?, 0);
    Ok(())
}

#[test]
fn an_empty_or_impossible_myproxy_user_is_refused_before_anything_is_sent() -> Result<()> {
    let site = Site::builder()
        .app_server(AppServer::new("app").protected("MyProxyUser \"%{env:NOTHING}\""))
        .start()?;
    let page = Seen::in_page(&site.log_in(&site.browser()?, "/app")?.body)?;
    assert_eq!(page.variable("MYPROXY_ERROR"), Some("refused"));
    assert!(
        page.variable("MYPROXY_ERROR_DESC")
            .is_some_and(|words| words.contains("MyProxyUser"))
    );
    assert_eq!(site.myproxy.syslog().count("Connection from"), 0);
    Ok(())
}

#[test]
fn a_server_that_is_down_is_unreachable() -> Result<()> {
    let mut site = Site::start()?;
    site.myproxy.stop();
    expect_failure(&site, "alice", "unreachable", "cannot connect")
}

#[test]
fn a_server_with_another_name_is_not_trusted() -> Result<()> {
    let site = site_with("MyProxyServerName elsewhere.example.org").start()?;
    expect_failure(&site, "alice", "untrusted", "elsewhere.example.org")
}

#[test]
fn a_server_with_another_dn_is_not_trusted() -> Result<()> {
    let site = site_with("MyProxyServerDN /DC=org/DC=example/CN=somebody").start()?;
    expect_failure(&site, "alice", "untrusted", "somebody")
}

#[test]
fn a_server_of_an_unknown_authority_is_not_trusted() -> Result<()> {
    let elsewhere = PrivateDirectory::new("trust")?;
    fs::set_permissions(elsewhere.path(), fs::Permissions::from_mode(0o755))?;
    Authority::new(elsewhere.path(), "another")?;
    let site = site_with(&format!("MyProxyTrustDir \"{}\"", elsewhere.path().display())).start()?;
    expect_failure(&site, "alice", "untrusted", "is not trusted")
}

#[test]
fn a_store_that_opened_up_is_not_used() -> Result<()> {
    let site = Site::start()?;
    let directory = site.credential_directory();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
    expect_failure(&site, "alice", "store", "chmod")?;
    // httpd does not start with it either, and says what to do.
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o700))?;
    Ok(())
}

#[test]
fn a_cookie_that_the_myproxy_server_has_seen_is_refused_there() -> Result<()> {
    // The module's own memory of used cookies is that of another server: the PAM module has its own.
    let site = Site::start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    assert_eq!(site.myproxy.issued()?, 1);
    browser.get(&site.url("/logout"))?;
    // The Pubcookie session lives on, but there is no proof any more.
    let page = Seen::in_page(&browser.get(&site.url("/app"))?.body)?;
    assert_eq!(page.variable("MYPROXY_ERROR"), Some("none"));
    assert_eq!(site.myproxy.issued()?, 1);
    Ok(())
}

#[test]
fn set_env_does_not_take_the_place_of_the_credential() -> Result<()> {
    let site = Site::builder()
        .module("env")
        .app_server(AppServer::new("app").protected("SetEnv X509_USER_PROXY /tmp/evil"))
        .start()?;
    let page = Seen::in_page(&site.log_in(&site.browser()?, "/app")?.body)?;
    let file = site.credential_directory().join("alice");
    assert_eq!(page.variable("X509_USER_PROXY"), file.to_str());
    Ok(())
}

#[test]
fn servers_that_share_a_store_but_not_all_else_are_refused_at_the_start() -> Result<()> {
    for difference in [
        "MyProxySessionStore dir:elsewhere",
        "MyProxyServer elsewhere.example.org",
        "MyProxyCredName other",
        "MyProxyVO atlas",
    ] {
        let started = Site::builder()
            .app_server(AppServer::new("app"))
            .app_server(AppServer::new("other").configuration(difference))
            .start();
        let refusal = started
            .err()
            .map(|error| format!("{error:#}"))
            .unwrap_or_default();
        let directive = difference.split(' ').next().unwrap_or_default();
        assert!(
            refusal.contains("MyProxyCredStoreDir") && refusal.contains(directive),
            "{difference}: {refusal}"
        );
    }
    Ok(())
}

#[test]
fn a_file_that_somebody_opened_up_serves_nobody_until_the_next_login() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    let file = site.credential_directory().join("alice");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o644))?;
    let page = Seen::in_page(&browser.get(&site.url("/app"))?.body)?;
    assert_eq!(page.variable("X509_USER_PROXY"), None);
    assert_eq!(page.variable("MYPROXY_ERROR"), Some("store"));
    assert!(
        page.variable("MYPROXY_ERROR_DESC")
            .is_some_and(|words| words.contains("chmod 0600"))
    );
    let page = Seen::in_page(&site.log_in(&site.browser()?, "/app")?.body)?;
    assert_eq!(page.credential()?.mode, "0600");
    Ok(())
}
