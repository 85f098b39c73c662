//! A user whom httpd only believes to know: authentication modules name the user before they have seen the password, and
//! httpd shows an ErrorDocument of the same place without asking again.

mod pubcookie_support;

use anyhow::Result;
use pubcookie_support::begin_login;
use testbed::application::Seen;
use testbed::browser::{Browser, Request, Response};
use testbed::site::{AppServer, Site};
use url::Url;

/// alice:wrong
const WRONG: &str = "Basic YWxpY2U6d3Jvbmc=";

/// Each place says what went wrong on a page of its own, that would get a credential.
const PLACES: &str = r#"
<LocationMatch "^/(basic|broken|form)">
    MyProxyAuthMethod certificate
</LocationMatch>
<Location /basic>
    ErrorDocument 401 /basic/failed
</Location>
<Location /broken>
    AuthType Basic
    AuthName broken
    AuthUserFile there-is-no-such-file
    ErrorDocument 500 /broken/failed
    Require valid-user
    MyProxyCredential On
</Location>
<Location /form>
    AuthType form
    AuthName form
    AuthFormProvider file
    AuthUserFile passwords
    ErrorDocument 401 /form/failed
    Session On
    SessionCookieName portal_session path=/;secure;httponly
    Require valid-user
    MyProxyCredential On
</Location>
"#;

fn site() -> Result<Site> {
    let mut site = Site::builder()
        .trusted_retriever()
        .app_server(AppServer::new("app").configuration(PLACES));
    for module in ["auth_form", "request", "session", "session_cookie"] {
        site = site.module(module);
    }
    site.start()
}

fn ask(site: &Site, browser: &Browser, path: &str, authorization: &str) -> Result<Response> {
    let request = Request::get(Url::parse(&site.url(path))?);
    browser.exchange(&request.header("Authorization", authorization))
}

#[test]
fn the_page_about_a_failed_login_brings_no_credential() -> Result<()> {
    let site = site()?;
    let form = Request::post(
        Url::parse(&site.url("/form"))?,
        "application/x-www-form-urlencoded",
        "httpd_username=alice&httpd_password=wrong",
    );
    let stranger = site.browser()?;
    for (response, status) in [
        (ask(&site, &stranger, "/basic", WRONG)?, 401),
        (ask(&site, &stranger, "/broken", WRONG)?, 500),
        (stranger.exchange(&form)?, 401),
    ] {
        let context = response.summary();
        assert_eq!(response.status, status, "{context}");
        assert!(response.set_cookie("MM_SESSION").is_none(), "{context}");
        let seen = Seen::in_page(&response.body)?;
        assert_eq!(
            seen.variable("MYPROXY_ERROR"),
            Some("none"),
            "{context}: {seen:?}"
        );
        assert_eq!(site.myproxy.issued()?, 0, "{context}");
    }
    Ok(())
}

#[test]
fn the_page_about_a_failed_login_is_no_login_at_the_login_server() -> Result<()> {
    let site = Site::builder()
        .login_configuration(
            "PubcookieLoginTrustRemoteUser On\n\
             <Location />\nAuthType Basic\nAuthName login\nAuthBasicProvider file\nRequire valid-user\n\
             ErrorDocument 401 /failed\n</Location>\n\
             <Location /broken>\nAuthUserFile there-is-no-such-file\nErrorDocument 500 /broken/failed\n</Location>",
        )
        .start()?;
    for path in ["/", "/broken"] {
        let browser = site.browser()?;
        begin_login(&browser, &site.url("/app"))?;
        let visit = Request::get(Url::parse(&site.url_at("login", path))?).header("Authorization", WRONG);
        let response = browser.exchange(&visit)?;
        assert_eq!(response.status, 403, "{}", response.body);
        assert!(
            response.body.contains("You should have been logged in"),
            "{}",
            response.body
        );
        assert!(
            response.set_cookie("pubcookie_g").is_none(),
            "{}",
            response.summary()
        );
    }
    Ok(())
}
