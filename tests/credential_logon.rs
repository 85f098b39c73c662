//! A login brings a credential: against a real httpd, a real login server and a real MyProxy server.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::application::Seen;
use testbed::httpd::Mpm;
use testbed::site::{LoginMethod, Site};

fn seen(body: &str) -> Result<Seen> {
    Seen::in_page(body)
}

#[test]
fn a_login_brings_a_credential_and_the_logout_erases_it_under_every_mpm() -> Result<()> {
    for mpm in [Mpm::Event, Mpm::Worker, Mpm::Prefork] {
        let site = Site::builder().mpm(mpm).start()?;
        let browser = site.browser()?;
        let page = seen(&site.log_in(&browser, "/app")?.body)?;
        assert_eq!(page.variable("REMOTE_USER"), Some("alice"));
        let credential = page.credential()?;
        assert_eq!(
            page.variable("MYPROXY_CRED_SUBJECT"),
            Some(credential.subject.as_str())
        );
        assert_eq!(
            page.variable("MYPROXY_CRED_EXPIRES"),
            Some(credential.expires.as_str())
        );
        assert_eq!(
            page.variable("AJP_X509_USER_PROXY"),
            page.variable("X509_USER_PROXY")
        );
        assert_eq!(page.variable("MYPROXY_ERROR"), None);

        let file = site.credential_directory().join("alice");
        assert_eq!(page.variable("X509_USER_PROXY"), file.to_str());
        let metadata = fs::metadata(&file)?;
        assert_eq!(metadata.permissions().mode() & 0o7777, 0o600);
        assert_eq!(metadata.uid(), fs::metadata(site.credential_directory())?.uid());
        assert_eq!(site.myproxy.issued()?, 1);

        // The second request is served from the store, and so is one that the application makes itself.
        assert_eq!(
            seen(&browser.get(&site.url("/app/again"))?.body)?.credential()?,
            credential
        );
        assert_eq!(site.myproxy.issued()?, 1);

        browser.get(&site.url("/logout"))?;
        assert!(!file.exists(), "{mpm:?}: the credential outlived the logout");
        assert!(browser.cookie("MM_SESSION").is_none());
        let after = seen(&browser.get(&site.url("/app"))?.body)?;
        assert_eq!(after.variable("X509_USER_PROXY"), None);
        assert_eq!(after.variable("MYPROXY_ERROR"), Some("none"));
    }
    Ok(())
}

#[test]
fn the_file_holds_certificate_key_and_chain_in_this_order() -> Result<()> {
    let site = Site::start()?;
    site.log_in(&site.browser()?, "/app")?;
    let pem = fs::read_to_string(site.credential_directory().join("alice"))?;
    let begins: Vec<&str> = pem
        .lines()
        .filter(|line| line.starts_with("-----BEGIN"))
        .collect();
    assert_eq!(
        begins,
        ["-----BEGIN CERTIFICATE-----", "-----BEGIN RSA PRIVATE KEY-----"]
    );
    Ok(())
}

#[test]
fn a_login_is_not_wasted_on_a_server_that_is_down() -> Result<()> {
    let mut site = Site::start()?;
    site.myproxy.stop();
    let browser = site.browser()?;
    let log = site.httpd.log_from_now();
    let page = seen(&site.log_in(&browser, "/app")?.body)?;
    assert_eq!(page.variable("REMOTE_USER"), Some("alice"));
    assert_eq!(page.variable("MYPROXY_ERROR"), Some("unreachable"));
    assert!(
        page.variable("MYPROXY_ERROR_DESC")
            .is_some_and(|words| words.contains("cannot connect"))
    );
    log.wait_for("no credential for alice", Duration::from_secs(5))?;
    assert_eq!(
        site.stored_credentials()?
            .iter()
            .filter(|name| !name.starts_with('.'))
            .count(),
        0
    );

    site.myproxy.start()?;
    let next = seen(&browser.get(&site.url("/app"))?.body)?;
    next.credential()?;
    assert_eq!(site.myproxy.issued()?, 1);
    Ok(())
}

#[test]
fn fifty_requests_of_a_session_make_one_logon() -> Result<()> {
    for mpm in [Mpm::Event, Mpm::Prefork] {
        let mut site = Site::builder().mpm(mpm).start()?;
        site.myproxy.stop();
        let browser = site.browser()?;
        site.log_in(&browser, "/app")?;
        site.myproxy.start()?;
        let url = site.url("/app");
        thread::scope(|scope| {
            let requests: Vec<_> = (0..50)
                .map(|_| {
                    let (browser, url) = (browser.clone(), &url);
                    scope.spawn(move || seen(&browser.get(url)?.body)?.credential().cloned())
                })
                .collect();
            for request in requests {
                request
                    .join()
                    .map_err(|_| anyhow::anyhow!("a request panicked"))??;
            }
            anyhow::Ok(())
        })?;
        assert_eq!(site.myproxy.issued()?, 1, "{mpm:?}");
    }
    Ok(())
}

#[test]
fn two_browsers_of_one_user_share_a_credential_and_a_logout_of_one_erases_it() -> Result<()> {
    let site = Site::builder().login_method(LoginMethod::Post).start()?;
    let (one, other) = (site.browser()?, site.browser()?);
    site.log_in(&one, "/app")?;
    site.log_in(&other, "/app")?;
    assert_eq!(
        site.myproxy.issued()?,
        2,
        "each login is shown to the MyProxy server"
    );
    seen(&one.get(&site.url("/app"))?.body)?.credential()?;
    assert_ne!(
        one.cookie("MM_SESSION").map(|cookie| cookie.value),
        other.cookie("MM_SESSION").map(|cookie| cookie.value)
    );
    one.get(&site.url("/logout"))?;
    assert!(!site.credential_directory().join("alice").exists());
    assert_eq!(
        seen(&other.get(&site.url("/app"))?.body)?.variable("MYPROXY_ERROR"),
        Some("none")
    );
    Ok(())
}

#[test]
fn a_user_of_another_authentication_does_not_get_the_credential_of_the_same_name() -> Result<()> {
    let site = Site::start()?;
    site.log_in(&site.browser()?, "/app")?;
    let other = site.browser()?;
    let request = testbed::browser::Request::get(site.url("/basic").parse()?).header(
        "Authorization",
        &format!("Basic {}", openssl::base64::encode_block(b"alice:open-sesame")),
    );
    let page = seen(&other.exchange(&request)?.body)?;
    assert_eq!(page.variable("REMOTE_USER"), Some("alice"));
    assert_eq!(page.variable("X509_USER_PROXY"), None);
    assert_eq!(page.variable("MYPROXY_ERROR"), Some("none"));
    ensure!(
        site.credential_directory().join("alice").exists(),
        "the other's credential must stay"
    );
    Ok(())
}

#[test]
fn what_a_client_sends_under_our_names_reaches_no_application() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    let mut request = testbed::browser::Request::get(site.url("/app").parse()?);
    for name in [
        "X509_USER_PROXY",
        "X509-User-Proxy",
        "x509-user_proxy",
        "AJP-X509-USER-PROXY",
        "MyProxy-Cred-Subject",
    ] {
        request = request.header(name, "/etc/passwd");
    }
    let page = seen(&browser.exchange(&request)?.body)?;
    page.credential()?;
    assert!(
        page.environment.values().all(|value| value != "/etc/passwd"),
        "{:?}",
        page.environment
    );
    let cookies = page.variable("HTTP_COOKIE").unwrap_or_default();
    let session = browser
        .cookie("MM_SESSION")
        .map(|cookie| cookie.value)
        .unwrap_or_default();
    assert!(
        !session.is_empty() && !cookies.contains(&session),
        "the application sees the session cookie: {cookies}"
    );
    Ok(())
}

#[test]
fn an_error_document_does_not_inherit_the_credential() -> Result<()> {
    let site = Site::builder()
        .app_server(
            testbed::site::AppServer::new("app")
                .configuration("ErrorDocument 410 /outside\nRedirect gone /app/gone"),
        )
        .start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    let page = seen(&browser.get(&site.url("/app/gone"))?.body)?;
    let leaked: Vec<_> = page
        .environment
        .keys()
        .filter(|name| name.contains("X509") || name.contains("MYPROXY"))
        .collect();
    assert!(leaked.is_empty(), "{leaked:?}");
    Ok(())
}
