//! The end of a session: nothing is left, whoever asks and whatever goes on.

use std::fs;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use anyhow::{Result, ensure};
use testbed::application::Seen;
use testbed::site::{AppServer, Site};

fn alices_file(site: &Site) -> std::path::PathBuf {
    site.credential_directory().join("alice")
}

#[test]
fn a_logout_page_needs_no_login_and_no_protection() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    // Only the credential's session: the page is open, and Pubcookie knows nothing of it.
    let page = browser.get(&site.url("/logout?reason=bye"))?;
    ensure!(page.status == 200, "{}", page.story());
    assert!(!alices_file(&site).exists());
    assert_eq!(site.stored_sessions()?, [""; 0]);
    Ok(())
}

#[test]
fn the_logout_uri_is_matched_with_the_decoded_path_and_the_query() -> Result<()> {
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration("MyProxyLogoutURI ^/bye$|^/portal\\?action=logout$"))
        .start()?;
    for (uri, ends) in [
        ("/b%79e", true),
        ("/portal?action=logout", true),
        ("/portal?action=stay", false),
        ("/bye/not", false),
    ] {
        let browser = site.browser()?;
        site.log_in(&browser, "/app")?;
        browser.get(&site.url(uri))?;
        assert_eq!(!alices_file(&site).exists(), ends, "{uri}");
    }
    Ok(())
}

#[test]
fn a_made_up_session_ends_nothing() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    let sessions = site.stored_sessions()?;
    let stranger = site.browser()?;
    for value in [
        "x",
        "../../etc/passwd",
        "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
    ] {
        stranger.set_cookie(&site.url("/"), &format!("MM_SESSION={value}; Path=/; Secure"))?;
        let page = stranger.get(&site.url("/logout"))?;
        assert_eq!(page.status, 200);
        assert!(alices_file(&site).exists());
        assert_eq!(
            site.stored_sessions()?,
            sessions,
            "a session was adopted or ended: {value}"
        );
    }
    Ok(())
}

#[test]
fn pubcookie_end_session_ends_the_credential_too() -> Result<()> {
    let site = Site::start()?;
    for word in ["on", "redirect", "clearLogin"] {
        let browser = site.browser()?;
        site.log_in(&browser, "/app")?;
        assert!(alices_file(&site).exists());
        browser.get(&site.url(&format!("/end-session/{word}")))?;
        assert!(!alices_file(&site).exists(), "PubcookieEndSession {word}");
        assert!(browser.cookie("MM_SESSION").is_none());
    }
    Ok(())
}

#[test]
fn a_logout_during_a_logon_leaves_nothing() -> Result<()> {
    let mut site = Site::start()?;
    for pause in [0, 5, 20, 60, 120, 180, 250] {
        // A session whose granting cookie waits for the MyProxy server ...
        site.myproxy.stop();
        let browser = site.browser()?;
        site.log_in(&browser, "/app")?;
        site.myproxy.start()?;
        // ... logs on with its next request, and is logged out meanwhile.
        let other_tab = browser.clone();
        thread::scope(|scope| {
            let logon = scope.spawn(|| browser.get(&site.url("/app")).map(|page| page.body.clone()));
            thread::sleep(Duration::from_millis(pause));
            other_tab.get(&site.url("/logout"))?;
            let page = logon
                .join()
                .map_err(|_| anyhow::anyhow!("the logon panicked"))??;
            ensure!(Seen::in_page(&page)?.variable("REMOTE_USER") == Some("alice"));
            anyhow::Ok(())
        })?;
        assert!(
            !alices_file(&site).exists(),
            "left behind by a logout {pause} ms after the logon began"
        );
    }
    Ok(())
}

#[test]
fn what_is_idle_or_orphaned_is_swept() -> Result<()> {
    let site = Site::builder()
        .configuration("MyProxySweepInterval 1\nMyProxySessionIdle 3600")
        .start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    assert!(alices_file(&site).exists());
    // As if the browser had been closed two hours ago.
    let long_ago = SystemTime::now() - Duration::from_secs(7200);
    for session in site
        .stored_sessions()?
        .iter()
        .filter(|name| !name.starts_with('.'))
    {
        fs::File::options()
            .write(true)
            .open(site.session_directory().join(session))?
            .set_modified(long_ago)?;
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    while alices_file(&site).exists() {
        ensure!(
            Instant::now() < deadline,
            "the sweep did not come: {}",
            site.httpd.log().text()
        );
        thread::sleep(Duration::from_millis(100));
    }
    let page = Seen::in_page(&browser.get(&site.url("/app"))?.body)?;
    assert_eq!(page.variable("MYPROXY_ERROR"), Some("none"));
    Ok(())
}

#[test]
fn a_logout_uri_is_one_in_every_spelling_that_httpd_takes_for_the_same() -> Result<()> {
    let site = Site::start()?;
    for spelling in [
        "//logout",
        "/./logout",
        "/x/../logout",
        "/%6cogout",
        "/logout/../logout",
    ] {
        let browser = site.browser()?;
        site.log_in(&browser, "/app")?;
        assert!(alices_file(&site).exists());
        // A browser would normalize the path itself.
        let cookies = browser
            .cookie("MM_SESSION")
            .map(|cookie| cookie.value)
            .unwrap_or_default();
        let request = format!(
            "GET {spelling} HTTP/1.1\r\nHost: app.demo.localhost\r\nCookie: MM_SESSION={cookies}\r\nConnection: close\r\n\r\n"
        );
        browser.raw(&site.url("/"), request.as_bytes())?;
        assert!(!alices_file(&site).exists(), "{spelling}");
        assert_eq!(site.stored_sessions()?, [""; 0], "{spelling}");
    }
    Ok(())
}

#[test]
fn a_session_ends_where_an_application_redirects_to_the_logout_internally() -> Result<()> {
    let site = Site::builder()
        .app_server(
            AppServer::new("app").configuration("ErrorDocument 410 /end-session/on\nRedirect gone /app/gone"),
        )
        .start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    let page = Seen::in_page(&browser.get(&site.url("/app/gone"))?.body)?;
    assert_eq!(page.variable("X509_USER_PROXY"), None);
    assert!(!alices_file(&site).exists());
    Ok(())
}

#[test]
fn an_old_tab_does_not_take_the_credential_of_a_live_session_with_it() -> Result<()> {
    let site = Site::start()?;
    let (old, live) = (site.browser()?, site.browser()?);
    site.log_in(&old, "/app")?;
    let of_the_old: Vec<String> = site.stored_sessions()?;
    site.log_in(&live, "/app")?;
    let long_ago = SystemTime::now() - Duration::from_secs(9 * 3600);
    for session in of_the_old {
        fs::File::options()
            .write(true)
            .open(site.session_directory().join(session))?
            .set_modified(long_ago)?;
    }
    old.get(&site.url("/app"))?;
    Seen::in_page(&live.get(&site.url("/app"))?.body)?.credential()?;
    Ok(())
}

#[test]
fn a_place_has_an_idle_time_of_its_own_with_and_without_the_sweep() -> Result<()> {
    for sweep in [0, 1] {
        let site = Site::builder()
            .configuration(&format!("MyProxySweepInterval {sweep}"))
            .app_server(AppServer::new("app").protected("MyProxySessionIdle 3600"))
            .start()?;
        let browser = site.browser()?;
        site.log_in(&browser, "/app")?;
        let long_ago = SystemTime::now() - Duration::from_secs(3700);
        for session in site.stored_sessions()? {
            fs::File::options()
                .write(true)
                .open(site.session_directory().join(session))?
                .set_modified(long_ago)?;
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        while sweep == 1 && alices_file(&site).exists() {
            ensure!(
                Instant::now() < deadline,
                "the sweep did not come: {}",
                site.httpd.log().text()
            );
            thread::sleep(Duration::from_millis(100));
        }
        let page = Seen::in_page(&browser.get(&site.url("/app"))?.body)?;
        assert_eq!(page.variable("MYPROXY_ERROR"), Some("none"), "sweep {sweep}");
        assert!(
            !alices_file(&site).exists() && site.stored_sessions()?.is_empty(),
            "sweep {sweep}"
        );
    }
    Ok(())
}
