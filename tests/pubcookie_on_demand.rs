//! `PubcookieOnDemand`: a place is protected where the browser brings the cookie that asks for it, and only there.
#![allow(clippy::unwrap_used, reason = "tests")]

mod pubcookie_support;

use std::sync::OnceLock;

use anyhow::{Context, Result, ensure};
use pubcookie_support::{ask, begin_login, granting_request, session_cookie};
use testbed::application::Seen;
use testbed::browser::{Browser, Response};
use testbed::httpd::{Httpd, configtest};
use testbed::site::{AppServer, Site, USER};
use testbed::{PrivateDirectory, write_file};

/// Places of the application, all of them open to everybody without the cookie.
const PLACES: &str = r#"
<Location /demand>
    PubcookieOnDemand grades "AuthType webiso, Require valid-user, PubcookieAppID demo"
    PubcookieOnDemand Marks "AuthType webiso, Require user bob" "PubcookieAppID demo"
</Location>
<Location /demand/idle>
    PubcookieOnDemand grades "AuthType webiso, Require valid-user, PubcookieAppID demo, PubcookieInactiveExpire 600"
</Location>
<Location /demand/end>
    PubcookieOnDemand grades "PubcookieAppID demo; PubcookieEndSession on"
</Location>
<Location /parts>
    PubcookieOnDemand grades "AuthType webiso, Require user bob"
    PubcookieOnDemand grades "Require user \"alice\", PubcookieAppID 'a, b'"
</Location>
<Location /lost>
    ErrorDocument 404 /demand/lost
    RewriteEngine On
    RewriteRule .* - [R=404]
</Location>
<Location /weaker>
    AuthType webiso
    Require user bob
    PubcookieAppID demo
    PubcookieOnDemand grades "Require user alice"
</Location>
"#;

/// Directories with an .htaccess at `/files/<name>/`: what they may say, and what they say.
const HTACCESS: [(&str, &str, &str); 6] = [
    (
        "good",
        "AllowOverride AuthConfig",
        "PubcookieOnDemand grades \"AuthType webiso, Require valid-user, PubcookieAppID demo\"",
    ),
    (
        "own-type",
        "AllowOverride AuthConfig",
        "AuthType webiso\nPubcookieOnDemand grades \"Require valid-user, PubcookieAppID demo\"",
    ),
    (
        "no-right",
        "AllowOverride FileInfo",
        "PubcookieOnDemand grades \"AuthType webiso\"",
    ),
    (
        "half-a-right",
        "AllowOverride None\nAllowOverrideList PubcookieOnDemand AuthType",
        "PubcookieOnDemand grades \"AuthType webiso, Require valid-user\"",
    ),
    (
        "other",
        "AllowOverride All",
        "PubcookieOnDemand grades \"AuthType webiso, SetHandler server-status\"",
    ),
    (
        "out-of-range",
        "AllowOverride All",
        "PubcookieOnDemand grades \"PubcookieHardExpire 1\"",
    ),
];

/// Pages that include another one, below a place that is open and below one that is protected on demand.
const INCLUDING: [&str; 2] = ["open", "demand"];

/// A site with all of these.
fn start(documents: &PrivateDirectory, configuration: &str) -> Result<Site> {
    let directory = documents.path().display();
    let mut host = format!("{PLACES}RewriteEngine On\nRewriteRule ^/files(/.*) \"{directory}$1\" [L]\n");
    for place in INCLUDING {
        host.push_str(&format!(
            "RewriteRule ^/{place}/including\\.html \"{directory}/including.html\" [L]\n\
             <Location /{place}/including.html>\nOptions +Includes\nSetOutputFilter INCLUDES\n\
             ForceType text/html\n</Location>\n"
        ));
    }
    let mut rights = format!("<Directory \"{directory}\">\nRequire all granted\n</Directory>\n");
    for (name, right, text) in HTACCESS {
        let place = documents.make_directory(name, 0o755)?;
        rights.push_str(&format!(
            "<Directory \"{directory}/{name}\">\n{right}\n</Directory>\n"
        ));
        write_file(&place.join(".htaccess"), 0o644, text.as_bytes())?;
        write_file(&place.join("page.html"), 0o644, b"<p>Anybody's page.</p>")?;
    }
    let including = "<p>Included: <!--#include virtual=\"/demand/inside\" --></p>\n";
    write_file(&documents.join("including.html"), 0o644, including.as_bytes())?;
    Site::builder()
        .module("include")
        .module("rewrite")
        .app_server(AppServer::new("app").configuration(&host))
        .configuration(&format!("{rights}{configuration}"))
        .start()
}

/// Tests that leave it as it is share one site, which ends with their process.
fn site() -> &'static Site {
    static SITE: OnceLock<(Site, PrivateDirectory)> = OnceLock::new();
    let (site, _) = SITE.get_or_init(|| {
        let documents = PrivateDirectory::new("documents").unwrap();
        (start(&documents, "").unwrap(), documents)
    });
    site
}

/// A browser that asks for this key at every page of the site.
fn browser_asking_for(site: &Site, key: &str) -> Result<Browser> {
    let browser = site.browser()?;
    browser.set_cookie(&site.url("/"), &format!("OnDemandKey={key}; path=/; secure"))?;
    Ok(browser)
}

/// The user and the key that the application saw.
fn seen(response: &Response) -> Result<(Option<String>, Option<String>)> {
    let seen = Seen::in_page(&response.body).with_context(|| response.summary())?;
    let variable = |name| seen.variable(name).map(str::to_owned);
    Ok((variable("REMOTE_USER"), variable("ON_DEMAND_KEY")))
}

fn alice_with(key: &str) -> (Option<String>, Option<String>) {
    (Some(USER.to_owned()), Some(key.to_owned()))
}

#[test]
fn the_cookie_decides_what_a_place_says() -> Result<()> {
    let site = site();

    // Who does not ask is not asked.
    for key in [None, Some("grade"), Some("gradesx"), Some("x")] {
        let browser = match key {
            None => site.browser()?,
            Some(key) => browser_asking_for(site, key)?,
        };
        assert_eq!(
            seen(&ask(&browser, &site.url("/demand/page"))?)?,
            (None, None),
            "{key:?}"
        );
    }

    let browser = browser_asking_for(site, "Grades")?;
    let page = site.log_in(&browser, "/demand/page")?;
    assert_eq!(seen(&page)?, alice_with("grades"));
    assert_eq!(
        seen(&ask(&browser, &site.url("/demand/page"))?)?,
        alice_with("grades")
    );
    let elsewhere = ask(&browser, &site.url("/elsewhere"))?;
    assert_eq!(seen(&elsewhere)?, (None, None));

    // Directives of one place for one key go together; those of a narrower place stand alone.
    let asked = begin_login(&browser, &site.url("/parts"))?;
    assert_eq!(asked.app_id.as_str(), "a,+b");
    let page = browser.get(&site.url("/parts"))?;
    assert_eq!(
        seen(&page)?,
        alice_with("grades"),
        "two lines of Require: one of them is enough"
    );
    // Who is let in without the cookie, and by what it asks for: both hold.
    assert_eq!(ask(&browser, &site.url("/weaker"))?.status, 401);

    let bobs = browser_asking_for(site, "marks")?;
    let refused = site.log_in(&bobs, "/demand/page")?;
    assert_eq!(refused.status, 401, "{}", refused.story());
    // A narrower place keeps the other keys of the wider one.
    assert_eq!(ask(&bobs, &site.url("/demand/idle"))?.status, 401);
    // Without the cookie the place protects itself.
    let without = site.browser()?;
    assert_eq!(site.log_in(&without, "/weaker")?.status, 401);

    // The first key that the place knows counts.
    let both = browser_asking_for(site, "x")?;
    both.set_cookie(&site.url("/demand/"), "OnDemandKey=grades; path=/demand; secure")?;
    assert!(begin_login(&both, &site.url("/demand/page")).is_ok());
    Ok(())
}

#[test]
fn limits_and_the_end_of_a_session_come_on_demand() -> Result<()> {
    let site = site();
    let browser = browser_asking_for(site, "grades")?;
    browser.set_cookie(&site.url("/"), &session_cookie(site, 1000, 700)?)?;
    assert_eq!(
        seen(&ask(&browser, &site.url("/demand/page"))?)?,
        alice_with("grades")
    );
    browser.set_cookie(&site.url("/"), &session_cookie(site, 1000, 700)?)?;
    let response = ask(&browser, &site.url("/demand/idle"))?;
    assert_eq!(
        granting_request(&response)?.reason.map(|reason| reason.number()),
        Some(4)
    );

    browser.set_cookie(&site.url("/"), &session_cookie(site, 10, 10)?)?;
    let response = ask(&browser, &site.url("/demand/end"))?;
    assert!(response.set_cookie("__Host-pubcookie_s_demo").is_some());
    assert!(browser.cookie("__Host-pubcookie_s_demo").is_none());
    Ok(())
}

#[test]
fn a_subrequest_or_redirect_gets_around_nothing() -> Result<()> {
    let site = site();
    let nobody = site.browser()?;
    assert_eq!(
        seen(&ask(&nobody, &site.url("/open/including.html"))?)?,
        (None, None)
    );

    let browser = browser_asking_for(site, "grades")?;
    let open = ask(&browser, &site.url("/open/including.html"))?;
    assert!(
        open.body.contains("Included: [an error occurred"),
        "{}",
        open.body
    );
    let lost = ask(&browser, &site.url("/lost"))?;
    assert!(Seen::in_page(&lost.body).is_err(), "{}", lost.body);

    let log = site.httpd.log_from_now();
    let page = site.log_in(&browser, "/demand/including.html")?;
    assert_eq!(
        seen(&page)?,
        alice_with("grades"),
        "{}\n{}",
        page.story(),
        log.text()
    );
    let open = ask(&browser, &site.url("/open/including.html"))?;
    assert!(
        open.body.contains("Included: [an error occurred"),
        "{}",
        open.body
    );
    Ok(())
}

#[test]
fn an_htaccess_may_say_what_it_may_say_without_waiting() -> Result<()> {
    let site = site();
    let nobody = site.browser()?;
    assert_eq!(ask(&nobody, &site.url("/files/good/page.html"))?.status, 200);
    let browser = browser_asking_for(site, "grades")?;
    let url = site.url("/files/good/page.html");
    assert_eq!(begin_login(&browser, &url)?.app_id.as_str(), "demo");
    begin_login(&browser, &site.url("/files/own-type/page.html"))?;
    let page = site.log_in(&browser, "/files/good/page.html")?;
    assert!(page.body.contains("Anybody's page."), "{}", page.story());

    for (name, words) in [
        ("no-right", "PubcookieOnDemand not allowed here"),
        ("half-a-right", "PubcookieOnDemand: Require not allowed here"),
        ("other", "PubcookieOnDemand: `SetHandler` cannot be set on demand"),
        ("out-of-range", "PubcookieHardExpire: `1` is out of range"),
    ] {
        for browser in [&nobody, &browser] {
            let log = site.httpd.log_from_now();
            let response = ask(browser, &site.url(&format!("/files/{name}/page.html")))?;
            assert_eq!(response.status, 500, "{name}");
            ensure!(log.text().contains(words), "{name}: {}", log.text());
        }
    }
    Ok(())
}

#[test]
fn nothing_is_left_of_requests_and_all_is_there_after_restarts() -> Result<()> {
    let documents = PrivateDirectory::new("documents")?;
    // One child, so that its memory says something.
    let one_child = "StartServers 1\nServerLimit 1\nThreadsPerChild 4\nMaxRequestWorkers 4\nMinSpareThreads 1\n\
                     MaxSpareThreads 4\nMaxConnectionsPerChild 0\nMaxKeepAliveRequests 0";
    let site = &start(&documents, one_child)?;
    let browser = browser_asking_for(site, "grades")?;
    browser.set_cookie(&site.url("/"), &session_cookie(site, 10, 10)?)?;
    let url = site.url("/files/good/page.html");
    let ask_often = |times: u32| -> Result<u64> {
        for _ in 0..times {
            let response = ask(&browser, &url)?;
            ensure!(
                response.body.contains("Anybody's page."),
                "{}",
                response.summary()
            );
        }
        let children = site.httpd.children()?;
        ensure!(children.len() == 1, "{children:?}");
        Ok(children[0].resident_memory)
    };
    let before = ask_often(300)?;
    let after = ask_often(1000)?;
    let growth = after.saturating_sub(before);
    ensure!(growth < 1 << 20, "httpd grew by {growth} bytes in 1000 requests");

    for restart in [
        Httpd::graceful_restart,
        Httpd::full_restart,
        Httpd::graceful_restart,
    ] {
        restart(&site.httpd)?;
        let page = ask(&browser, &site.url("/demand/page"))?;
        assert_eq!(seen(&page)?, alice_with("grades"));
        let page = ask(&site.browser()?, &site.url("/demand/page"))?;
        assert_eq!(seen(&page)?, (None, None));
    }
    Ok(())
}

#[test]
fn it_is_refused_by_name() -> Result<()> {
    for (line, words) in [
        (
            "PubcookieOnDemand grades",
            "PubcookieOnDemand: wrong number of arguments",
        ),
        (
            "PubcookieOnDemand \"a b\" \"AuthType webiso\"",
            "PubcookieOnDemand: the key `a b` cannot be a cookie's value",
        ),
        (
            "PubcookieOnDemand grades \"AuthType webiso, Options All\"",
            "PubcookieOnDemand: `Options` cannot be set on demand; AuthType, AuthName, Require, ",
        ),
        (
            "PubcookieOnDemand grades \"PubcookieInactiveExpire 299\"",
            "PubcookieOnDemand: PubcookieInactiveExpire: `299` is out of range: at least 300",
        ),
        (
            "PubcookieOnDemand grades \"Require no-such-thing\"",
            "no-such-thing",
        ),
        (
            "PubcookieOnDemand grades \"PubcookieAppID 'a\"",
            "has a quote that does not end",
        ),
    ] {
        let refusal = match configtest(&format!("<Location /x>\n{line}\n</Location>")) {
            Err(refusal) => refusal,
            Ok(said) => panic!("{line} is accepted: {said}"),
        };
        assert!(refusal.contains(words), "{line}: {refusal}");
    }
    let at_server = configtest("PubcookieOnDemand grades \"AuthType webiso\"").unwrap_err();
    assert!(at_server.contains("not allowed here"), "{at_server}");
    Ok(())
}
