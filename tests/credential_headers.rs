//! `MyProxyHeader`, and what places that lead to one another inherit.

mod application_support;

use anyhow::Result;
use application_support::{Way, site_with};
use testbed::application::Seen;
use testbed::browser::{Browser, Request};
use testbed::httpd::configtest;
use testbed::site::{Site, USER};

/// A site whose `/app/there` and `/open/there` are shown as by an application behind mod_proxy: a CGI program sees the
/// headers too.
fn site() -> Result<Site> {
    let places = "<Location /app/there>\nMyProxyHeader X-Grid-Credential\n</Location>\n\
                  <Location /app/there/inner>\nMyProxyHeader X-Inner-Credential\n</Location>\n\
                  <LocationMatch ^/(app|open)/including>\nAlias \"htdocs/including.shtml\"\n\
                  SetHandler default-handler\nForceType text/html\nSetOutputFilter INCLUDES\nOptions Includes\n</LocationMatch>";
    let site = site_with(
        &[Way {
            name: "there",
            configuration: "",
        }],
        places,
    )
    .module("include")
    .start()?;
    let page = "<!--#include virtual=\"/open/there\" --><hr><!--#include virtual=\"/app/there\" -->";
    site.directory().write("htdocs/including.shtml", 0o644, page)?;
    Ok(site)
}

fn ask(site: &Site, browser: &Browser, path: &str, headers: &[(&str, &str)]) -> Result<Seen> {
    let request = Request::get(site.url(path).parse()?);
    let request = headers
        .iter()
        .fold(request, |request, (name, value)| request.header(name, value));
    Seen::in_page(&browser.exchange(&request)?.body)
}

#[test]
fn a_header_is_ours_alone_in_the_whole_server() -> Result<()> {
    let site = site()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app/there")?;
    let file = site.credential_directory().join(USER);

    // A client that would have mod_proxy drop it as a header of its connection.
    for connection in [
        "X-Grid-Credential",
        "close, x_grid_credential",
        "MyProxy-Error , close",
    ] {
        let seen = ask(&site, &browser, "/app/there", &[("Connection", connection)])?;
        assert_eq!(seen.variable("HTTP_X_GRID_CREDENTIAL"), file.to_str());
        assert_eq!(seen.variable("HTTP_CONNECTION"), None, "{connection}");
    }
    let seen = ask(&site, &browser, "/app/there", &[("Connection", "close")])?;
    assert_eq!(seen.variable("HTTP_CONNECTION"), Some("close"));

    // In another place, with a name of its own; and where there is no credential.
    let forged = [
        ("X-Grid-Credential", "/forged"),
        ("x_grid_credential", "/forged"),
        ("X-Inner-Credential", "/forged"),
        ("X_Inner-Credential", "/forged"),
        ("MyProxy-Error", "/forged"),
        ("MYPROXY_CRED_SUBJECT", "/forged"),
        ("X-Other", "/not-ours"),
    ];
    let seen = ask(&site, &browser, "/app/there/inner", &forged)?;
    assert_eq!(seen.variable("HTTP_X_INNER_CREDENTIAL"), file.to_str());
    assert_eq!(seen.variable("HTTP_X_GRID_CREDENTIAL"), None);
    for path in [
        "/app/there",
        "/app/there/inner",
        "/app",
        "/open/there",
        "/anywhere",
    ] {
        let seen = ask(&site, &browser, path, &forged)?;
        let believed: Vec<_> = seen
            .environment
            .iter()
            .filter(|(_, value)| *value == "/forged")
            .collect();
        assert!(believed.is_empty(), "{path}: {believed:?}");
        assert_eq!(seen.variable("HTTP_X_OTHER"), Some("/not-ours"), "{path}");
    }

    browser.get(&site.url("/logout"))?;
    let seen = ask(&site, &browser, "/app/there", &forged)?;
    assert_eq!(seen.variable("HTTP_X_GRID_CREDENTIAL"), None);
    assert_eq!(seen.variable("HTTP_MYPROXY_ERROR"), Some("none"));
    assert_eq!(
        seen.variable("HTTP_MYPROXY_ERROR_DESC"),
        seen.variable("MYPROXY_ERROR_DESC")
    );
    Ok(())
}

#[test]
fn what_a_page_includes_sees_what_its_own_place_gives() -> Result<()> {
    let site = site()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app/there")?;
    for page in ["/app/including", "/open/including"] {
        let body = browser.get(&site.url(page))?.response.body;
        let (of_open, of_app) = body.split_once("<hr>").unwrap_or_default();
        let seen = Seen::in_page(of_open)?;
        let leaked: Vec<_> = seen
            .environment
            .keys()
            .filter(|name| ["X509", "MYPROXY", "GRID"].iter().any(|part| name.contains(part)))
            .collect();
        assert!(leaked.is_empty(), "{page}: {leaked:?}");
        if page == "/app/including" {
            let seen = Seen::in_page(of_app)?;
            seen.credential()?;
            assert_eq!(
                seen.variable("HTTP_X_GRID_CREDENTIAL"),
                seen.variable("X509_USER_PROXY")
            );
        } else {
            assert!(
                of_app.contains("an error occurred"),
                "a page without a login includes what needs one: {of_app}"
            );
        }
    }
    Ok(())
}

#[test]
fn names_that_mean_something_else_are_refused() {
    let reserved = [
        "Host",
        "Cookie",
        "authorization",
        "Connection",
        "Content-Length",
        "Proxy",
        "X-Forwarded-For",
        "MyProxy-Error",
    ];
    let malformed = ["X_Grid_Credential", "X Grid", "9-Lives", "\"\""];
    for name in reserved.iter().chain(&malformed) {
        let refusal = configtest(&format!("MyProxyHeader \"{}\"", name.trim_matches('"'))).expect_err(name);
        assert!(refusal.contains("MyProxyHeader"), "{name}: {refusal}");
    }
    for name in ["X-Grid-Credential", "Grid-Credential", "X509-User-Proxy"] {
        configtest(&format!("MyProxyHeader {name}")).expect(name);
    }
}
