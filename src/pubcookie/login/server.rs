//! The login server of a virtual host, as it is made when httpd starts.

use std::path::Path;

use pubcookie_protocol::login::{GuessingLimits, LoginConfig, LoginServer, Templates};

use super::Flavours;
use crate::httpd::Server;
use crate::pubcookie::config::ServerConfig;
use crate::pubcookie::keys::LoginServerKeys;

/// A login server, with its keys.
pub struct Login {
    /// What it answers.
    pub server: LoginServer,
    /// Its keys.
    pub keys: LoginServerKeys,
    /// Its flavours of login.
    pub flavours: Flavours,
    /// `PubcookieLoginDelay`.
    pub delay: GuessingLimits,
}

impl Login {
    /// Reads what the directives name.
    pub fn load(config: &ServerConfig, granting_key: &Path, server: Server<'_>) -> Result<Self, String> {
        let url = config
            .login
            .clone()
            .ok_or("PubcookieLogin: not set; it names the login server's own URL")?;
        let settings = &config.login_settings;
        let names = config.auth_type_names.clone().unwrap_or_default();
        let flavours = settings.flavours(&names)?;
        let keys = LoginServerKeys::load(&config.key_files, granting_key, &url, server)?;
        let answers = LoginConfig {
            post_limit: config.post_limit(),
            flavours: flavours.checks(),
            templates: settings.templates.clone().unwrap_or_else(Templates::built_in),
            ..LoginConfig::new(url, config.domain(server.name()))
        };
        Ok(Login {
            server: LoginServer::new(answers),
            keys,
            flavours,
            delay: settings.delay.unwrap_or_default(),
        })
    }

    /// Whether wrong passwords are counted.
    pub fn counts_guesses(&self) -> bool {
        self.delay != GuessingLimits::Off && !self.flavours.providers.is_empty()
    }
}
