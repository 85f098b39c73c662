//! What a site is made of, and how it is started.

use std::thread;

use anyhow::{Result, anyhow};
use myproxy_server_setup::GrantingCookies;

use super::{AppServer, Encryption, LoginMethod, PASSWORD, Site, USER, host, keys, login_server};
use crate::application;
use crate::artifact::artifact;
use crate::httpd::{Httpd, Mpm};
use crate::myproxy_server::{Accepts, MyProxyServer};
use crate::pki::{self, Authority};
use crate::private_directory::PrivateDirectory;
use keys::HostKeys;

/// `MyProxyCredStoreDir` and `MyProxySessionStore`, relative to ServerRoot: httpd makes them when it starts.
pub(super) const CREDENTIALS: &str = "credentials";
pub(super) const SESSIONS: &str = "sessions";

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
}

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

    /// One more user with a password.
    pub fn user(mut self, user: &str, password: &str) -> Self {
        self.users.push((user.to_owned(), password.to_owned()));
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
        let login_host = host(login_server::LABEL);

        let directory = PrivateDirectory::new("site")?;
        let granting = pki::self_signed(directory.path(), "granting", &login_host)?;
        let accepts = Accepts::GrantingCookies(GrantingCookies {
            granting_certificates: vec![granting.certificate.clone()],
            app_server_ids: hosts.clone(),
            realms: Vec::new(),
            encrypted: None,
            max_age: None,
            pam_module: artifact("libpam_pubcookie.so")?.display().to_string(),
        });
        // Making keys takes long: the MyProxy server's are made meanwhile.
        let myproxy = thread::spawn(|| MyProxyServer::builder(accepts).start());

        let authority = Authority::new(directory.path(), "tls")?;
        let names: Vec<&str> = [login_host.as_str()]
            .into_iter()
            .chain(hosts.iter().map(String::as_str))
            .collect();
        let certificate = authority.server_certificate("tls", &names)?;
        let login_keys = HostKeys::make(directory.path(), &login_host)?;
        let mut app_servers = Vec::new();
        for (server, host) in self.app_servers.into_iter().zip(&hosts) {
            let keys = HostKeys::make(directory.path(), host)?;
            login_keys.learn(host, &keys)?;
            app_servers.push((server, keys));
        }
        let passwords = directory.write("passwords", 0o644, keys::password_file(&self.users))?;
        let application = application::install(directory.path())?;
        let myproxy = myproxy
            .join()
            .map_err(|_| anyhow!("starting the MyProxy server panicked"))??;

        let httpd = Httpd::builder(directory.path())?;
        let login_url = format!("https://{login_host}:{}/", httpd.port());
        let common = format!(
            "{myproxy}\n\
             MyProxyCredStoreDir {CREDENTIALS}\n\
             MyProxySessionStore dir:{SESSIONS}\n\
             PubcookieGrantingCertFile \"{granting}\"\n\
             PubcookieLogin {login_url}\n\
             PubcookieDomain .demo.localhost\n\
             {configuration}",
            myproxy = myproxy.summary().httpd.join("\n"),
            granting = granting.certificate.display(),
            configuration = self.configuration,
        );
        let mut httpd = httpd.mpm(self.mpm).with_our_modules().configuration(&common);
        for module in &self.modules {
            httpd = httpd.module(module);
        }
        for (name, value) in &self.environment {
            httpd = httpd.environment(name, value);
        }
        for ((server, keys), host) in app_servers.iter().zip(&hosts) {
            httpd = httpd.host(host, &certificate, &server.text(keys, &application, &passwords));
        }
        let login = login_server::text(&login_keys, &granting, &passwords, &self.login_configuration);
        let httpd = httpd.host(&login_host, &certificate, &login).start()?;

        Ok(Site {
            httpd,
            myproxy,
            app_servers,
            login_keys,
            granting,
            authority: authority.certificate().to_owned(),
            directory,
        })
    }
}
