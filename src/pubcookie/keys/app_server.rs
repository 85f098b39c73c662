//! The keys of an application server.

use granting_cookie::{CryptKey, Encryption, VerifyingCertificate};
use pubcookie_protocol::app_id::AppServerId;
use pubcookie_protocol::sealed::{Context, Purpose, SealingKeys};
use pubcookie_protocol::session_cookie::{LegacyKeys, SessionCookies, SessionFormat};

use super::files::{certificate, own_crypt_key};
use super::session_key::SessionKey;
use crate::httpd::Server;
use crate::pubcookie::config::ServerConfig;

/// What an application server needs to verify granting cookies and to keep sessions.
pub struct AppServer {
    /// Its ID: `PubcookieAppSrvID`, else its name.
    pub id: AppServerId,
    /// The name under which it shares a key with the login server.
    pub own_name: String,
    /// `PubcookieEncryption`.
    pub encryption: Encryption,
    /// The key that it shares with the login server.
    pub crypt_key: CryptKey,
    /// What verifies granting cookies.
    pub granting_certificates: Vec<VerifyingCertificate>,
    /// What makes and reads session cookies.
    pub sessions: SessionCookies,
    /// What makes and reads pre-session cookies.
    pub pre_session_keys: SealingKeys,
}

impl AppServer {
    /// Reads what the directives name.
    pub fn load(config: &ServerConfig, server: Server<'_>) -> Result<Self, String> {
        let files = &config.key_files;
        let id = match &config.app_server_id {
            Some(id) => id.clone(),
            None => AppServerId::configured(server.name()).map_err(|problem| {
                format!("PubcookieAppSrvID: not set, and the server's name serves not: {problem}")
            })?,
        };
        if files.granting_certificates.is_empty() {
            return Err(
                "PubcookieGrantingCertFile: not set; it names the login server's granting certificate".into(),
            );
        }
        let mut granting_certificates = Vec::new();
        for path in &files.granting_certificates {
            granting_certificates.push(certificate("PubcookieGrantingCertFile", path)?);
        }
        let session = SessionKey::load(files)?;
        let (own_name, crypt_key) = own_crypt_key(files, &session, server)?;
        let encryption = config.encryption.unwrap_or(Encryption::Aes);
        let context = Context {
            server_name: server.name(),
            app_server_id: &id,
        };
        let pre_session_keys = session.sealing_keys(Purpose::PreSession, context)?;
        let format = config.session_format.unwrap_or_default();
        let sealed = session.sealing_keys(Purpose::Session, context)?;
        let legacy = LegacyKeys {
            signing_key: session.signing_key()?,
            certificates: session.verifying_certificates()?,
            crypt_key: crypt_key.clone(),
            encryption,
            own_name: own_name.clone(),
        };
        let sessions = match format {
            SessionFormat::Sealed => SessionCookies::Sealed(sealed),
            SessionFormat::Legacy => SessionCookies::Legacy(legacy),
            SessionFormat::SealedLegacy => SessionCookies::SealedLegacy(sealed, legacy),
            SessionFormat::LegacySealed => SessionCookies::LegacySealed(sealed, legacy),
        };
        Ok(AppServer {
            id,
            own_name,
            encryption,
            crypt_key,
            granting_certificates,
            sessions,
            pre_session_keys,
        })
    }
}
