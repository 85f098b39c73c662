//! The guides to each way in: httpd loads every configuration in them.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use testbed::PrivateDirectory;
use testbed::httpd::Httpd;
use testbed::pki::{self, Authority};

const PAGES: [&str; 5] = [
    "ways-in.md",
    "openid-connect.md",
    "shibboleth.md",
    "kerberos.md",
    "myproxy-server.md",
];

/// What stands around a block that is a part of a configuration; the block may say it again.
const AROUND: &str = "ServerName portal.example.org
MyProxyServer myproxy.example.org
MyProxyTrustDir /etc/mod_myproxy/
MyProxyCredStoreDir /etc/mod_myproxy/credentials
MyProxySessionStore dir:/etc/mod_myproxy/sessions
MyProxyCertificateFile /etc/mod_myproxy/portal.pem
MyProxyCertificateKeyFile /etc/mod_myproxy/portal.key
PubcookieLogin https://login.example.org/
PubcookieGrantingCertFile /etc/mod_myproxy/granting.pem
PubcookieGrantingKeyFile /etc/mod_myproxy/granting.key
PubcookieLoginProvider file
PubcookieSessionKeyFile /etc/mod_myproxy/session.key
PubcookieSessionCertFile /etc/mod_myproxy/session.pem
PubcookieKeyDir /etc/mod_myproxy/keys
OIDCProviderMetadataURL https://openid.example.org/.well-known/openid-configuration
OIDCClientID portal
OIDCClientSecret secret
OIDCCryptoPassphrase secret
OIDCRedirectURI /portal/openid
";

#[test]
fn httpd_loads_every_configuration() -> Result<()> {
    let directory = PrivateDirectory::new("ways-in")?;
    pki::self_signed(directory.path(), "granting", "login.example.org")?;
    pki::self_signed(directory.path(), "session", "portal.example.org")?;
    directory.make_directory("keys", 0o700)?;
    pki::crypt_key(&directory.join("keys"), "portal.example.org")?;
    Authority::new(directory.path(), "authority")?.server_certificate("portal", &["portal.example.org"])?;
    directory.write("portal-session-key", 0o600, "a pass phrase\n")?;
    directory.write("grid-users", 0o644, "users/1 alice\n")?;
    let here = directory.path().display();

    let mut blocks = 0;
    for page in PAGES {
        for block in configurations(&read(page)?) {
            blocks += 1;
            let configuration = format!("{AROUND}{block}")
                .replace("/etc/mod_myproxy/", &format!("{here}/"))
                .replace("/etc/apache2/", &format!("{here}/"));
            let mut httpd = Httpd::builder(directory.path())?.with_our_modules();
            for module in [
                "auth_form",
                "auth_gssapi",
                "auth_openidc",
                "request",
                "rewrite",
                "session",
                "session_cookie",
                "session_crypto",
            ] {
                httpd = httpd.module(module);
            }
            let verdict = httpd.configuration(&configuration).configtest()?;
            ensure!(verdict.is_ok(), "{page}: {verdict:?}\n{block}");
        }
    }
    ensure!(blocks >= 10, "only {blocks} configurations were found");
    Ok(())
}

/// The blocks of a page that are httpd's configuration, without the lines of Shibboleth's module: it is not here, and
/// its page says so.
fn configurations(page: &str) -> Vec<String> {
    let of_shibboleth = |line: &&str| {
        let line = line.trim_start();
        ["Shib", "AuthType shibboleth", "Require shib-"]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let blocks = page.split("```apache\n").skip(1);
    let blocks = blocks.filter_map(|block| Some(block.split_once("```")?.0));
    let lines_of = |block: &str| -> String {
        let lines = block.lines().filter(|line| !of_shibboleth(line));
        lines.map(|line| format!("{line}\n")).collect()
    };
    blocks.map(lines_of).collect()
}

fn read(page: &str) -> Result<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(page);
    std::fs::read_to_string(&path).with_context(|| page.to_owned())
}
