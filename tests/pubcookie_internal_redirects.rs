//! Where httpd leads a request on to another place by itself, no login is got around and no logout undone.

mod pubcookie_support;

use anyhow::{Context, Result};
use pubcookie_support::{ask, begin_login, session_cookie, user};
use testbed::application::Seen;
use testbed::site::{AppServer, Site, USER};

fn site(configuration: &str) -> Result<Site> {
    Site::builder()
        .module("rewrite")
        .app_server(AppServer::new("app").configuration(configuration))
        .start()
}

#[test]
fn a_logout_is_not_undone_where_it_leads_to() -> Result<()> {
    let site = site(
        "<Location /leave>\nPubcookieAppID demo\nPubcookieEndSession on\nErrorDocument 404 /app/after\n\
         RewriteEngine On\nRewriteRule .* - [R=404]\n</Location>",
    )?;
    let browser = site.browser()?;
    // Idle for so long that it would be made anew.
    browser.set_cookie(&site.url("/"), &session_cookie(&site, 2000, 1000)?)?;
    let response = ask(&browser, &site.url("/leave"))?;
    assert_eq!(response.status, 404);
    assert!(Seen::in_page(&response.body).is_err(), "{}", response.body);
    assert!(
        browser.cookie("__Host-pubcookie_s_demo").is_none(),
        "{:?}",
        response.headers("set-cookie").collect::<Vec<_>>()
    );
    assert!(response.set_cookie("pubcookie_g_req").is_none());
    Ok(())
}

#[test]
fn a_login_for_the_place_behind_a_redirect_comes_to_its_end() -> Result<()> {
    let site = site(
        "<Location /first>\nAuthType webiso\nRequire valid-user\nPubcookieAppID first\nErrorDocument 410 /app/second\n\
         RewriteEngine On\nRewriteRule .* - [R=410]\n</Location>",
    )?;
    let browser = site.browser()?;
    let page = site.log_in(&browser, "/first")?;
    assert_eq!(page.url.path(), "/first");
    assert_eq!(user(&page)?.as_deref(), Some(USER), "{}", page.story());
    Seen::in_page(&page.body)?.credential()?;
    // From then on both sessions serve.
    let again = ask(&browser, &site.url("/first"))?;
    assert_eq!(Seen::in_page(&again.body)?.variable("REMOTE_USER"), Some(USER));
    Ok(())
}

#[test]
fn the_favicon_leads_to_no_application() -> Result<()> {
    let everywhere = "<Location />\nAuthType webiso\nRequire valid-user\nPubcookieAppID demo\nRewriteEngine On\n\
                      RewriteCond %{REQUEST_URI} ^/favicon\\.ico$\nRewriteRule .* - [R=404]\n";
    for front_controller in [
        // The same place for httpd, which authenticates nobody anew.
        "ErrorDocument 404 /front\n</Location>",
        // Another one.
        "ErrorDocument 404 /front\n</Location>\n<Location /front>\nPubcookieInactiveExpire 600\n</Location>",
    ] {
        let site = site(&format!("{everywhere}{front_controller}"))?;
        for browser in [site.browser()?, site.browser()?.without_javascript()] {
            let response = ask(&browser, &site.url("/favicon.ico"))?;
            assert!(
                Seen::in_page(&response.body).is_err(),
                "{front_controller}: {}",
                response.body
            );
        }
    }
    Ok(())
}

#[test]
fn a_favicon_with_a_query_needs_a_login() -> Result<()> {
    let site = site("<Location />\nAuthType webiso\nRequire valid-user\n</Location>")?;
    for query in ["?x=1", "?"] {
        let asked = begin_login(&site.browser()?, &site.url(&format!("/favicon.ico{query}")));
        assert_eq!(asked.with_context(|| query.to_owned())?.path, "/favicon.ico");
    }
    Ok(())
}
