//! The keys of an application server.

use std::borrow::Cow;

use granting_cookie::{CookieError, EncryptedCookie, Encryption, VerifiedCookie, VerifyingCertificate};
use pubcookie_protocol::app_id::AppServerId;
use pubcookie_protocol::sealed::{Context, Purpose, SealingKeys};
use pubcookie_protocol::session_cookie::{LegacyKeys, SessionCookies, SessionFormat};

use super::files::certificate;
use super::own_key::OwnKey;
use super::session_key::SessionKey;
use crate::httpd::{Request, Server};
use crate::pubcookie::config::ServerConfig;
use crate::pubcookie::server_name;

/// What an application server needs to verify granting cookies and to keep sessions.
pub struct AppServer {
    /// `PubcookieAppSrvID`, else its name.
    id: AppServerId,
    /// Whether that is its name.
    is_named: bool,
    /// `PubcookieEncryption`.
    pub encryption: Encryption,
    /// The key that it shares with the login server.
    own_key: OwnKey,
    /// What verifies granting cookies.
    granting_certificates: Vec<VerifyingCertificate>,
    /// What makes and reads session cookies.
    sessions: SessionCookies,
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
        let own_key = OwnKey::load(files, &session, server)?;
        let encryption = config.encryption.unwrap_or(Encryption::Aes);
        let context = Context {
            server_name: server.name(),
            app_server_id: &id,
        };
        let pre_session_keys = session.sealing_keys(Purpose::PreSession, context)?;
        let sealed = session.sealing_keys(Purpose::Session, context)?;
        let legacy = || {
            let (signing_key, certificates) = session.signing()?;
            Ok::<_, String>(LegacyKeys {
                signing_key,
                certificates,
                crypt_key: own_key.watched(),
                encryption,
                own_name: server.name().to_owned(),
            })
        };
        let sessions = match config.session_format.unwrap_or_default() {
            SessionFormat::Sealed => SessionCookies::Sealed(sealed),
            SessionFormat::Legacy => SessionCookies::Legacy(legacy()?),
            SessionFormat::SealedLegacy => SessionCookies::SealedLegacy(sealed, legacy()?),
            SessionFormat::LegacySealed => SessionCookies::LegacySealed(sealed, legacy()?),
        };
        Ok(AppServer {
            id,
            is_named: config.app_server_id.is_none(),
            encryption,
            own_key,
            granting_certificates,
            sessions,
            pre_session_keys,
        })
    }

    /// Its ID: `PubcookieAppSrvID`, else the name by which the request reached it.
    pub fn id(&self, request: &Request<'_>) -> Cow<'_, AppServerId> {
        if self.is_named && self.encryption == Encryption::AesDomain {
            let name = server_name::of(request);
            if name != request.server().name()
                && let Ok(id) = AppServerId::configured(name)
            {
                return Cow::Owned(id);
            }
        }
        Cow::Borrowed(&self.id)
    }

    /// What makes and reads session cookies.
    pub fn sessions(&self, request: &Request<'_>) -> &SessionCookies {
        // Only the original's sessions hang on the shared key.
        if !matches!(self.sessions, SessionCookies::Sealed(_)) {
            self.own_key.look(request);
        }
        &self.sessions
    }

    /// Decrypts and verifies a granting cookie for this server. What it says is still to be checked.
    pub fn open(
        &self,
        request: &Request<'_>,
        cookie: &EncryptedCookie,
    ) -> Result<VerifiedCookie, CookieError> {
        let keys = self.own_key.keys(request);
        let open = |name: &str| keys.open(cookie, self.encryption, name, &self.granting_certificates);
        let name = server_name::of(request);
        let opened = open(name);
        // A granting request has it in lower case, and so has the key of AES+DOMAIN that a login server makes of it.
        if opened.is_err() && self.encryption == Encryption::AesDomain {
            return open(&name.to_ascii_lowercase()).or(opened);
        }
        opened
    }
}
