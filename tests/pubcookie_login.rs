//! Logins: against a real httpd that is application server and login server, with a browser's cookies.

mod pubcookie_support;

use std::thread;

use anyhow::{Result, ensure};
use pubcookie_support::{ask, user};
use testbed::application::Seen;
use testbed::httpd::Mpm;
use testbed::site::{AppServer, Encryption, LoginMethod, PASSWORD, Site, USER};

#[test]
fn every_method_with_every_encryption_under_every_mpm() -> Result<()> {
    for mpm in Mpm::ALL {
        let mut builder = Site::builder().mpm(mpm);
        let mut labels = Vec::new();
        for method in LoginMethod::ALL {
            for encryption in Encryption::ALL {
                let label = format!("{method:?}-{encryption:?}").to_lowercase();
                builder =
                    builder.app_server(AppServer::new(&label).login_method(method).encryption(encryption));
                labels.push(label);
            }
        }
        let site = builder.start()?;
        for label in labels {
            let browser = site.browser()?;
            let url = site.url_at(&label, "/app/a%20b?x=1&y=%26+%2B");
            let page = site.log_in_as(&browser, &url, USER, PASSWORD)?;
            let seen = Seen::in_page(&page.body)?;
            ensure!(
                seen.variable("REMOTE_USER") == Some(USER),
                "{mpm:?} {label}: {}",
                page.story()
            );
            assert_eq!(seen.variable("AUTH_TYPE"), Some("webiso"));
            assert_eq!(seen.variable("QUERY_STRING"), Some("x=1&y=%26+%2B"));
            assert_eq!(page.url.as_str(), url);
            assert!(page.refused_cookies.is_empty(), "{:?}", page.refused_cookies);
            // Used up: neither granting cookie nor granting request is left.
            let mut names: Vec<_> = browser.cookies().into_iter().map(|cookie| cookie.name).collect();
            // One for this browser's login forms; its name ends in four letters of chance.
            let before = names.len();
            names.retain(|name| !name.starts_with("__Host-pubcookie_login_form_"));
            assert_eq!(names.len(), before - 1);
            // The POST method keeps an empty pre-session.
            names.retain(|name| name != "__Host-pubcookie_pre_s" || label.starts_with("get"));
            names.sort();
            assert_eq!(
                names,
                ["MM_SESSION", "__Host-pubcookie_s_demo", "pubcookie_l"],
                "{mpm:?} {label}"
            );
            // The session serves the next request, and sets nothing.
            let next = ask(&browser, &url)?;
            assert_eq!(
                (next.status, next.headers("set-cookie").count()),
                (200, 0),
                "{}",
                next.summary()
            );
        }
    }
    Ok(())
}

#[test]
fn the_application_sees_no_cookie_of_ours() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = Site::builder().login_method(method).start()?;
        let browser = site.browser()?;
        browser.set_cookie(&site.url("/"), "mine=kept; path=/; secure")?;
        let first = site.log_in(&browser, "/app")?;
        let second = browser.get(&site.url("/app"))?;
        for page in [first, second] {
            let seen = Seen::in_page(&page.body)?;
            let cookies = seen.variable("HTTP_COOKIE").unwrap_or_default();
            assert!(cookies.contains("mine=kept"), "{cookies}");
            for cookie in cookies.split("; ").filter(|cookie| cookie.contains("pubcookie")) {
                let (_, value) = cookie.split_once('=').unwrap_or_default();
                assert!(value.bytes().all(|byte| byte == b'X'), "{cookie}");
            }
            let everything = format!("{:?}{}", seen.environment, site.httpd.log().text());
            for cookie in browser
                .cookies()
                .iter()
                .filter(|cookie| cookie.name.contains("pubcookie_s"))
            {
                assert!(!everything.contains(&cookie.value), "{}", cookie.name);
            }
        }
    }
    Ok(())
}

#[test]
fn eight_tabs_end_where_they_began() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = Site::builder().login_method(method).start()?;
        let browser = site.browser()?;
        let url = |tab: usize| site.url(&format!("/app/{tab}"));
        // Opened one after the other, then the form of each filled in, the last first.
        let forms = (0..8)
            .map(|tab| browser.get(&url(tab)))
            .collect::<Result<Vec<_>>>()?;
        for (tab, page) in forms.iter().enumerate().rev() {
            let form = page.form_with("user")?.fill("user", USER).fill("pass", PASSWORD);
            let page = browser.submit(page, &form)?;
            assert_eq!(user(&page)?.as_deref(), Some(USER), "{method:?}, tab {tab}");
            assert_eq!(page.url.as_str(), url(tab), "{method:?}, tab {tab}");
        }
    }
    Ok(())
}

#[test]
fn eight_tabs_at_once_after_a_login_elsewhere() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = Site::builder().login_method(method).start()?;
        let browser = site.browser()?;
        // The login server knows the user: every tab passes through it without a form.
        let page = browser.get(&site.url_at("login", "/"))?;
        let form = page.form_with("user")?.fill("user", USER).fill("pass", PASSWORD);
        browser.submit(&page, &form)?;
        let pages = thread::scope(|scope| {
            let tabs: Vec<_> = (0..8)
                .map(|tab| {
                    let (browser, url) = (browser.clone(), site.url(&format!("/app/{tab}")));
                    scope.spawn(move || browser.get(&url))
                })
                .collect();
            tabs.into_iter().map(|tab| tab.join()).collect::<Vec<_>>()
        });
        for (tab, page) in pages.into_iter().enumerate() {
            let mut page = page.map_err(|_| anyhow::anyhow!("a tab panicked"))??;
            // By GET all tabs share one granting request cookie, which the login server clears: one that comes there
            // just then is told that it is logged in, and has to be opened again.
            if method == LoginMethod::Get && page.url.as_str() == site.url_at("login", "/") {
                assert!(page.body.contains("You are logged in"), "{}", page.story());
                page = browser.get(&site.url(&format!("/app/{tab}")))?;
            }
            assert_eq!(
                user(&page)?.as_deref(),
                Some(USER),
                "{method:?}: {}",
                page.story()
            );
        }
    }
    Ok(())
}

#[test]
fn names_of_users_stay_what_they_are() -> Result<()> {
    let longest = "u".repeat(41);
    let names = [
        "a/b",
        "..",
        "../x",
        ".hidden",
        "a b+c%d",
        "jos\u{e9}",
        "\u{fc}\u{416}",
        &longest,
    ];
    let too_long = ["u".repeat(42), "\u{e9}".repeat(7)];
    let mut builder = Site::builder();
    for name in names.into_iter().chain(too_long.iter().map(String::as_str)) {
        builder = builder.user(name, PASSWORD);
    }
    let site = builder.start()?;
    for name in names {
        let browser = site.browser()?;
        let page = site.log_in_as(&browser, &site.url("/app"), name, PASSWORD)?;
        assert_eq!(user(&page)?.as_deref(), Some(name));
        assert_eq!(user(&browser.get(&site.url("/app"))?)?.as_deref(), Some(name));
    }
    for name in too_long {
        let browser = site.browser()?;
        let page = site.log_in_as(&browser, &site.url("/app"), &name, PASSWORD)?;
        assert!(page.form_with("user").is_ok(), "{name}: {}", page.story());
        assert!(
            browser.cookie("pubcookie_g").is_none() && browser.cookie("pubcookie_l").is_none(),
            "{name}"
        );
    }
    Ok(())
}

#[test]
fn a_session_outlives_restarts() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    for restart in [
        testbed::httpd::Httpd::graceful_restart,
        testbed::httpd::Httpd::full_restart,
    ] {
        restart(&site.httpd)?;
        let page = browser.get(&site.url("/app"))?;
        assert_eq!(
            (user(&page)?.as_deref(), page.hops.len()),
            (Some(USER), 0),
            "{}",
            page.story()
        );
    }
    Ok(())
}
