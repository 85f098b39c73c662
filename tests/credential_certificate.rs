//! `MyProxyAuthMethod certificate`: the MyProxy server trusts us to know the user, and nobody without our certificate.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::application::Seen;
use testbed::browser::{Browser, Request, Response};
use testbed::site::{AppServer, PASSWORD, Site, SiteBuilder};
use testbed::{PrivateDirectory, wait_until};

const PATIENCE: Duration = Duration::from_secs(20);

/// A site that the MyProxy server trusts; each place is one with HTTP Basic, and what it says.
fn site(places: &[(&str, &str)]) -> SiteBuilder {
    let mut app = AppServer::new("app").protected("MyProxyAuthMethod certificate cookie");
    for (path, text) in places {
        app = app.configuration(&format!(
            "<Location {path}>\nAuthType Basic\nAuthName demo\nAuthBasicProvider file\nAuthUserFile passwords\n\
             Require valid-user\nMyProxyCredential On\n{text}\n</Location>"
        ));
    }
    Site::builder()
        .configuration("MyProxyAuthMethod cookie certificate")
        .trusted_retriever()
        .app_server(app)
}

/// A request with a user's name and password.
fn ask(site: &Site, browser: &Browser, path: &str, user: &str) -> Result<Response> {
    let credentials = openssl::base64::encode_block(format!("{user}:{PASSWORD}").as_bytes());
    let request = Request::get(site.url(path).parse()?);
    browser.exchange(&request.header("Authorization", &format!("Basic {credentials}")))
}

fn seen(site: &Site, path: &str, user: &str) -> Result<Seen> {
    Seen::in_page(&ask(site, &site.browser()?, path, user)?.body)
}

#[test]
fn the_user_of_any_authentication_gets_one_credential_without_a_proof_of_the_users() -> Result<()> {
    let site = site(&[]).start()?;
    let responses: Vec<Result<Response>> = std::thread::scope(|scope| {
        let ask = || scope.spawn(|| ask(&site, &site.browser()?, "/basic", "alice"));
        let threads: Vec<_> = std::iter::repeat_with(ask).take(6).collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or_else(|_| Err(anyhow::anyhow!("a panic"))))
            .collect()
    });
    for response in responses {
        let page = Seen::in_page(&response?.body)?;
        ensure!(page.credential()?.subject.ends_with("/CN=alice"));
    }
    assert_eq!(site.myproxy.issued()?, 1);
    let log = site.httpd.log().lines_with("got a credential").join("\n");
    assert!(log.contains("by certificate"), "{log}");
    Ok(())
}

/// The server takes our certificate for proof enough, whatever the pass phrase is: so it is not in the handshake of a
/// logon with a granting cookie.
#[test]
fn a_granting_cookie_is_judged_by_itself_where_our_certificate_would_do() -> Result<()> {
    let site = Site::builder()
        .trusted_retriever()
        .app_server(AppServer::new("app").protected("MyProxyUser bob"))
        .start()?;
    // Alice's cookie is none of bob's.
    let page = Seen::in_page(&site.log_in(&site.browser()?, "/app")?.body)?;
    assert_eq!(page.variable("MYPROXY_ERROR"), Some("refused"));
    assert_eq!(site.myproxy.issued()?, 0);

    // Where the certificate is named besides, it is tried after that refusal.
    let site = Site::builder()
        .trusted_retriever()
        .app_server(AppServer::new("app").protected("MyProxyUser bob\nMyProxyAuthMethod cookie certificate"))
        .start()?;
    let page = Seen::in_page(&site.log_in(&site.browser()?, "/app")?.body)?;
    assert!(page.credential()?.subject.ends_with("/CN=bob"));
    Ok(())
}

#[test]
fn names_are_mapped_and_two_users_never_share_one() -> Result<()> {
    let site = site(&[
        ("/lower", "MyProxyUser \"%{tolower:%{REMOTE_USER}}\""),
        (
            "/realm",
            "RewriteEngine On\nRewriteCond %{REMOTE_USER} ^(.+)@demo$\nRewriteRule ^ - [E=GRID_USER:%1]\n\
             MyProxyUser \"%{reqenv:GRID_USER}\"",
        ),
        (
            "/claim",
            "SetEnvIf User-Agent . CLAIM=carol\nMyProxyUser \"%{reqenv:CLAIM}\"",
        ),
        ("/alone", "MyProxyUser alice"),
        ("/shared", "MyProxyUser alice\nMyProxyUserShared On"),
    ])
    .module("rewrite")
    .module("setenvif")
    .user("ALICE", PASSWORD)
    .user("dave@demo", PASSWORD)
    .user("eve", PASSWORD)
    .start()?;
    for (path, user, subject) in [
        ("/lower", "ALICE", "/CN=alice"),
        ("/realm", "dave@demo", "/CN=dave"),
        ("/claim", "alice", "/CN=carol"),
    ] {
        let page = seen(&site, path, user)?;
        ensure!(page.credential()?.subject.ends_with(subject), "{path}: {page:?}");
    }
    // A user without the realm has no name left.
    let nobody = seen(&site, "/realm", "eve")?;
    assert_eq!(nobody.variable("MYPROXY_ERROR"), Some("refused"));

    // ALICE has what alice has at the MyProxy server, and nobody is told who.
    let refused = seen(&site, "/alone", "eve")?;
    assert_eq!(refused.variable("MYPROXY_ERROR"), Some("refused"));
    let words = refused.variable("MYPROXY_ERROR_DESC").unwrap_or_default();
    ensure!(
        words.contains("MyProxyUserShared") && !words.contains("ALICE"),
        "{words}"
    );
    let page = seen(&site, "/shared", "eve")?;
    ensure!(page.credential()?.subject.ends_with("/CN=alice"));
    Ok(())
}

/// Without a credential every request would ask for one: a server that is not there is not asked each time.
#[test]
fn a_failure_is_told_once_and_not_repeated_at_each_request() -> Result<()> {
    let mut site = site(&[]).start()?;
    site.myproxy.stop();
    let log = site.httpd.log_from_now();
    for _ in 0..5 {
        let page = seen(&site, "/basic", "alice")?;
        assert_eq!(page.variable("MYPROXY_ERROR"), Some("unreachable"));
    }
    let told = log.lines_with("no credential for alice: unreachable");
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(site.stored_credentials()?.contains(&"alice%pause".to_owned()));
    site.myproxy.start()?;
    let is_over = || seen(&site, "/basic", "alice").is_ok_and(|page| page.credential().is_ok());
    ensure!(wait_until(PATIENCE, is_over), "{}", site.httpd.log().text());
    assert_eq!(site.stored_credentials()?.len(), 2, "no pause is left");
    Ok(())
}

#[test]
fn new_files_count_without_a_restart() -> Result<()> {
    // Each child remembers what it could read last: with one of them that is certain.
    let one_child = "StartServers 1\nServerLimit 1\nThreadsPerChild 8\nMaxRequestWorkers 8\n\
                     MinSpareThreads 8\nMaxSpareThreads 8";
    let site = site(&[])
        .configuration(one_child)
        .user("bob", PASSWORD)
        .user("carol", PASSWORD)
        .user("dave", PASSWORD)
        .user("eve", PASSWORD)
        .start()?;
    let owner = fs::metadata(site.credential_directory())?.uid();
    // Each is put in place by renaming, as tools do that renew certificates.
    let replace = |name: &str| -> Result<()> {
        let new = site.myproxy.certificate_of(name)?;
        let own = |file: &Path| {
            file.with_file_name(
                file.file_name()
                    .unwrap_or_default()
                    .to_string_lossy()
                    .replace(name, "portal"),
            )
        };
        for file in [&new.certificate, &new.key] {
            chown(file, Some(owner), None)?;
            if name != "portal" {
                fs::rename(file, own(file))?;
            }
        }
        Ok(())
    };
    replace("stranger")?;
    let page = seen(&site, "/basic", "bob")?;
    assert_eq!(page.variable("MYPROXY_ERROR"), Some("refused"), "{page:?}");
    replace("portal")?;
    let page = seen(&site, "/basic", "eve")?;
    ensure!(page.credential().is_ok(), "{}", site.httpd.log().text());
    // Bob was refused, and is not asked for again so soon.
    let issued = site.myproxy.issued()?;
    assert_eq!(
        seen(&site, "/basic", "bob")?.variable("MYPROXY_ERROR"),
        Some("refused")
    );
    assert_eq!(site.myproxy.issued()?, issued);

    // Root may keep the key where httpd's children cannot look: that is no new one.
    let own_key = site
        .myproxy
        .certificate_of("half")?
        .key
        .with_file_name("portal.key");
    let outside = PrivateDirectory::new("keys")?;
    let of_root = outside.make_directory("of-root", 0o700)?.join("key");
    fs::rename(&own_key, &of_root)?;
    symlink(&of_root, &own_key)?;
    seen(&site, "/basic", "carol")?.credential()?;
    let told = || site.httpd.log().lines_with("the old one still serves").len();
    assert_eq!(told(), 0);

    // Half of a pair is no certificate: the old one serves, and the log says so once.
    fs::remove_file(own_key)?;
    for user in ["alice", "dave"] {
        seen(&site, "/basic", user)?.credential()?;
    }
    assert_eq!(told(), 1);
    Ok(())
}

/// Whoever may write an .htaccess can be anybody there: neither our certificate nor what it brought is for that place.
#[test]
fn the_writer_of_an_htaccess_file_gets_nobodys_credential() -> Result<()> {
    let documents = PrivateDirectory::new("documents")?;
    fs::set_permissions(documents.path(), fs::Permissions::from_mode(0o755))?;
    let directory = documents.path().display();
    let site = Site::builder()
        .trusted_retriever()
        .configuration("MyProxyAuthMethod certificate")
        .module("rewrite")
        .app_server(AppServer::new("app").configuration(&format!(
            "RewriteEngine On\nRewriteRule ^/files \"{directory}/show.cgi\" [L]\n\
             <Location /files>\nAuthType Basic\nAuthName demo\nAuthBasicProvider file\nAuthUserFile passwords\n\
             Require valid-user\nMyProxyCredential On\n</Location>\n\
             <Directory \"{directory}\">\nAllowOverride AuthConfig\nOptions ExecCGI\nSetHandler cgi-script\n</Directory>"
        )))
        .start()?;
    fs::copy(site.directory().join("application"), documents.join("show.cgi"))?;
    for _ in 0..2 {
        let page = seen(&site, "/files", "alice")?;
        assert_eq!(page.variable("REMOTE_USER"), Some("alice"));
        assert_eq!(
            page.variable("MYPROXY_ERROR"),
            Some("refused"),
            "{:?}",
            page.environment
        );
        let words = page.variable("MYPROXY_ERROR_DESC").unwrap_or_default();
        ensure!(words.contains("AllowOverride"), "{words}");
        // It is there for the places of the administrator.
        seen(&site, "/basic", "alice")?.credential()?;
    }
    Ok(())
}
