//! What the directives about credentials do, seen from outside: how long they serve, who may read them, how long a
//! logon may take, and what an application is told.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Result, anyhow, ensure};
use testbed::PrivateDirectory;
use testbed::application::Seen;
use testbed::httpd::configtest;
use testbed::site::{AppServer, PASSWORD, Site, SiteBuilder, USER};

fn protected(configuration: &str) -> SiteBuilder {
    Site::builder().app_server(AppServer::new("app").protected(configuration))
}

fn alices_file(site: &Site) -> PathBuf {
    site.credential_directory().join(USER)
}

#[test]
fn a_credential_with_too_little_left_counts_as_expired() -> Result<()> {
    let site = Site::builder()
        .app_server(
            AppServer::new("app")
                .protected("MyProxyLifetime 3600\nMyProxyMinLifetime 3000")
                .configuration("<Location /app/long>\nMyProxyMinLifetime 4000\n</Location>"),
        )
        .start()?;
    let browser = site.browser()?;
    let page = Seen::in_page(&site.log_in(&browser, "/app")?.body)?;
    page.credential()?;
    let demanding = Seen::in_page(&browser.get(&site.url("/app/long"))?.body)?;
    assert_eq!(demanding.variable("X509_USER_PROXY"), None);
    assert_eq!(demanding.variable("MYPROXY_ERROR"), Some("expired"));
    // It is as good as before elsewhere.
    Seen::in_page(&browser.get(&site.url("/app"))?.body)?.credential()?;
    assert_eq!(site.myproxy.issued()?, 1);
    Ok(())
}

#[test]
fn a_credential_lasts_as_long_as_was_asked_for() -> Result<()> {
    let site = protected("MyProxyLifetime 3600").start()?;
    site.log_in(&site.browser()?, "/app")?;
    let pem = fs::read(alices_file(&site))?;
    let certificate = openssl::x509::X509::from_pem(&pem)?;
    let now = i64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs())?;
    let left = openssl::asn1::Asn1Time::from_unix(now)?.diff(certificate.not_after())?;
    let left = left.days * 86_400 + left.secs;
    ensure!((3400..=3600).contains(&left), "{left} s are left");
    Ok(())
}

#[test]
fn a_group_may_read_credentials_where_the_configuration_says_so() -> Result<()> {
    let site = Site::builder()
        .configuration("MyProxyFilePermissions 0640")
        .start()?;
    let browser = site.browser()?;
    let page = Seen::in_page(&site.log_in(&browser, "/app")?.body)?;
    assert_eq!(page.credential()?.mode, "0640");
    let directory = fs::metadata(site.credential_directory())?;
    let file = fs::metadata(alices_file(&site))?;
    assert_eq!((file.uid(), file.gid()), (directory.uid(), directory.gid()));
    // Whoever opens it up further takes it out of service.
    fs::set_permissions(alices_file(&site), fs::Permissions::from_mode(0o644))?;
    let page = Seen::in_page(&browser.get(&site.url("/app"))?.body)?;
    assert_eq!(page.variable("X509_USER_PROXY"), None);
    ensure!(page.variable("MYPROXY_ERROR").is_some(), "{:?}", page.environment);
    Ok(())
}

#[test]
fn variable_and_session_cookie_are_called_as_configured() -> Result<()> {
    let site = Site::builder()
        .app_server(AppServer::new("app").protected("MyProxyEnvName GRID_CREDENTIAL"))
        .configuration("MyProxySessionCookie GRID_SESSION SameSite=Strict Path=/app")
        .start()?;
    let browser = site.browser()?;
    let page = site.log_in(&browser, "/app")?;
    let cookie = page
        .set_cookie("GRID_SESSION")
        .ok_or_else(|| anyhow!("{}", page.story()))?
        .to_owned();
    for attribute in ["; Secure", "; HttpOnly", "; SameSite=Strict", "; Path=/app"] {
        ensure!(cookie.contains(attribute), "no {attribute} in {cookie}");
    }
    assert!(browser.cookie("MM_SESSION").is_none());
    let seen = Seen::in_page(&page.body)?;
    let file = alices_file(&site);
    assert_eq!(seen.variable("GRID_CREDENTIAL"), file.to_str());
    assert_eq!(seen.variable("AJP_GRID_CREDENTIAL"), file.to_str());
    assert_eq!(seen.variable("X509_USER_PROXY"), None);
    Ok(())
}

#[test]
fn a_myproxy_server_that_never_answers_keeps_nobody_waiting() -> Result<()> {
    let silent = TcpListener::bind("127.0.0.1:0")?;
    let address = silent.local_addr()?;
    // One process, so that one limit counts for all.
    let site = Site::builder()
        .user("bob", PASSWORD)
        .configuration(&format!(
            "MyProxyServer localhost:{}\nMyProxyTimeout 2 4\nMyProxyMaxConcurrent 1\n\
             ServerLimit 1\nStartServers 1\nMaxRequestWorkers 16\nMaxSpareThreads 16",
            address.port()
        ))
        .start()?;
    let began = Instant::now();
    let pages = thread::scope(|scope| {
        let users = [USER, "bob"].map(|user| {
            let site = &site;
            scope.spawn(move || {
                let page = site.log_in_as(&site.browser()?, &site.url("/app"), user, PASSWORD)?;
                Seen::in_page(&page.body)
            })
        });
        users.map(|user| user.join().map_err(|_| anyhow!("a login panicked")))
    });
    ensure!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    let mut words = Vec::new();
    for page in pages {
        let page = page??;
        assert_eq!(page.variable("MYPROXY_ERROR"), Some("unreachable"));
        words.push(page.variable("MYPROXY_ERROR_DESC").unwrap_or_default().to_owned());
    }
    words.sort();
    ensure!(
        words.iter().any(|words| words.contains("MyProxyMaxConcurrent")),
        "{words:?}"
    );
    assert_eq!(site.stored_credentials()?, [""; 0]);
    Ok(())
}

#[test]
fn httpd_does_not_start_with_a_store_that_others_can_read() -> Result<()> {
    // The user that httpd's children run as owns the stores of another site.
    let site = Site::start()?;
    let owner = fs::metadata(site.credential_directory())?.uid();
    let directory = PrivateDirectory::new("store")?;
    for mode in [0o755, 0o770, 0o1777] {
        let store = directory.make_directory(&format!("credentials-{mode:o}"), mode)?;
        chown(&store, Some(owner), None)?;
        let refusal = configtest(&format!(
            "MyProxyServer localhost\nMyProxyTrustDir \"{}\"\nMyProxyCredStoreDir \"{}\"\n\
             MyProxySessionStore dir:sessions\n<Location /app>\nMyProxyCredential On\n</Location>",
            site.myproxy.trust_directory().display(),
            store.display()
        ));
        let refusal = refusal.err().unwrap_or_default();
        ensure!(
            refusal.contains("MyProxyCredStoreDir:") && refusal.contains("chmod"),
            "{mode:o}: {refusal:?}"
        );
    }
    Ok(())
}
