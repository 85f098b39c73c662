//! Realms: whose users a place takes, and what the application sees of `joe@example.edu`.

mod pubcookie_support;

use std::fs;

use anyhow::{Context, Result, ensure};
use pubcookie_protocol::app_id::AppId;
use pubcookie_protocol::session::Session;
use pubcookie_support::{ask, cookie_of, session};
use testbed::application::Seen;
use testbed::browser::{Browser, Request};
use testbed::site::{AppServer, PASSWORD, Site, USER};
use url::Url;

const JOE: &str = "joe@example.edu";

const PLACES: &str = "
    <Location /realms>
        AuthType webiso
        Require valid-user
        PubcookieAppID realms
    </Location>
    <Location /realms/some>
        PubcookieAcceptRealm other.edu
        PubcookieAcceptRealm example.edu third.edu
    </Location>
    <Location /realms/other>
        PubcookieAcceptRealm other.edu
    </Location>
    <Location /realms/strip>
        PubcookieStripRealm on
        MyProxyCredential On
        Require user joe
    </Location>
    <Location /realms/strip/not>
        PubcookieStripRealm off
        Require valid-user
    </Location>";

fn site(configuration: &str) -> Result<Site> {
    Site::builder()
        .user(JOE, PASSWORD)
        .realm("example.edu")
        .module("include")
        .module("rewrite")
        .app_server(AppServer::new("app").configuration(&format!("{PLACES}\n{configuration}")))
        .start()
}

/// A browser in which this user has a session with the application `realms`.
fn browser_of(site: &Site, user: &str) -> Result<Browser> {
    let browser = site.browser()?;
    let session = Session {
        user: user.to_owned(),
        app_id: AppId::configured("realms")?,
        ..session(0, 0)?
    };
    browser.set_cookie(&site.url("/"), &cookie_of(site, &session)?)?;
    Ok(browser)
}

/// `REMOTE_USER` and `REMOTE_REALM`, as the application sees them.
fn seen(browser: &Browser, url: &str) -> Result<(Option<String>, Option<String>)> {
    let pretending = Request::get(Url::parse(url)?)
        .header("Remote-Realm", "evil.edu")
        .header("REMOTE_REALM", "evil.edu");
    let response = browser.exchange(&pretending)?;
    let seen = Seen::in_page(&response.body).with_context(|| response.summary())?;
    ensure!(!response.body.contains("evil.edu"), "{}", response.body);
    let variable = |name| seen.variable(name).map(str::to_owned);
    Ok((variable("REMOTE_USER"), variable("REMOTE_REALM")))
}

#[test]
fn the_application_sees_user_and_realm_as_the_place_says() -> Result<()> {
    let site = site("")?;
    let browser = site.browser()?;
    site.log_in_as(&browser, &site.url("/realms"), JOE, PASSWORD)?;
    for (path, user) in [
        ("/realms", JOE),
        ("/realms/some", JOE),
        ("/realms/strip", "joe"),
        ("/realms/strip/not", JOE),
    ] {
        let (seen_user, realm) = seen(&browser, &site.url(path))?;
        assert_eq!(
            (seen_user.as_deref(), realm.as_deref()),
            (Some(user), Some("example.edu")),
            "{path}"
        );
    }
    let credentials = site.stored_credentials()?;
    assert!(
        credentials.is_empty(),
        "only a login where it is wanted gets one: {credentials:?}"
    );
    let browser = site.browser()?;
    let page = site.log_in_as(&browser, &site.url("/realms/strip"), JOE, PASSWORD)?;
    let credential = Seen::in_page(&page.body)?
        .credential()
        .map(|credential| credential.subject.clone());
    assert!(credential?.ends_with("/CN=joe"), "{}", page.story());
    let alice = browser_of(&site, USER)?;
    assert_eq!(seen(&alice, &site.url("/realms"))?, (Some(USER.to_owned()), None));
    // What begins with the sign has no name that could be left over.
    let nameless = browser_of(&site, "@example.edu")?;
    let response = ask(&nameless, &site.url("/realms/strip"))?;
    assert_eq!(response.status, 401, "{}", response.summary());
    Ok(())
}

#[test]
fn users_of_other_realms_are_refused() -> Result<()> {
    let site = site("")?;
    for (user, path) in [
        (JOE, "/realms/other"),
        (USER, "/realms/some"),
        ("joe@EXAMPLE.EDU", "/realms/some"),
        ("joe@example.edu.", "/realms/some"),
    ] {
        let browser = browser_of(&site, user)?;
        let log = site.httpd.log_from_now();
        let response = ask(&browser, &site.url(path))?;
        assert_eq!(response.status, 401, "{user} {path}: {}", response.summary());
        let challenge = response.header("www-authenticate").unwrap_or_default();
        assert_eq!(challenge, "Pubcookie realm=\"realms\"", "{user} {path}");
        assert!(Seen::in_page(&response.body).is_err(), "{}", response.body);
        assert!(log.text().contains("PubcookieAcceptRealm"), "{}", log.text());
    }
    Ok(())
}

#[test]
fn a_login_of_another_realm_begins_no_session_and_does_not_go_in_circles() -> Result<()> {
    let site = site("")?;
    let browser = site.browser()?;
    let page = site.log_in_as(&browser, &site.url("/realms/other"), JOE, PASSWORD)?;
    assert_eq!(page.status, 401, "{}", page.story());
    for cookie in ["__Host-pubcookie_s_realms", "pubcookie_g"] {
        assert!(browser.cookie(cookie).is_none(), "{cookie}: {}", page.story());
    }
    // Elsewhere the same login serves, without the form.
    let page = browser.get(&site.url("/realms/some"))?;
    assert_eq!(Seen::in_page(&page.body)?.variable("REMOTE_USER"), Some(JOE));
    Ok(())
}

#[test]
fn what_httpd_leads_to_keeps_the_realm_and_its_limits() -> Result<()> {
    let gone = |path: &str, page: &str| {
        format!(
            "<Location {path}>\nErrorDocument 410 {page}\nRewriteEngine On\n\
             RewriteCond %{{REQUEST_URI}} ^{path}$\nRewriteRule .* - [R=410]\n</Location>\n"
        )
    };
    let redirects = [
        gone("/realms/gone-to-strip", "/realms/strip"),
        gone("/realms/gone-to-other", "/realms/other"),
        // The same place for httpd, which authenticates nobody anew.
        gone("/realms/strip/here", "/realms/strip/here/page"),
        "RewriteEngine On\nRewriteRule ^/realms/files/(.*) %{DOCUMENT_ROOT}/$1 [L]\n\
         <Location /realms/files>\nOptions +Includes\nSetOutputFilter INCLUDES\nForceType text/html\n</Location>\n"
            .to_owned(),
    ];
    let site = site(&redirects.concat())?;
    let browser = browser_of(&site, JOE)?;
    for path in ["/realms/gone-to-strip", "/realms/strip/here"] {
        let (user, realm) = seen(&browser, &site.url(path))?;
        assert_eq!(
            (user.as_deref(), realm.as_deref()),
            (Some("joe"), Some("example.edu")),
            "{path}"
        );
    }
    let refused = ask(&browser, &site.url("/realms/gone-to-other"))?;
    assert!(Seen::in_page(&refused.body).is_err(), "{}", refused.body);
    for (included, user) in [("strip", Some("joe")), ("some", Some(JOE)), ("other", None)] {
        let page = format!("<!--#include virtual=\"/realms/{included}\" -->\n");
        fs::write(site.directory().join("htdocs/page.html"), page)?;
        let response = ask(&browser, &site.url("/realms/files/page.html"))?;
        let seen = Seen::in_page(&response.body).ok();
        let variable = |name| seen.as_ref().and_then(|seen| seen.variable(name));
        assert_eq!(variable("REMOTE_USER"), user, "{included}: {}", response.body);
        assert_eq!(
            variable("REMOTE_REALM"),
            user.map(|_| "example.edu"),
            "{included}"
        );
    }
    Ok(())
}
