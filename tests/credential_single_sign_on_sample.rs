//! The sample `conf/openid-connect.conf` as it stands, with a real OpenID provider and a real MyProxy server: what the
//! guide `docs/openid-connect.md` says.

use std::fs;
use std::path::Path;

use anyhow::Result;
use serde_json::json;
use testbed::application::{self, Seen};
use testbed::browser::Browser;
use testbed::httpd::Httpd;
use testbed::openid_provider::{CLIENT_ID, OpenIdProvider, OpenIdUser};
use testbed::pki::Authority;
use testbed::{Accepts, MyProxyServer, PrivateDirectory};

const HOST: &str = "portal.demo.localhost";
const PASSWORD: &str = "open-sesame";

#[test]
fn the_sample_for_openid_connect_brings_a_credential_and_takes_it_away() -> Result<()> {
    let myproxy = MyProxyServer::builder(Accepts::PassPhrases(Vec::new()))
        .pam_sufficient()
        .trusted_retriever("portal")
        .start()?;
    let directory = PrivateDirectory::new("sample")?;
    let authority = Authority::new(directory.path(), "tls")?;
    let tls = authority.server_certificate("tls", &[HOST])?;
    fs::copy(&tls.certificate, directory.join("certificate.pem"))?;
    fs::copy(&tls.key, directory.join("key.pem"))?;
    let own = myproxy.certificate_of("portal")?;
    fs::copy(&own.certificate, directory.join("portal.pem"))?;
    fs::copy(&own.key, directory.join("portal.key"))?;

    let httpd = Httpd::builder(directory.path())?;
    let claims = json!({ "sub": "users/1", "preferred_username": "alice" });
    let provider = OpenIdProvider::start(
        &authority,
        vec![format!("https://{HOST}:{}/portal/openid", httpd.port())],
        vec![OpenIdUser::new("alice", PASSWORD, claims)],
    )?;
    let secrets = format!(
        "OIDCClientSecret {}\nOIDCCryptoPassphrase only-for-this-test\n",
        provider.client_secret()
    );
    directory.write("openid-secrets.conf", 0o600, secrets)?;
    let here = directory.path().display();
    let definitions: String = [
        ("MYPROXY_SITE", HOST.to_owned()),
        ("MYPROXY_PORT", httpd.port().to_string()),
        ("MYPROXY_TLS", here.to_string()),
        ("MYPROXY_KEYS", here.to_string()),
        ("MYPROXY_RUN", format!("{here}/run")),
        ("MYPROXY_TRUST", myproxy.trust_directory().display().to_string()),
        ("MYPROXY_SERVER", myproxy.address()),
        ("OPENID_PROVIDER", provider.issuer().to_owned()),
        ("OPENID_CA", authority.certificate().display().to_string()),
        ("OPENID_CLIENT", CLIENT_ID.to_owned()),
    ]
    .iter()
    .map(|(name, value)| format!("Define {name} \"{value}\"\n"))
    .collect();
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/openid-connect.conf");
    let httpd = httpd
        .module("auth_openidc")
        .with_our_modules()
        .configuration(&format!(
            "{definitions}ScriptAliasMatch \"^/portal\" \"{}\"\nInclude \"{}\"",
            application::install(directory.path())?.display(),
            sample.display()
        ))
        .start()?;

    let browser = Browser::new(authority.certificate())?;
    let login = browser.get(&httpd.url(HOST, "/portal/"))?;
    let form = login
        .form_with("user")?
        .fill("user", "alice")
        .fill("pass", PASSWORD);
    let page = browser.submit(&login, &form)?;
    let seen = Seen::in_page(&page.body)?;
    assert_eq!(seen.variable("REMOTE_USER"), Some("users/1"));
    assert!(seen.credential()?.subject.ends_with("/CN=alice"));
    // What the page says of cookies and headers.
    let passed_on = |part: &str| {
        seen.environment
            .iter()
            .any(|(name, value)| name.starts_with("HTTP_") && value.contains(part))
    };
    assert!(
        !passed_on("mod_auth_openidc_session") && !passed_on("users/1"),
        "{seen:?}"
    );
    let session = page
        .hop_that_set("mod_auth_openidc_session")?
        .set_cookie("mod_auth_openidc_session");
    assert!(
        session.is_some_and(|cookie| cookie.contains("SameSite=Lax")),
        "{session:?}"
    );

    let file = directory.join("run/credentials/users%2F1");
    assert!(file.exists());
    browser.get(&httpd.url(HOST, "/portal/openid?logout="))?;
    assert!(!file.exists());
    Ok(())
}
