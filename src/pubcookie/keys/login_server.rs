//! The keys of a login server.

use std::path::Path;
use std::sync::Arc;

use granting_cookie::{CryptKey, CryptKeys, KeyFileError, SigningKey, VerifyingCertificate};
use pubcookie_protocol::login::LoginKeys;
use pubcookie_protocol::sealed::SealingKeys;
use pubcookie_protocol::settings::LoginUrl;

use super::files::signing_key;
use super::own_key::OwnKey;
use super::peers::PeerKeys;
use super::session_key::SessionKey;
use crate::httpd::{Request, Server};
use crate::pubcookie::config::KeyFiles;

/// The keys of a login server.
pub struct LoginServerKeys {
    granting_key: SigningKey,
    session_key: SigningKey,
    session_certificates: Vec<VerifyingCertificate>,
    form_sealing_keys: SealingKeys,
    own_key: OwnKey,
    peers: PeerKeys,
}

/// The keys, as they are for one request.
pub struct KeysNow<'k> {
    keys: &'k LoginServerKeys,
    request: &'k Request<'k>,
}

impl LoginServerKeys {
    /// Reads what the directives name, for the login server at `url`.
    pub fn load(
        files: &KeyFiles,
        granting_key: &Path,
        url: &LoginUrl,
        server: Server<'_>,
    ) -> Result<Self, String> {
        let directory = files
            .key_directory
            .as_ref()
            .ok_or("PubcookieKeyDir: not set; it holds the keys of the servers that may ask")?;
        let session = SessionKey::load(files)?;
        let own_key = OwnKey::load(files, &session, server)?;
        let form_sealing_keys = session.form_sealing_keys(url)?;
        let (session_key, session_certificates) = session.signing()?;
        Ok(LoginServerKeys {
            granting_key: signing_key("PubcookieGrantingKeyFile", granting_key)?,
            session_key,
            session_certificates,
            form_sealing_keys,
            own_key,
            peers: PeerKeys::load(directory, server)?,
        })
    }

    /// The keys for a request: files that have changed are read again.
    pub fn now<'k>(&'k self, request: &'k Request<'k>) -> KeysNow<'k> {
        KeysNow { keys: self, request }
    }
}

impl LoginKeys for KeysNow<'_> {
    fn granting_key(&self) -> &SigningKey {
        &self.keys.granting_key
    }

    fn session_key(&self) -> &SigningKey {
        &self.keys.session_key
    }

    fn session_certificates(&self) -> &[VerifyingCertificate] {
        &self.keys.session_certificates
    }

    fn form_sealing_keys(&self) -> &SealingKeys {
        &self.keys.form_sealing_keys
    }

    fn own_crypt_keys(&self) -> Arc<CryptKeys> {
        self.keys.own_key.keys(self.request)
    }

    fn crypt_key_for(&self, host: &str) -> Result<CryptKey, KeyFileError> {
        self.keys.peers.find(host, self.request)
    }

    fn crypt_key_named(&self, app_server_id: &str) -> Option<CryptKey> {
        self.keys.peers.named(app_server_id, self.request).ok()
    }
}
