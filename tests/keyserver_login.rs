//! From nothing to a login: an application server gets its key from the keyserver beside the login server, and both use it at
//! once.

mod keyserver_support;
mod pubcookie_support;

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use anyhow::{Result, ensure};
use pubcookie_support::user;
use testbed::httpd::give_to_children;
use testbed::pki::{self, Authority};
use testbed::site::{PASSWORD, Site, USER};
use testbed::{PrivateDirectory, artifact, free_port, wait_until};

const HOST: &str = "app.demo.localhost";
const LOGIN: &str = "login.demo.localhost";

#[test]
fn a_login_works_with_a_key_that_was_just_made() -> Result<()> {
    // The login server knows its own key, and that of no application server.
    let directory = PrivateDirectory::new("keyserver-login")?;
    let keys = directory.make_directory("keys", 0o700)?;
    give_to_children(&pki::crypt_key(&keys, LOGIN)?)?;
    give_to_children(&keys)?;
    let authority = Authority::new(directory.path(), "clients")?;
    let client = authority.server_certificate("client", &[HOST])?;
    let port = free_port()?;
    let site = Site::builder()
        .login_configuration(&format!("PubcookieKeyDir \"{}\"", keys.display()))
        .configuration(&format!(
            "Listen 127.0.0.1:{port}\n\
             <VirtualHost 127.0.0.1:{port}>\n\
             ServerName {LOGIN}:{port}\n\
             SSLEngine on\n\
             SSLCertificateFile tls.pem\n\
             SSLCertificateKeyFile tls.key\n\
             SSLVerifyClient require\n\
             SSLCACertificateFile \"{}\"\n\
             PubcookieKeyDir \"{}\"\n\
             PubcookieKeyPermit {HOST}\n\
             <Location />\n\
             SetHandler pubcookie-keyserver\n\
             Require all granted\n\
             </Location>\n\
             </VirtualHost>",
            authority.certificate().display(),
            keys.display(),
        ))
        .start()?;
    let page = site.browser()?.get(&site.url("/app"))?;
    ensure!(
        page.status == 403,
        "a host without a key gets no login: {}",
        page.story()
    );

    // httpd's children look at key files again, where they may read them. keyclient keeps a file's owner.
    let key_directory = site.keys.of(HOST).key_directory.clone();
    give_to_children(&key_directory.join(HOST))?;
    let config = directory.write(
        "config",
        0o600,
        format!(
            "ssl_key_file: {}\nssl_cert_file: {}\nssl_ca_file: {}\nkeymgt_uri: https://127.0.0.1:{port}\n\
             login_host: {LOGIN}\nkeydir: {}\n",
            client.key.display(),
            client.certificate.display(),
            site.authority().display(),
            key_directory.display()
        ),
    )?;
    let output = Command::new(artifact("mod-myproxy")?)
        .arg0("keyclient")
        .arg("-f")
        .arg(config)
        .args(["-H", HOST])
        .output()?;
    ensure!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let key = fs::read(key_directory.join(HOST))?;
    assert_eq!(key, fs::read(keys.join(HOST))?);

    // No restart.
    let mut story = String::new();
    let logged_in = wait_until(Duration::from_secs(20), || {
        let logged_in = || -> Result<Option<String>> {
            let page = site.browser()?.get(&site.url("/app"))?;
            if page.form_with("user").is_err() {
                return Ok(None);
            }
            user(&site.log_in_as(&site.browser()?, &site.url("/app"), USER, PASSWORD)?)
        };
        match logged_in() {
            Ok(name) => name.as_deref() == Some(USER),
            Err(error) => {
                story = format!("{error:#}");
                false
            }
        }
    });
    ensure!(logged_in, "{story}\n{}", site.httpd.log().text());
    keyserver_support::assert_hidden(site.httpd.log().text().as_bytes(), &key, "the error log");
    keyserver_support::assert_hidden(site.httpd.access_log().as_bytes(), &key, "the access log");
    Ok(())
}
