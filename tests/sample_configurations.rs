//! Every sample in `conf/` is loaded by the httpd that it is for. (`openid-connect.conf` is run as well:
//! `credential_single_sign_on_sample.rs`.)

use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use nix::unistd::{Group, User};
use testbed::PrivateDirectory;
use testbed::httpd::{Httpd, configtest, give_to_children};
use testbed::pki::{self, Authority};

/// Loads samples, and the modules that they need, with the paths of this test in place of those in `/etc`.
fn load(
    samples: &[&str],
    modules: &[&str],
    definitions: &[(&str, String)],
    directory: &PrivateDirectory,
) -> Result<()> {
    let defined: String = definitions
        .iter()
        .map(|(name, value)| format!("Define {name} \"{value}\"\n"))
        .collect();
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf");
    let include = |sample: &&str| format!("Include \"{}\"\n", conf.join(sample).display());
    let included: String = samples.iter().map(include).collect();
    let httpd = modules
        .iter()
        .fold(Httpd::builder(directory.path())?, |httpd, module| {
            httpd.module(module)
        });
    let result = httpd
        .with_our_modules()
        .configuration(&format!("{defined}{included}"))
        .configtest()?;
    result
        .map(drop)
        .map_err(|refusal| anyhow!("{samples:?} are refused: {refusal}"))
}

fn httpd_takes(configuration: &str) -> Result<()> {
    configtest(configuration)
        .map(drop)
        .map_err(|refusal| anyhow!("{configuration} is refused: {refusal}"))
}

/// Keys as the quick start makes them, for `host`.
fn keys(directory: &PrivateDirectory, host: &str) -> Result<()> {
    pki::self_signed(directory.path(), "granting", host)?;
    pki::self_signed(directory.path(), "session", host)?;
    std::fs::create_dir_all(directory.join("keys"))?;
    pki::crypt_key(&directory.join("keys"), host)?;
    let authority = Authority::new(directory.path(), "authority")?;
    let tls = authority.server_certificate("tls", &[host])?;
    std::fs::copy(&tls.certificate, directory.join("certificate.pem"))?;
    std::fs::copy(&tls.key, directory.join("key.pem"))?;
    Ok(())
}

#[test]
fn the_application_server_and_its_applications_load() -> Result<()> {
    let directory = PrivateDirectory::new("sample")?;
    keys(&directory, "portal.example.org")?;
    let here = directory.path().display().to_string();
    let run = directory.make_directory("run", 0o755)?;
    give_to_children(&run)?;
    let of_children = std::fs::metadata(&run)?;
    let user = User::from_uid(of_children.uid().into())?.context("httpd's children are of no user")?;
    let group = Group::from_gid(of_children.gid().into())?.context("httpd's children are of no group")?;
    load(
        &["application-server.conf", "applications.conf"],
        &["proxy", "proxy_fcgi", "proxy_http", "wsgi"],
        &[
            ("MYPROXY_SITE", "portal.example.org".to_owned()),
            ("MYPROXY_PORT", "4443".to_owned()),
            ("MYPROXY_TLS", here.clone()),
            ("MYPROXY_KEYS", here.clone()),
            ("MYPROXY_RUN", format!("{here}/run")),
            ("MYPROXY_TRUST", here.clone()),
            ("HTTPD_USER", user.name),
            ("APPLICATION_USER", "nobody".to_owned()),
            ("APPLICATION_GROUP", group.name),
            ("APPLICATION_DIRECTORY", here),
        ],
        &directory,
    )
}

#[test]
fn the_login_server_loads() -> Result<()> {
    let directory = PrivateDirectory::new("sample")?;
    keys(&directory, "login.example.org")?;
    let here = directory.path().display().to_string();
    let templates = Path::new(env!("CARGO_MANIFEST_DIR")).join("conf/login-templates");
    httpd_takes(&format!("PubcookieLoginTemplates \"{}\"", templates.display()))?;
    load(
        &["login-server.conf"],
        &[],
        &[
            ("PUBCOOKIE_LOGIN_SITE", "login.example.org".to_owned()),
            ("PUBCOOKIE_LOGIN_PORT", "4443".to_owned()),
            ("PUBCOOKIE_LOGIN_TLS", here.clone()),
            ("PUBCOOKIE_LOGIN_KEYS", here.clone()),
            ("PUBCOOKIE_LOGIN_USERS", format!("{here}/users")),
        ],
        &directory,
    )
}

#[test]
fn the_keyserver_loads() -> Result<()> {
    let directory = PrivateDirectory::new("sample")?;
    keys(&directory, "login.example.org")?;
    for name in ["permits", "trusted"] {
        directory.make_directory(name, 0o700)?;
    }
    for name in ["keys", "permits", "trusted"] {
        give_to_children(&directory.join(name))?;
    }
    std::fs::copy(directory.join("authority-ca.pem"), directory.join("clients.pem"))?;
    let here = directory.path().display().to_string();
    load(
        &["keyserver.conf"],
        &[],
        &[
            ("PUBCOOKIE_KEYSERVER_SITE", "login.example.org".to_owned()),
            ("PUBCOOKIE_KEYSERVER_PORT", "42222".to_owned()),
            ("PUBCOOKIE_KEYSERVER_TLS", here.clone()),
            ("PUBCOOKIE_KEYSERVER_KEYS", here),
        ],
        &directory,
    )
}
