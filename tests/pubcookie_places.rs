//! Single sign-on among the rest of httpd: other authentication, redirects inside, subrequests, plain HTTP.

mod pubcookie_support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use granting_cookie::{Cookie, Encryption};
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod};
use pubcookie_protocol::reason::Reason;
use pubcookie_support::{ask, begin_login, bring, granted, now, sealed, user};
use testbed::PrivateDirectory;
use testbed::application::Seen;
use testbed::browser::Request;
use testbed::httpd::Httpd;
use testbed::pki;
use testbed::site::{AppServer, PASSWORD, Site, USER};
use url::Url;

/// Visits the place that httpd's Basic authentication protects.
fn basic(browser: &testbed::browser::Browser, site: &Site) -> Result<Seen> {
    let password = openssl::base64::encode_block(format!("{USER}:{PASSWORD}").as_bytes());
    let url = Url::parse(&site.url("/basic"))?;
    let response =
        browser.exchange(&Request::get(url).header("Authorization", &format!("Basic {password}")))?;
    ensure!(response.status == 200, "{}", response.summary());
    Seen::in_page(&response.body)
}

#[test]
fn a_granting_cookie_beside_basic_authentication_proves_its_own_user_once() -> Result<()> {
    let place = "<Location /basic>\nPubcookieAppID demo\n</Location>";
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration(place))
        .start()?;
    let browser = site.browser()?;
    // Only for what the place is, and whose it is.
    let asked = begin_login(&browser, &site.url("/app"))?;
    let good = granted(&asked, USER)?;
    let other_user = granted(&asked, "mallory")?;
    let refused: [(&str, Cookie); 5] = [
        ("another user's", other_user),
        (
            "too old",
            Cookie {
                create_time: now() - 70,
                ..good.clone()
            },
        ),
        (
            "another application's",
            Cookie {
                app_id: granting_cookie::AppId::encode("other")?,
                ..good.clone()
            },
        ),
        (
            "without a flavour",
            Cookie {
                creds: b'0',
                ..good.clone()
            },
        ),
        (
            "a login cookie",
            Cookie {
                cookie_type: granting_cookie::CookieType::LOGIN,
                ..good.clone()
            },
        ),
    ];
    for (what, cookie) in refused {
        bring(&browser, &site, &sealed(&site, &cookie, Encryption::Aes)?)?;
        let seen = basic(&browser, &site)?;
        assert_eq!(seen.variable("X509_USER_PROXY"), None, "{what}");
        assert_eq!(site.myproxy.issued()?, 0, "{what}");
    }
    let cookie = sealed(&site, &good, Encryption::Aes)?;
    bring(&browser, &site, &cookie)?;
    let seen = basic(&browser, &site)?;
    assert_eq!(seen.variable("REMOTE_USER"), Some(USER));
    assert_eq!(seen.variable("AUTH_TYPE"), Some("Basic"));
    seen.credential()?;
    assert!(
        !format!("{seen:?}").contains(&cookie),
        "the application sees the granting cookie"
    );
    assert!(browser.cookie("pubcookie_g").is_none());
    // Used up, for the place that Pubcookie protects too.
    let thief = site.browser()?;
    bring(&thief, &site, &cookie)?;
    let log = site.httpd.log_from_now();
    basic(&thief, &site)?;
    assert!(log.text().contains("was used before"), "{}", log.text());
    assert_eq!(site.myproxy.issued()?, 1);
    Ok(())
}

#[test]
fn an_internal_redirect_takes_the_user_over_where_the_place_is_the_same() -> Result<()> {
    let places = "RewriteEngine On\n\
                  RewriteRule ^/from/(.*) /app/$1 [PT]\n\
                  <Location /old>\nAuthType webiso\nRequire valid-user\nPubcookieAppID demo\nErrorDocument 410 /app/error\n\
                  RewriteEngine On\nRewriteRule .* - [R=410]\n</Location>\n\
                  <Location /other>\nAuthType webiso\nRequire valid-user\nPubcookieAppID other\nErrorDocument 410 /app/error\n\
                  RewriteEngine On\nRewriteRule .* - [R=410]\n</Location>\n\
                  <Location /open>\nErrorDocument 410 /app/error\nRewriteEngine On\nRewriteRule .* - [R=410]\n</Location>\n";
    let site = Site::builder()
        .module("rewrite")
        .app_server(AppServer::new("app").configuration(places))
        .start()?;
    let browser = site.browser()?;
    // A URL that is rewritten is the one that the user comes back to.
    let page = site.log_in(&browser, "/from/here?x=1")?;
    assert_eq!(page.url.path(), "/from/here");
    assert_eq!(user(&page)?.as_deref(), Some(USER));
    // The same application: its user goes along, and cookies are set once.
    let error = ask(&browser, &site.url("/old"))?;
    assert_eq!(
        Seen::in_page(&error.body)?.variable("REMOTE_USER"),
        Some(USER),
        "{}",
        error.summary()
    );
    // From an open place to a protected one, with a session and without.
    let error = ask(&browser, &site.url("/open"))?;
    assert_eq!(
        Seen::in_page(&error.body)?.variable("REMOTE_USER"),
        Some(USER),
        "{}",
        error.summary()
    );
    let stranger = begin_login(&site.browser()?, &site.url("/open"))?;
    assert_eq!(stranger.path, "/open");
    // From another application's place: the session of the one does not open the other.
    let asked = begin_login(&browser, &site.url("/other"))?;
    assert_eq!((asked.app_id.as_str(), asked.path.as_str()), ("other", "/other"));
    Ok(())
}

#[test]
fn a_subrequest_has_the_user_of_its_page_or_none() -> Result<()> {
    let pages = |path: &str| {
        format!(
            "RewriteRule ^/{path}/(.*) %{{DOCUMENT_ROOT}}/$1 [L]\n\
             <Location /{path}>\nOptions +Includes\nSetOutputFilter INCLUDES\nForceType text/html\n</Location>\n"
        )
    };
    let configuration = format!(
        "RewriteEngine On\n{}{}<Location /ours>\nAuthType webiso\nRequire valid-user\nPubcookieAppID demo\n</Location>\n",
        pages("open"),
        pages("ours")
    );
    let site = Site::builder()
        .module("include")
        .module("rewrite")
        .app_server(AppServer::new("app").configuration(&configuration))
        .start()?;
    let page = "<p>Included: <!--#include virtual=\"/app/inside\" --></p>\n";
    std::fs::write(site.directory().join("htdocs/page.html"), page)?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    let log = site.httpd.log_from_now();
    let open = ask(&browser, &site.url("/open/page.html"))?;
    assert!(
        open.body.contains("Included: [an error occurred"),
        "{}",
        open.body
    );
    assert!(log.text().contains("refused a subrequest"), "{}", log.text());
    assert_eq!(open.headers("set-cookie").count(), 0);
    let ours = ask(&browser, &site.url("/ours/page.html"))?;
    let seen = Seen::in_page(&ours.body).with_context(|| format!("{}\n{}", ours.body, log.text()))?;
    assert_eq!(seen.variable("REMOTE_USER"), Some(USER));
    Ok(())
}

/// Asks without TLS.
fn ask_plainly(site: &Site, path: &str) -> Result<String> {
    ask_port(site.httpd.port(), path)
}

fn ask_port(port: u16, path: &str) -> Result<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(Duration::from_secs(10)))?;
    // No header of the request makes it a secure one.
    write!(
        connection,
        "GET {path} HTTP/1.1\r\nHost: app.demo.localhost\r\nX-Forwarded-Proto: https\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

#[test]
fn plain_http_gets_a_page_and_no_cookie() -> Result<()> {
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration("SSLEngine off"))
        .start()?;
    let answer = ask_plainly(&site, "/app")?;
    assert!(
        answer.starts_with("HTTP/1.1 400 ") && answer.contains("needs a secure connection"),
        "{answer}"
    );
    assert!(!answer.contains("Set-Cookie"), "{answer}");
    assert!(
        site.httpd
            .log()
            .text()
            .contains("ServerName https://app.demo.localhost"),
        "{}",
        site.httpd.log().text()
    );
    Ok(())
}

#[test]
fn a_logout_over_plain_http_is_refused_and_ends_nothing() -> Result<()> {
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration("SSLEngine off"))
        .start()?;
    for word in ["on", "redirect", "clearLogin"] {
        let log = site.httpd.log_from_now();
        let answer = ask_plainly(&site, &format!("/end-session/{word}"))?;
        assert!(answer.starts_with("HTTP/1.1 400 "), "{word}: {answer}");
        assert!(!answer.contains("Set-Cookie"), "{word}: {answer}");
        assert!(
            !log.text().contains("ended the session"),
            "{word}: {}",
            log.text()
        );
    }
    Ok(())
}

#[test]
fn a_login_begins_at_the_name_that_it_comes_back_to() -> Result<()> {
    let site = Site::builder()
        .app_server(
            AppServer::new("app").configuration("ServerAlias other.demo.localhost *.portal.demo.localhost"),
        )
        .start()?;
    let port = site.httpd.port();
    let ask_as = |method: &str, host: &str| {
        let head = format!(
            "{method} /app/x%20y?a=1&b HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
        );
        site.browser()?.raw(&site.url("/"), head.as_bytes())
    };
    for host in [
        "other.demo.localhost",
        "OTHER.demo.localhost",
        "a.portal.demo.localhost",
    ] {
        for method in ["GET", "HEAD"] {
            let answer = ask_as(method, host)?;
            let location = format!("Location: https://app.demo.localhost:{port}/app/x%20y?a=1&b\r\n");
            assert!(
                answer.starts_with("HTTP/1.1 302 ") && answer.contains(&location),
                "{method} {host}: {answer}"
            );
            assert!(!answer.contains("Set-Cookie"), "{method} {host}: {answer}");
        }
        assert!(ask_as("POST", host)?.starts_with("HTTP/1.1 400 "));
    }
    // Its own name, and one that a proxy in front may have made up: there is no going round in circles.
    for host in ["app.demo.localhost", "APP.demo.localhost", "backend.example.org"] {
        let answer = ask_as("GET", host)?;
        assert!(
            answer.starts_with("HTTP/1.1 200 ") && answer.contains("pubcookie_g_req="),
            "{host}: {answer}"
        );
    }
    Ok(())
}

#[test]
fn a_place_within_demands_its_own_flavour() -> Result<()> {
    let strong = "<Location /app/strong>\nPubcookieAuthType uwsecurid\n</Location>";
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration(strong))
        .start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    let asked = begin_login(&browser, &site.url("/app/strong"))?;
    assert_eq!(asked.creds.digit(), b'3');
    assert_eq!(asked.reason, Some(Reason::WrongCreds));
    Ok(())
}

#[test]
fn no_application_on_the_host_sees_our_cookies() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    browser.set_cookie(&site.url("/"), "mine=1; path=/")?;
    let session = browser.cookie("__Host-pubcookie_s_demo").context("no session")?;
    for path in ["/app", "/open"] {
        let response = ask(&browser, &site.url(path))?;
        let seen = Seen::in_page(&response.body)?;
        let cookies = seen.variable("HTTP_COOKIE").context("no cookies")?;
        assert!(cookies.contains("mine=1"), "{path}: {cookies}");
        assert!(!cookies.contains(&session.value), "{path}: {cookies}");
        assert!(
            cookies.contains("__Host-pubcookie_s_demo=XXX"),
            "{path}: {cookies}"
        );
    }
    Ok(())
}

#[test]
fn a_terminator_of_tls_in_front_is_declared_by_the_server_name() -> Result<()> {
    let behind = "SSLEngine off\nServerName https://app.demo.localhost";
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration(behind))
        .start()?;
    let answer = ask_plainly(&site, "/app")?;
    let cookie = answer
        .lines()
        .find_map(|line| line.strip_prefix("Set-Cookie: pubcookie_g_req="));
    let cookie = cookie
        .and_then(|line| line.split(';').next())
        .with_context(|| answer.clone())?;
    let asked = GrantingRequest::decode(cookie.as_bytes(), LoginMethod::Get)?;
    assert_eq!(asked.host.to_string(), "app.demo.localhost");
    Ok(())
}

#[test]
fn without_a_login_server_protected_places_are_closed() -> Result<()> {
    let directory = PrivateDirectory::new("no-login-server")?;
    let granting = pki::self_signed(directory.path(), "granting", "login.example.org")?;
    let session = pki::self_signed(directory.path(), "session", "localhost")?;
    let key = pki::crypt_key(directory.path(), "localhost")?;
    let configuration = format!(
        "PubcookieGrantingCertFile \"{}\"\nPubcookieSessionKeyFile \"{}\"\nPubcookieSessionCertFile \"{}\"\n\
         PubcookieCryptKeyFile \"{}\"\n<Location />\nAuthType webiso\nRequire valid-user\n</Location>",
        granting.certificate.display(),
        session.key.display(),
        session.certificate.display(),
        key.display()
    );
    let httpd = Httpd::builder(directory.path())?
        .with_our_modules()
        .configuration(&configuration)
        .start()?;
    let answer = ask_port(httpd.port(), "/")?;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    let log = httpd.log().text();
    assert!(
        log.contains("AuthType webiso, but PubcookieLogin is not set"),
        "{log}"
    );
    Ok(())
}

#[test]
fn a_server_without_keys_is_closed_and_says_what_is_missing() -> Result<()> {
    let port = testbed::free_port()?;
    let keyless = format!(
        "Listen 127.0.0.1:{port}\n<VirtualHost 127.0.0.1:{port}>\nServerName keyless.demo.localhost\n\
         <Location /app>\nAuthType webiso\nRequire valid-user\n</Location>\n</VirtualHost>"
    );
    let site = Site::builder().configuration(&keyless).start()?;
    let answer = ask_port(port, "/app")?;
    assert!(answer.starts_with("HTTP/1.1 500 "), "{answer}");
    let log = site.httpd.log().text();
    assert!(
        log.contains("AuthType webiso, but PubcookieSessionKeyFile is not set"),
        "{log}"
    );
    Ok(())
}
