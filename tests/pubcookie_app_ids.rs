//! Application IDs: by configuration, by directory, put together; and who sees the cookies that are named after them.

mod pubcookie_support;

use std::fs;

use anyhow::{Context, Result};
use pubcookie_support::{ask, begin_login, session_cookie, user};
use testbed::application::Seen;
use testbed::site::{AppServer, Site, USER};

const PROTECTED: &str =
    "<LocationMatch ^/(portal|other)/>\nAuthType webiso\nRequire valid-user\n</LocationMatch>\n";

/// The application ID that a visit asks a login for.
fn app_id(site: &Site, path: &str) -> Result<String> {
    let asked = begin_login(&site.browser()?, &site.url(path)).with_context(|| path.to_owned())?;
    Ok(asked.app_id.as_str().to_owned())
}

fn site(configuration: &str) -> Result<Site> {
    Site::builder()
        .module("rewrite")
        .module("autoindex")
        .module("include")
        .app_server(AppServer::new("app").configuration(&format!("{PROTECTED}{configuration}")))
        .start()
}

#[test]
fn the_directory_is_the_application_where_nothing_is_configured() -> Result<()> {
    let site = site(
        "RewriteEngine On\nRewriteRule ^/portal/files/(.*) %{DOCUMENT_ROOT}/files/$1 [L]\n\
         <Location /portal/files>\nOptions +Includes +Indexes\nSetOutputFilter INCLUDES\n</Location>",
    )?;
    for (path, id) in [
        ("/portal/", "/portal/"),
        ("/portal/a/page", "/portal/a/"),
        ("/portal/my-app%20v1/x?y=/z/", "/portal/my_app_v1/"),
    ] {
        assert_eq!(app_id(&site, path)?, id, "{path}");
    }
    let long = app_id(&site, &format!("/portal/{}/x", "a".repeat(200)))?;
    assert_eq!(long.len(), 127);
    assert_ne!(long, app_id(&site, &format!("/portal/{}/x", "a".repeat(201)))?);

    // What a page includes or lists belongs to its application.
    let files = site.directory().join("htdocs/files");
    fs::create_dir_all(files.join("below"))?;
    fs::write(
        files.join("page.html"),
        "<!--#include virtual=\"/portal/elsewhere/x\" -->",
    )?;
    let browser = site.browser()?;
    let page = site.log_in(&browser, "/portal/files/page.html")?;
    assert_eq!(user(&page)?.as_deref(), Some(USER), "{}", page.story());
    let list = ask(&browser, &site.url("/portal/files/"))?;
    assert!(list.body.contains("below/"), "{}", list.body);
    Ok(())
}

#[test]
fn a_depth_makes_larger_applications() -> Result<()> {
    let other = AppServer::new("other").configuration(&format!("{PROTECTED}PubcookieDirDepthforAppID 0"));
    let site = Site::builder()
        .configuration("PubcookieDirDepthforAppID 1")
        .app_server(AppServer::new("app").configuration(&format!(
            "{PROTECTED}<Location /portal/own>\nPubcookieAppID own\n</Location>"
        )))
        .app_server(other)
        .start()?;
    for (path, id) in [
        ("/portal/", "/portal/"),
        ("/portal/a/b/c", "/portal/"),
        ("/other/x", "/other/"),
        ("/portal/own/x", "own"),
    ] {
        assert_eq!(app_id(&site, path)?, id, "{path}");
    }
    // A virtual host has its own.
    let asked = begin_login(&site.browser()?, &site.url_at("other", "/portal/a/b"))?;
    assert_eq!(asked.app_id.as_str(), "/");
    // One login for the whole application.
    let browser = site.browser()?;
    site.log_in(&browser, "/portal/a/b")?;
    let page = ask(&browser, &site.url("/portal/c/d"))?;
    assert_eq!(Seen::in_page(&page.body)?.variable("REMOTE_USER"), Some(USER));
    Ok(())
}

#[test]
fn catenated_ids_begin_with_the_directory_and_the_places_around() -> Result<()> {
    let files = std::env::temp_dir().join("*/htdocs/files");
    let site = site(&format!(
        "PubcookieCatenateAppIDs on\nPubcookieDirDepthforAppID 1\n\
         <Location /portal>\nPubcookieAppID outer\n</Location>\n\
         <Location /portal/in>\nPubcookieInactiveExpire 600\n</Location>\n\
         <Location /portal/in/side>\nPubcookieAppID \"a b\"\n</Location>\n\
         <Location /portal/alone>\nPubcookieAppID alone\nPubcookieCatenateAppIDs off\n</Location>\n\
         RewriteEngine On\nRewriteRule ^/other/files/(.*) %{{DOCUMENT_ROOT}}/files/$1 [L]\n\
         <Directory \"{}\">\nAllowOverride AuthConfig\nPubcookieAppID files\n</Directory>",
        files.display()
    ))?;
    let below = site.directory().join("htdocs/files/below");
    fs::create_dir_all(&below)?;
    fs::write(below.join(".htaccess"), "PubcookieAppID demo\n")?;
    for (path, id) in [
        ("/other/x", "/other/"),
        ("/portal/x", "/portal/outer"),
        ("/portal/in/x", "/portal/outer"),
        ("/portal/in/side/x", "/portal/outera+b"),
        ("/portal/alone/x", "alone"),
        ("/other/files/x", "/other/files"),
        // An .htaccess takes no other application's ID.
        ("/other/files/below/x", "/other/filesdemo"),
    ] {
        assert_eq!(app_id(&site, path)?, id, "{path}");
    }
    let browser = site.browser()?;
    let page = site.log_in(&browser, "/portal/in/side/x")?;
    assert_eq!(user(&page)?.as_deref(), Some(USER), "{}", page.story());
    let again = ask(&browser, &site.url("/portal/in/side/y"))?;
    assert_eq!(Seen::in_page(&again.body)?.variable("REMOTE_USER"), Some(USER));
    Ok(())
}

#[test]
fn applications_see_session_cookies_only_where_they_may() -> Result<()> {
    let site = Site::builder()
        .configuration("PubcookieNoObscureCookies on")
        .app_server(AppServer::new("app"))
        .app_server(AppServer::new("hidden").configuration("PubcookieNoObscureCookies off"))
        .start()?;
    for (label, visible) in [("app", true), ("hidden", false)] {
        let browser = site.browser()?;
        let url = site.url_at(label, "/app");
        browser.set_cookie(&url, &session_cookie(&site, 10, 10)?)?;
        let session = browser.cookie("__Host-pubcookie_s_demo").context("no session")?;
        let open = ask(&browser, &site.url_at(label, "/open"))?;
        let seen = Seen::in_page(&open.body)?;
        let cookies = seen.variable("HTTP_COOKIE").context("no cookies")?;
        assert_eq!(cookies.contains(&session.value), visible, "{label}: {cookies}");
    }
    Ok(())
}
