//! `Require myproxy-credential`: alone, among other requirements, negated; and what is answered to whom it keeps out.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use testbed::application::Seen;
use testbed::browser::{Browser, Request, Response};
use testbed::httpd::{Mpm, configtest};
use testbed::site::{AppServer, PASSWORD, Site};
use testbed::wait_until;

/// Places that belong to one application, each with requirements of its own, and one page that tells of every refusal.
fn places(with_credential: &[(&str, &str)], without: &[(&str, &str)]) -> String {
    let place = |(path, requirements): &(&str, &str), credential: &str| {
        format!(
            "<Location {path}>\nAuthType webiso\nPubcookieAppID demo\nMyProxyCredential {credential}\n\
             ErrorDocument 401 /told\nErrorDocument 403 /told\nErrorDocument 503 /told\n{requirements}\n</Location>\n"
        )
    };
    let on = with_credential.iter().map(|described| place(described, "On"));
    on.chain(without.iter().map(|described| place(described, "Off")))
        .collect()
}

fn site(mpm: Mpm, configuration: &str) -> Result<Site> {
    Site::builder()
        .mpm(mpm)
        .app_server(AppServer::new("app").configuration(configuration))
        .start()
}

/// What the page that tells of a refusal saw.
fn told(response: &Response, status: u16, class: &str) -> Result<()> {
    ensure!(
        response.status == status,
        "{} instead of {status}: {}",
        response.summary(),
        response.body
    );
    let page = Seen::in_page(&response.body)?;
    assert_eq!(
        page.variable("REDIRECT_STATUS"),
        Some(status.to_string().as_str())
    );
    assert_eq!(
        page.variable("MYPROXY_ERROR"),
        Some(class),
        "{:?}",
        page.environment
    );
    assert!(
        page.variable("MYPROXY_ERROR_DESC")
            .is_some_and(|words| !words.is_empty())
    );
    assert_eq!(page.variable("X509_USER_PROXY"), None);
    assert_eq!(response.header("www-authenticate"), None);
    Ok(())
}

fn let_in(response: &Response) -> Result<()> {
    ensure!(
        response.status == 200,
        "{}: {}",
        response.summary(),
        response.body
    );
    Seen::in_page(&response.body)?.credential().map(|_| ())
}

#[test]
fn a_credential_lets_in_alone_and_among_other_requirements() -> Result<()> {
    const ALONE: &str = "Require myproxy-credential";
    const ANY: &str = "<RequireAny>\nRequire user nobody\nRequire myproxy-credential\n</RequireAny>";
    const ALL: &str = "<RequireAll>\nRequire valid-user\nRequire myproxy-credential\n</RequireAll>";
    const SOMEBODY_ELSE: &str = "<RequireAll>\nRequire myproxy-credential\nRequire user bob\n</RequireAll>";
    const NOT: &str = "<RequireAll>\nRequire valid-user\nRequire not myproxy-credential\n</RequireAll>";
    const NONE: &str = "<RequireAll>\nRequire valid-user\n<RequireNone>\nRequire myproxy-credential\n</RequireNone>\n</RequireAll>";
    const FROM_HERE: &str = "<RequireAny>\nRequire ip 127.0.0.1\nRequire myproxy-credential\n</RequireAny>";
    let with = [
        ("/alone", ALONE),
        ("/any", ANY),
        ("/all", ALL),
        ("/bob", SOMEBODY_ELSE),
        ("/kept/not", NOT),
        ("/here", FROM_HERE),
    ];
    let without = [("/not", NOT), ("/none", NONE), ("/stored", ALONE)];
    for mpm in [Mpm::Event, Mpm::Prefork] {
        let site = site(mpm, &places(&with, &without))?;
        let browser = site.browser()?;

        // No user is needed where something else lets in.
        assert_eq!(browser.get(&site.url("/here"))?.status, 200);
        // Who logs in where a credential would keep out gets none: the granting cookie is not used for it.
        for path in ["/not", "/none"] {
            let browser = site.browser()?;
            let page = site.log_in(&browser, path)?;
            ensure!(page.status == 200, "{}", page.story());
            told(&browser.get(&site.url("/stored"))?.response, 403, "none")?;
        }
        assert_eq!(site.myproxy.issued()?, 0);

        let_in(&site.log_in(&browser, "/alone")?.response)?;
        for path in ["/any", "/all", "/stored"] {
            let page = browser.get(&site.url(path))?;
            ensure!(page.status == 200, "{path}: {}", page.story());
        }
        for path in ["/not", "/none", "/kept/not"] {
            let page = browser.get(&site.url(path))?;
            ensure!(page.status == 403, "{path}: {}", page.story());
            assert_eq!(page.header("www-authenticate"), None);
        }
        // Whom another requirement keeps out is answered as ever.
        assert_eq!(browser.get(&site.url("/bob"))?.status, 401);
        assert_eq!(site.myproxy.issued()?, 1, "one logon for all of it");

        browser.get(&site.url("/logout"))?;
        for path in ["/alone", "/any", "/all"] {
            told(&browser.get(&site.url(path))?.response, 403, "none").context(path)?;
        }
        assert_eq!(browser.get(&site.url("/not"))?.status, 200);
    }
    Ok(())
}

#[test]
fn the_answer_goes_by_the_cause() -> Result<()> {
    let mut site = site(
        Mpm::Event,
        &places(
            &[
                ("/alone", "Require myproxy-credential"),
                ("/refused", "Require myproxy-credential\nMyProxyUser bob"),
                // The page that tells of it lies in the place itself.
                (
                    "/inside",
                    "Require myproxy-credential\nErrorDocument 403 /inside/told",
                ),
                (
                    "/forbidden",
                    "Require myproxy-credential\nAuthzSendForbiddenOnFailure On",
                ),
            ],
            &[],
        ),
    )?;
    // The MyProxy server takes nobody for bob: the cookie is alice's.
    let browser = site.browser()?;
    told(&site.log_in(&browser, "/refused")?.response, 403, "refused")?;
    told(&browser.get(&site.url("/inside"))?.response, 403, "refused")?;

    site.myproxy.stop();
    let browser = site.browser()?;
    let page = site.log_in(&browser, "/alone")?;
    told(&page, 503, "unreachable")?;
    assert_eq!(page.header("retry-after"), Some("30"));
    let page = browser.get(&site.url("/forbidden"))?;
    told(&page, 503, "unreachable")?;
    site.myproxy.start()?;
    // It is not asked again at each request.
    let is_back = wait_until(Duration::from_secs(30), || {
        browser
            .get(&site.url("/alone"))
            .is_ok_and(|page| let_in(&page.response).is_ok())
    });
    ensure!(is_back, "{}", site.httpd.log().text());
    let line = site.httpd.log().wait_for(
        "refused with 503, because there is no credential: unreachable",
        Duration::from_secs(5),
    )?;
    assert!(line.contains("[myproxy:info]"), "{line}");
    Ok(())
}

/// A user of Basic is asked for a password where there is none or a wrong one, and not because of a credential.
#[test]
fn basic_authentication_comes_before_the_credential() -> Result<()> {
    let site = site(
        Mpm::Event,
        "<Location /basic>\nRequire myproxy-credential\nErrorDocument 403 /told\n</Location>",
    )?;
    // The bed's `/basic` has AuthMerging Off: the last Require counts.
    let browser = site.browser()?;
    let challenged = browser.get(&site.url("/basic"))?;
    assert_eq!(challenged.status, 401);
    assert!(
        challenged
            .header("www-authenticate")
            .is_some_and(|value| value.starts_with("Basic"))
    );
    let wrong = ask(&browser, &site, "wrong")?;
    assert_eq!(wrong.status, 401);
    assert!(wrong.header("www-authenticate").is_some());
    told(&ask(&browser, &site, PASSWORD)?, 403, "none")
}

fn ask(browser: &Browser, site: &Site, password: &str) -> Result<Response> {
    let credentials = openssl::base64::encode_block(format!("alice:{password}").as_bytes());
    let request = Request::get(site.url("/basic").parse()?);
    browser.exchange(&request.header("Authorization", &format!("Basic {credentials}")))
}

#[test]
fn what_cannot_be_required_is_refused_at_the_start() {
    for (configuration, words) in [
        (
            "<Location />\nRequire myproxy-credential alice\n</Location>",
            "Require myproxy-credential: takes no argument",
        ),
        (
            "<Location />\n<RequireNone>\nRequire myproxy-credential alice\n</RequireNone>\n</Location>",
            "Require myproxy-credential: takes no argument",
        ),
        (
            "<AuthzProviderAlias myproxy-credential grid>\n</AuthzProviderAlias>",
            "cannot be given another name",
        ),
        (
            "<Location />\nRequire myproxy-credential\n</Location>",
            "needs MyProxyServer",
        ),
    ] {
        let refusal = configtest(configuration).err().unwrap_or_default();
        assert!(refusal.contains(words), "{configuration}: {refusal}");
    }
}
