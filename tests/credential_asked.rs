//! What is asked of the MyProxy server: kinds of keys, attributes of virtual organisations, what an old
//! `MYPROXY_EXTRA_PARAMS` value says, and whom its certificate has to name.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use openssl::asn1::Asn1Time;
use openssl::pkey::PKey;
use openssl::x509::X509;
use testbed::PrivateDirectory;
use testbed::application::Seen;
use testbed::browser::{Browser, Request};
use testbed::httpd::Httpd;
use testbed::pki::Authority;
use testbed::site::{AppServer, Site};

/// A host with a store of its own, where credentials may differ from the others'.
fn apart(label: &str, configuration: &str) -> AppServer {
    AppServer::new(label).configuration(&format!(
        "MyProxyCredStoreDir {label}/credentials\nMyProxySessionStore dir:{label}/sessions\n{configuration}"
    ))
}

/// What the application sees after a login there.
fn seen(site: &Site, label: &str) -> Result<Seen> {
    let url = site.url_at(label, "/app");
    let page = site.log_in_as(&site.browser()?, &url, "alice", testbed::site::PASSWORD)?;
    Seen::in_page(&page.body)
}

fn refused(site: &Site, label: &str, words: &str) -> Result<()> {
    let page = seen(site, label)?;
    let description = page.variable("MYPROXY_ERROR_DESC").unwrap_or_default();
    assert_eq!(page.variable("MYPROXY_ERROR"), Some("refused"), "{description}");
    assert!(description.contains(words), "{description}");
    Ok(())
}

#[test]
fn the_server_is_asked_for_what_the_directives_say() -> Result<()> {
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration(
            "MyProxyKey rsa:3072\nMyProxyKeyFormat pkcs8\nMyProxyExtraParams \"-t 2 -k 'my work'\"",
        ))
        .app_server(apart("elliptic", "MyProxyKey ec:p256"))
        .app_server(apart("vo", "MyProxyVO atlas /atlas/Role=pilot"))
        .start()?;

    let page = seen(&site, "app")?;
    assert!(page.credential()?.subject.ends_with("/CN=alice"));
    let file = site.credential_directory().join("alice");
    let pem = fs::read_to_string(&file)?;
    assert!(pem.contains("\n-----BEGIN PRIVATE KEY-----\n"), "PKCS#8");
    assert_eq!(PKey::private_key_from_pem(pem.as_bytes())?.bits(), 3072);
    let left = Asn1Time::days_from_now(0)?.diff(X509::from_pem(pem.as_bytes())?.not_after())?;
    let left = left.days * 24 * 3600 + left.secs;
    assert!((7200 - 300..=7200).contains(&left), "{left} s of two hours");
    let record = fs::read_to_string(site.credential_directory().join("alice%record"))?;
    assert!(record.contains("\"my work\""), "{record}");

    refused(&site, "elliptic", "an EC key was not signed")?;
    // An authority knows no attributes, and says nothing of it.
    refused(&site, "vo", "without the attributes of atlas:/atlas/Role=pilot")
}

/// A server behind address translation: its certificate names `localhost`, and we connect to an address. The name is
/// given for that server, or for all that have none of their own.
#[test]
fn the_certificate_may_name_another_host_for_one_server_or_for_all() -> Result<()> {
    let site = Site::start()?;
    let file = site.directory().path().join("httpd.conf");
    let original = fs::read_to_string(&file)?;
    let port = site.myproxy.port();
    let given = |line: &&str| line.starts_with("MyProxyServer ") || line.starts_with("MyProxyServerDN ");
    let [servers, names]: [&str; 2] = original
        .lines()
        .filter(given)
        .collect::<Vec<_>>()
        .try_into()
        .map_err(|lines| anyhow!("other lines: {lines:?}"))?;
    for (server, name, wrong) in [
        (format!("127.0.0.1:{port}"), "", Some("127.0.0.1")),
        (format!("127.0.0.1:{port}=localhost"), "", None),
        (format!("127.0.0.1:{port}"), "MyProxyServerName localhost", None),
        (
            format!("127.0.0.1:{port}=localhost"),
            "MyProxyServerName elsewhere",
            None,
        ),
        (
            format!("127.0.0.1:{port}=elsewhere"),
            "MyProxyServerName localhost",
            Some("elsewhere"),
        ),
    ] {
        let text = original.replace(servers, &format!("MyProxyServer {server}"));
        fs::write(&file, text.replace(names, name))?;
        site.httpd.graceful_restart()?;
        let page = seen(&site, "app")?;
        match wrong {
            None => drop(page.credential()?),
            Some(expected) => {
                let description = page.variable("MYPROXY_ERROR_DESC").unwrap_or_default();
                assert!(
                    description.contains(&format!("expected was {expected}")),
                    "{server} {name}: {description}"
                );
            }
        }
        // The next server list is another one, which has credentials of its own.
        empty(&site.credential_directory())?;
    }
    Ok(())
}

fn empty(directory: &Path) -> Result<()> {
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.file_name().is_some_and(|name| name != ".lock") {
            fs::remove_file(path)?;
        }
    }
    Ok(())
}

/// The servers and their port from an old value: nobody is there, and the log says where nobody is.
#[test]
fn servers_and_port_may_come_from_an_old_value() -> Result<()> {
    let directory = PrivateDirectory::new("asked")?;
    fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755))?;
    let authority = Authority::new(directory.path(), "authority")?;
    let trust = directory.make_directory("trust", 0o755)?;
    let httpd = Httpd::builder(directory.path())?.with_our_modules();
    let port = httpd.port();
    let httpd = httpd
        .module("authn_core")
        .module("auth_basic")
        .module("authz_user")
        .configuration(&format!(
            "MyProxyTrustDir \"{}\"\nMyProxyExtraParams \"-s 127.0.0.1 -p 1\"\n\
             <Location />\nAuthType Basic\nAuthName a\nAuthBasicProvider myproxy\nRequire valid-user\n</Location>",
            trust.display()
        ))
        .start()?;
    let log = httpd.log_from_now();
    let request = Request::get(format!("http://127.0.0.1:{port}/").parse()?);
    let credentials = openssl::base64::encode_block(b"alice:secret");
    let response = Browser::new(authority.certificate())?
        .exchange(&request.header("Authorization", &format!("Basic {credentials}")))?;
    assert_eq!(response.status, 500);
    let line = log
        .wait_for("cannot connect", Duration::from_secs(5))
        .context("no line")?;
    assert!(line.contains("127.0.0.1:1"), "{line}");
    Ok(())
}
