//! What a site is made of, and how it is started.

use std::{mem, thread};

use anyhow::{Result, anyhow};
use myproxy_server_setup::{EncryptedCookies, GrantingCookies};

use super::keys::{self, Keys};
use super::{AppServer, Encryption, LoginMethod, PASSWORD, Site, USER, login_server};
use crate::application;
use crate::artifact::artifact;
use crate::httpd::{Httpd, HttpdBuilder, Mpm};
use crate::myproxy_server::{Accepts, MyProxyServer};
use crate::openid_provider::{OpenIdProvider, OpenIdUser};
use crate::pki::{Authority, CertificateFiles};
use crate::private_directory::PrivateDirectory;

/// `MyProxyCredStoreDir` and `MyProxySessionStore`, relative to ServerRoot: httpd makes them when it starts.
pub(super) const CREDENTIALS: &str = "credentials";
pub(super) const SESSIONS: &str = "sessions";
/// Where an OpenID provider calls back.
const OPENID_REDIRECT: &str = "/openid/redirect";

/// Puts a site together.
#[derive(Default)]
pub struct SiteBuilder {
    mpm: Mpm,
    app_servers: Vec<AppServer>,
    login_method: LoginMethod,
    encryption: Encryption,
    users: Vec<(String, String)>,
    modules: Vec<String>,
    environment: Vec<(String, String)>,
    configuration: String,
    login_configuration: String,
    forward_encrypted: bool,
    realms: Vec<String>,
    openid_users: Vec<OpenIdUser>,
    trusted_retriever: bool,
    renewer: bool,
}

/// The name in our own certificate, which the MyProxy server may trust.
const OWN_NAME: &str = "portal";

impl SiteBuilder {
    /// httpd's multi-processing module.
    pub fn mpm(mut self, mpm: Mpm) -> Self {
        self.mpm = mpm;
        self
    }

    /// How the logins of the one application server travel, where none is given by
    /// [`SiteBuilder::app_server`].
    pub fn login_method(mut self, method: LoginMethod) -> Self {
        self.login_method = method;
        self
    }

    /// How the cookies of the one application server are encrypted, where none is given by
    /// [`SiteBuilder::app_server`].
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.encryption = encryption;
        self
    }

    /// An application server; the first one is the site's main one.
    pub fn app_server(mut self, server: AppServer) -> Self {
        self.app_servers.push(server);
        self
    }

    /// Show the MyProxy server granting cookies as they came (`MyProxyForwardCookie encrypted`): it gets the key
    /// files of the application servers.
    pub fn forward_encrypted(mut self) -> Self {
        self.forward_encrypted = true;
        self.configuration("MyProxyForwardCookie encrypted")
    }

    /// A realm that users of granting cookies may carry and users of the MyProxy server do not.
    pub fn realm(mut self, realm: &str) -> Self {
        self.realms.push(realm.to_owned());
        self
    }

    /// The MyProxy server trusts our own certificate as a retriever's, with `pam "sufficient"`.
    pub fn trusted_retriever(mut self) -> Self {
        self.trusted_retriever = true;
        self
    }

    /// The MyProxy server lets the holder of our own certificate renew credentials.
    pub fn renewer(mut self) -> Self {
        self.renewer = true;
        self
    }

    /// One more user with a password.
    pub fn user(mut self, user: &str, password: &str) -> Self {
        self.users.push((user.to_owned(), password.to_owned()));
        self
    }

    /// An OpenID provider, with this user and perhaps more. mod_auth_openidc is its client, called back at
    /// `/openid/redirect` of every host.
    pub fn openid_user(mut self, user: OpenIdUser) -> Self {
        self.openid_users.push(user);
        self
    }

    /// One more of httpd's own modules, by the name of its file without `mod_`.
    pub fn module(mut self, name: &str) -> Self {
        self.modules.push(name.to_owned());
        self
    }

    /// An environment variable of httpd.
    pub fn environment(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Configuration outside of all virtual hosts; it comes last, and so has the last word.
    pub fn configuration(mut self, text: &str) -> Self {
        self.configuration.push_str(text);
        self.configuration.push('\n');
        self
    }

    /// Configuration of the login server's virtual host; it comes last.
    pub fn login_configuration(mut self, text: &str) -> Self {
        self.login_configuration.push_str(text);
        self.login_configuration.push('\n');
        self
    }

    /// Make all keys, write all files, start the MyProxy server and httpd.
    pub fn start(mut self) -> Result<Site> {
        if self.app_servers.is_empty() {
            let server = AppServer::new("app")
                .login_method(self.login_method)
                .encryption(self.encryption);
            self.app_servers.push(server);
        }
        self.users.push((USER.to_owned(), PASSWORD.to_owned()));
        let hosts: Vec<String> = self.app_servers.iter().map(AppServer::host).collect();

        let directory = PrivateDirectory::new("site")?;
        let keys = Keys::make(&directory, &login_server::host(), &hosts)?;
        let accepts = self.proofs(&directory, &keys, hosts.clone())?;
        // Making keys takes long: the MyProxy server's are made while ours are.
        let mut myproxy = MyProxyServer::builder(accepts);
        if self.trusted_retriever {
            myproxy = myproxy.trusted_retriever(OWN_NAME).pam_sufficient();
        }
        if self.renewer {
            myproxy = myproxy.renewer(OWN_NAME).pam_sufficient();
        }
        let myproxy = thread::spawn(|| myproxy.start());
        let authority = Authority::new(directory.path(), "tls")?;
        let names: Vec<&str> = keys.hosts.keys().map(String::as_str).collect();
        let certificate = authority.server_certificate("tls", &names)?;
        let myproxy = myproxy
            .join()
            .map_err(|_| anyhow!("starting the MyProxy server panicked"))??;

        let mut httpd = self.httpd(&directory, &keys, &certificate, &myproxy)?;
        let mut openid_provider = None;
        if !self.openid_users.is_empty() {
            let redirect_uris = names
                .iter()
                .map(|host| format!("https://{host}:{}{OPENID_REDIRECT}", httpd.port()))
                .collect();
            let provider =
                OpenIdProvider::start(&authority, redirect_uris, mem::take(&mut self.openid_users))?;
            httpd = httpd
                .module("auth_openidc")
                .configuration(&provider.directives()?);
            openid_provider = Some(provider);
        }
        Ok(Site {
            httpd: httpd.start()?,
            myproxy,
            openid_provider,
            labels: self
                .app_servers
                .iter()
                .map(|server| server.label().to_owned())
                .collect(),
            keys,
            authority: authority.certificate().to_owned(),
            directory,
        })
    }

    /// What the MyProxy server accepts: granting cookies for our application servers.
    fn proofs(&self, directory: &PrivateDirectory, keys: &Keys, hosts: Vec<String>) -> Result<Accepts> {
        let encrypted = match self.forward_encrypted {
            false => None,
            true => Some(EncryptedCookies {
                key_directory: keys.copy_for_another_user(directory, &hosts)?,
                app_servers: hosts.clone(),
            }),
        };
        Ok(Accepts::GrantingCookies(GrantingCookies {
            granting_certificates: vec![keys.granting.certificate.clone()],
            app_server_ids: hosts,
            realms: self.realms.clone(),
            encrypted,
            max_age: None,
            pam_module: artifact("libpam_pubcookie.so")?.display().to_string(),
        }))
    }

    /// httpd with everything in it.
    fn httpd(
        &self,
        directory: &PrivateDirectory,
        keys: &Keys,
        certificate: &CertificateFiles,
        myproxy: &MyProxyServer,
    ) -> Result<HttpdBuilder> {
        let passwords = directory.write("passwords", 0o644, keys::password_file(&self.users))?;
        let application = application::install(directory.path())?;

        let mut httpd = Httpd::builder(directory.path())?.mpm(self.mpm).with_our_modules();
        for module in &self.modules {
            httpd = httpd.module(module);
        }
        for (name, value) in &self.environment {
            httpd = httpd.environment(name, value);
        }
        let own_certificate = match self.trusted_retriever || self.renewer {
            false => String::new(),
            true => {
                let CertificateFiles { certificate, key } = myproxy.certificate_of(OWN_NAME)?;
                format!(
                    "MyProxyCertificateFile \"{}\"\nMyProxyCertificateKeyFile \"{}\"\n",
                    certificate.display(),
                    key.display()
                )
            }
        };
        let common = format!(
            "{myproxy}\n\
             {own_certificate}\
             MyProxyCredStoreDir {CREDENTIALS}\n\
             MyProxySessionStore dir:{SESSIONS}\n\
             PubcookieGrantingCertFile \"{granting}\"\n\
             PubcookieLogin https://{login}:{port}/\n\
             PubcookieDomain .demo.localhost\n\
             {configuration}",
            myproxy = myproxy.summary().httpd.join("\n"),
            granting = keys.granting.certificate.display(),
            login = login_server::host(),
            port = httpd.port(),
            configuration = self.configuration,
        );
        httpd = httpd.configuration(&common);
        for server in &self.app_servers {
            let text = server.text(keys.of(&server.host()), &application, &passwords);
            httpd = httpd.host(&server.host(), certificate, &text);
        }
        let login = login_server::text(keys, &passwords, &self.login_configuration);
        Ok(httpd.host(&login_server::host(), certificate, &login))
    }
}
