//! `MyProxyCredScope` and `MyProxyLogoutAll`: who shares a credential, and when it goes.

use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::application::Seen;
use testbed::browser::{Browser, Request};
use testbed::httpd::{Mpm, configtest};
use testbed::site::{AppServer, PASSWORD, Site, USER};

fn site(mpm: Mpm, configuration: &str) -> Result<Site> {
    Site::builder()
        .mpm(mpm)
        .app_server(AppServer::new("app").configuration(configuration))
        .start()
}

/// The name of the file that the application was given, which it could read.
fn file(page: &str) -> Result<String> {
    let seen = Seen::in_page(page)?;
    seen.credential()?;
    let path = seen.variable("X509_USER_PROXY").unwrap_or_default();
    Ok(path.rsplit('/').next().unwrap_or_default().to_owned())
}

fn at_app(site: &Site, browser: &Browser) -> Result<Seen> {
    Seen::in_page(&browser.get(&site.url("/app"))?.body)
}

/// The credentials that are stored, without what is written down beside them.
fn stored(site: &Site) -> Result<Vec<String>> {
    let mut names = site.stored_credentials()?;
    names.retain(|name| !name.ends_with("%record") && !name.ends_with("%user"));
    Ok(names)
}

#[test]
fn sessions_of_a_user_share_a_credential_until_one_logs_out_or_the_last() -> Result<()> {
    for (logout_all, mpm) in [("On", Mpm::Prefork), ("Off", Mpm::Event)] {
        let site = site(mpm, &format!("MyProxyLogoutAll {logout_all}"))?;
        let (one, other) = (site.browser()?, site.browser()?);
        assert_eq!(file(&site.log_in(&one, "/app")?.body)?, "alice");
        assert_eq!(file(&site.log_in(&other, "/app")?.body)?, "alice");

        one.get(&site.url("/logout"))?;
        let seen = at_app(&site, &other)?;
        if logout_all == "On" {
            assert_eq!(seen.variable("MYPROXY_ERROR"), Some("none"));
            assert_eq!(stored(&site)?, [""; 0]);
        } else {
            seen.credential()?;
            other.get(&site.url("/logout"))?;
            assert_eq!(site.stored_credentials()?, [""; 0]);
            assert_eq!(site.stored_sessions()?, [""; 0]);
            site.httpd.log().wait_for(
                "a session of alice ended (logout); no credential was erased",
                Duration::from_secs(5),
            )?;
        }
    }
    Ok(())
}

#[test]
fn a_session_has_a_credential_of_its_own() -> Result<()> {
    let site = site(Mpm::Event, "MyProxyCredScope session\nMyProxySweepInterval 1")?;
    let (one, other) = (site.browser()?, site.browser()?);
    let of_one = file(&site.log_in(&one, "/app")?.body)?;
    let of_other = file(&site.log_in(&other, "/app")?.body)?;
    ensure!(of_one != of_other, "both have {of_one}");
    for name in [&of_one, &of_other] {
        let digits = name
            .strip_prefix("alice%s")
            .context("not named after user and session")?;
        ensure!(digits.len() == 16, "{name}");
    }
    assert_eq!(site.myproxy.issued()?, 2);
    // The next request is served from the store.
    let seen = at_app(&site, &one)?;
    ensure!(
        seen.variable("X509_USER_PROXY")
            .is_some_and(|path| path.ends_with(&of_one)),
        "{seen:?}"
    );

    // A client without the session gets nothing of the others, and leaves nothing behind.
    let sessions = site.stored_sessions()?;
    let script = Request::get(site.url("/app").parse()?).by_script();
    let stranger = one.with_stolen_cookies();
    let cookie = stranger.cookie("MM_SESSION").context("no session")?;
    stranger.remove_cookie(&cookie);
    let seen = Seen::in_page(&stranger.exchange(&script)?.body)?;
    assert_eq!(seen.variable("MYPROXY_ERROR"), Some("none"));
    let seen = at_app(&site, &stranger)?;
    assert_eq!(seen.variable("MYPROXY_ERROR"), Some("none"));
    assert_eq!(site.stored_sessions()?, sessions);

    // Another login in the same browser takes the place of the first.
    one.remove_cookie(
        &one.cookie("__Host-pubcookie_s_demo")
            .context("no Pubcookie session")?,
    );
    let of_one_anew = file(&one.get(&site.url("/app"))?.body)?;
    ensure!(of_one_anew != of_one, "the old session's credential is used on");
    let mut expected = [of_one_anew.clone(), of_other.clone()];
    expected.sort();
    assert_eq!(stored(&site)?, expected);

    // A logout takes its own along and no other.
    one.get(&site.url("/logout"))?;
    assert_eq!(stored(&site)?, [of_other.as_str()]);
    at_app(&site, &other)?.credential()?;

    // What has lost its session is swept.
    for session in site.stored_sessions()? {
        fs::remove_file(site.session_directory().join(session))?;
    }
    site.httpd.log().wait_for("1 orphaned", Duration::from_secs(15))?;
    assert_eq!(site.stored_credentials()?, [""; 0]);
    Ok(())
}

/// Our certificate gets a credential for each session, and one for all requests without a session.
#[test]
fn clients_that_keep_no_cookies_share_one() -> Result<()> {
    let site = Site::builder()
        .trusted_retriever()
        .app_server(AppServer::new("app").configuration(
            "MyProxyCredScope session\n<Location /basic>\nMyProxyAuthMethod certificate\n</Location>",
        ))
        .start()?;
    let credentials = openssl::base64::encode_block(format!("{USER}:{PASSWORD}").as_bytes());
    let request =
        Request::get(site.url("/basic").parse()?).header("Authorization", &format!("Basic {credentials}"));
    let ask = |browser: &Browser, request: &Request| file(&browser.exchange(request)?.body);

    let (one, other) = (site.browser()?, site.browser()?);
    let of_one = ask(&one, &request)?;
    ensure!(of_one.starts_with("alice%s"), "{of_one}");
    assert_eq!(ask(&one, &request)?, of_one);
    assert_ne!(ask(&other, &request)?, of_one);
    assert_eq!(site.myproxy.issued()?, 2);

    let by_script = request.by_script();
    for _ in 0..2 {
        assert_eq!(ask(&site.browser()?, &by_script)?, "alice");
    }
    assert_eq!(site.myproxy.issued()?, 3);
    assert_eq!(ask(&one, &by_script)?, of_one, "it has a session");
    Ok(())
}

/// One browser logs in while the other logs out: the first has its credential, and the last logout leaves nothing.
#[test]
fn a_logout_spares_a_login_that_goes_on() -> Result<()> {
    for (configuration, mpm) in [
        ("MyProxyLogoutAll Off", Mpm::Prefork),
        ("MyProxyCredScope session", Mpm::Event),
    ] {
        let site = site(mpm, configuration)?;
        for pause in [0, 2, 5, 10, 20, 40, 80, 160] {
            let (leaving, coming) = (site.browser()?, site.browser()?);
            site.log_in(&leaving, "/app")?;
            thread::scope(|scope| {
                let login = scope.spawn(|| site.log_in(&coming, "/app").map(|page| page.body.clone()));
                thread::sleep(Duration::from_millis(pause));
                leaving.get(&site.url("/logout"))?;
                let page = login
                    .join()
                    .map_err(|_| anyhow::anyhow!("the login panicked"))??;
                file(&page)
                    .with_context(|| format!("{configuration}, {pause} ms"))
                    .map(|_| ())
            })?;
            at_app(&site, &coming)?.credential()?;
            coming.get(&site.url("/logout"))?;
            assert_eq!(site.stored_credentials()?, [""; 0], "{configuration}, {pause} ms");
            assert_eq!(site.stored_sessions()?, [""; 0], "{configuration}, {pause} ms");
        }
    }
    Ok(())
}

#[test]
fn what_contradicts_itself_is_refused_at_the_start() {
    for (configuration, words) in [
        ("MyProxyCredScope users", "\"users\" is neither user nor session"),
        ("MyProxyLogoutAll maybe", "MyProxyLogoutAll"),
        (
            "<Location /a>\nMyProxyCredScope user\n</Location>\n<Location /b>\nMyProxyCredScope session\n</Location>",
            "MyProxyCredScope: the places of a server have one scope",
        ),
    ] {
        let refusal = configtest(configuration).err().unwrap_or_default();
        assert!(refusal.contains(words), "{configuration}: {refusal}");
    }
    let started = Site::builder()
        .app_server(AppServer::new("app"))
        .app_server(AppServer::new("other").configuration("MyProxyCredScope session"))
        .start();
    let refusal = started
        .err()
        .map(|error| format!("{error:#}"))
        .unwrap_or_default();
    assert!(
        refusal.contains("share a directory but differ in MyProxyCredScope"),
        "{refusal}"
    );
}
