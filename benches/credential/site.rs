//! The httpd and the MyProxy server that are measured.

use std::fs;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use myproxy_client::{Client, ClientCertificate, ClientOptions};
use testbed::PrivateDirectory;
use testbed::httpd::{Httpd, HttpdBuilder};
use testbed::pki::{Authority, CertificateFiles};
use testbed::{Accepts, MyProxyServer};

use super::cases::Case;
use super::common::client::{Connection, Connector, FILE_SIZE, Target};

/// Keys that httpd makes ahead of need: the default of `MyProxyKeyPool`.
pub const POOL: usize = 8;
/// What httpd logs when they are all there.
pub const POOL_IS_FULL: &str = "keys made ahead of need: 8 in this child";

/// Places of users with a password.
const USERS_HOST: &str = "users.demo.localhost";
/// The same, where no proof ever comes.
const WITHOUT_HOST: &str = "without.demo.localhost";
/// A place where anybody is whom he says, so that each logon is of another user.
const LOGONS_HOST: &str = "logons.demo.localhost";
/// The name in httpd's own certificate, which the MyProxy server trusts.
const OWN_NAME: &str = "portal";
/// Names, passwords and what a client sends for them: the cheapest digest that httpd knows, and for [`Site::mark`] one
/// that it uses for nothing else.
const PASSWORDS: &str =
    "alice:{SHA}CEo1Ae3vaEXy8eQZjsOiuBz1xrw=\nmark:$apr1$benchmrk$PjW0B3hkVk5EAc9T0lz../\n";
const ALICE: &str = "Authorization: Basic YWxpY2U6c2VzYW1l\r\n";
const MARK: &str = "Authorization: Basic bWFyazptYXJr\r\n";
/// So that the first request begins a session.
const NAVIGATION: &str = "Sec-Fetch-Mode: navigate\r\n";

/// Files, keys, and a MyProxy server that trusts httpd to know its users.
pub struct Site {
    /// The MyProxy server.
    pub myproxy: MyProxyServer,
    /// What httpd shows to it.
    pub own_files: CertificateFiles,
    connector: Connector,
    certificate: CertificateFiles,
    directory: PrivateDirectory,
}

impl Site {
    /// Makes them, and starts the MyProxy server.
    pub fn new() -> Result<Self> {
        let directory = PrivateDirectory::new("credential")?;
        let myproxy = MyProxyServer::builder(Accepts::PassPhrases(Vec::new()))
            .trusted_retriever(OWN_NAME)
            .pam_sufficient()
            .start()?;
        let authority = Authority::new(directory.path(), "bench")?;
        let hosts = [USERS_HOST, WITHOUT_HOST, LOGONS_HOST];
        let certificate = authority.server_certificate("tls", &hosts)?;
        for place in ["off", "on", "perl"] {
            let place = directory.join("htdocs").join(place);
            fs::create_dir_all(&place)?;
            fs::write(place.join("file.html"), "x".repeat(FILE_SIZE))?;
        }
        directory.make_directory("stock", 0o700)?;
        directory.write("passwords", 0o644, PASSWORDS)?;
        directory.write("Credential.pm", 0o644, include_str!("Credential.pm"))?;
        Ok(Site {
            own_files: myproxy.certificate_of(OWN_NAME)?,
            connector: Connector::new(authority.certificate())?,
            certificate,
            directory,
            myproxy,
        })
    }

    /// Where httpd's files are.
    pub fn directory(&self) -> &PrivateDirectory {
        &self.directory
    }

    /// An httpd that has so many keys ready.
    pub fn httpd(&self, pool: usize) -> Result<HttpdBuilder> {
        let object = testbed::artifact("libmod_myproxy.so")?;
        let directory = self.directory.path().display();
        Ok(Httpd::builder(self.directory.path())?
            .module("authn_anon")
            .module("perl")
            .configuration(&format!("LoadModule myproxy_module \"{}\"", object.display()))
            // No handshake among the requests: connections stay open, also while every one of them is busy.
            .configuration(
                "KeepAliveTimeout 60\nMaxKeepAliveRequests 0\n\n\
                 <IfModule mpm_event_module>\nStartServers 1\nThreadsPerChild 64\n</IfModule>",
            )
            // The module tells how full its pool is, and no more than that.
            .configuration("LogLevel warn myproxy:debug")
            .configuration(&format!("MyProxyKeyPool {pool}"))
            .configuration(&format!(
                "MyProxyServer {}\nMyProxyTrustDir \"{}\"\n\
                 MyProxyCertificateFile \"{}\"\nMyProxyCertificateKeyFile \"{}\"",
                self.myproxy.address(),
                self.myproxy.trust_directory().display(),
                self.own_files.certificate.display(),
                self.own_files.key.display(),
            ))
            .configuration(&format!(
                "<Location />\nAuthType Basic\nAuthName bench\nAuthUserFile \"{directory}/passwords\"\n\
                 Require valid-user\n</Location>\n\
                 <IfModule mod_perl.c>\n\
                 PerlSwitches -I{directory}\nPerlModule Credential\n\
                 <Location /perl>\nPerlFixupHandler Credential\n\
                 PerlSetVar Credentials {directory}/credentials-users\n</Location>\n\
                 </IfModule>\n\
                 <IfModule !mod_perl.c>\n<Location /perl>\nRequire all denied\n</Location>\n</IfModule>"
            ))
            .host(
                USERS_HOST,
                &self.certificate,
                &stores("users", "MyProxyAuthMethod certificate"),
            )
            .host(WITHOUT_HOST, &self.certificate, &stores("without", ""))
            .host(
                LOGONS_HOST,
                &self.certificate,
                &stores(
                    "logons",
                    "MyProxyAuthMethod certificate\n\
                     <Location />\nAuthBasicProvider anon\nAnonymous *\n</Location>",
                ),
            ))
    }

    /// Where the client of a case goes, and what it brings.
    pub fn target(&self, case: Case, port: u16) -> Target<'_> {
        let (host, path) = match case {
            Case::Off => (USERS_HOST, "/off/file.html"),
            Case::Without => (WITHOUT_HOST, "/on/file.html"),
            Case::With => (USERS_HOST, "/on/file.html"),
            Case::Perl => (USERS_HOST, "/perl/file.html"),
        };
        Target {
            connector: &self.connector,
            host,
            port,
            path,
            header: ALICE.to_owned(),
            cookie: None,
            keeps_cookies: true,
        }
    }

    /// The cases that this machine's httpd can serve, with sessions for those that need one.
    pub fn targets(&self, port: u16) -> Result<Vec<(Case, Target<'_>)>> {
        let session = self.session(port)?;
        let mut targets = Vec::new();
        for case in Case::ALL {
            let target = Target {
                cookie: Some(session.clone()),
                ..self.target(case, port)
            };
            if case != Case::Perl || Connection::open(&target)?.ask().is_ok() {
                targets.push((case, target));
            }
        }
        Ok(targets)
    }

    /// Has alice get a credential: the cookie of her session.
    fn session(&self, port: u16) -> Result<String> {
        let target = Target {
            header: format!("{ALICE}{NAVIGATION}"),
            ..self.target(Case::With, port)
        };
        let mut connection = Connection::open(&target)?;
        connection.ask()?;
        let stored = self.directory.join("credentials-users").join("alice");
        ensure!(stored.exists(), "alice got no credential: see the error log");
        connection
            .cookie()
            .map(str::to_owned)
            .context("alice was given no session")
    }

    /// A file like any other, for which httpd does what it does for none of the cases: it marks a moment for a profiler.
    pub fn mark<'a>(&self, target: &Target<'a>) -> Target<'a> {
        Target {
            host: USERS_HOST,
            path: "/off/file.html",
            header: MARK.to_owned(),
            cookie: None,
            ..*target
        }
    }

    /// A place where the user of this number logs on.
    pub fn logon(&self, number: usize, port: u16) -> Target<'_> {
        let user = openssl::base64::encode_block(format!("user{number}:x").as_bytes());
        Target {
            host: LOGONS_HOST,
            header: format!("Authorization: Basic {user}\r\n"),
            ..self.target(Case::With, port)
        }
    }

    /// A client as httpd has it.
    pub fn client(&self) -> Result<Client> {
        let mut options = ClientOptions::new(vec![self.myproxy.address().parse()?]);
        options.trust_directory = self.myproxy.trust_directory().to_owned();
        Ok(Client::new(options)?)
    }

    /// What it shows.
    pub fn own_certificate(&self) -> Result<Arc<ClientCertificate>> {
        let CertificateFiles { certificate, key } = &self.own_files;
        Ok(Arc::new(ClientCertificate::from_files(certificate, key, || {
            Ok(Default::default())
        })?))
    }
}

/// A host with stores of its own, and credentials in one place.
fn stores(name: &str, configuration: &str) -> String {
    format!(
        "MyProxyCredStoreDir credentials-{name}\nMyProxySessionStore dir:sessions-{name}\n\
         LogLevel warn\n<Location /off>\nMyProxyCredential Off\n</Location>\n<Location /on>\nMyProxyCredential On\n</Location>\n{configuration}"
    )
}
