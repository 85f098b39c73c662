//! How the login server finds out who a user is: by httpd's own authentication, by flavours with providers of their own.

mod pubcookie_support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result};
use openssl::ssl::{SslConnector, SslFiletype, SslMethod};
use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod, Reauthentication};
use pubcookie_support::{begin_login, user};
use testbed::PrivateDirectory;
use testbed::browser::{Browser, Page, Request, Response};
use testbed::pki::Authority;
use testbed::site::{PASSWORD, Site, USER};
use url::Url;

/// alice:open-sesame
const ALICE: &str = "Basic YWxpY2U6b3Blbi1zZXNhbWU=";

/// Gives the browser another granting request than its application made.
fn ask_for(browser: &Browser, site: &Site, request: &GrantingRequest) -> Result<()> {
    let encoded = request.encode(LoginMethod::Get);
    browser.set_cookie(
        &site.url("/"),
        &format!("pubcookie_g_req={encoded}; domain=.demo.localhost; path=/; secure"),
    )
}

fn visit_login_server(
    browser: &Browser,
    site: &Site,
    path: &str,
    authorization: Option<&str>,
) -> Result<Response> {
    let request = Request::get(Url::parse(&site.url_at("login", path))?);
    browser.exchange(&match authorization {
        Some(authorization) => request.header("Authorization", authorization),
        None => request,
    })
}

fn assert_nothing_granted(response: &Response, status: u16) {
    assert_eq!(response.status, status, "{}", response.body);
    assert!(
        response.set_cookie("pubcookie_g").is_none() && response.set_cookie("pubcookie_l").is_none(),
        "{}",
        response.summary()
    );
}

#[test]
fn whom_httpd_has_authenticated_sees_no_form() -> Result<()> {
    let long_name = "a".repeat(42);
    let site = Site::builder()
        .user(&long_name, PASSWORD)
        .login_configuration(
            "PubcookieLoginTrustRemoteUser on\n<Location />\nAuthType Basic\nAuthName login\nAuthBasicProvider file\n\
             Require valid-user\n</Location>\n<Location /open>\nRequire all granted\n</Location>",
        )
        .start()?;
    let browser = site.browser()?;
    let log = site.httpd.log_from_now();
    let asked = begin_login(&browser, &site.url("/app"))?;

    // httpd asks; a wrong answer gets no further.
    let refused = visit_login_server(&browser, &site, "/", Some("Basic YWxpY2U6d3Jvbmc="))?;
    assert_nothing_granted(&refused, 401);

    let granted = visit_login_server(&browser, &site, "/", Some(ALICE))?;
    assert!(granted.document().forms.is_empty(), "{}", granted.body);
    assert!(
        granted.set_cookie("pubcookie_l").is_none(),
        "no login of ours is left"
    );
    assert_eq!(user(&browser.get(&site.url("/app"))?)?.as_deref(), Some(USER));
    assert!(
        log.text()
            .contains("granted user alice whom httpd authenticated: app server ID app.demo.localhost"),
        "{}",
        log.text()
    );

    // A new login is not claimed.
    for reauthentication in [Reauthentication::Always, Reauthentication::UnlessWithin(3600)] {
        ask_for(
            &browser,
            &site,
            &GrantingRequest {
                reauthentication,
                ..asked.clone()
            },
        )?;
        let refused = visit_login_server(&browser, &site, "/", Some(ALICE))?;
        assert_nothing_granted(&refused, 403);
        assert!(
            refused.body.contains("asks that you enter your password again"),
            "{}",
            refused.body
        );
    }
    assert!(log.text().contains("demands a new login"), "{}", log.text());

    // A name that does not fit is refused, and never cut.
    ask_for(&browser, &site, &asked)?;
    let authorization = format!("Basic {}", base64(&format!("{long_name}:{PASSWORD}")));
    let refused = visit_login_server(&browser, &site, "/", Some(&authorization))?;
    assert_nothing_granted(&refused, 403);
    assert!(
        log.text()
            .contains("who cannot log in: the user name does not fit"),
        "{}",
        log.text()
    );

    // Where httpd lets somebody pass whom it does not know: refused, or blank where nobody is to be asked.
    ask_for(&browser, &site, &asked)?;
    assert_nothing_granted(&visit_login_server(&browser, &site, "/open", None)?, 403);
    assert!(
        log.text().contains("httpd has authenticated nobody here"),
        "{}",
        log.text()
    );
    ask_for(
        &browser,
        &site,
        &GrantingRequest {
            no_prompt: true,
            ..asked.clone()
        },
    )?;
    let blank = visit_login_server(&browser, &site, "/open", None)?;
    assert!(
        blank.status == 200 && blank.set_cookie("pubcookie_g").is_some(),
        "{}",
        blank.summary()
    );
    assert!(log.text().contains("granted without a user"), "{}", log.text());

    // Another flavour is none of httpd's.
    let creds = Creds::new(2).context("a flavour")?;
    ask_for(&browser, &site, &GrantingRequest { creds, ..asked })?;
    assert_nothing_granted(&visit_login_server(&browser, &site, "/", Some(ALICE))?, 403);

    // A logout says what it cannot end.
    for query in ["/?logout_action=0", "/?logout_action=1", "/?logout_action=2"] {
        let page = visit_login_server(&browser, &site, query, Some(ALICE))?;
        assert!(
            page.body.contains("cannot\nbe ended here"),
            "{query}: {}",
            page.body
        );
    }
    let status = visit_login_server(&browser, &site, "/", Some(ALICE))?;
    assert!(
        status.body.contains("made outside of this page"),
        "{}",
        status.body
    );
    Ok(())
}

#[test]
fn a_client_certificate_logs_in() -> Result<()> {
    let directory = PrivateDirectory::new("client")?;
    let authority = Authority::new(directory.path(), "clients")?;
    let client = authority.server_certificate("client", &["alice"])?;
    let site = Site::builder()
        .login_configuration(&format!(
            "PubcookieLoginTrustRemoteUser on\nSSLVerifyClient optional\nSSLCACertificateFile \"{}\"\n\
             <Location />\nSSLUserName SSL_CLIENT_S_DN_CN\n</Location>",
            authority.certificate().display()
        ))
        .start()?;
    let browser = site.browser()?;
    let encoded = begin_login(&browser, &site.url("/app"))?.encode(LoginMethod::Get);
    let host = "login.demo.localhost";
    let ask = |with_certificate: bool| -> Result<String> {
        let mut connector = SslConnector::builder(SslMethod::tls_client())?;
        connector.set_ca_file(site.authority())?;
        if with_certificate {
            connector.set_certificate_file(&client.certificate, SslFiletype::PEM)?;
            connector.set_private_key_file(&client.key, SslFiletype::PEM)?;
        }
        let stream = TcpStream::connect(("127.0.0.1", site.httpd.port()))?;
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let mut stream = connector.build().connect(host, stream)?;
        let port = site.httpd.port();
        write!(
            stream,
            "GET / HTTP/1.1\r\nHost: {host}:{port}\r\nCookie: pubcookie_g_req={encoded}\r\nConnection: close\r\n\r\n"
        )?;
        let mut answer = Vec::new();
        // The server may close without a word of TLS.
        let _ = stream.read_to_end(&mut answer);
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let log = site.httpd.log_from_now();
    let granted = ask(true)?;
    assert!(
        granted.starts_with("HTTP/1.1 200 ") && granted.contains("Set-Cookie: pubcookie_g="),
        "{granted}"
    );
    assert!(!granted.contains("<form"), "{granted}");
    assert!(
        log.text().contains("granted user alice whom httpd authenticated"),
        "{}",
        log.text()
    );
    let refused = ask(false)?;
    assert!(
        refused.starts_with("HTTP/1.1 403 ") && !refused.contains("pubcookie_g=A"),
        "{refused}"
    );
    Ok(())
}

#[test]
fn each_flavour_has_its_own_providers() -> Result<()> {
    let site = Site::builder()
        .module("authn_anon")
        .login_configuration(
            "PubcookieAuthTypeNames EGNetID null OneTime\nPubcookieLoginProvider flavour=onetime anon\n\
             <Location />\nAnonymous guest\nAnonymous_VerifyEmail off\nAnonymous_MustGiveEmail off\n</Location>",
        )
        .start()?;
    let browser = site.browser()?;
    let log = site.httpd.log_from_now();
    let asked = begin_login(&browser, &site.url("/app"))?;
    let third = GrantingRequest {
        creds: Creds::new(3).context("a flavour")?,
        ..asked.clone()
    };
    let second = GrantingRequest {
        creds: Creds::new(2).context("a flavour")?,
        ..asked.clone()
    };
    let form_page = |browser: &Browser| browser.get(&site.url_at("login", "/"));
    let log_in = |browser: &Browser, page: &Page, user: &str, password: &str| {
        let form = page.form_with("user")?.fill("user", user).fill("pass", password);
        let request = Request::post(
            Url::parse(&form.action)?,
            "application/x-www-form-urlencoded",
            form.encode(),
        );
        browser.exchange(&request)
    };

    // The third knows guests, and nobody of the first.
    ask_for(&browser, &site, &third)?;
    let page = form_page(&browser)?;
    assert_nothing_granted(&log_in(&browser, &page, USER, PASSWORD)?, 200);
    let granted = log_in(&browser, &page, "guest", "any")?;
    assert!(granted.set_cookie("pubcookie_g").is_some() && granted.set_cookie("pubcookie_l").is_some());

    // Its login serves itself, and not the first.
    ask_for(&browser, &site, &third)?;
    let again = visit_login_server(&browser, &site, "/", None)?;
    assert!(again.set_cookie("pubcookie_g").is_some(), "{}", again.summary());
    ask_for(&browser, &site, &asked)?;
    let first = form_page(&browser)?;
    assert!(first.form_with("user").is_ok(), "{}", first.story());
    assert_nothing_granted(&log_in(&browser, &first, "guest", "any")?, 200);
    assert!(
        log_in(&browser, &first, USER, PASSWORD)?
            .set_cookie("pubcookie_g")
            .is_some()
    );

    // There is no second.
    ask_for(&browser, &site, &second)?;
    let refused = visit_login_server(&browser, &site, "/", None)?;
    assert_nothing_granted(&refused, 403);
    assert!(
        refused
            .body
            .contains("a kind of login that this service does not offer")
    );
    let line = log.wait_for("asks for login flavour 2", Duration::from_secs(5))?;
    assert!(line.contains("(user alice) [127.0.0.1]"), "{line}");
    Ok(())
}

fn base64(text: &str) -> String {
    openssl::base64::encode_block(text.as_bytes())
}
