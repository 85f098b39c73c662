//! One whole Pubcookie site: application servers, a login server and a MyProxy server, all of them real.
//!
//! ```no_run
//! # use testbed::application::Seen;
//! # use testbed::httpd::Mpm;
//! # use testbed::site::{LoginMethod, Site};
//! let site = Site::builder().mpm(Mpm::Worker).login_method(LoginMethod::Post).start()?;
//! let browser = site.browser()?;
//! let page = site.log_in(&browser, "/app")?;
//! assert_eq!(Seen::in_page(&page.body)?.variable("REMOTE_USER"), Some("alice"));
//! browser.get(&site.url("/logout"))?;
//! assert!(site.stored_credentials()?.is_empty());
//! # anyhow::Ok(())
//! ```

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::browser::{Browser, Page};
use crate::httpd::Httpd;
use crate::myproxy_server::MyProxyServer;
use crate::openid_provider::OpenIdProvider;
use crate::private_directory::PrivateDirectory;

mod app_server;
mod builder;
mod keys;
mod login_server;

pub use app_server::{AppServer, Encryption, LoginMethod};
pub use builder::SiteBuilder;
pub use keys::{HostKeys, Keys};

/// The user that every site knows.
pub const USER: &str = "alice";
/// That user's password.
pub const PASSWORD: &str = "open-sesame";

/// A running site. Dropped, nothing is left of it.
///
/// The hosts are `<label>.demo.localhost` (see [`AppServer`]) and `login.demo.localhost`, all in one httpd. The
/// MyProxy server takes granting cookies for pass phrases.
pub struct Site {
    /// The httpd with all virtual hosts.
    pub httpd: Httpd,
    /// The MyProxy server; a test may stop and start it.
    pub myproxy: MyProxyServer,
    /// The Pubcookie keys: with them a test makes cookies of its own.
    pub keys: Keys,
    /// The OpenID provider, where there is one.
    pub openid_provider: Option<OpenIdProvider>,
    labels: Vec<String>,
    authority: PathBuf,
    // Last, so that it is removed when the servers have gone.
    directory: PrivateDirectory,
}

impl Site {
    /// A site with one application server, `app.demo.localhost`, and the user [`USER`], unless it is told
    /// otherwise.
    pub fn builder() -> SiteBuilder {
        SiteBuilder::default()
    }

    /// Such a site, started.
    pub fn start() -> Result<Self> {
        Site::builder().start()
    }

    /// An address at the first application server.
    pub fn url(&self, path: &str) -> String {
        self.url_at(&self.labels[0], path)
    }

    /// An address at the host `<label>.demo.localhost`; the login server's label is `login`.
    pub fn url_at(&self, label: &str, path: &str) -> String {
        self.httpd.url(&host(label), path)
    }

    /// A new browser, without cookies.
    pub fn browser(&self) -> Result<Browser> {
        Browser::new(&self.authority)
    }

    /// Visits `path` at the first application server, and logs in as [`USER`]: the page after the login.
    pub fn log_in(&self, browser: &Browser, path: &str) -> Result<Page> {
        self.log_in_as(browser, &self.url(path), USER, PASSWORD)
    }

    /// Visits `url`, fills in the login form and submits it: the page that this leads to, whatever it is.
    ///
    /// # Errors
    /// The visit did not end at a login form.
    pub fn log_in_as(&self, browser: &Browser, url: &str, user: &str, password: &str) -> Result<Page> {
        let page = browser.get(url)?;
        let form = page.form_with("user")?.fill("user", user).fill("pass", password);
        browser.submit(&page, &form)
    }

    /// The files in the credential store but its lock, by name; none where the store has not been made.
    pub fn stored_credentials(&self) -> Result<Vec<String>> {
        files_in(&self.credential_directory())
    }

    /// The files in the session store but its lock, by name; none where the store has not been made.
    pub fn stored_sessions(&self) -> Result<Vec<String>> {
        files_in(&self.session_directory())
    }

    /// `MyProxyCredStoreDir`.
    pub fn credential_directory(&self) -> PathBuf {
        self.directory.join(builder::CREDENTIALS)
    }

    /// `MyProxySessionStore`.
    pub fn session_directory(&self) -> PathBuf {
        self.directory.join(builder::SESSIONS)
    }

    /// The certificate of the authority that its TLS certificates are from: a browser has to trust it.
    pub fn authority(&self) -> &Path {
        &self.authority
    }

    /// ServerRoot: all its files but the MyProxy server's.
    pub fn directory(&self) -> &PrivateDirectory {
        &self.directory
    }
}

/// The whole name of the host with this label.
fn host(label: &str) -> String {
    format!("{label}.demo.localhost")
}

fn files_in(directory: &Path) -> Result<Vec<String>> {
    if !directory.exists() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(directory).with_context(|| format!("cannot list {}", directory.display()))?;
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| name != ".lock");
    names.sort();
    Ok(names)
}
