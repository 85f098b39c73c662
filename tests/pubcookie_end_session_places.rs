//! `PubcookieEndSession` in the .htaccess files of directories and files, by every way that httpd gets to them, and by
//! every method of HTTP.

mod pubcookie_support;

use std::fs;

use anyhow::{Result, ensure};
use pubcookie_support::session_cookie;
use testbed::browser::{Request, Response};
use testbed::site::{AppServer, LoginMethod, Site};
use testbed::{PrivateDirectory, write_file};
use url::Url;

const WORDS: [&str; 3] = ["on", "redirect", "clearLogin"];

/// With and without a login.
const PROTECTIONS: [(&str, &str); 2] = [
    ("open", ""),
    ("protected", "AuthType webiso\nRequire valid-user\n"),
];

/// What a logout stands in, below the directory of its word.
const KINDS: [(&str, &str, &str); 3] = [
    // The whole directory.
    ("directory", "{}", ""),
    // One file, which is the directory's index.
    ("index", "<Files index.html>\n{}</Files>\n", ""),
    // A name that is rewritten to that file.
    (
        "rewritten",
        "<Files index.html>\n{}</Files>\n",
        "RewriteEngine On\nRewriteBase /files/{place}\nRewriteRule ^bye$ index.html [L]\n",
    ),
];

/// Every address that has to end a session with this word.
fn paths(word: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for (protection, _) in PROTECTIONS {
        for path in [
            "directory/",
            "directory/index.html",
            "index/",
            "index/index.html",
            "rewritten/bye",
        ] {
            paths.push(format!("/files/{protection}/{word}/{path}"));
        }
        // Rewritten by the server.
        paths.push(format!("/renamed/{protection}/{word}/directory/"));
    }
    paths
}

/// A site with all of them in `documents`, and an application with sessions elsewhere.
fn site(method: LoginMethod, documents: &PrivateDirectory) -> Result<Site> {
    for (protection, lines) in PROTECTIONS {
        for word in WORDS {
            for (kind, place, rewriting) in KINDS {
                let directory = documents.join(protection).join(word).join(kind);
                fs::create_dir_all(&directory)?;
                let ends = format!("{lines}PubcookieAppID demo\nPubcookieEndSession {word}\n");
                let rewriting = rewriting.replace("{place}", &format!("{protection}/{word}/{kind}/"));
                let text = format!("{rewriting}{}", place.replace("{}", &ends));
                write_file(&directory.join(".htaccess"), 0o644, text.as_bytes())?;
                write_file(&directory.join("index.html"), 0o644, b"<p>You have left.</p>")?;
            }
        }
    }
    let directory = documents.path().display();
    let host = format!(
        "RewriteEngine On\nRewriteRule ^/(files|renamed)(/.*) \"{directory}$2\" [L]\n\
         <Location /files>\nDirectoryIndex index.html\n</Location>\n<Location /renamed>\nDirectoryIndex index.html\n</Location>"
    );
    Site::builder()
        .module("rewrite")
        .app_server(AppServer::new("app").login_method(method).configuration(&host))
        .configuration(&format!(
            "<Directory \"{directory}\">\nRequire all granted\nAllowOverride All\n</Directory>"
        ))
        .start()
}

fn ends_as(word: &str, response: &Response) -> Result<()> {
    ensure!(response.status == 200, "status {}", response.status);
    let clears = |cookie: &str| {
        response
            .headers("set-cookie")
            .filter(|text| {
                text.starts_with(&format!("{cookie}=")) && text.contains("expires=Fri, 11-Jan-1990")
            })
            .count()
    };
    ensure!(
        clears("__Host-pubcookie_s_demo") == 1,
        "the session is not cleared once"
    );
    if word == "on" {
        ensure!(clears("pubcookie_g") == 0, "it clears more than the session");
        return Ok(());
    }
    ensure!(
        clears("pubcookie_g") > 0 && clears("__Host-pubcookie_pre_s") == 1,
        "cookies are left"
    );
    if response.method.as_str() == "HEAD" {
        return Ok(());
    }
    let action = if word == "redirect" {
        "logout_action=0&"
    } else {
        "logout_action=1&"
    };
    let refresh = response.document().refresh.unwrap_or_default();
    ensure!(refresh.contains(action), "it leads to {refresh:?}");
    ensure!(
        response.body.matches("</html>").count() == 1,
        "another page is appended"
    );
    Ok(())
}

#[test]
fn every_place_ends_the_session_by_every_method() -> Result<()> {
    for method in LoginMethod::ALL {
        let documents = PrivateDirectory::new("documents")?;
        let site = site(method, &documents)?;
        let (browser, session) = (site.browser()?, session_cookie(&site, 100, 10)?);
        let mut wrong = String::new();
        for word in WORDS {
            for path in paths(word) {
                let url = Url::parse(&site.url(&path))?;
                for request in [
                    Request::get(url.clone()),
                    Request::head(url.clone()),
                    Request::post(url.clone(), "application/x-www-form-urlencoded", "a=1"),
                ] {
                    browser.set_cookie(&site.url("/"), &session)?;
                    let response = browser.exchange(&request)?;
                    if let Err(problem) = ends_as(word, &response) {
                        wrong.push_str(&format!("\n{method:?} {}: {problem}", response.summary()));
                    }
                }
            }
        }
        ensure!(wrong.is_empty(), "{wrong}\n{}", site.httpd.log().text());
    }
    Ok(())
}
