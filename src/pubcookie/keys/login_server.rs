//! The keys of a login server.

use std::path::Path;

use granting_cookie::{CryptKey, KeyFileError, SigningKey, VerifyingCertificate};
use pubcookie_protocol::login::{LoginConfig, LoginKeys, LoginServer};
use pubcookie_protocol::sealed::SealingKeys;

use super::files::{own_crypt_key, signing_key};
use super::peers::PeerKeys;
use super::session_key::SessionKey;
use crate::httpd::Server;
use crate::pubcookie::config::ServerConfig;

/// The login server of a virtual host, with its keys.
pub struct Login {
    /// What it answers.
    pub server: LoginServer,
    /// Its keys.
    pub keys: LoginServerKeys,
}

/// The keys of a login server.
pub struct LoginServerKeys {
    granting_key: SigningKey,
    session_key: SigningKey,
    session_certificates: Vec<VerifyingCertificate>,
    form_sealing_keys: SealingKeys,
    own_crypt_key: CryptKey,
    peers: PeerKeys,
}

impl Login {
    /// Reads what the directives name.
    pub fn load(config: &ServerConfig, granting_key: &Path, server: Server<'_>) -> Result<Self, String> {
        let files = &config.key_files;
        let url = config
            .login
            .clone()
            .ok_or("PubcookieLogin: not set; it names the login server's own URL")?;
        if config.login_providers.is_empty() {
            return Err(
                "PubcookieLoginProvider: not set; it names who checks passwords, for instance file".into(),
            );
        }
        let directory = files
            .key_directory
            .as_ref()
            .ok_or("PubcookieKeyDir: not set; it holds the keys of the servers that may ask")?;
        let session = SessionKey::load(files)?;
        let (_, own_crypt_key) = own_crypt_key(files, &session, server)?;
        let keys = LoginServerKeys {
            granting_key: signing_key("PubcookieGrantingKeyFile", granting_key)?,
            session_key: session.signing_key()?,
            form_sealing_keys: session.form_sealing_keys(&url)?,
            session_certificates: session.verifying_certificates()?,
            own_crypt_key,
            peers: PeerKeys::load(directory, server)?,
        };
        let settings = LoginConfig {
            post_limit: config.post_limit(),
            ..LoginConfig::new(url, config.domain(server.name()))
        };
        Ok(Login {
            server: LoginServer::new(settings),
            keys,
        })
    }
}

impl LoginKeys for LoginServerKeys {
    fn granting_key(&self) -> &SigningKey {
        &self.granting_key
    }

    fn session_key(&self) -> &SigningKey {
        &self.session_key
    }

    fn session_certificates(&self) -> &[VerifyingCertificate] {
        &self.session_certificates
    }

    fn form_sealing_keys(&self) -> &SealingKeys {
        &self.form_sealing_keys
    }

    fn own_crypt_key(&self) -> &CryptKey {
        &self.own_crypt_key
    }

    fn crypt_key_for(&self, host: &str) -> Result<CryptKey, KeyFileError> {
        self.peers.find(host)
    }

    fn crypt_key_named(&self, app_server_id: &str) -> Option<CryptKey> {
        self.peers.named(app_server_id)
    }
}
