//! No loop ever: whatever keeps a login from coming to its end, the user gets a page that says what it may be, and the
//! administrator a line in the log. Each cause is really there.

mod pubcookie_support;

use anyhow::{Context, Result, ensure};
use granting_cookie::{Cookie, Encryption};
use pubcookie_support::{ask, begin_login, bring, granted, sealed, user};
use testbed::browser::{Browser, Page, Request, Response};
use testbed::pki;
use testbed::site::{AppServer, LoginMethod, PASSWORD, Site, USER};
use testbed::{Clock, PrivateDirectory};
use url::Url;

const FORM: &str = "application/x-www-form-urlencoded";

/// What every such page explains.
const CAUSES: [&str; 4] = [
    "cookies",
    "clocks",
    "different keys",
    "names this server differently",
];

/// A user opens the page and logs in as often as the login server asks, at most twice. `before` each request comes what
/// the test changes. The last answer, and how often the browser was at the login server.
fn try_to_log_in(
    site: &Site,
    browser: &Browser,
    before: impl Fn(&Url) -> Result<()>,
) -> Result<(Response, usize)> {
    let mut url = Url::parse(&site.url("/app"))?;
    let mut request = Request::get(url.clone());
    let (mut trips, mut passwords) = (0, 0);
    loop {
        before(&url)?;
        let response = browser.exchange(&request)?;
        trips += usize::from(
            url.host_str() == Some("login.demo.localhost") && !response.url.path().contains("logo"),
        );
        ensure!(trips < 30, "a loop: {}", response.summary());
        let document = response.document();
        let next = if let (302, Some(location)) = (response.status, response.header("location")) {
            Some((location.to_owned(), None))
        } else if let Some(refresh) = document.refresh {
            Some((refresh, None))
        } else {
            let form = document.forms.into_iter().next();
            let form = form.map(|form| match form.field("pass") {
                Some(_) => form.fill("user", USER).fill("pass", PASSWORD),
                None => form,
            });
            let is_login = form.as_ref().is_some_and(|form| form.field("pass").is_some());
            passwords += usize::from(is_login);
            form.filter(|_| document.submits_itself || (is_login && passwords <= 2))
                .map(|form| (form.action.clone(), Some(form)))
        };
        let Some((target, form)) = next else {
            return Ok((response, trips));
        };
        let from = url;
        url = from.join(&target)?;
        request = match form {
            Some(form) => Request::post(url.clone(), FORM, form.encode()),
            None => Request::get(url.clone()),
        }
        .caused_by(&from);
    }
}

/// The page explains, with this reason, and the log says what to compare.
fn explains(site: &Site, (page, trips): &(Response, usize), reason: &str, directives: &[&str]) -> Result<()> {
    ensure!(
        matches!(page.status, 400 | 403),
        "{}\n{}",
        page.summary(),
        page.body
    );
    // The password is asked for and sent in two.
    ensure!(*trips <= 6, "{trips} trips");
    for words in CAUSES.into_iter().chain([reason]) {
        ensure!(page.body.contains(words), "no word of {words:?}: {}", page.body);
    }
    let log = site.httpd.log();
    let line = log
        .lines_with("[pubcookie:error]")
        .pop()
        .with_context(|| format!("no error in the log:\n{}", log.text()))?;
    for word in directives {
        ensure!(line.contains(word), "no word of {word}: {line}");
    }
    let (_, reference) = line.rsplit_once("reference ").context("no reference")?;
    ensure!(
        page.body
            .contains(reference.split(')').next().unwrap_or_default()),
        "{line}\n{}",
        page.body
    );
    Ok(())
}

#[test]
fn keys_that_differ() -> Result<()> {
    let elsewhere = PrivateDirectory::new("other-keys")?;
    let certificate = pki::self_signed(elsewhere.path(), "granting", "login.demo.localhost")?.certificate;
    let key = pki::crypt_key(elsewhere.path(), "app.demo.localhost")?;
    for method in LoginMethod::ALL {
        for other in [
            // The first certificate stands outside of the virtual host.
            format!("PubcookieGrantingCertFile \"{}\"", certificate.display()),
            format!("PubcookieCryptKeyFile \"{}\"", key.display()),
        ] {
            let site = Site::builder()
                .app_server(AppServer::new("app").login_method(method).configuration(&other))
                .start()?;
            let end = try_to_log_in(&site, &site.browser()?, |_| Ok(()))?;
            let compare = [
                "PubcookieGrantingCertFile",
                "PubcookieCryptKeyFile",
                "PubcookieEncryption",
            ];
            explains(&site, &end, "(reason 1)", &compare).with_context(|| format!("{method:?} {other}"))?;
            ensure!(end.0.body.contains("cannot read it"), "{}", end.0.body);
        }
    }
    Ok(())
}

#[test]
fn clocks_that_are_apart() -> Result<()> {
    for method in LoginMethod::ALL {
        let clock = Clock::new()?;
        let site = clock.drive(Site::builder().login_method(method)).start()?;
        // Both servers are one httpd: its clock goes to and fro.
        let end = try_to_log_in(&site, &site.browser()?, |url| {
            clock.set_ahead(if url.host_str() == Some("login.demo.localhost") {
                0
            } else {
                100
            })
        })?;
        explains(&site, &end, "(reason 7)", &["clocks", "date -u"]).with_context(|| format!("{method:?}"))?;
        ensure!(
            end.0.body.contains("clocks of two servers disagree"),
            "{}",
            end.0.body
        );
    }
    Ok(())
}

#[test]
fn a_server_that_does_not_know_its_own_name() -> Result<()> {
    for method in LoginMethod::ALL {
        // Users open app, and the server takes itself for other, whose key at the login server is another.
        let site = Site::builder()
            .app_server(
                AppServer::new("app")
                    .login_method(method)
                    .configuration("ServerName other.demo.localhost"),
            )
            .app_server(AppServer::new("other"))
            .start()?;
        let (page, trips) = try_to_log_in(&site, &site.browser()?, |_| Ok(()))?;
        ensure!(
            page.status == 400 || page.status == 403,
            "{method:?}: {}\n{}",
            page.summary(),
            page.body
        );
        ensure!(trips <= 7, "{method:?}: {trips} trips");
        ensure!(
            page.body.contains("names this server differently"),
            "{method:?}: {}",
            page.body
        );
    }
    Ok(())
}

#[test]
fn cookies_that_are_not_kept() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = Site::builder().login_method(method).start()?;
        let everywhere: fn(&Url) -> bool = |_| true;
        let at_the_application: fn(&Url) -> bool = |url| url.host_str() == Some("app.demo.localhost");
        for (place, refuses) in [
            ("everywhere", everywhere),
            ("at the application", at_the_application),
        ] {
            let browser = site.browser()?.refusing_cookies_of(refuses);
            let (page, trips) = try_to_log_in(&site, &browser, |_| Ok(()))?;
            ensure!(trips <= 4, "{method:?} {place}: {trips} trips");
            // By GET the granting request is a cookie: the login server does not know where the user comes from.
            let words = match (method, place) {
                (LoginMethod::Get, "at the application") => "You are logged in",
                _ => "keeps no cookies",
            };
            ensure!(page.body.contains(words), "{method:?} {place}: {}", page.body);
        }
    }
    Ok(())
}

/// By POST the reply URL says at once what is wrong; by GET the application counts.
#[test]
fn three_fruitless_trips_are_enough_and_a_minute_later_all_is_forgotten() -> Result<()> {
    let clock = Clock::new()?;
    let site = clock.drive(Site::builder()).start()?;
    let url = site.url("/app");
    let login = Url::parse(&site.url_at("login", "/"))?;
    let come_back = |browser: &Browser| browser.exchange(&Request::get(Url::parse(&url)?).caused_by(&login));
    let old = |browser: &Browser| -> Result<()> {
        let good = granted(&begin_login(browser, &url)?, USER)?;
        let old = Cookie {
            create_time: good.create_time - 100,
            ..good
        };
        bring(browser, &site, &sealed(&site, &old, Encryption::Aes)?)
    };
    for third_in_time in [true, false] {
        let browser = site.browser()?;
        for trip in 1..=3 {
            if trip == 3 && !third_in_time {
                clock.set_ahead(62)?;
            }
            old(&browser)?;
            let status = come_back(&browser)?.status;
            let expected = if trip == 3 && third_in_time { 403 } else { 200 };
            ensure!(status == expected, "trip {trip}: {status}");
        }
    }
    Ok(())
}

#[test]
fn what_a_neighbour_planted_counts_as_no_trip_where_the_user_comes_from_nowhere() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    // Out of reach of what clears it.
    browser.set_cookie(
        &site.url("/"),
        &format!("pubcookie_g={}; path=/app; secure", "x".repeat(652)),
    )?;
    // The user opens the page again and again, and never logs in.
    for _ in 0..8 {
        let response = ask(&browser, &site.url("/app"))?;
        ensure!(response.status == 200, "{}", response.body);
    }
    let page: Page = site.log_in(&browser, "/app")?;
    ensure!(user(&page)?.as_deref() == Some(USER), "{}", page.story());
    Ok(())
}
