//! Users who are known by their Kerberos tickets (mod_auth_gssapi).

use std::path::Path;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use testbed::application::Seen;
use testbed::httpd::Mpm;
use testbed::kerberos::Kerberos;
use testbed::site::{AppServer, PASSWORD, Site};

const HOST: &str = "app.demo.localhost";

/// As the guide `docs/kerberos.md` has it: at `/kerberos` mod_auth_gssapi takes the realm off, at `/whole-name` mod_rewrite
/// does, for the MyProxy user alone.
fn site(realm: &Kerberos) -> Result<Site> {
    let common = format!(
        r#"
    AuthType GSSAPI
    AuthName portal
    GssapiCredStore "keytab:{keytab}"
    GssapiAllowedMech krb5
    GssapiSSLonly On
    Require valid-user
    MyProxyCredential On
    MyProxyAuthMethod certificate
"#,
        keytab = realm.keytab().display()
    );
    let places = format!(
        r#"
<Location /kerberos>{common}
    GssapiLocalName On
    GssapiUseSessions On
    Session On
    SessionCookieName gssapi_session path=/kerberos;httponly;secure;
</Location>
<Location /whole-name>{common}
    RewriteEngine On
    RewriteCond "%{{REMOTE_USER}}" "^([^@/]+)@EXAMPLE\.TEST$"
    RewriteRule "^" "-" [E=GRID_USER:%1]
    MyProxyUser "%{{reqenv:GRID_USER}}"
</Location>
"#
    );
    let mut site = Site::builder()
        .mpm(Mpm::Prefork)
        .trusted_retriever()
        .app_server(AppServer::new("app").configuration(&places));
    for module in ["auth_gssapi", "rewrite", "session", "session_cookie"] {
        site = site.module(module);
    }
    for (name, value) in realm.environment() {
        site = site.environment(name, &value);
    }
    site.start()
}

/// What curl gets with these tickets and the cookies in `jar`: the status and the page.
fn visit(realm: &Kerberos, site: &Site, path: &str, tickets: &Path, jar: &Path) -> Result<(String, String)> {
    let address = format!("{HOST}:{}:127.0.0.1", site.httpd.port());
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--max-time", "60", "--noproxy", "*"])
        .args(["--negotiate", "--user", ":", "--resolve", &address, "--cacert"])
        .arg(site.authority())
        .arg("--cookie-jar")
        .arg(jar)
        .arg("--cookie")
        .arg(jar)
        .args([
            "--header",
            "Sec-Fetch-Mode: navigate",
            "--write-out",
            "\n%{http_code}",
        ])
        .arg(site.url(path));
    curl.env_clear()
        .envs(realm.environment())
        .env("PATH", "/usr/bin:/bin")
        .env("KRB5CCNAME", tickets);
    let output = curl.output().context("no curl here: install the package curl")?;
    ensure!(
        output.status.success(),
        "curl: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    let page = String::from_utf8(output.stdout)?;
    let (page, status) = page.rsplit_once('\n').context("curl wrote no status")?;
    Ok((status.to_owned(), page.to_owned()))
}

#[test]
fn a_ticket_brings_a_credential() -> Result<()> {
    let realm = Kerberos::start(HOST, &[("alice", PASSWORD), ("bob", PASSWORD)])?;
    let site = site(&realm)?;
    let jar = |user: &str| site.directory().join(format!("cookies-of-{user}"));
    let none = site.directory().join("no-tickets");
    let (status, _) = visit(&realm, &site, "/kerberos", &none, &jar("nobody"))?;
    assert_eq!(status, "401");

    let tickets = realm.log_in("alice", PASSWORD)?;
    let (_, page) = visit(&realm, &site, "/kerberos", &tickets, &jar("alice"))?;
    let seen = Seen::in_page(&page)?;
    assert_eq!(seen.variable("AUTH_TYPE"), Some("Negotiate"));
    assert_eq!(seen.variable("REMOTE_USER"), Some("alice"));
    assert_eq!(seen.variable("GSS_NAME"), Some("alice@EXAMPLE.TEST"));
    assert!(seen.credential()?.subject.ends_with("/CN=alice"), "{seen:?}");

    // mod_auth_gssapi remembers the user: no ticket is needed, and no new credential.
    let (_, page) = visit(&realm, &site, "/kerberos", &none, &jar("alice"))?;
    assert_eq!(Seen::in_page(&page)?.credential()?, seen.credential()?);
    assert_eq!(site.myproxy.issued()?, 1);

    let tickets = realm.log_in("bob", PASSWORD)?;
    let (_, page) = visit(&realm, &site, "/whole-name", &tickets, &jar("bob"))?;
    let seen = Seen::in_page(&page)?;
    assert_eq!(seen.variable("REMOTE_USER"), Some("bob@EXAMPLE.TEST"));
    assert!(seen.credential()?.subject.ends_with("/CN=bob"), "{seen:?}");
    Ok(())
}
