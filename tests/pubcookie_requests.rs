//! Requests for a protected place that no login page can answer, or that try to bend what is asked of the login server.

mod pubcookie_support;

use anyhow::{Context, Result};
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod};
use pubcookie_support::{ask, begin_login};
use testbed::application::Seen;
use testbed::browser::Request;
use testbed::site::{AppServer, Site};
use url::Url;

#[test]
fn scripts_get_a_challenge_and_no_page() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    let url = Url::parse(&site.url("/app"))?;
    let from_script = Request::get(url.clone()).caused_by(&url).by_script();
    let old_script = Request::get(url.clone()).header("X-Requested-With", "XMLHttpRequest");
    for request in [from_script, old_script] {
        let response = browser.exchange(&request)?;
        assert_eq!(response.status, 401);
        assert_eq!(
            response.header("www-authenticate"),
            Some("Pubcookie realm=\"demo\"")
        );
        assert!(response.headers("set-cookie").next().is_none());
    }
    let deleted = browser.raw(
        url.as_str(),
        format!(
            "DELETE /app HTTP/1.1\r\nHost: app.demo.localhost:{}\r\nConnection: close\r\n\r\n",
            site.httpd.port()
        )
        .as_bytes(),
    )?;
    assert!(deleted.starts_with("HTTP/1.1 401 "), "{deleted}");
    Ok(())
}

#[test]
fn only_the_favicon_itself_passes() -> Result<()> {
    let protected = "<Location />\nAuthType webiso\nRequire valid-user\n</Location>";
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration(protected))
        .start()?;
    let browser = site.browser()?;
    let seen = Seen::in_page(&ask(&browser, &site.url("/favicon.ico"))?.body)?;
    assert_eq!(seen.variable("REMOTE_USER"), None);
    for path in [
        "/favicon.ico/",
        "/favicon.icon",
        "/favicon.ico%2f..",
        "/x/favicon.ico",
        "/",
    ] {
        let response = ask(&browser, &site.url(path))?;
        assert!(Seen::in_page(&response.body).is_err(), "{path}");
    }
    let posted = Request::post(
        Url::parse(&site.url("/favicon.ico"))?,
        "application/x-www-form-urlencoded",
        "a=1",
    );
    assert!(Seen::in_page(&browser.exchange(&posted)?.body).is_err());
    Ok(())
}

#[test]
fn long_addresses_are_refused_with_a_page() -> Result<()> {
    let site = Site::start()?;
    let url = |length: usize| site.url(&format!("/app?{}", "q".repeat(length)));
    assert_eq!(begin_login(&site.browser()?, &url(1900))?.query.len(), 1900);
    let response = ask(&site.browser()?, &url(1901))?;
    assert_eq!(response.status, 400);
    assert!(
        response.body.contains("GET arguments longer than supported"),
        "{}",
        response.body
    );
    Ok(())
}

#[test]
fn a_granting_request_cannot_be_bent_by_an_address() -> Result<()> {
    let site = Site::start()?;
    for path in [
        "/app/&sess_re=0&flag=Q",
        "/app/a=b%26c",
        "/app/%0d%0aX:y",
        "/app/\"<>",
    ] {
        let asked = begin_login(&site.browser()?, &site.url(path))?;
        assert!(
            !asked.no_prompt && asked.additional.is_empty(),
            "{path}: {asked:?}"
        );
        assert!(asked.path.starts_with("/app/"), "{}", asked.path);
    }
    // However the path is spelled, the user comes back to this server.
    for target in ["//app", "///app", "https://evil.example/app", "/%2e/app"] {
        let head = format!(
            "GET {target} HTTP/1.1\r\nHost: app.demo.localhost:{}\r\nConnection: close\r\n\r\n",
            site.httpd.port()
        );
        let answer = site.browser()?.raw(&site.url("/"), head.as_bytes())?;
        let cookie = answer
            .lines()
            .find_map(|line| line.strip_prefix("Set-Cookie: pubcookie_g_req="));
        let cookie = cookie
            .and_then(|line| line.split(';').next())
            .with_context(|| answer.clone())?;
        let asked = GrantingRequest::decode(cookie.as_bytes(), LoginMethod::Get)?;
        assert_eq!(asked.host.name(), "app.demo.localhost", "{target}");
        assert!(
            asked.path.starts_with('/') && !asked.path.starts_with("//"),
            "{target}: {}",
            asked.path
        );
    }
    Ok(())
}

#[test]
fn a_place_has_one_authentication_and_a_flavour_that_is_known() -> Result<()> {
    let host = "<Location /both>\nAuthType Basic\nAuthName x\nPubcookieAuthType webiso\nRequire valid-user\n</Location>\n\
                <Location /unknown>\nPubcookieAuthType unheard-of\nRequire valid-user\n</Location>\n\
                <Location /ours>\nPubcookieAuthType webiso\nPubcookieAppID demo\nRequire valid-user\n</Location>";
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration(host))
        .start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/ours")?;
    assert_eq!(
        Seen::in_page(&browser.get(&site.url("/ours"))?.body)?.variable("AUTH_TYPE"),
        Some("webiso")
    );
    for (path, line) in [
        ("/both", "stands beside AuthType Basic"),
        ("/unknown", "not one of PubcookieAuthTypeNames"),
    ] {
        let log = site.httpd.log_from_now();
        assert_eq!(ask(&browser, &site.url(path))?.status, 500, "{path}");
        assert!(log.text().contains(line), "{path}: {}", log.text());
    }
    Ok(())
}
