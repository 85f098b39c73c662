//! Members of a cluster: several httpds of one name, with the same keys.

mod pubcookie_support;

use std::fs;

use anyhow::{Context, Result, ensure};
use granting_cookie::{
    AppId, AppServerId, Cookie, CookieType, EncryptedCookie, Encryption, Reauthentication, SignedCookie,
    SigningKey, User, VerifyingCertificate, Version,
};
use pubcookie_support::{ask, begin_login, bring, crypt_key, now, sealed};
use testbed::PrivateDirectory;
use testbed::application::{self, Seen};
use testbed::browser::Browser;
use testbed::httpd::Httpd;
use testbed::pki::CertificateFiles;
use testbed::site::{AppServer, LoginMethod, Site, USER};

const HOST: &str = "app.demo.localhost";
const LEGACY: &str = "pubcookie_s_demo";
const SEALED: &str = "__Host-pubcookie_s_demo";
const LEGACY_PRE_SESSION: &str = "pubcookie_pre_s";
const SEALED_PRE_SESSION: &str = "__Host-pubcookie_pre_s";

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

/// What a member of the original finds in a cookie of the browser.
fn at_the_original(site: &Site, browser: &Browser, name: &str) -> Result<Cookie> {
    let carried = browser.cookie(name).context("no such cookie")?.value;
    assert_eq!(carried.len(), 688);
    let certificate = VerifyingCertificate::from_pem(&fs::read(&site.keys.of(HOST).session.certificate)?)?;
    let opened = EncryptedCookie::from_base64(&carried)?.open(
        Encryption::Aes,
        &crypt_key(site)?,
        HOST,
        [&certificate],
    )?;
    Ok(opened.cookie)
}

#[test]
fn a_legacy_session_is_the_originals() -> Result<()> {
    let site = site("legacy")?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    let cookie = at_the_original(&site, &browser, LEGACY)?;
    assert_eq!(cookie.cookie_type, CookieType::SESSION);
    assert_eq!(cookie.user.decoded(), USER.as_bytes());
    assert_eq!(cookie.app_id.as_bytes(), b"demo");
    assert_eq!(cookie.app_server_id.as_bytes(), HOST.as_bytes());
    assert_eq!((cookie.creds, cookie.pre_session_token), (b'1', 23));
    ensure!(cookie.last_time >= cookie.create_time && cookie.create_time > 0);
    Ok(())
}

/// The pre-session that a member of the original gives a browser.
fn pre_session(token: i32) -> Result<Cookie> {
    Ok(Cookie {
        user: User::encode("presesuser")?,
        version: Version::new(Encryption::Aes, Reauthentication::Unknown),
        app_server_id: AppServerId::encode(HOST)?,
        app_id: AppId::encode("demo")?,
        cookie_type: CookieType::PRE_SESSION,
        creds: b'0',
        pre_session_token: token,
        create_time: now(),
        last_time: now(),
    })
}

/// Gives it to the browser, signed with the cluster's session key.
fn begin_at_the_original(site: &Site, browser: &Browser, pre_session: &Cookie) -> Result<()> {
    let key = SigningKey::from_pem(&fs::read(&site.keys.of(HOST).session.key)?)?;
    let signed = SignedCookie::sign(pre_session, &key)?;
    let cookie = signed
        .encrypt(Encryption::Aes, &crypt_key(site)?, HOST)?
        .to_base64();
    let cookie = format!("{LEGACY_PRE_SESSION}={}; path=/; secure", *cookie);
    browser.set_cookie(&site.url("/"), &cookie)
}

/// The browser comes back from the login server, with a granting cookie for this token.
fn come_back(site: &Site, browser: &Browser, token: i32) -> Result<bool> {
    let cookie = Cookie {
        user: User::encode(USER)?,
        cookie_type: CookieType::GRANTING,
        creds: b'1',
        last_time: 0,
        ..pre_session(token)?
    };
    bring(browser, site, &sealed(site, &cookie, Encryption::Aes)?)?;
    knows(&site.url("/app"), browser)
}

#[test]
fn a_login_begins_at_a_member_of_one_kind_and_ends_at_one_of_the_other() -> Result<()> {
    for (format, reads_legacy, writes_legacy) in [
        ("legacy", true, true),
        ("legacy sealed", true, true),
        ("sealed legacy", true, false),
        ("sealed", false, false),
    ] {
        let site = site(format)?;
        // There, and then here.
        let browser = site.browser()?;
        begin_at_the_original(&site, &browser, &pre_session(-7)?)?;
        assert_eq!(come_back(&site, &browser, -7)?, reads_legacy, "{format}");
        let is_cleared = browser.cookie(LEGACY_PRE_SESSION).is_none();
        assert_eq!(is_cleared, reads_legacy, "{format}");
        // Here, and then there.
        let browser = site.browser()?;
        let asked = begin_login(&browser, &site.url("/app"))?;
        ensure!(browser.cookie(SEALED_PRE_SESSION).is_some(), "{format}");
        let is_given = browser.cookie(LEGACY_PRE_SESSION).is_some();
        assert_eq!(is_given, writes_legacy, "{format}");
        if writes_legacy {
            let cookie = at_the_original(&site, &browser, LEGACY_PRE_SESSION)?;
            assert_eq!(cookie.cookie_type, CookieType::PRE_SESSION);
            assert_eq!(cookie.pre_session_token, asked.pre_session_token);
            assert_eq!(cookie.user.decoded(), b"presesuser");
            assert_eq!(cookie.app_server_id.as_bytes(), HOST.as_bytes());
            assert_eq!(cookie.app_id.as_bytes(), b"demo");
            assert_eq!((cookie.creds, cookie.create_time), (b'0', cookie.last_time));
        }
        // Here all the same.
        ensure!(come_back(&site, &browser, asked.pre_session_token)?, "{format}");
        for name in [SEALED_PRE_SESSION, LEGACY_PRE_SESSION] {
            assert!(browser.cookie(name).is_none(), "{format}: {name} is left");
        }
    }
    Ok(())
}

#[test]
fn a_pre_session_of_the_original_is_looked_at_closely() -> Result<()> {
    let site = site("legacy")?;
    let good = pre_session(-7)?;
    let bad = [
        Cookie {
            pre_session_token: 7,
            ..good.clone()
        },
        Cookie {
            cookie_type: CookieType::SESSION,
            ..good.clone()
        },
        Cookie {
            create_time: now() - 3601,
            ..good.clone()
        },
    ];
    for pre_session in bad {
        let browser = site.browser()?;
        begin_at_the_original(&site, &browser, &pre_session)?;
        ensure!(!come_back(&site, &browser, -7)?, "{pre_session:?}");
    }
    // Signed by the login server, it is none of the cluster's.
    let browser = site.browser()?;
    let signed_elsewhere = sealed(&site, &good, Encryption::Aes)?;
    let cookie = format!("{LEGACY_PRE_SESSION}={signed_elsewhere}; path=/; secure");
    browser.set_cookie(&site.url("/"), &cookie)?;
    ensure!(!come_back(&site, &browser, -7)?, "signed elsewhere");

    // A neighbour that plants one of its own knows the token of it: no login here goes by that.
    let browser = site.browser()?;
    begin_at_the_original(&site, &browser, &good)?;
    let asked = begin_login(&browser, &site.url("/app"))?;
    assert_ne!(asked.pre_session_token, -7);
    let cookie = at_the_original(&site, &browser, LEGACY_PRE_SESSION)?;
    assert_eq!(cookie.pre_session_token, asked.pre_session_token);
    ensure!(!come_back(&site, &browser, -7)?, "the planted one was kept");

    // Logins at both kinds of members are under way: the original has the one cookie, and writes over ours.
    let browser = site.browser()?;
    let here = begin_login(&browser, &site.url("/app"))?.pre_session_token;
    begin_at_the_original(&site, &browser, &good)?;
    ensure!(come_back(&site, &browser, here)?);
    ensure!(browser.cookie(LEGACY_PRE_SESSION).is_some());
    ensure!(come_back(&site, &browser, -7)?);
    ensure!(browser.cookie(LEGACY_PRE_SESSION).is_none());
    Ok(())
}

/// The original binds no login to a browser in the POST method, and has no cookie for it.
#[test]
fn in_the_post_method_there_is_no_pre_session_of_the_original() -> Result<()> {
    let server = AppServer::new("app")
        .login_method(LoginMethod::Post)
        .configuration("PubcookieSessionFormat legacy");
    let site = Site::builder().app_server(server).start()?;
    let browser = site.browser()?;
    ask(&browser, &site.url("/app"))?;
    ensure!(browser.cookie(SEALED_PRE_SESSION).is_some());
    ensure!(browser.cookie(LEGACY_PRE_SESSION).is_none());
    begin_at_the_original(&site, &browser, &pre_session(-7)?)?;
    ensure!(!come_back(&site, &browser, -7)?, "it was read");
    Ok(())
}
