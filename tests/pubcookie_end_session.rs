//! `PubcookieEndSession` in each of its ways: with and without `Require`, on files and directories.

mod pubcookie_support;

use anyhow::Result;
use pubcookie_support::{ask, user};
use testbed::application::Seen;
use testbed::browser::Response;
use testbed::site::{AppServer, LoginMethod, Site, USER};

/// Places that end the session, each in every way.
const PLACES: [(&str, &str); 3] = [
    ("open", "Require all granted"),
    ("protected", "AuthType webiso\nRequire valid-user"),
    ("somebody-else", "AuthType Basic\nAuthName x\nRequire all granted"),
];

fn site(method: LoginMethod) -> Result<Site> {
    let mut configuration = String::new();
    for (place, protection) in PLACES {
        for word in ["on", "redirect", "clearLogin"] {
            configuration.push_str(&format!(
                "<LocationMatch \"^/leave/{place}/{word}(/|\\.html)\">\n{protection}\nPubcookieAppID demo\n\
                 PubcookieEndSession {word}\n</LocationMatch>\n"
            ));
        }
    }
    configuration.push_str("<Location /leave/open/on/but/stay>\nPubcookieEndSession off\n</Location>\n");
    Site::builder()
        .app_server(
            AppServer::new("app")
                .login_method(method)
                .configuration(&configuration),
        )
        .start()
}

fn is_cleared(response: &Response, cookie: &str) -> bool {
    response.headers("set-cookie").any(|text| {
        text.starts_with(&format!("{cookie}=")) && text.contains("expires=Fri, 11-Jan-1990 00:00:01 GMT")
    })
}

#[test]
fn every_way_ends_session_and_credential() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = site(method)?;
        for (place, _) in PLACES {
            for word in ["on", "redirect", "clearLogin"] {
                for end in ["/", ".html"] {
                    let url = site.url(&format!("/leave/{place}/{word}{end}"));
                    let browser = site.browser()?;
                    site.log_in(&browser, "/app")?;
                    assert_eq!(site.stored_credentials()?.len(), 2, "{url}");
                    let response = ask(&browser, &url)?;
                    assert_eq!(response.status, 200, "{url}");
                    assert!(
                        is_cleared(&response, "__Host-pubcookie_s_demo"),
                        "{url}: {}",
                        response.summary()
                    );
                    assert!(
                        is_cleared(&response, "pubcookie_s_demo"),
                        "{url}: {}",
                        response.summary()
                    );
                    assert!(browser.cookie("__Host-pubcookie_s_demo").is_none(), "{url}");
                    assert!(site.stored_credentials()?.is_empty(), "{url}");
                    assert!(site.stored_sessions()?.is_empty(), "{url}");
                    after(&site, &browser, word, &response)?;
                }
            }
        }
    }
    Ok(())
}

/// What each word does besides.
fn after(site: &Site, browser: &testbed::browser::Browser, word: &str, response: &Response) -> Result<()> {
    let logout = response.document().refresh;
    let url = |action: u8| {
        let login = site.url_at("login", "/");
        format!("{login}?logout_action={action}&two=demo&one=app.demo.localhost")
    };
    match word {
        "on" => {
            assert_eq!(Seen::in_page(&response.body)?.variable("REMOTE_USER"), None);
            assert_eq!(logout, None);
        }
        "redirect" => assert_eq!(logout, Some(url(0))),
        _ => assert_eq!(logout, Some(url(1))),
    }
    if word != "on" {
        assert!(is_cleared(response, "pubcookie_g") && is_cleared(response, "__Host-pubcookie_pre_s"));
        assert!(
            response
                .header("cache-control")
                .is_some_and(|value| value.contains("no-store"))
        );
        browser.get(logout.as_deref().unwrap_or_default())?;
    }
    // Only clearLogin ends the login at the login server: afterwards there is a form again.
    let page = browser.get(&site.url("/app"))?;
    match word {
        "clearLogin" => assert!(page.form_with("user").is_ok(), "{}", page.story()),
        _ => assert_eq!(user(&page)?.as_deref(), Some(USER)),
    }
    browser.get(&site.url("/logout"))?;
    Ok(())
}

#[test]
fn no_session_is_needed() -> Result<()> {
    let site = site(LoginMethod::Get)?;
    for (place, _) in PLACES {
        for word in ["on", "redirect", "clearLogin"] {
            let response = ask(&site.browser()?, &site.url(&format!("/leave/{place}/{word}/")))?;
            assert_eq!(response.status, 200, "{place} {word}");
            assert!(is_cleared(&response, "__Host-pubcookie_s_demo"), "{place} {word}");
        }
    }
    Ok(())
}

/// With `Satisfy any` httpd takes an answer for a refusal, and asks on.
#[test]
fn the_application_adds_nothing_to_the_page() -> Result<()> {
    let mut configuration = String::new();
    for (place, protection) in PLACES {
        configuration.push_str(&format!(
            "<Location /any/{place}>\n{protection}\nSatisfy any\nOrder allow,deny\nDeny from all\n\
             PubcookieAppID demo\nPubcookieEndSession redirect\n</Location>\n"
        ));
    }
    let basic = "<Location /any/basic>\nAuthType Basic\nAuthName x\nAuthBasicProvider file\nAuthUserFile /dev/null\n\
                 Require valid-user\nSatisfy any\nOrder allow,deny\nDeny from all\nPubcookieAppID demo\n\
                 PubcookieEndSession redirect\n</Location>\n";
    let site = Site::builder()
        .module("access_compat")
        .app_server(
            AppServer::new("app")
                .configuration(&configuration)
                .configuration(basic),
        )
        .start()?;
    for place in PLACES.map(|(place, _)| place).into_iter().chain(["basic"]) {
        let response = ask(&site.browser()?, &site.url(&format!("/any/{place}")))?;
        assert!(
            response.document().refresh.is_some(),
            "{place}: {}",
            response.body
        );
        assert_eq!(
            response.body.matches("</html>").count(),
            1,
            "{place}: {}",
            response.body
        );
        assert!(
            Seen::in_page(&response.body).is_err(),
            "{place}: {}",
            response.body
        );
    }
    Ok(())
}

#[test]
fn off_switches_it_off_again() -> Result<()> {
    let site = site(LoginMethod::Get)?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    let response = ask(&browser, &site.url("/leave/open/on/but/stay"))?;
    assert!(
        response.headers("set-cookie").next().is_none(),
        "{}",
        response.summary()
    );
    assert_eq!(user(&browser.get(&site.url("/app"))?)?.as_deref(), Some(USER));
    Ok(())
}

#[test]
fn another_applications_session_stays() -> Result<()> {
    let other = "<Location /other>\nAuthType webiso\nRequire valid-user\nPubcookieAppID other\n</Location>";
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration(other))
        .start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    browser.get(&site.url("/other"))?;
    browser.get(&site.url("/end-session/on"))?;
    assert_eq!(
        ask(&browser, &site.url("/other"))?.headers("set-cookie").count(),
        0
    );
    assert!(browser.cookie("__Host-pubcookie_s_other").is_some());
    assert!(browser.cookie("__Host-pubcookie_s_demo").is_none());
    Ok(())
}
