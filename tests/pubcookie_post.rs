//! Bodies that are carried through a login.

mod pubcookie_support;

use anyhow::{Context, Result};
use granting_cookie::Encryption;
use pubcookie_support::{begin_login, bring, granted, sealed, user};
use testbed::application::Seen;
use testbed::browser::{Browser, Page, Request};
use testbed::site::{AppServer, LoginMethod, PASSWORD, Site, USER};
use url::{Url, form_urlencoded};

const FORM: &str = "application/x-www-form-urlencoded";

/// Everything that has gone wrong with forms before: fields named `submit`, quotes, line ends, empty values, UTF-8.
const BODY: &str = "a=1&a=2&submit=Go%21&b=%3Cscript%3E%22%27&c=l1%0D%0Al2&d=&e=%C3%A9+%2B%26%3D";

fn fields(body: &str) -> Vec<(String, String)> {
    form_urlencoded::parse(body.as_bytes()).into_owned().collect()
}

/// Posts to the application from one of its own pages, or from a page elsewhere, and logs in.
fn post_and_log_in(site: &Site, browser: &Browser, from: &str) -> Result<Page> {
    let url = Url::parse(&site.url("/app/form?x=1"))?;
    let page = browser.navigate(Request::post(url, FORM, BODY).caused_by(&Url::parse(from)?))?;
    match page.form_with("pass") {
        Ok(form) => browser.submit(&page, &form.fill("user", USER).fill("pass", PASSWORD)),
        Err(_) => Ok(page),
    }
}

#[test]
fn a_form_from_our_own_page_arrives_as_it_was() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = Site::builder().login_method(method).start()?;
        let browser = site.browser()?;
        // First with the password, then by single sign-on.
        for round in 0..2 {
            let page = post_and_log_in(&site, &browser, &site.url("/form"))?;
            let seen = Seen::in_page(&page.body).with_context(|| page.story())?;
            assert_eq!(seen.variable("REMOTE_USER"), Some(USER));
            assert_eq!(seen.variable("REQUEST_METHOD"), Some("POST"));
            assert_eq!(seen.variable("QUERY_STRING"), Some("x=1"));
            assert_eq!(fields(&seen.body), fields(BODY), "{method:?}, round {round}");
            let session = browser.cookie("__Host-pubcookie_s_demo").context("no session")?;
            browser.remove_cookie(&session);
        }
    }
    Ok(())
}

#[test]
fn a_form_from_another_site_waits_for_a_click() -> Result<()> {
    for method in LoginMethod::ALL {
        for logged_in_before in [false, true] {
            let site = Site::builder().login_method(method).start()?;
            let browser = site.browser()?;
            if logged_in_before {
                site.log_in(&browser, "/app")?;
            }
            let page = post_and_log_in(&site, &browser, "https://evil.example/")?;
            assert!(
                Seen::in_page(&page.body).is_err(),
                "{method:?}: sent by itself: {}",
                page.story()
            );
            let waiting = page.document();
            assert!(
                !waiting.submits_itself && page.body.contains("/app/form"),
                "{}",
                page.story()
            );
            // The click of a user who meant it.
            let form = waiting.forms.first().context("no form")?;
            let page = browser.submit(&page, form)?;
            let seen = Seen::in_page(&page.body).with_context(|| page.story())?;
            assert_eq!(fields(&seen.body), fields(BODY), "{method:?}");
            assert_eq!(seen.variable("REMOTE_USER"), Some(USER));
        }
    }
    Ok(())
}

#[test]
fn a_body_that_was_not_there_when_the_login_began_waits_for_a_click() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    let asked = begin_login(&browser, &site.url("/app/form"))?;
    bring(
        &browser,
        &site,
        &sealed(&site, &granted(&asked, USER)?, Encryption::Aes)?,
    )?;
    let url = Url::parse(&site.url("/app/form"))?;
    let login = Url::parse(&site.url_at("login", "/"))?;
    let page = browser.navigate(Request::post(url, FORM, BODY).caused_by(&login))?;
    assert!(Seen::in_page(&page.body).is_err(), "{}", page.story());
    let waiting = page.document();
    assert!(!waiting.submits_itself, "{}", page.story());
    let page = browser.submit(&page, waiting.forms.first().context("no form")?)?;
    assert_eq!(fields(&Seen::in_page(&page.body)?.body), fields(BODY));
    Ok(())
}

#[test]
fn the_session_of_another_tab_does_not_click() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    // What the login server's page sends: same site, and without a name.
    let url = Url::parse(&site.url("/app/form"))?;
    let unnamed = Request::post(url.clone(), FORM, BODY).caused_by(&Url::parse(&site.url_at("login", "/"))?);
    let page = browser.navigate(unnamed)?;
    assert!(Seen::in_page(&page.body).is_err(), "{}", page.story());
    // A page of a neighbour of ours is trusted with forms, as Sec-Fetch-Site says.
    let page =
        browser.navigate(Request::post(url, FORM, BODY).caused_by(&Url::parse(&site.url_at("www", "/"))?))?;
    assert_eq!(user(&page)?.as_deref(), Some(USER));
    Ok(())
}

#[test]
fn what_cannot_be_carried_is_refused_with_a_page() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = Site::builder()
            .app_server(
                AppServer::new("app")
                    .login_method(method)
                    .configuration("PubcookieMaxPost 1000"),
            )
            .start()?;
        let browser = site.browser()?;
        let url = Url::parse(&site.url("/app"))?;
        let exactly = format!("a={}", "x".repeat(998));
        let one_more = format!("{exactly}x");
        for (content_type, body, words) in [
            (
                "multipart/form-data; boundary=b",
                "--b--",
                "multipart/form-data not allowed",
            ),
            (FORM, "", "Invalid POST data"),
            ("application/json", "{}", "Invalid POST data"),
            (FORM, "a=%00", "Invalid POST data"),
            (FORM, &one_more, "POST data larger than supported"),
        ] {
            let page = Request::post(url.clone(), content_type, body).caused_by(&url);
            let response = browser.exchange(&page)?;
            assert_eq!(
                response.status,
                400,
                "{method:?} {content_type}: {}",
                response.summary()
            );
            assert!(
                response.body.contains(words),
                "{method:?} {content_type}: {}",
                response.body
            );
        }
        let response = browser.exchange(&Request::post(url.clone(), FORM, exactly).caused_by(&url))?;
        assert_eq!(response.status, 200, "{}", response.summary());
    }
    Ok(())
}

#[test]
fn a_body_without_a_length_is_carried_and_the_connection_goes_on() -> Result<()> {
    let site = Site::start()?;
    let host = format!("app.demo.localhost:{}", site.httpd.port());
    for (content_type, status) in [(FORM, "200"), ("multipart/form-data; boundary=b", "400")] {
        let requests = format!(
            "POST /app HTTP/1.1\r\nHost: {host}\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n\
             5\r\na=1&b\r\n2\r\n=2\r\n0\r\n\r\nGET /second HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        );
        let answers = site.browser()?.raw(&site.url("/"), requests.as_bytes())?;
        assert!(answers.starts_with(&format!("HTTP/1.1 {status} ")), "{answers}");
        // After a 400 httpd closes the connection, as it always does.
        if status == "200" {
            assert!(answers.contains("\"REQUEST_URI\":\"/second\""), "{answers}");
            assert!(answers.contains("value=\"a=1&amp;b=2\""), "{answers}");
        }
    }
    Ok(())
}

#[test]
fn without_javascript_every_step_has_a_button() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = Site::builder().login_method(method).start()?;
        let browser = site.browser()?.without_javascript();
        let mut page = browser.get(&site.url("/app"))?;
        for _ in 0..4 {
            let Some(mut form) = page.document().forms.into_iter().next() else {
                break;
            };
            if form.field("pass").is_some() {
                form = form.fill("user", USER).fill("pass", PASSWORD);
            }
            page = browser.submit(&page, &form)?;
        }
        assert_eq!(user(&page)?.as_deref(), Some(USER), "{method:?}");
    }
    Ok(())
}
