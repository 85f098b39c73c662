//! What every kind of application is asked: the same questions, whatever the way to it.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::fs;
use std::os::unix::fs::MetadataExt;
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

/// A way to an application.
pub struct Way<'a> {
    /// What its places are called.
    pub name: &'a str,
    /// What leads there, as in a `<Location>`.
    pub configuration: &'a str,
}

/// A site whose `/app/<name>` and `/open/<name>` lead to an application, the first with a credential. What
/// `/app/missing-<name>` leads to is not there, and `/open/<name>` answers in its place.
pub fn site_with(ways: &[Way<'_>], configuration: &str) -> SiteBuilder {
    let places = ways.iter().map(|Way { name, configuration }| {
        format!(
            "<Location /app/{name}>\n{configuration}\n</Location>\n\
             <Location /open/{name}>\n{configuration}\n</Location>\n\
             <Location /app/missing-{name}>\nAlias \"/nowhere\"\nSetHandler default-handler\n\
             ErrorDocument 404 /open/{name}\n</Location>\n"
        )
    });
    let places: String = places.collect();
    Site::builder()
        .configuration("MyProxyFilePermissions 0640\nMyProxyDirPermissions 0711")
        .app_server(AppServer::new("app").configuration(&format!("{places}{configuration}")))
}

/// What an application calls what it is told.
pub struct Names<'a> {
    /// The credential's file.
    pub file: &'a str,
    /// What stands before the other variables.
    pub prefix: &'a str,
}

/// They are variables of their own names.
pub const VARIABLES: Names<'static> = Names {
    file: "X509_USER_PROXY",
    prefix: "",
};

/// Asks the application `name` all that must hold for every kind.
pub fn ask_everything(site: &Site, name: &str, names: &Names<'_>) -> Result<()> {
    let Names { file, prefix } = names;
    let (app, open) = (format!("/app/{name}"), format!("/open/{name}"));
    let browser = site.browser()?;
    let page = site.log_in(&browser, &app)?;
    let seen = has_the_credential(site, &page, names)?;
    if another_user().is_some() {
        let httpd = fs::metadata(site.credential_directory())?.uid().to_string();
        let user = seen.variable("APPLICATION_USER").context("of which user?")?;
        ensure!(user != httpd && user != "0", "it runs as user {user}");
    }

    let seen = Seen::in_page(&with_forged_headers(site, &browser, &app, file)?.body)?;
    let believed: Vec<_> = seen
        .environment
        .iter()
        .filter(|(_, value)| value.contains(FORGED))
        .collect();
    ensure!(believed.is_empty(), "it believes {believed:?}");
    ensure!(seen.variable(file).is_some(), "{:?}", seen.environment);
    let seen = Seen::in_page(&with_forged_headers(site, &browser, &open, file)?.body)?;
    ensure!(seen.variable(file).is_none(), "{:?}", seen.environment);

    let page = browser.get(&site.url(&format!("/app/missing-{name}")))?;
    let inherited: Vec<_> = Seen::in_page(&page.body)?
        .environment
        .into_iter()
        .filter(|(name, value)| {
            name.contains("X509") || name.contains("MYPROXY") || value.contains("/credentials/")
        })
        .collect();
    ensure!(inherited.is_empty(), "the error document sees {inherited:?}");

    browser.get(&site.url("/logout"))?;
    let seen = Seen::in_page(&browser.get(&site.url(&app))?.body)?;
    ensure!(seen.variable(file).is_none() && seen.credential.is_none());
    let told = |name: &str| seen.variable(&format!("{prefix}{name}"));
    ensure!(told("MYPROXY_ERROR") == Some("none"), "{:?}", seen.environment);
    ensure!(
        told("MYPROXY_ERROR_DESC").is_some_and(|words| words.contains("log in again")),
        "{:?}",
        seen.environment
    );
    Ok(())
}

/// The application was told all, and has read the user's credential from its file.
fn has_the_credential(site: &Site, page: &Page, Names { file, prefix }: &Names<'_>) -> Result<Seen> {
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
