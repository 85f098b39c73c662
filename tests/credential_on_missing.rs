//! `MyProxyOnMissing`: who has no credential goes on without, logs in again, or is refused; and never in circles.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::application::Seen;
use testbed::browser::{Browser, Page, Request, Response};
use testbed::httpd::configtest;
use testbed::site::{AppServer, LoginMethod, Site, SiteBuilder};
use testbed::{Clock, wait_until};
use url::Url;

const FORM: &str = "application/x-www-form-urlencoded";

/// A site whose `/app` sends to log in again. Its application has a place without credentials, `/open`, one that refuses,
/// `/deny`, and one page that tells of refusals.
fn site(method: LoginMethod) -> SiteBuilder {
    const TOLD: &str = "ErrorDocument 403 /told\nErrorDocument 503 /told";
    let app = AppServer::new("app")
        .login_method(method)
        .protected(&format!("MyProxyOnMissing login\n{TOLD}"))
        .configuration(&format!(
            "<Location /open>\nAuthType webiso\nRequire valid-user\nPubcookieAppID demo\n</Location>\n\
             <Location /deny>\nAuthType webiso\nRequire valid-user\nPubcookieAppID demo\nMyProxyCredential On\n\
             MyProxyOnMissing deny\n{TOLD}\n</Location>\n\
             <Location /deny/told>\nErrorDocument 403 /deny/told\n</Location>\n\
             <Location /required>\nAuthType webiso\nPubcookieAppID demo\nMyProxyCredential On\n\
             Require myproxy-credential\nMyProxyOnMissing login\n{TOLD}\n</Location>\n\
             <Location /required/logout>\nMyProxyLogoutURI ^/required/logout\n</Location>\n\
             <Location /refused>\nAuthType webiso\nRequire valid-user\nPubcookieAppID demo\nMyProxyCredential On\n\
             MyProxyUser bob\nMyProxyOnMissing login\n{TOLD}\n</Location>\n\
             <Location /basic>\nMyProxyOnMissing login\nErrorDocument 403 /told\n</Location>"
        ));
    Site::builder().app_server(app)
}

fn credential(page: &Response) -> Result<Seen> {
    let seen = Seen::in_page(&page.body).with_context(|| page.summary())?;
    seen.credential().with_context(|| page.summary())?;
    Ok(seen)
}

/// The page that tells of a refusal.
fn told(page: &Response, status: u16, class: &str) -> Result<()> {
    ensure!(page.status == status, "{}: {}", page.summary(), page.body);
    let seen = Seen::in_page(&page.body)?;
    assert_eq!(seen.variable("MYPROXY_ERROR"), Some(class));
    assert_eq!(seen.variable("X509_USER_PROXY"), None);
    Ok(())
}

/// How often a navigation came to the login server.
fn trips(page: &Page) -> usize {
    let at_login = |response: &&Response| response.url.host_str() == Some("login.demo.localhost");
    page.all().filter(at_login).count()
}

fn lose_session(browser: &Browser) {
    for cookie in browser.cookies() {
        if cookie.name == "MM_SESSION" {
            browser.remove_cookie(&cookie);
        }
    }
}

#[test]
fn who_is_logged_in_without_a_credential_gets_one_by_a_trip_to_the_login_server() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = site(method).start()?;
        let browser = site.browser()?;
        // The granting cookie of this login serves for no credential.
        assert_eq!(site.log_in(&browser, "/open")?.status, 200);
        assert_eq!(site.myproxy.issued()?, 0);

        // A script is told, and its page can do what it likes.
        let by_script = Request::get(site.url("/app").parse()?).by_script();
        let answer = browser.exchange(&by_script)?;
        assert_eq!(answer.status, 401);
        assert!(
            answer
                .header("www-authenticate")
                .is_some_and(|value| value.starts_with("Pubcookie"))
        );
        assert_eq!(answer.set_cookie("__Host-myproxy_login"), None);

        // The user sees the page that was asked for, and no form.
        let page = browser.get(&site.url("/app/page?a=1&b=2"))?;
        ensure!(trips(&page) == 1, "{}", page.story());
        let seen = credential(&page)?;
        assert_eq!(seen.variable("REQUEST_URI"), Some("/app/page?a=1&b=2"));
        assert_eq!(seen.variable("REMOTE_USER"), Some("alice"));
        assert_eq!(site.myproxy.issued()?, 1);
        assert_eq!(trips(&browser.get(&site.url("/app"))?), 0);

        // The same where a credential is required; a form is carried there.
        browser.get(&site.url("/logout"))?;
        let own_page = Url::parse(&site.url("/"))?;
        let form = Request::post(site.url("/required").parse()?, FORM, "job=run&n=3").caused_by(&own_page);
        let page = browser.navigate(form)?;
        ensure!(trips(&page) == 1, "{}", page.story());
        let seen = credential(&page)?;
        assert_eq!(
            (seen.variable("REQUEST_METHOD"), seen.body.as_str()),
            (Some("POST"), "job=run&n=3")
        );

        // Who logs out is not sent to log in, even where the address lies in a place that requires a credential.
        browser.get(&site.url("/logout"))?;
        let page = browser.get(&site.url("/required/logout"))?;
        ensure!(page.status == 403 && trips(&page) == 0, "{}", page.story());

        // What cannot be carried is told so, and no mark keeps the next page from logging in.
        browser.get(&site.url("/logout"))?;
        let file = Request::post(site.url("/app").parse()?, "application/octet-stream", "bytes");
        assert_eq!(browser.exchange(&file.caused_by(&own_page))?.status, 401);
        credential(&browser.get(&site.url("/app"))?.response)?;
    }
    Ok(())
}

#[test]
fn a_login_that_brings_no_credential_is_not_repeated() -> Result<()> {
    let site = site(LoginMethod::Get).start()?;

    // The MyProxy server refuses: that is told at once, by this request and the next.
    let browser = site.browser()?;
    site.log_in(&browser, "/open")?;
    let page = browser.get(&site.url("/refused"))?;
    ensure!(trips(&page) == 1, "{}", page.story());
    told(&page, 403, "refused")?;
    for _ in 0..2 {
        let page = browser.get(&site.url("/refused"))?;
        ensure!(trips(&page) == 0, "{}", page.story());
        told(&page, 403, "refused")?;
    }
    // Not even one that has lost its session is sent once more.
    lose_session(&browser);
    let page = browser.get(&site.url("/refused"))?;
    ensure!(trips(&page) == 0, "{}", page.story());
    told(&page, 403, "none")?;

    // The granting cookie gets lost on the way back. Scripts are still told what would help.
    let browser = site.browser()?;
    site.log_in(&browser, "/open")?;
    let loses_granting_cookies =
        browser.refusing_cookies_of(|url| url.host_str() == Some("login.demo.localhost"));
    let page = loses_granting_cookies.get(&site.url("/app"))?;
    ensure!(trips(&page) == 1, "{}", page.story());
    told(&page, 403, "none")?;
    for _ in 0..2 {
        let page = loses_granting_cookies.get(&site.url("/app"))?;
        ensure!(trips(&page) == 0, "{}", page.story());
        told(&page, 403, "none")?;
    }
    let by_script = Request::get(site.url("/app").parse()?).by_script();
    assert_eq!(browser.exchange(&by_script)?.status, 401);
    // A logout begins anew.
    browser.get(&site.url("/logout"))?;
    credential(&browser.get(&site.url("/app"))?.response)?;

    // A client that loses the mark too gets a login page each time, and goes nowhere by itself.
    browser.get(&site.url("/logout"))?;
    for _ in 0..3 {
        let client = browser.with_stolen_cookies();
        let answer = client.exchange(&Request::get(site.url("/app").parse()?))?;
        ensure!(answer.document().refresh.is_some(), "{}", answer.body);
    }

    // One that keeps no cookies at all does not come as far as that, and not in a loop either.
    let keeps_none = site
        .browser()?
        .refusing_cookies_of(|url| url.host_str() == Some("app.demo.localhost"));
    let page = site.log_in(&keeps_none, "/app")?;
    ensure!(Seen::in_page(&page.body).is_err(), "{}", page.story());
    Ok(())
}

#[test]
fn behind_another_single_sign_on_login_is_deny_and_deny_goes_by_the_cause() -> Result<()> {
    let mut site = site(LoginMethod::Get).start()?;
    let browser = site.browser()?;
    let credentials = openssl::base64::encode_block(b"alice:open-sesame");
    let basic =
        Request::get(site.url("/basic").parse()?).header("Authorization", &format!("Basic {credentials}"));
    let answer = browser.exchange(&basic)?;
    told(&answer, 403, "none")?;
    assert_eq!(answer.set_cookie("__Host-myproxy_login"), None);

    site.log_in(&browser, "/open")?;
    told(&browser.get(&site.url("/deny"))?.response, 403, "none")?;
    // A page that tells of it may lie in the place that refuses.
    let page = browser.get(&site.url("/deny/told/x"))?;
    told(&page, 403, "none")?;

    site.myproxy.stop();
    let browser = site.browser()?;
    let page = site.log_in(&browser, "/deny")?;
    told(&page, 503, "unreachable")?;
    assert_eq!(page.header("retry-after"), Some("30"));
    // No trip to the login server changes that.
    let page = browser.get(&site.url("/app"))?;
    ensure!(trips(&page) == 0, "{}", page.story());
    told(&page, 503, "unreachable")?;
    site.myproxy.start()?;
    // It is not asked again at each request.
    let is_back = wait_until(Duration::from_secs(30), || {
        browser
            .get(&site.url("/deny"))
            .is_ok_and(|page| credential(&page.response).is_ok())
    });
    ensure!(is_back, "{}", site.httpd.log().text());
    let log = site.httpd.log().text();
    assert!(
        log.contains("refused with 403, because there is no credential: none"),
        "{log}"
    );
    Ok(())
}

#[test]
fn an_expired_credential_leads_to_a_login_once() -> Result<()> {
    // Whatever the MyProxy server gives is too short for this place.
    let app = AppServer::new("app").configuration(
        "<Location /long>\nAuthType webiso\nRequire valid-user\nPubcookieAppID demo\nMyProxyCredential On\n\
         MyProxyMinLifetime 864000\nMyProxyOnMissing login\nErrorDocument 403 /told\n</Location>",
    );
    let site = Site::builder().app_server(app).start()?;
    let browser = site.browser()?;
    credential(&site.log_in(&browser, "/app")?.response)?;
    let page = browser.get(&site.url("/long"))?;
    ensure!(trips(&page) == 1, "{}", page.story());
    credential(&page.response)?;
    assert_eq!(site.myproxy.issued()?, 2);
    let line = site.httpd.log().wait_for(
        "sent to log in again, because there is no credential",
        Duration::from_secs(5),
    )?;
    assert!(line.ends_with("expired"), "{line}");
    // The next one would be as short.
    let page = browser.get(&site.url("/long"))?;
    ensure!(trips(&page) == 0, "{}", page.story());
    told(&page.response, 403, "expired")?;
    credential(&browser.get(&site.url("/app"))?.response)?;
    Ok(())
}

/// A granting cookie waits a hundred seconds for the MyProxy server; after that a login helps.
#[test]
fn a_login_that_outlived_an_outage_is_made_anew() -> Result<()> {
    let clock = Clock::new()?;
    let app = AppServer::new("app").protected("MyProxyOnMissing login");
    let mut site = clock.drive(Site::builder().app_server(app)).start()?;
    site.myproxy.stop();
    let browser = site.browser()?;
    let page = site.log_in(&browser, "/app")?;
    ensure!(page.status == 503, "{}", page.story());
    clock.set_ahead(105)?;
    let page = browser.get(&site.url("/app"))?;
    ensure!(page.status == 503 && trips(&page) == 1, "{}", page.story());
    Ok(())
}

#[test]
fn values_and_places() -> Result<()> {
    let refusal = configtest("MyProxyOnMissing ask").err().unwrap_or_default();
    assert!(
        refusal.contains("MyProxyOnMissing: \"ask\" is neither ignore, login nor deny"),
        "{refusal}"
    );
    Ok(())
}
