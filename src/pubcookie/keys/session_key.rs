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

    /// What signs cookies of the original's format, and what verifies those: the certificate, and the previous key, which
    /// needs none for that.
    pub fn signing(self) -> Result<(SigningKey, Vec<VerifyingCertificate>), String> {
        let key = SigningKey::from_pem(&self.current).map_err(|problem| about(SESSION_KEY, problem))?;
        if !key.is_that_of(&self.certificate) {
            return Err(about(
                "PubcookieSessionCertFile",
                format!(
                    "the certificate is not that of the key in {SESSION_KEY}: no cookie would be known again"
                ),
            ));
        }
        let mut certificates = vec![self.certificate];
        if let Some(pem) = &self.previous {
            let previous = SigningKey::from_pem(pem).and_then(|key| key.verifying());
            certificates.push(previous.map_err(|problem| about(SESSION_KEY, problem))?);
        }
        Ok((key, certificates))
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
