//! Members of a cluster: several httpds of one name, with the same keys.

mod pubcookie_support;

use std::fs;

use anyhow::{Result, ensure};
use granting_cookie::{CookieType, EncryptedCookie, Encryption, VerifyingCertificate};
use pubcookie_support::{ask, crypt_key};
use testbed::PrivateDirectory;
use testbed::application::{self, Seen};
use testbed::browser::Browser;
use testbed::httpd::Httpd;
use testbed::pki::CertificateFiles;
use testbed::site::{AppServer, Site, USER};

const HOST: &str = "app.demo.localhost";
const LEGACY: &str = "pubcookie_s_demo";
const SEALED: &str = "__Host-pubcookie_s_demo";

/// Another httpd with the name and the keys of a site's application server. A browser gives it the same cookies: they do
/// not hang on the port.
struct Member {
    httpd: Httpd,
    // Last, so that it is removed when httpd has gone.
    _directory: PrivateDirectory,
}

impl Member {
    fn start(site: &Site, format: &str) -> Result<Self> {
        let directory = PrivateDirectory::new("member")?;
        let application = application::install(directory.path())?;
        let keys = site.keys.of(HOST);
        let configuration = format!(
            "PubcookieLogin {login}\nPubcookieDomain .demo.localhost\nPubcookieGrantingCertFile \"{granting}\"\n\
             PubcookieSessionKeyFile \"{key}\"\nPubcookieSessionCertFile \"{certificate}\"\n\
             PubcookieKeyDir \"{key_directory}\"\nPubcookieSessionFormat {format}\n\
             ScriptAliasMatch \"^/\" \"{application}\"\n<Location />\nRequire all granted\n</Location>\n\
             <Location /app>\nAuthType webiso\nRequire valid-user\nPubcookieAppID demo\n</Location>",
            login = site.url_at("login", "/"),
            granting = site.keys.granting.certificate.display(),
            key = keys.session.key.display(),
            certificate = keys.session.certificate.display(),
            key_directory = keys.key_directory.display(),
            application = application.display(),
        );
        let certificate = CertificateFiles {
            certificate: site.directory().join("tls.pem"),
            key: site.directory().join("tls.key"),
        };
        let httpd = Httpd::builder(directory.path())?
            .with_our_modules()
            .host(HOST, &certificate, &configuration)
            .start()?;
        Ok(Member {
            httpd,
            _directory: directory,
        })
    }
}

/// Whether a server takes the browser for somebody who is logged in.
fn knows(url: &str, browser: &Browser) -> Result<bool> {
    let response = ask(browser, url)?;
    let seen = Seen::in_page(&response.body).ok();
    Ok(seen.is_some_and(|seen| seen.variable("REMOTE_USER") == Some(USER)))
}

fn site(format: &str) -> Result<Site> {
    let format = format!("PubcookieSessionFormat {format}");
    let server = AppServer::new("app").configuration(&format);
    Site::builder().app_server(server).start()
}

#[test]
fn a_session_serves_at_every_member() -> Result<()> {
    let site = site("sealed")?;
    let member = Member::start(&site, "sealed")?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    let elsewhere = member.httpd.url(HOST, "/app");
    ensure!(knows(&elsewhere, &browser)?);
    member.httpd.full_restart()?;
    ensure!(knows(&elsewhere, &browser)? && knows(&site.url("/app"), &browser)?);
    ensure!(!knows(&elsewhere, &site.browser()?)?, "it knows everybody");
    Ok(())
}

#[test]
fn a_member_of_the_original_and_one_of_ours_take_each_others_sessions() -> Result<()> {
    // The old member stands for mod_pubcookie: it writes and reads what that does.
    for (format, after) in [("legacy sealed", LEGACY), ("sealed legacy", SEALED)] {
        let site = site("legacy")?;
        let member = Member::start(&site, format)?;
        let browser = site.browser()?;
        site.log_in(&browser, "/app")?;
        let elsewhere = member.httpd.url(HOST, "/app");
        ensure!(knows(&elsewhere, &browser)?, "{format}");
        ensure!(
            browser.cookie(after).is_some(),
            "{format}: {:?}",
            browser.cookies()
        );
        // Only what old members read too takes the browser back to them.
        let goes_back = knows(&site.url("/app"), &browser)?;
        assert_eq!(goes_back, after == LEGACY, "{format}");
    }
    Ok(())
}

#[test]
fn a_legacy_session_is_the_originals() -> Result<()> {
    let site = site("legacy")?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    let carried = browser
        .cookie(LEGACY)
        .map(|cookie| cookie.value)
        .unwrap_or_default();
    assert_eq!(carried.len(), 688);
    let certificate = VerifyingCertificate::from_pem(&fs::read(&site.keys.of(HOST).session.certificate)?)?;
    let opened = EncryptedCookie::from_base64(&carried)?.open(
        Encryption::Aes,
        &crypt_key(&site)?,
        HOST,
        [&certificate],
    )?;
    let cookie = opened.cookie;
    assert_eq!(cookie.cookie_type, CookieType::SESSION);
    assert_eq!(cookie.user.decoded(), USER.as_bytes());
    assert_eq!(cookie.app_id.as_bytes(), b"demo");
    assert_eq!(cookie.app_server_id.as_bytes(), HOST.as_bytes());
    assert_eq!((cookie.creds, cookie.pre_session_token), (b'1', 23));
    ensure!(cookie.last_time >= cookie.create_time && cookie.create_time > 0);
    Ok(())
}
