//! What every kind of application is asked: the same questions, whatever the way to it.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rustix::process::geteuid;
use testbed::PrivateDirectory;
use testbed::application::Seen;
use testbed::browser::{Browser, Page, Request};
use testbed::site::{AppServer, Site, SiteBuilder, USER};

/// What a client would have an application believe.
const FORGED: &str = "/forged/by/a/client";

/// A program of `tests/applications`, copied to where another user can read it. Python has to see what else is there.
pub fn program(directory: &PrivateDirectory, name: &str) -> Result<PathBuf> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/applications")
        .join(name);
    let text = fs::read(&source).with_context(|| source.display().to_string())?;
    if !directory.join("programs").exists() {
        directory.make_directory("programs", 0o755)?;
    }
    directory.write(&format!("programs/{name}"), 0o644, text)
}

/// The user, not httpd's, that an application runs as, with the group of httpd's children; none where the test is an
/// ordinary user's: then it is the same user's too.
pub fn another_user() -> Option<(&'static str, &'static str)> {
    let groups = fs::read_to_string("/etc/group").unwrap_or_default();
    let exists = |name: &&str| groups.lines().any(|line| line.split(':').next() == Some(*name));
    let group = ["www-data", "apache"].into_iter().find(exists)?;
    if geteuid().is_root() {
        return Some(("nobody", group));
    }
    eprintln!(
        "not root: the application runs as httpd's user, and that another one can read the file is not tried"
    );
    None
}

/// A command that runs `program` as [`another_user`], with nothing in its environment but `PATH`.
pub fn command_of_another_user(program: &str) -> Command {
    let mut command = Command::new("env");
    command.args(["-i", "PATH=/usr/bin:/bin"]);
    if let Some((user, group)) = another_user() {
        command.args([
            "setpriv",
            "--reuid",
            user,
            "--regid",
            group,
            "--clear-groups",
            "--",
        ]);
    }
    command.arg(program);
    command
}

/// A site whose `/app/there` and `/open/there` lead to an application, the first with a credential: `way` says how. What
/// `/app/missing` leads to is not there, and `/open/there` answers in its place.
pub fn site_with(way: &str, configuration: &str) -> SiteBuilder {
    let places = format!(
        "<Location /app/there>\n{way}\n</Location>\n\
         <Location /open/there>\n{way}\n</Location>\n\
         <Location /app/missing>\nAlias \"/nowhere\"\nSetHandler default-handler\nErrorDocument 404 /open/there\n</Location>\n\
         {configuration}"
    );
    Site::builder()
        .configuration("MyProxyFilePermissions 0640\nMyProxyDirPermissions 0711")
        .app_server(AppServer::new("app").configuration(&places))
}

/// Asks an application all that must hold for every kind. `HTTP_` or the like may stand before the variables: `prefix`; and
/// the file's own may have another name: `file`.
pub fn ask_everything(site: &Site, file: &str, prefix: &str) -> Result<()> {
    let browser = site.browser()?;
    let page = site.log_in(&browser, "/app/there")?;
    let seen = has_the_credential(site, &page, file, prefix)?;
    if another_user().is_some() {
        let httpd = fs::metadata(site.credential_directory())?;
        let user = seen.variable("APPLICATION_USER").context("of which user?")?;
        ensure!(
            user != std::os::unix::fs::MetadataExt::uid(&httpd).to_string(),
            "it runs as httpd's user"
        );
        ensure!(user != "0", "it runs as root");
    }

    for path in ["/app/there", "/open/there"] {
        let seen = Seen::in_page(&with_forged_headers(site, &browser, path, file)?.body)?;
        let believed: Vec<_> = seen
            .environment
            .iter()
            .filter(|(_, value)| value.contains(FORGED))
            .collect();
        // Where there is neither a credential nor a header of ours, what a client sends is a header like any other.
        ensure!(
            path != "/app/there" || believed.is_empty(),
            "{path}: {believed:?}"
        );
        let credential = seen.variable(file).is_some();
        ensure!(
            credential == (path == "/app/there"),
            "{path}: {:?}",
            seen.environment
        );
    }

    let page = browser.get(&site.url("/app/missing"))?;
    let inherited: Vec<_> = Seen::in_page(&page.body)?
        .environment
        .into_iter()
        .filter(|(name, value)| {
            name.contains("X509") || name.contains("MYPROXY") || value.contains("/credentials/")
        })
        .collect();
    ensure!(inherited.is_empty(), "the error document sees {inherited:?}");

    browser.get(&site.url("/logout"))?;
    let seen = Seen::in_page(&browser.get(&site.url("/app/there"))?.body)?;
    ensure!(seen.variable(file).is_none() && seen.credential.is_none());
    ensure!(
        seen.variable(&format!("{prefix}MYPROXY_ERROR")) == Some("none"),
        "{:?}",
        seen.environment
    );
    ensure!(
        seen.variable(&format!("{prefix}MYPROXY_ERROR_DESC"))
            .is_some_and(|words| words.contains("log in again")),
        "{:?}",
        seen.environment
    );
    Ok(())
}

/// The application was told all, and has read the user's credential from its file.
fn has_the_credential(site: &Site, page: &Page, file: &str, prefix: &str) -> Result<Seen> {
    let seen = Seen::in_page(&page.body)?;
    let path = site.credential_directory().join(USER);
    ensure!(seen.variable(file) == path.to_str(), "{:?}", seen.environment);
    let credential = seen.credential()?;
    ensure!(
        credential.subject.ends_with(&format!("/CN={USER}")),
        "{credential:?}"
    );
    let told = |name: &str| seen.variable(&format!("{prefix}{name}"));
    ensure!(
        told("MYPROXY_CRED_SUBJECT") == Some(&credential.subject),
        "{:?}",
        seen.environment
    );
    ensure!(
        told("MYPROXY_CRED_EXPIRES") == Some(&credential.expires),
        "{:?}",
        seen.environment
    );
    ensure!(told("MYPROXY_ERROR").is_none(), "{:?}", seen.environment);
    ensure!(credential.mode == "0640", "{credential:?}");
    Ok(seen)
}

fn with_forged_headers(
    site: &Site,
    browser: &Browser,
    path: &str,
    file: &str,
) -> Result<testbed::browser::Response> {
    let file = file.trim_start_matches("HTTP_");
    let names = [
        "X509_USER_PROXY",
        "AJP_X509_USER_PROXY",
        "MYPROXY_CRED_SUBJECT",
        "MYPROXY_ERROR",
        "AJP_MYPROXY_ERROR",
        file,
    ];
    let mut request = Request::get(site.url(path).parse()?);
    for name in names {
        let dashed = name.replace('_', "-");
        for spelling in [
            name,
            &dashed,
            &name.to_lowercase(),
            &name.replacen('_', "-", 1),
            &dashed.to_lowercase(),
        ] {
            request = request.header(spelling, FORGED);
        }
    }
    browser.exchange(&request)
}
