//! Keys that change: nobody is logged out, and no login fails.

mod pubcookie_support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use granting_cookie::{CryptKey, Encryption, SignedCookie, SigningKey};
use pubcookie_support::{ask, begin_login, bring, granted, user};
use testbed::application::Seen;
use testbed::browser::Browser;
use testbed::site::{AppServer, Site, USER};
use testbed::{pki, wait_until, write_file};

const HOST: &str = "app.demo.localhost";
const LOGIN_HOST: &str = "login.demo.localhost";
const PATIENCE: Duration = Duration::from_secs(30);

/// The file of the key that `host` shares, in the key directory of `owner`.
fn key_file(site: &Site, owner: &str, host: &str) -> PathBuf {
    site.keys.of(owner).key_directory.join(host)
}

/// Puts a key file there that httpd's children may read, or may not. They run as another user where these tests run as
/// root.
fn write_key(path: &Path, key: &CryptKey, mode: u32) -> Result<()> {
    write_file(path, mode, key.as_bytes())
}

/// What a browser that begins to log in is answered when it comes back with a granting cookie under this key: whether it
/// is let in.
fn is_let_in(site: &Site, key: &CryptKey) -> Result<bool> {
    let browser = site.browser()?;
    let cookie = granted(&begin_login(&browser, &site.url("/app"))?, USER)?;
    let granting_key = SigningKey::from_pem(&fs::read(&site.keys.granting.key)?)?;
    let sealed = SignedCookie::sign(&cookie, &granting_key)?.encrypt(Encryption::Aes, key, HOST)?;
    bring(&browser, site, &sealed.to_base64())?;
    Ok(Seen::in_page(&ask(&browser, &site.url("/app"))?.body).is_ok())
}

/// Waits until this holds; an error is not waited for.
fn wait_for(mut condition: impl FnMut() -> Result<bool>) -> Result<bool> {
    let mut failed = None;
    let held = wait_until(PATIENCE, || match condition() {
        Ok(holds) => holds,
        Err(problem) => {
            failed = Some(problem);
            true
        }
    });
    failed.map_or(Ok(held), Err)
}

#[test]
fn a_new_shared_key_counts_at_once_and_the_old_one_for_a_while() -> Result<()> {
    let site = Site::start()?;
    let own = key_file(&site, HOST, HOST);
    let old = CryptKey::from_bytes(&fs::read(&own)?).context("a short key file")?;
    fs::set_permissions(&own, Permissions::from_mode(0o644))?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;

    // One that is broken changes nothing.
    fs::write(&own, "half of a key")?;
    let told = || {
        ensure!(is_let_in(&site, &old)?, "the key is lost");
        Ok(!site
            .httpd
            .log()
            .lines_with("the key that was read before stays")
            .is_empty())
    };
    ensure!(wait_for(told)?, "nobody is told of the broken file");

    let new = CryptKey::random()?;
    write_key(&key_file(&site, LOGIN_HOST, HOST), &new, 0o644)?;
    write_key(&own, &new, 0o644)?;
    ensure!(wait_for(|| is_let_in(&site, &new))?, "the new key was not read");
    let line = site
        .httpd
        .log()
        .wait_for("has changed: the new key counts", PATIENCE)?;
    assert!(line.contains("PubcookieKeyDir") && line.contains(HOST), "{line}");
    ensure!(is_let_in(&site, &old)?, "what was under way is lost");
    ensure!(!is_let_in(&site, &CryptKey::random()?)?, "any key does");
    // The session that had begun goes on, and a login at the login server's works.
    assert_eq!(user(&browser.get(&site.url("/app"))?)?.as_deref(), Some(USER));
    let logged_in = || {
        let page = site.log_in(&site.browser()?, "/app")?;
        Ok(Seen::in_page(&page.body).is_ok())
    };
    ensure!(wait_for(logged_in)?, "the login server did not read the new key");
    Ok(())
}

#[test]
fn keys_that_children_may_not_read_stay_and_the_log_says_so_once() -> Result<()> {
    let site = Site::start()?;
    let own = key_file(&site, HOST, HOST);
    let old = CryptKey::from_bytes(&fs::read(&own)?).context("a short key file")?;
    // 0600 keeps httpd's children out where they are another user, and 0 where they are not.
    fs::set_permissions(&own, Permissions::from_mode(0o000))?;
    for _ in 0..8 {
        ensure!(is_let_in(&site, &old)?);
    }
    let what_stays = "The keys that were read when httpd started stay";
    site.httpd.log().wait_for(what_stays, PATIENCE)?;
    let of_this_file = |line: &String| line.contains(&own.display().to_string());
    let lines: Vec<_> = site
        .httpd
        .log()
        .lines_with(what_stays)
        .into_iter()
        .filter(of_this_file)
        .collect();
    assert_eq!(lines.len(), 1, "{lines:?}");

    let new = CryptKey::random()?;
    write_key(&key_file(&site, LOGIN_HOST, HOST), &new, 0o600)?;
    write_key(&own, &new, 0o600)?;
    site.httpd.graceful_restart()?;
    ensure!(
        wait_for(|| is_let_in(&site, &new))?,
        "a restart did not read the new key"
    );
    Ok(())
}

#[test]
fn the_login_server_serves_who_has_a_key_at_the_moment() -> Result<()> {
    let site = Site::builder()
        .app_server(AppServer::new("app"))
        .app_server(AppServer::new("late"))
        .start()?;
    let late = "late.demo.localhost";
    let file = key_file(&site, LOGIN_HOST, late);
    let key = CryptKey::from_bytes(&fs::read(&file)?).context("a short key file")?;
    let is_served = || {
        let browser = site.browser()?;
        let page = browser.get(&site.url_at("late", "/app"))?;
        Ok(page.form_with("user").is_ok())
    };
    ensure!(is_served()?);
    fs::remove_file(&file)?;
    ensure!(
        wait_for(|| is_served().map(|served| !served))?,
        "it is served without a key"
    );
    site.httpd
        .log()
        .wait_for(&format!("the key of {late} is gone"), PATIENCE)?;
    write_key(&file, &key, 0o644)?;
    // Each child finds it when it looks for it.
    ensure!(wait_for(is_served)?, "the new key is not read");
    let page = site.log_in_as(
        &site.browser()?,
        &site.url_at("late", "/app"),
        USER,
        testbed::site::PASSWORD,
    )?;
    assert_eq!(user(&page)?.as_deref(), Some(USER));
    // The other host was served all the time.
    assert_eq!(
        user(&site.log_in(&site.browser()?, "/app")?)?.as_deref(),
        Some(USER)
    );
    Ok(())
}

fn is_logged_in(site: &Site, browser: &Browser) -> Result<bool> {
    let response = ask(browser, &site.url("/app"))?;
    Ok(Seen::in_page(&response.body).is_ok())
}

#[test]
fn a_change_of_the_session_key_logs_nobody_out() -> Result<()> {
    for format in ["sealed", "legacy"] {
        let site = Site::builder()
            .app_server(AppServer::new("app").configuration(&format!(
                "PubcookieSessionFormat {format}\nIncludeOptional session-key*.conf"
            )))
            .start()?;
        let new = pki::self_signed(site.directory().path(), "new-session", HOST)?;
        let use_keys = |keys: &[&PathBuf]| {
            let keys: Vec<_> = keys.iter().map(|key| format!("\"{}\"", key.display())).collect();
            let certificate = new.certificate.display();
            let keys = keys.join(" ");
            let text =
                format!("PubcookieSessionKeyFile {keys}\nPubcookieSessionCertFile \"{certificate}\"\n");
            site.directory().write("session-key.conf", 0o644, text)
        };
        let browser = site.browser()?;
        site.log_in(&browser, "/app")?;
        let stolen = browser.with_stolen_cookies();

        use_keys(&[&new.key, &site.keys.of(HOST).session.key])?;
        site.httpd.graceful_restart()?;
        ensure!(is_logged_in(&site, &browser)?, "{format}: with both keys");
        if format == "sealed" {
            use_keys(&[&new.key])?;
            site.httpd.full_restart()?;
            ensure!(is_logged_in(&site, &browser)?, "its session was not made anew");
            ensure!(!is_logged_in(&site, &stolen)?, "the old key counts still");
        }
    }
    Ok(())
}

#[test]
fn logins_go_on_while_the_granting_key_changes() -> Result<()> {
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration("IncludeOptional granting*.conf"))
        .login_configuration("IncludeOptional login-granting*.conf")
        .start()?;
    let new = pki::self_signed(site.directory().path(), "new-granting", LOGIN_HOST)?;
    let both = [&site.keys.granting.certificate, &new.certificate]
        .map(|file| format!("PubcookieGrantingCertFile \"{}\"\n", file.display()));
    site.directory().write("granting.conf", 0o644, both.concat())?;
    let new_key = format!("PubcookieGrantingKeyFile \"{}\"\n", new.key.display());
    for login_configuration in ["", &new_key] {
        site.directory()
            .write("login-granting.conf", 0o644, login_configuration)?;
        site.httpd.graceful_restart()?;
        let page = site.log_in(&site.browser()?, "/app")?;
        assert_eq!(user(&page)?.as_deref(), Some(USER), "{login_configuration}");
    }
    // The old one has had its time.
    site.directory().write("granting.conf", 0o644, &both[0])?;
    site.httpd.graceful_restart()?;
    let page = site.log_in(&site.browser()?, "/app")?;
    ensure!(Seen::in_page(&page.body).is_err(), "{}", page.story());
    site.httpd
        .log()
        .wait_for("a granting cookie does not verify", PATIENCE)?;
    Ok(())
}
