//! `PubcookieSessionCauseReAuth`: a session that began with the password.

mod pubcookie_support;

use anyhow::{Context, Result};
use granting_cookie::{Cookie, Encryption, Reauthentication as Said, Version};
use pubcookie_protocol::granting_request::Reauthentication;
use pubcookie_protocol::reason::Reason;
use pubcookie_protocol::session::Session;
use pubcookie_support::{ask, begin_login, bring, cookie_of, granted, sealed, session, session_cookie, user};
use testbed::application::Seen;
use testbed::site::{AppServer, LoginMethod, PASSWORD, Site, USER};

const PLACES: &str = "
    <Location /app/again>
        PubcookieSessionCauseReAuth on
    </Location>
    <Location /app/again/not>
        PubcookieSessionCauseReAuth off
    </Location>
    <Location /app/grace>
        PubcookieSessionCauseReAuth 3600
    </Location>
    <Location /strict>
        AuthType webiso
        Require valid-user
        PubcookieAppID strict
        PubcookieSessionCauseReAuth on
    </Location>
    <Location /app/gone>
        ErrorDocument 410 /app/again
        RewriteEngine On
        RewriteRule .* - [R=410]
    </Location>";

fn site(method: LoginMethod, configuration: &str) -> Result<Site> {
    let server = AppServer::new("app")
        .login_method(method)
        .configuration(&format!("{PLACES}\n{configuration}"));
    Site::builder().module("rewrite").app_server(server).start()
}

#[test]
fn the_password_is_asked_for_again_and_the_session_remembers_it() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = site(method, "PubcookieStrictReauth on")?;
        let browser = site.browser()?;
        site.log_in(&browser, "/app")?;
        // Within the time of grace that login counts.
        let page = browser.get(&site.url("/app/grace"))?;
        assert_eq!(
            user(&page)?.as_deref(),
            Some(USER),
            "{method:?}: {}",
            page.story()
        );
        assert!(page.all().count() > 1, "it did not go to the login server");
        browser.set_cookie(&site.url("/"), &session_cookie(&site, 10, 10)?)?;
        let form_page = browser.get(&site.url("/app/again"))?;
        let form = form_page.form_with("pass").with_context(|| form_page.story())?;
        let page = browser.submit(&form_page, &form.fill("pass", PASSWORD))?;
        assert_eq!(
            user(&page)?.as_deref(),
            Some(USER),
            "{method:?}: {}",
            page.story()
        );
        for path in ["/app/again", "/app/again/not", "/app/grace", "/app"] {
            let response = ask(&browser, &site.url(path))?;
            let seen = Seen::in_page(&response.body).with_context(|| response.summary())?;
            assert_eq!(seen.variable("REMOTE_USER"), Some(USER), "{method:?} {path}");
        }
    }
    Ok(())
}

#[test]
fn what_is_asked_and_why() -> Result<()> {
    let site = site(LoginMethod::Get, "")?;
    let browser = site.browser()?;
    browser.set_cookie(&site.url("/"), &session_cookie(&site, 10, 10)?)?;
    for (path, demanded, reason) in [
        (
            "/app/again",
            Reauthentication::Always,
            Reason::ReauthenticationDemanded,
        ),
        (
            "/app/grace",
            Reauthentication::UnlessWithin(3600),
            Reason::ReauthenticationDemanded,
        ),
        ("/strict", Reauthentication::Always, Reason::NoCookie),
    ] {
        let asked = begin_login(&browser, &site.url(path)).with_context(|| path.to_owned())?;
        assert_eq!(
            (asked.reauthentication, asked.reason),
            (demanded, Some(reason)),
            "{path}"
        );
    }
    let open = ask(&browser, &site.url("/app/again/not"))?;
    assert_eq!(Seen::in_page(&open.body)?.variable("REMOTE_USER"), Some(USER));
    let asked = begin_login(&browser, &site.url("/app/gone"))?;
    assert_eq!(asked.path, "/app/gone", "where httpd leads to demands its own");
    assert_eq!(asked.reason, Some(Reason::ReauthenticationDemanded));
    // A session that began so serves everywhere.
    let reauthenticated = Session {
        reauthenticated: true,
        ..session(10, 10)?
    };
    browser.set_cookie(&site.url("/"), &cookie_of(&site, &reauthenticated)?)?;
    let again = ask(&browser, &site.url("/app/again"))?;
    assert_eq!(Seen::in_page(&again.body)?.variable("REMOTE_USER"), Some(USER));
    Ok(())
}

#[test]
fn what_the_login_server_says_of_it_counts() -> Result<()> {
    for (strict, sayings) in [
        (
            "off",
            &[
                (Said::Happened, true),
                (Said::Unknown, true),
                (Said::DidNotHappen, false),
            ][..],
        ),
        ("on", &[(Said::Happened, true), (Said::Unknown, false)]),
    ] {
        let site = site(LoginMethod::Get, &format!("PubcookieStrictReauth {strict}"))?;
        for &(said, accepted) in sayings {
            let browser = site.browser()?;
            let asked = begin_login(&browser, &site.url("/strict"))?;
            let cookie = Cookie {
                version: Version::new(asked.encryption, said),
                ..granted(&asked, USER)?
            };
            bring(&browser, &site, &sealed(&site, &cookie, Encryption::Aes)?)?;
            let response = ask(&browser, &site.url("/strict"))?;
            let what = format!("{strict} {said:?}: {}", response.summary());
            let seen = Seen::in_page(&response.body).ok();
            let user = seen.as_ref().and_then(|seen| seen.variable("REMOTE_USER"));
            assert_eq!(user, accepted.then_some(USER), "{what}");
            if !accepted {
                assert_eq!(response.status, 403, "{what}");
                let page = "Required Session Reauthentication didn";
                assert!(response.body.contains(page), "{}", response.body);
            }
        }
    }
    Ok(())
}
