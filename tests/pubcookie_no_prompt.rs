//! `PubcookieNoPrompt`: who is not logged in at the login server goes on without a user.

mod pubcookie_support;

use anyhow::{Context, Result};
use granting_cookie::Encryption;
use pubcookie_protocol::app_id::AppId;
use pubcookie_protocol::reason::Reason;
use pubcookie_protocol::session::Session;
use pubcookie_support::{ask, begin_login, bring, cookie_of, granted, sealed, session, user};
use testbed::application::Seen;
use testbed::browser::Browser;
use testbed::site::{AppServer, LoginMethod, Site, USER};

const PLACES: &str = "
    <Location /open>
        AuthType webiso
        Require valid-user
        PubcookieAppID open
        PubcookieNoPrompt on
        MyProxyCredential On
    </Location>
    <Location /open/alice>
        Require user alice
    </Location>
    <Location /open/group>
        AuthGroupFile groups
        Require group staff
    </Location>
    <Location /open/prompt>
        PubcookieNoPrompt off
    </Location>
    <Location /open/strict>
        PubcookieSessionCauseReAuth on
    </Location>
    <Location /open/gone>
        ErrorDocument 410 /open/after
        RewriteEngine On
        RewriteRule .* - [R=410]
    </Location>
    <Location /open/gone-to-prompt>
        ErrorDocument 410 /open/prompt
        RewriteEngine On
        RewriteRule .* - [R=410]
    </Location>";

fn site(method: LoginMethod) -> Result<Site> {
    let server = AppServer::new("app").login_method(method).configuration(PLACES);
    Site::builder()
        .module("rewrite")
        .module("authz_groupfile")
        .app_server(server)
        .start()
}

/// A browser in which nobody has a session with the application `open`.
fn blank_browser(site: &Site) -> Result<Browser> {
    let browser = site.browser()?;
    let session = Session {
        user: String::new(),
        app_id: AppId::configured("open")?,
        ..session(0, 0)?
    };
    browser.set_cookie(&site.url("/"), &cookie_of(site, &session)?)?;
    Ok(browser)
}

#[test]
fn who_is_not_logged_in_comes_back_without_a_user_and_is_asked_no_more() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = site(method)?;
        let browser = site.browser()?;
        let page = browser.get(&site.url("/open"))?;
        let seen = Seen::in_page(&page.body).with_context(|| page.story())?;
        for name in ["REMOTE_USER", "AUTH_TYPE", "X509_USER_PROXY"] {
            assert_eq!(seen.variable(name), None, "{method:?} {name}: {}", page.story());
        }
        assert_eq!(seen.variable("MYPROXY_ERROR"), Some("none"), "{method:?}");
        assert!(page.all().count() > 1, "it did not go to the login server");
        // The session remembers that nobody is there, for those who log in elsewhere meanwhile too.
        site.log_in(&browser, "/app")?;
        let again = ask(&browser, &site.url("/open"))?;
        assert_eq!(Seen::in_page(&again.body)?.variable("REMOTE_USER"), None);
        let credentials = site.stored_credentials()?;
        assert!(
            credentials.iter().all(|file| file.starts_with(USER)),
            "{credentials:?}"
        );
        // Who is logged in already is logged in here as ever.
        let browser = site.browser()?;
        site.log_in(&browser, "/app")?;
        let page = browser.get(&site.url("/open"))?;
        assert_eq!(user(&page)?.as_deref(), Some(USER), "{}", page.story());
        let seen = Seen::in_page(&page.body)?;
        assert_eq!(seen.variable("AUTH_TYPE"), Some("webiso"), "{method:?}");
    }
    Ok(())
}

#[test]
fn nobody_may_go_where_nobody_is_asked_for() -> Result<()> {
    let site = site(LoginMethod::Get)?;
    site.directory().write("groups", 0o644, "staff: alice\n")?;
    nobody_satisfies_valid_user_and_nothing_else(&site)?;
    nobody_has_no_password_to_enter_again(&site)?;
    nobody_is_told_where_a_user_is_needed(&site)?;
    httpd_leads_nobody_past_a_prompt(&site)?;
    a_place_that_prompts_sends_nobody_to_log_in(&site)
}

fn nobody_satisfies_valid_user_and_nothing_else(site: &Site) -> Result<()> {
    let browser = blank_browser(site)?;
    let open = ask(&browser, &site.url("/open"))?;
    assert_eq!(Seen::in_page(&open.body)?.variable("REMOTE_USER"), None);
    let alice = site.browser()?;
    site.log_in(&alice, "/app")?;
    for place in ["/open/alice", "/open/group"] {
        let response = ask(&browser, &site.url(place))?;
        assert_eq!(response.status, 401, "{place}: {}", response.summary());
        assert!(
            Seen::in_page(&response.body).is_err(),
            "{place}: {}",
            response.body
        );
        let page = alice.get(&site.url(place))?;
        assert_eq!(user(&page)?.as_deref(), Some(USER), "{place}");
    }
    Ok(())
}

fn nobody_has_no_password_to_enter_again(site: &Site) -> Result<()> {
    let page = site.browser()?.get(&site.url("/open/strict"))?;
    let seen = Seen::in_page(&page.body).with_context(|| page.story())?;
    assert_eq!(seen.variable("REMOTE_USER"), None);
    let again = ask(&blank_browser(site)?, &site.url("/open/strict"))?;
    assert!(Seen::in_page(&again.body).is_ok(), "{}", again.summary());
    Ok(())
}

fn nobody_is_told_where_a_user_is_needed(site: &Site) -> Result<()> {
    let browser = site.browser()?;
    let asked = begin_login(&browser, &site.url("/open/prompt"))?;
    let blank = sealed(site, &granted(&asked, "")?, Encryption::Aes)?;
    bring(&browser, site, &blank)?;
    let refused = ask(&browser, &site.url("/open/prompt"))?;
    assert_eq!(refused.status, 403, "{}", refused.summary());
    let page = "Required user login didn";
    assert!(refused.body.contains(page), "{}", refused.body);
    Ok(())
}

fn httpd_leads_nobody_past_a_prompt(site: &Site) -> Result<()> {
    let browser = blank_browser(site)?;
    let after = ask(&browser, &site.url("/open/gone"))?;
    let seen = Seen::in_page(&after.body).with_context(|| after.summary())?;
    assert_eq!(seen.variable("REMOTE_USER"), None);
    let asked = begin_login(&browser, &site.url("/open/gone-to-prompt"))?;
    assert_eq!(asked.path, "/open/gone-to-prompt");
    assert!(!asked.no_prompt);
    Ok(())
}

fn a_place_that_prompts_sends_nobody_to_log_in(site: &Site) -> Result<()> {
    assert!(begin_login(&site.browser()?, &site.url("/open"))?.no_prompt);
    let browser = blank_browser(site)?;
    let asked = begin_login(&browser, &site.url("/open/prompt"))?;
    assert_eq!((asked.reason, asked.no_prompt), (Some(Reason::NoCookie), false));
    let page = site.log_in(&browser, "/open/prompt")?;
    assert_eq!(user(&page)?.as_deref(), Some(USER), "{}", page.story());
    // From then on everywhere in the application.
    let open = ask(&browser, &site.url("/open"))?;
    assert_eq!(Seen::in_page(&open.body)?.variable("REMOTE_USER"), Some(USER));
    Ok(())
}
