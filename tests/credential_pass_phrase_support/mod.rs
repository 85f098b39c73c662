//! A site where the MyProxy server checks pass phrases, and counts how often it is asked.
#![allow(dead_code)]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Result;
use testbed::application::{self, Seen};
use testbed::browser::{Browser, Request, Response};
use testbed::httpd::{Httpd, Mpm};
use testbed::pki::{Authority, CertificateFiles};
use testbed::relay::Relay;
use testbed::{Accepts, MyProxyServer, PrivateDirectory};

/// The user that the MyProxy server knows.
pub const USER: &str = "alice";
/// That user's pass phrase.
pub const PASS_PHRASE: &str = "open-sesame";
const HOST: &str = "app.demo.localhost";

/// A running site: what `/app` is, and what the test adds.
pub struct Site {
    pub httpd: Httpd,
    pub myproxy: MyProxyServer,
    /// The way to the MyProxy server.
    relay: Relay,
    authority: PathBuf,
    // Last, so that it is removed when the servers have gone.
    directory: PrivateDirectory,
}

/// A site that is to be started.
#[derive(Default)]
pub struct SiteBuilder {
    mpm: Mpm,
    modules: Vec<&'static str>,
    users: Vec<(String, String)>,
    trusted: bool,
    configuration: String,
}

/// What our own certificate is called.
const OWN_NAME: &str = "portal";

impl Site {
    /// `/app` is behind HTTP Basic, gives its user a credential and shows what the application sees. `/logout` ends the
    /// session. Whatever is refused gets the page `/told`, which shows what it sees too. `/files` is the directory `htdocs`.
    pub fn builder() -> SiteBuilder {
        SiteBuilder::default()
    }

    /// A new browser, without cookies.
    pub fn browser(&self) -> Result<Browser> {
        Browser::new(&self.authority)
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        self.httpd.url(HOST, path)
    }

    /// A navigation to `path` by a browser that shows this user and pass phrase.
    pub fn visit(&self, browser: &Browser, path: &str, user: &str, pass_phrase: &str) -> Result<Response> {
        browser.exchange(&self.navigation(path, user, pass_phrase)?)
    }

    /// The same by a program that keeps no cookies, and knows no navigation.
    pub fn fetch(&self, path: &str, user: &str, pass_phrase: &str) -> Result<Response> {
        self.browser()?
            .exchange(&self.navigation(path, user, pass_phrase)?.by_script())
    }

    fn navigation(&self, path: &str, user: &str, pass_phrase: &str) -> Result<Request> {
        let credentials = openssl::base64::encode_block(format!("{user}:{pass_phrase}").as_bytes());
        Ok(Request::get(self.url(path).parse()?).header("Authorization", &format!("Basic {credentials}")))
    }

    /// How often the MyProxy server was asked.
    pub fn asked(&self) -> u64 {
        self.relay.taken()
    }

    /// Holds back what the MyProxy server and its clients say, from now on, for so long.
    pub fn delay(&self, delay: Duration) {
        self.relay.delay(delay);
    }

    /// Starts the MyProxy server again, after `myproxy.stop()`.
    pub fn restart_myproxy(&mut self) -> Result<()> {
        self.myproxy.start()
    }

    /// The files in the credential store but its lock.
    pub fn stored_credentials(&self) -> Result<Vec<String>> {
        files_in(&self.directory.join("credentials"))
    }

    /// The files in the session store but its lock.
    pub fn stored_sessions(&self) -> Result<Vec<String>> {
        files_in(&self.directory.join("sessions"))
    }

    /// All that httpd keeps in files: stores, logs, what stands below ServerRoot.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }
}

impl SiteBuilder {
    /// httpd's multi-processing module.
    pub fn mpm(mut self, mpm: Mpm) -> Self {
        self.mpm = mpm;
        self
    }

    /// One more of httpd's own modules.
    pub fn module(mut self, name: &'static str) -> Self {
        self.modules.push(name);
        self
    }

    /// One more user of the MyProxy server.
    pub fn user(mut self, name: &str, pass_phrase: &str) -> Self {
        self.users.push((name.to_owned(), pass_phrase.to_owned()));
        self
    }

    /// The MyProxy server trusts our certificate to know its users, and looks at no pass phrase then (`pam "sufficient"`).
    /// `/app` takes both methods.
    pub fn trusted(mut self) -> Self {
        self.trusted = true;
        self
    }

    /// More configuration of the virtual host. `HTDOCS` in it is the directory of `/files`.
    pub fn configuration(mut self, text: &str) -> Self {
        self.configuration.push_str(text);
        self.configuration.push('\n');
        self
    }

    /// Starts it all.
    pub fn start(mut self) -> Result<Site> {
        self.users.push((USER.to_owned(), PASS_PHRASE.to_owned()));
        let mut myproxy = MyProxyServer::builder(Accepts::PassPhrases(self.users.clone()));
        if self.trusted {
            myproxy = myproxy.pam_sufficient().trusted_retriever(OWN_NAME);
        }
        let myproxy = std::thread::spawn(|| myproxy.start());
        let directory = PrivateDirectory::new("site")?;
        let authority = Authority::new(directory.path(), "tls")?;
        let certificate = authority.server_certificate("tls", &[HOST])?;
        let relay = Relay::start()?;
        let myproxy = myproxy
            .join()
            .map_err(|_| anyhow::anyhow!("starting the MyProxy server panicked"))??;
        relay.lead_to(myproxy.port());
        let httpd = self.httpd(&directory, &certificate, &myproxy, &relay)?;
        Ok(Site {
            httpd,
            myproxy,
            relay,
            authority: authority.certificate().to_owned(),
            directory,
        })
    }

    fn httpd(
        &self,
        directory: &PrivateDirectory,
        certificate: &CertificateFiles,
        myproxy: &MyProxyServer,
        relay: &Relay,
    ) -> Result<Httpd> {
        let application = application::install(directory.path())?;
        let (own_certificate, methods) = match self.trusted {
            false => (String::new(), "passphrase"),
            true => {
                let CertificateFiles { certificate, key } = myproxy.certificate_of(OWN_NAME)?;
                let files = [("File", certificate), ("KeyFile", key)]
                    .map(|(name, file)| format!("MyProxyCertificate{name} \"{}\"\n", file.display()));
                (files.concat(), "passphrase certificate")
            }
        };
        let text = format!(
            "AliasMatch \"^/files/(.*)\" \"{htdocs}/$1\"\n\
             ScriptAliasMatch \"^/\" \"{application}\"\n\
             MyProxyServer localhost:{port}\n\
             MyProxyTrustDir \"{trust}\"\n\
             MyProxyCredStoreDir credentials\n\
             MyProxySessionStore dir:sessions\n\
             {own_certificate}\
             MyProxyLogoutURI ^/logout\n\
             ErrorDocument 401 /told\n\
             ErrorDocument 500 /told\n\
             <Location />\n\
             Require all granted\n\
             </Location>\n\
             <Location /app>\n\
             {BASIC}\
             AuthBasicProvider myproxy\n\
             MyProxyAuthMethod {methods}\n\
             MyProxyCredential On\n\
             </Location>\n\
             {configuration}",
            htdocs = directory.join("htdocs").display(),
            application = application.display(),
            port = relay.port(),
            trust = myproxy.trust_directory().display(),
            configuration = self
                .configuration
                .replace("HTDOCS", &directory.join("htdocs").to_string_lossy()),
        );
        let mut httpd = Httpd::builder(directory.path())?.mpm(self.mpm).with_our_modules();
        for module in &self.modules {
            httpd = httpd.module(module);
        }
        httpd.host(HOST, certificate, &text).start()
    }
}

/// What every place with HTTP Basic has.
pub const BASIC: &str = "AuthType Basic\nAuthName demo\nRequire valid-user\n";

/// What the application saw, or the page about a refusal.
pub fn seen(response: &Response) -> Result<Seen> {
    Seen::in_page(&response.body)
}

fn files_in(directory: &Path) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(directory)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.retain(|name| name != ".lock");
    Ok(names)
}
