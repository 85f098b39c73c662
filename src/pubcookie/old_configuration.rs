//! What an old configuration brings along: directives that mean nothing any more, and the configuration file of the
//! original programs.

use std::fs;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use pubcookie_protocol::config_file::{ConfigFile, Setting};
use pubcookie_protocol::settings::{CookieDomain, LoginUrl};

use super::Pubcookie;
use super::config::{KeyFiles, ServerConfig};
use crate::httpd::{Server, Setup, log};

/// Directives that mean nothing any more: where each was met first.
#[derive(Clone, Default)]
pub struct IdleDirectives {
    /// `PubcookieNoCleanCreds`.
    pub no_clean_creds: OnceLock<String>,
    /// `PubcookieEgdDevice`.
    pub egd_device: OnceLock<String>,
    /// `PubcookieNoBlank`.
    pub no_blank: OnceLock<String>,
    /// `PubcookieSuperDebug`.
    pub super_debug: OnceLock<String>,
}

impl IdleDirectives {
    /// Those of a server and of the one around it.
    pub fn merged(&self, outer: &Self) -> Self {
        let either =
            |own: &OnceLock<String>, outer: &OnceLock<String>| own.get().map_or(outer, |_| own).clone();
        IdleDirectives {
            no_clean_creds: either(&self.no_clean_creds, &outer.no_clean_creds),
            egd_device: either(&self.egd_device, &outer.egd_device),
            no_blank: either(&self.no_blank, &outer.no_blank),
            super_debug: either(&self.super_debug, &outer.super_debug),
        }
    }

    /// Name, place, and what there is instead.
    fn met(&self) -> [(&'static str, Option<&String>, &'static str); 4] {
        [
            (
                "PubcookieNoCleanCreds",
                self.no_clean_creds.get(),
                "logins leave no Kerberos credentials behind",
            ),
            (
                "PubcookieEgdDevice",
                self.egd_device.get(),
                "random bytes come from the system",
            ),
            (
                "PubcookieNoBlank",
                self.no_blank.get(),
                "say PubcookieNoObscureCookies where an application has to see our cookies",
            ),
            (
                "PubcookieSuperDebug",
                self.super_debug.get(),
                "say LogLevel pubcookie:debug",
            ),
        ]
    }
}

/// What the configuration file of the original programs says (`PubcookieConfigFile`).
#[derive(Default)]
pub struct OldConfigFile {
    /// `login_uri`.
    pub login: Option<LoginUrl>,
    /// `enterprise_domain`.
    pub domain: Option<CookieDomain>,
    /// `granting_cert_file`, `ssl_key_file`, `ssl_cert_file`, `crypt_key` and `keydir`.
    pub key_files: KeyFiles,
    path: PathBuf,
    /// What is not for us: line, key, and why.
    ignored: Vec<(usize, String, &'static str)>,
}

impl OldConfigFile {
    /// Reads it. Paths in it are made absolute by `absolute`.
    pub fn read(path: PathBuf, absolute: impl Fn(&str) -> Result<PathBuf, String>) -> Result<Self, String> {
        let about = |problem: String| format!("{}: {problem}", path.display());
        let text =
            fs::read_to_string(&path).map_err(|problem| about(format!("cannot be read: {problem}")))?;
        let file = ConfigFile::parse(&text).map_err(|problem| about(problem.to_string()))?;
        let mut values = OldConfigFile {
            path: path.clone(),
            ..OldConfigFile::default()
        };
        for setting in file.settings() {
            // The first one of a key counts.
            if file.get(&setting.key) != Some(setting.value.as_str()) {
                continue;
            }
            let Setting { key, line, .. } = setting;
            values
                .take(setting, &absolute)
                .map_err(|problem| about(format!("line {line}: {key}: {problem}")))?;
        }
        Ok(values)
    }

    fn take(
        &mut self,
        setting: &Setting,
        absolute: impl Fn(&str) -> Result<PathBuf, String>,
    ) -> Result<(), String> {
        let value = setting.value.as_str();
        let files = &mut self.key_files;
        match setting.key.as_str() {
            "login_uri" => self.login = Some(parsed(value)?),
            "enterprise_domain" => self.domain = Some(parsed(value)?),
            "granting_cert_file" => files.granting_certificates = vec![absolute(value)?],
            "ssl_key_file" => files.session_key = Some(absolute(value)?),
            "ssl_cert_file" => files.session_certificate = Some(absolute(value)?),
            "crypt_key" => files.crypt_key = Some(absolute(value)?),
            "keydir" => files.key_directory = Some(absolute(value)?),
            key => self
                .ignored
                .push((setting.line, key.to_owned(), why_ignored(key))),
        }
        Ok(())
    }

    fn tell(&self, server: Server<'_>) {
        for (line, key, why) in &self.ignored {
            let path = self.path.display();
            log!(
                Pubcookie,
                server,
                Debug,
                "PubcookieConfigFile: {path}: line {line}: {key} is left aside: {why}"
            );
        }
    }
}

fn why_ignored(key: &str) -> &'static str {
    match key {
        // It would make a login server of every server that reads the file.
        "granting_key_file" => "it is taken from PubcookieGrantingKeyFile alone",
        "egd_socket" => "it means nothing any more: random bytes come from the system",
        "logging_level" | "debug" => "it means nothing any more: LogLevel decides",
        _ => "it is none of httpd's",
    }
}

fn parsed<T: FromStr<Err: ToString>>(value: &str) -> Result<T, String> {
    value.parse().map_err(|problem: T::Err| problem.to_string())
}

/// Once all of the configuration has been read: one line for each directive that means nothing any more, wherever and
/// however often it stands, and the lines of each configuration file that are not for httpd.
pub fn tell(setup: &Setup<'_>) {
    let configs = || {
        setup
            .servers()
            .filter_map(|server| Some((server, server.config::<Pubcookie>()?)))
    };
    let mut told: Vec<&'static str> = Vec::new();
    let mut files: Vec<&Path> = Vec::new();
    for (server, config) in configs() {
        for (directive, place, instead) in config.idle_directives.met() {
            if let Some(place) = place
                && !told.contains(&directive)
            {
                told.push(directive);
                log!(
                    Pubcookie,
                    server,
                    Warning,
                    "{directive} ({place}) means nothing any more, here and elsewhere: {instead}"
                );
            }
        }
        if let Some(file) = &config.old_config_file
            && !files.contains(&file.path.as_path())
        {
            files.push(&file.path);
            file.tell(server);
        }
    }
}

impl ServerConfig {
    /// With the values of `PubcookieConfigFile` where no directive says anything.
    pub fn with_old_config_file(mut self) -> Self {
        if let Some(file) = self.old_config_file.as_ref().map(Arc::clone) {
            self.login = self.login.or_else(|| file.login.clone());
            self.domain = self.domain.or_else(|| file.domain.clone());
            self.key_files = self.key_files.merged(&file.key_files);
        }
        self
    }
}
