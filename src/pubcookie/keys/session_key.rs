//! The private session key of a server, and the one before it.

use granting_cookie::{SigningKey, VerifyingCertificate};
use pubcookie_protocol::login::form_sealing_keys;
use pubcookie_protocol::sealed::{Context, Purpose, SealingKeys};
use pubcookie_protocol::settings::LoginUrl;
use zeroize::Zeroizing;

use super::files::{about, certificate, read};
use crate::pubcookie::config::KeyFiles;

/// `PubcookieSessionKeyFile` and `PubcookieSessionCertFile`.
pub struct SessionKey {
    current: Zeroizing<Vec<u8>>,
    previous: Option<Zeroizing<Vec<u8>>>,
    /// `PubcookieSessionCertFile`.
    pub certificate: VerifyingCertificate,
}

const SESSION_KEY: &str = "PubcookieSessionKeyFile";

impl SessionKey {
    /// Reads what the directives name.
    pub fn load(files: &KeyFiles) -> Result<Self, String> {
        let key = files
            .session_key
            .as_ref()
            .ok_or_else(|| format!("{SESSION_KEY}: not set"))?;
        let certificate_file = files
            .session_certificate
            .as_ref()
            .ok_or("PubcookieSessionCertFile: not set")?;
        Ok(SessionKey {
            current: read(SESSION_KEY, key)?,
            previous: files
                .previous_session_key
                .as_ref()
                .map(|path| read(SESSION_KEY, path))
                .transpose()?,
            certificate: certificate("PubcookieSessionCertFile", certificate_file)?,
        })
    }

    /// What signs cookies of the original's format.
    pub fn signing_key(&self) -> Result<SigningKey, String> {
        SigningKey::from_pem(&self.current).map_err(|problem| about(SESSION_KEY, problem))
    }

    /// What verifies cookies signed by this key or the previous one, which needs no certificate for that.
    pub fn verifying_certificates(self) -> Result<Vec<VerifyingCertificate>, String> {
        let mut certificates = vec![self.certificate];
        if let Some(pem) = &self.previous {
            let previous = SigningKey::from_pem(pem).and_then(|key| key.verifying());
            certificates.push(previous.map_err(|problem| about(SESSION_KEY, problem))?);
        }
        Ok(certificates)
    }

    /// What seals cookies for a purpose, derived from this key and the previous one.
    pub fn sealing_keys(&self, purpose: Purpose, context: Context<'_>) -> Result<SealingKeys, String> {
        let previous = self.previous.as_ref().map(|pem| pem.as_slice());
        SealingKeys::derive(&self.current, previous, purpose, context)
            .map_err(|problem| about(SESSION_KEY, problem))
    }

    /// What seals the login forms of the login server at `url`.
    pub fn form_sealing_keys(&self, url: &LoginUrl) -> Result<SealingKeys, String> {
        let previous = self.previous.as_ref().map(|pem| pem.as_slice());
        form_sealing_keys(&self.current, previous, url).map_err(|problem| about(SESSION_KEY, problem))
    }
}
