//! The login server: passwords, providers, single sign-on, logout, and what it writes into the log.

mod pubcookie_support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use pubcookie_support::{ask, user};
use regex::Regex;
use testbed::browser::Request;
use testbed::site::{AppServer, LoginMethod, PASSWORD, Site, USER};
use url::Url;

#[test]
fn a_wrong_password_shows_the_form_again_and_grants_nothing() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = Site::builder().login_method(method).start()?;
        let browser = site.browser()?;
        let log = site.httpd.log_from_now();
        for (name, password) in [
            (USER, "wrong"),
            ("nobody", PASSWORD),
            (USER, ""),
            ("", PASSWORD),
            ("al\0ice", PASSWORD),
        ] {
            let page = site.log_in_as(&browser, &site.url("/app"), name, password)?;
            assert!(
                page.form_with("user").is_ok(),
                "{name} {password}: {}",
                page.story()
            );
            assert!(browser.cookie("pubcookie_g").is_none() && browser.cookie("pubcookie_l").is_none());
            assert_eq!(page.form_with("user")?.field("pass"), Some(""));
        }
        let line = log.wait_for("user alice: wrong user name or password", Duration::from_secs(5))?;
        assert!(
            line.contains("127.0.0.1") && line.contains("pubcookie:warn"),
            "{line}"
        );
        assert!(
            !log.text().contains(PASSWORD) && !log.text().contains("wrong\""),
            "{}",
            log.text()
        );
        // The form that came back still works.
        assert_eq!(user(&site.log_in(&browser, "/app")?)?.as_deref(), Some(USER));
        assert!(!log.text().contains(PASSWORD));
    }
    Ok(())
}

#[test]
fn one_password_serves_all_applications() -> Result<()> {
    let site = Site::builder()
        .app_server(AppServer::new("one"))
        .app_server(AppServer::new("two").login_method(LoginMethod::Post))
        .start()?;
    let browser = site.browser()?;
    let log = site.httpd.log_from_now();
    site.log_in(&browser, "/app")?;
    assert_eq!(
        user(&browser.get(&site.url_at("two", "/app"))?)?.as_deref(),
        Some(USER)
    );
    assert!(
        log.text()
            .contains("granted user alice with the password: app server ID one.demo.localhost, app ID demo")
    );
    assert!(
        log.text()
            .contains("granted user alice by single sign-on: app server ID two.demo.localhost")
    );
    // Logged out there, the next application asks again.
    browser.get(&site.url_at("login", "/?logout_action=2"))?;
    assert!(log.text().contains("user alice: logged out"), "{}", log.text());
    browser.remove_cookie(&browser.cookie("__Host-pubcookie_s_demo").expect("a session"));
    assert!(browser.get(&site.url("/app"))?.form_with("user").is_ok());
    Ok(())
}

#[test]
fn the_next_provider_is_asked_for_a_user_that_one_does_not_know() -> Result<()> {
    let site = Site::builder()
        .module("authn_anon")
        .login_configuration(
            "PubcookieLoginProvider file anon\n<Location />\nAnonymous guest\nAnonymous_VerifyEmail off\n\
             Anonymous_MustGiveEmail off\n</Location>",
        )
        .start()?;
    let guest = site.log_in_as(&site.browser()?, &site.url("/app"), "guest", "anything")?;
    assert_eq!(user(&guest)?.as_deref(), Some("guest"));
    // The first provider knows this user: nobody else is asked.
    let page = site.log_in_as(&site.browser()?, &site.url("/app"), USER, "wrong")?;
    assert!(page.form_with("user").is_ok(), "{}", page.story());
    let page = site.log_in_as(&site.browser()?, &site.url("/app"), "nobody", "anything")?;
    assert!(page.form_with("user").is_ok(), "{}", page.story());
    Ok(())
}

#[test]
fn a_provider_that_fails_is_no_wrong_password() -> Result<()> {
    let site = Site::builder()
        .login_configuration("<Location />\nAuthUserFile /nowhere/users\n</Location>")
        .start()?;
    let page = site.log_in_as(&site.browser()?, &site.url("/app"), USER, PASSWORD)?;
    assert_eq!(page.status, 503, "{}", page.story());
    assert!(
        site.httpd
            .log()
            .text()
            .contains("user alice: the password could not be checked")
    );
    Ok(())
}

#[test]
fn only_forms_of_its_own_for_this_browser_count() -> Result<()> {
    let site = Site::start()?;
    let page = site.browser()?.get(&site.url("/app"))?;
    let form = page.form_with("user")?.fill("user", USER).fill("pass", PASSWORD);
    // Another browser submits it: a login forced on somebody.
    let other = site.browser()?;
    let forced = other.submit(&page, &form)?;
    assert_eq!(forced.status, 403, "{}", forced.story());
    assert!(other.cookie("pubcookie_g").is_none() && other.cookie("pubcookie_l").is_none());
    Ok(())
}

#[test]
fn other_methods_and_large_forms_are_refused() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    let login = Url::parse(&site.url_at("login", "/"))?;
    let large = format!("user={}", "x".repeat(4 << 20));
    let response = browser.exchange(&Request::post(
        login.clone(),
        "application/x-www-form-urlencoded",
        large,
    ))?;
    assert_eq!(response.status, 413);
    for method in ["PUT", "OPTIONS", "PROPFIND"] {
        let text = format!(
            "{method} / HTTP/1.1\r\nHost: login.demo.localhost:{}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            site.httpd.port()
        );
        let answer = browser.raw(login.as_str(), text.as_bytes())?;
        assert!(answer.starts_with("HTTP/1.1 405 "), "{answer}");
        // httpd names them in an order of its own.
        let served = answer.lines().find_map(|line| line.strip_prefix("Allow: "));
        let served: Vec<&str> = served.unwrap_or_default().split(',').collect();
        assert!(served.contains(&"GET") && served.contains(&"POST"), "{answer}");
    }
    for query in ["logout_action=7", "a=1&a=2", "%ff=1"] {
        let response = ask(&browser, &format!("{login}?{query}"))?;
        assert_eq!(response.status, 400, "{query}");
    }
    let refusals = site.httpd.log().lines_with("login server: refused: ");
    assert_eq!(refusals.len(), 7, "{refusals:?}");
    assert!(
        refusals.iter().all(|line| line.ends_with("[127.0.0.1]")),
        "{refusals:?}"
    );
    Ok(())
}

#[test]
fn no_picture_frame_or_script_of_another_page_ends_a_login() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    let login = browser.cookie("pubcookie_l").context("no login cookie")?;
    for kind in [
        "Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image",
        "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe",
        "Sec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty",
    ] {
        let request = format!(
            "GET /logout HTTP/1.1\r\nHost: login.demo.localhost:{}\r\nCookie: pubcookie_l={}\r\n{kind}\r\n\
             Connection: close\r\n\r\n",
            site.httpd.port(),
            login.value
        );
        let answer = browser.raw(&site.url_at("login", "/"), request.as_bytes())?;
        assert!(answer.starts_with("HTTP/1.1 403 "), "{kind}: {answer}");
        assert!(!answer.contains("Set-Cookie"), "{kind}: {answer}");
    }
    Ok(())
}

#[test]
fn a_host_without_a_key_gets_nothing() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    let asked = pubcookie_support::begin_login(&browser, &site.url("/app"))?;
    let elsewhere = pubcookie_protocol::granting_request::GrantingRequest {
        host: "evil.demo.localhost".parse()?,
        ..asked
    };
    let encoded = elsewhere.encode(pubcookie_protocol::granting_request::LoginMethod::Get);
    browser.set_cookie(
        &site.url("/"),
        &format!("pubcookie_g_req={encoded}; domain=.demo.localhost; path=/; secure"),
    )?;
    let page = browser.get(&site.url_at("login", "/"))?;
    assert_eq!(page.status, 403, "{}", page.story());
    assert!(
        site.httpd.log().text().contains("refused: evil.demo.localhost"),
        "{}",
        site.httpd.log().text()
    );
    Ok(())
}

#[test]
fn a_host_asks_under_its_own_name() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    let asked = pubcookie_support::begin_login(&browser, &site.url("/app"))?;
    for (id, refusal) in [
        ("login.demo.localhost", "belongs to another server"),
        ("portal", "permit it by a key file of that name"),
    ] {
        let under_another = pubcookie_protocol::granting_request::GrantingRequest {
            app_server_id: pubcookie_protocol::app_id::AppServerId::configured(id)?,
            ..asked.clone()
        };
        let encoded = under_another.encode(pubcookie_protocol::granting_request::LoginMethod::Get);
        browser.set_cookie(
            &site.url("/"),
            &format!("pubcookie_g_req={encoded}; domain=.demo.localhost; path=/; secure"),
        )?;
        let page = browser.get(&site.url_at("login", "/"))?;
        assert_eq!(page.status, 403, "{id}: {}", page.story());
        let log = site.httpd.log().text();
        assert!(log.contains(refusal), "{id}: {log}");
    }
    Ok(())
}

#[test]
fn the_documented_pattern_finds_the_address_of_a_wrong_password_and_no_other() -> Result<()> {
    let docs = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/login-server.md"))?;
    let pattern = docs.lines().find_map(|line| line.strip_prefix("failregex = "));
    let pattern = Regex::new(&pattern.context("no pattern")?.replace("<HOST>", r"(\S+)"))?;

    let site = Site::start()?;
    let browser = site.browser()?;
    let form = browser.get(&site.url("/app"))?.form_with("user")?;
    let log = site.httpd.log_from_now();
    // Whoever wants somebody else to be kept out sends a line of his own making.
    let forged = "[x] [pubcookie:warn] [x] [client 192.0.2.1:1] login server: user x: wrong user name or password: [192.0.2.1]";
    for (user, pass) in [(USER, "wrong"), (USER, PASSWORD), ("x [192.0.2.1]", "x")] {
        let body = form.clone().fill("user", user).fill("pass", pass).encode();
        let url = Url::parse(&site.url_at("login", "/"))?;
        let post = Request::post(url, "application/x-www-form-urlencoded", body);
        browser.exchange(&post.header("Referer", forged))?;
    }
    let lines = log.lines_with("192.0.2.1");
    assert!(
        lines.iter().any(|line| line.contains("granted user alice")),
        "{lines:?}"
    );
    let found = lines.iter().filter_map(|line| pattern.captures(line));
    let addresses: Vec<String> = found.map(|found| found[1].to_owned()).collect();
    assert_eq!(addresses, ["127.0.0.1", "127.0.0.1"], "{lines:?}");
    Ok(())
}
