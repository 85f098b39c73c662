//! Single sign-on together with what else an httpd does: proxies, caches, index files, rewriting, fallbacks.

mod pubcookie_support;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use anyhow::{Result, ensure};
use pubcookie_support::ask;
use testbed::browser::Request;
use testbed::httpd::Httpd;
use testbed::pki::CertificateFiles;
use testbed::site::{AppServer, LoginMethod, PASSWORD, Site, USER};
use testbed::{PrivateDirectory, wait_until, write_file};
use url::Url;

/// What may stand beside an application in its virtual host, each meant to take every path away.
const NEIGHBOURS: [(&str, &str); 12] = [
    ("plain", ""),
    ("proxy", "ProxyPass / http://127.0.0.1:9/\nProxyPass /app !"),
    (
        "server-rewrite",
        "RewriteEngine On\nRewriteRule ^/PubCookie /elsewhere [R,L]\nRewriteRule ^/PubCookie - [F]",
    ),
    (
        "place-rewrite",
        "<Location />\nRewriteEngine On\nRewriteCond %{REQUEST_URI} ^/PubCookie\nRewriteRule .* - [F]\n</Location>",
    ),
    ("handler", "<Location />\nSetHandler server-status\n</Location>"),
    ("redirect", "RedirectMatch ^/PubCookie https://elsewhere.example/"),
    (
        "gone",
        "<LocationMatch ^/PubCookie>\nRedirect 410 /\n</LocationMatch>",
    ),
    (
        "index",
        "<Location />\nFallbackResource /front\nDirectoryIndex front\nDirectorySlash On\n</Location>",
    ),
    (
        "cache",
        "CacheEnable disk /\nCacheStorePrivate On\nCacheIgnoreNoLastMod On",
    ),
    (
        "error-page",
        "ErrorDocument 400 /front\nErrorDocument 403 /front\nErrorDocument 404 /front",
    ),
    (
        "denied",
        "<Location />\nRequire all denied\n</Location>\n<Location /app>\nAuthType webiso\nRequire valid-user\n</Location>",
    ),
    (
        "other-authentication",
        "<Location />\nAuthType Basic\nAuthName x\nAuthBasicProvider file\nAuthUserFile /dev/null\nRequire user nobody\n\
         </Location>\n<Location /app>\nAuthType webiso\nRequire valid-user\n</Location>",
    ),
];

#[test]
fn the_reply_url_of_every_virtual_host_is_ours_whatever_its_neighbours_are() -> Result<()> {
    let mut builder = Site::builder();
    for module in ["proxy", "proxy_http", "rewrite", "status", "cache", "cache_disk"] {
        builder = builder.module(module);
    }
    for (label, configuration) in NEIGHBOURS {
        builder = builder.app_server(
            AppServer::new(label)
                .login_method(LoginMethod::Post)
                .configuration(configuration),
        );
    }
    let site = builder.configuration("CacheRoot run/cache").start()?;
    let browser = site.browser()?;
    for (label, _) in NEIGHBOURS {
        let url = site.url_at(label, "/app?x=1");
        let mut page = browser.get(&url)?;
        if let Ok(form) = page.form_with("pass") {
            page = browser.submit(&page, &form.fill("user", USER).fill("pass", PASSWORD))?;
        }
        let host = format!("{label}.demo.localhost");
        let session = browser
            .cookies()
            .into_iter()
            .find(|cookie| cookie.name == "__Host-pubcookie_s_demo" && cookie.domain == host);
        ensure!(session.is_some(), "{label}: {}", page.story());
        let replies = page.all().filter(|hop| hop.url.path() == "/PubCookie.reply");
        assert_eq!(
            replies.map(|hop| hop.status).collect::<Vec<_>>(),
            [302],
            "{label}"
        );
        assert_eq!(page.url.as_str(), url, "{label}");
    }
    Ok(())
}

/// An application of our own that puts its user into an answer that every cache may keep.
const CACHEABLE: &str = "#!/bin/sh\nprintf 'Content-Type: text/plain\\nCache-Control: public, max-age=600\\n\\n\
                         secret of %s' \"$REMOTE_USER\"\n";

#[test]
fn no_cache_gives_one_users_page_to_another() -> Result<()> {
    for quick in ["On", "Off"] {
        let cache = PrivateDirectory::new("cache")?;
        fs::set_permissions(cache.path(), fs::Permissions::from_mode(0o777))?;
        let configuration = format!(
            "CacheEnable disk /\nCacheQuickHandler {quick}\nCacheHeader On\nCacheRoot \"{}\"\nRewriteEngine On\n\
             RewriteRule ^/(app|free)/(file|script) %{{DOCUMENT_ROOT}}/$2 [L]\n\
             <Location />\nOptions +ExecCGI\n</Location>\n\
             <LocationMatch /script$>\nSetHandler cgi-script\n</LocationMatch>",
            cache.path().display()
        );
        let site = Site::builder()
            .module("cache")
            .module("cache_disk")
            .module("rewrite")
            .app_server(AppServer::new("app").configuration(&configuration))
            .start()?;
        let documents = site.directory().join("htdocs");
        write_file(
            &documents.join("file"),
            0o644,
            b"secret of all who have logged in",
        )?;
        write_file(&documents.join("script"), 0o755, CACHEABLE.as_bytes())?;

        let alice = site.browser()?;
        site.log_in(&alice, "/app")?;
        for path in ["/app/file", "/app/script"] {
            let url = site.url(path);
            for _ in 0..2 {
                let response = ask(&alice, &url)?;
                ensure!(
                    response.body.starts_with("secret of"),
                    "{quick} {path}: {}",
                    response.body
                );
                let is_hit = response.header("x-cache").map(|word| word.starts_with("HIT"));
                ensure!(is_hit == Some(false), "{quick} {path}: {:?}", response.headers);
                let control: String = response.headers("cache-control").collect();
                ensure!(control.contains("private"), "{quick} {path}: {control}");
            }
            let stranger = ask(&site.browser()?, &url)?;
            ensure!(
                !stranger.body.contains("secret"),
                "{quick} {path}: {}",
                stranger.body
            );
        }
        // What is open is kept as before: the cache did have its chance.
        let open = site.url("/free/script");
        let kept = wait_until(Duration::from_secs(10), || {
            ask(&alice, &open).is_ok_and(|again| {
                again
                    .header("x-cache")
                    .is_some_and(|word| word.starts_with("HIT"))
            })
        });
        ensure!(kept, "{quick}: the cache keeps nothing");
    }
    Ok(())
}

/// An httpd behind ours that shows the headers it was sent.
fn backend() -> Result<(PrivateDirectory, Httpd)> {
    let directory = PrivateDirectory::new("backend")?;
    let script = directory.join("headers");
    let program = "#!/bin/sh\nprintf 'Content-Type: text/plain\\n\\nbackend user=%s cookies=%s path=%s' \
                   \"$HTTP_X_USER\" \"$HTTP_COOKIE\" \"$REQUEST_URI\"\n";
    write_file(&script, 0o755, program.as_bytes())?;
    let httpd = Httpd::builder(directory.path())?
        .configuration(&format!(
            "ScriptAliasMatch \"^/\" \"{}\"\n<Location />\nRequire all granted\n</Location>",
            script.display()
        ))
        .start()?;
    Ok((directory, httpd))
}

#[test]
fn what_a_proxy_leads_to_is_protected_and_sees_the_user_and_no_cookie_of_ours() -> Result<()> {
    let (_directory, behind) = backend()?;
    for method in LoginMethod::ALL {
        let proxy = format!(
            "ProxyPass / http://127.0.0.1:{}/\n\
             <Location />\nRequestHeader unset X-User\nRequestHeader set X-User expr=%{{REMOTE_USER}}\n</Location>",
            behind.port()
        );
        let site = Site::builder()
            .module("proxy")
            .module("proxy_http")
            .app_server(AppServer::new("app").login_method(method).configuration(&proxy))
            .start()?;
        let browser = site.browser()?;
        browser.set_cookie(&site.url("/"), "mine=kept; path=/; secure")?;
        let stranger = ask(&site.browser()?, &site.url("/app/x"))?;
        ensure!(
            !stranger.body.contains("backend"),
            "{method:?}: {}",
            stranger.body
        );
        let first = site.log_in(&browser, "/app/x?y=%26")?;
        let second = ask(&browser, &site.url("/app/x?y=%26"))?;
        for body in [&first.body, &second.body] {
            ensure!(
                body.starts_with(&format!("backend user={USER} ")),
                "{method:?}: {body}"
            );
            ensure!(
                body.contains("mine=kept") && body.contains("path=/app/x?y=%26"),
                "{method:?}: {body}"
            );
        }
        for cookie in browser
            .cookies()
            .iter()
            .filter(|cookie| cookie.name.contains("pubcookie"))
        {
            for body in [&first.body, &second.body] {
                ensure!(
                    !body.contains(&cookie.value),
                    "{method:?}: {} is shown: {body}",
                    cookie.name
                );
            }
        }
    }
    Ok(())
}

/// The application server speaks no TLS: another httpd does, in front of it.
#[test]
fn a_terminator_of_tls_in_front_leads_through_the_whole_login() -> Result<()> {
    for method in LoginMethod::ALL {
        let directory = PrivateDirectory::new("terminator")?;
        let terminator = Httpd::builder(directory.path())?
            .module("proxy")
            .module("proxy_http");
        let (in_front, behind) = (terminator.port(), testbed::free_port()?);
        let host = "app.demo.localhost";
        let application = format!(
            "Listen 127.0.0.1:{behind}\n<VirtualHost 127.0.0.1:{behind}>\nServerName https://{host}:{in_front}\n\
             PubcookieLoginMethod {}\nPubcookieSessionKeyFile {host}/session.key\n\
             PubcookieSessionCertFile {host}/session.pem\nPubcookieKeyDir {host}/keys\n\
             <Location /page>\nAuthType webiso\nRequire valid-user\nPubcookieAppID demo\n\
             Header always set X-User expr=%{{REMOTE_USER}}\n</Location>\n</VirtualHost>",
            format!("{method:?}").to_uppercase()
        );
        let site = Site::builder().configuration(&application).start()?;
        write_file(&site.directory().join("htdocs/page"), 0o644, b"a page")?;
        let certificate = CertificateFiles {
            certificate: site.directory().join("tls.pem"),
            key: site.directory().join("tls.key"),
        };
        let passes_on = format!("ProxyPass / http://127.0.0.1:{behind}/\nProxyPreserveHost On");
        let terminator = terminator.host(host, &certificate, &passes_on).start()?;

        let (browser, url) = (site.browser()?, terminator.url(host, "/page?x=1"));
        let page = site.log_in_as(&browser, &url, USER, PASSWORD)?;
        ensure!(
            page.header("x-user") == Some(USER),
            "{method:?}: {}",
            page.story()
        );
        ensure!(page.url.as_str() == url, "{method:?}: {}", page.story());
        for hop in page.all() {
            ensure!(
                hop.refused_cookies.is_empty(),
                "{method:?}: {:?}",
                hop.refused_cookies
            );
            let mut cookies = hop
                .headers("set-cookie")
                .filter(|text| text.contains("pubcookie"));
            ensure!(
                cookies.all(|text| text.contains("; secure")),
                "{method:?}: {:?}",
                hop.headers
            );
        }
        ensure!(
            ask(&browser, &url)?.header("x-user") == Some(USER),
            "{method:?}: the session is not kept"
        );
    }
    Ok(())
}

/// A proxy in front calls us by an alias: a redirect to ServerName would come back by it again and again.
#[test]
fn a_proxy_that_calls_us_by_an_alias_leads_into_no_loop() -> Result<()> {
    let plain = |port| {
        format!(
            "Listen 127.0.0.1:{port}\n<VirtualHost 127.0.0.1:{port}>\nServerName https://app.demo.localhost\n\
             ServerAlias backend.demo.localhost\nPubcookieSessionKeyFile app.demo.localhost/session.key\n\
             PubcookieSessionCertFile app.demo.localhost/session.pem\nPubcookieKeyDir app.demo.localhost/keys\n\
             <Location />\nAuthType webiso\nRequire valid-user\nPubcookieAppID demo\n</Location>\n</VirtualHost>"
        )
    };
    let port = testbed::free_port()?;
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration("ServerAlias backend.demo.localhost"))
        .configuration(&plain(port))
        .start()?;
    for (ends_tls_in_front, forwarded, redirected) in [
        (true, None, false),
        (true, Some("app.demo.localhost"), false),
        (true, Some("backend.demo.localhost, x.example.org"), true),
        (false, Some("app.demo.localhost:8443, x.example.org"), false),
        (false, Some("backend.demo.localhost:8443"), true),
        (false, None, true),
    ] {
        let forwarded_line = forwarded.map_or(String::new(), |name| format!("X-Forwarded-Host: {name}\r\n"));
        let head = format!(
            "GET /app HTTP/1.1\r\nHost: backend.demo.localhost\r\n{forwarded_line}Connection: close\r\n\r\n"
        );
        let answer = if ends_tls_in_front {
            send_plainly(port, &head)?
        } else {
            site.browser()?.raw(&site.url("/"), head.as_bytes())?
        };
        let status = if redirected {
            "HTTP/1.1 302 "
        } else {
            "HTTP/1.1 200 "
        };
        assert!(
            answer.starts_with(status),
            "{ends_tls_in_front} {forwarded:?}: {answer}"
        );
    }
    Ok(())
}

fn send_plainly(port: u16, request: &str) -> Result<String> {
    let mut connection = TcpStream::connect(("127.0.0.1", port))?;
    connection.set_read_timeout(Some(Duration::from_secs(10)))?;
    connection.write_all(request.as_bytes())?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}

/// A directory is open, its index is not.
#[test]
fn a_protected_index_of_an_open_directory_is_shown_to_no_stranger() -> Result<()> {
    let configuration = "RewriteEngine On\nRewriteRule ^/open(/.*) %{DOCUMENT_ROOT}/open$1 [L]\n\
                         <Location /open>\nDirectoryIndex index.html\n</Location>\n\
                         <Location /open/index.html>\nAuthType webiso\nRequire valid-user\nPubcookieAppID demo\n</Location>";
    let site = Site::builder()
        .module("rewrite")
        .app_server(AppServer::new("app").configuration(configuration))
        .start()?;
    fs::create_dir(site.directory().join("htdocs/open"))?;
    write_file(&site.directory().join("htdocs/open/index.html"), 0o644, b"secret")?;
    for path in ["/open/", "/open/index.html"] {
        let stranger = ask(&site.browser()?, &site.url(path))?;
        ensure!(!stranger.body.contains("secret"), "{path}: {}", stranger.body);
        let post = Request::post(
            Url::parse(&site.url(path))?,
            "application/x-www-form-urlencoded",
            "a=1",
        );
        ensure!(
            !site.browser()?.exchange(&post)?.body.contains("secret"),
            "{path}"
        );
    }
    let browser = site.browser()?;
    ensure!(site.log_in(&browser, "/open/index.html")?.body == "secret");
    Ok(())
}
