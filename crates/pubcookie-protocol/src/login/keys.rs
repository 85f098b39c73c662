//! The keys of a login server.

use crate::sealed::SealingKeys;
use granting_cookie::{CryptKey, CryptKeys, KeyFileError, SigningKey, VerifyingCertificate};
use std::sync::Arc;

/// The keys that a login server works with. The caller loads them and knows when they change.
pub trait LoginKeys {
    /// Signs granting cookies (`PubcookieGrantingKeyFile`): whoever has it can be any user of any application.
    fn granting_key(&self) -> &SigningKey;

    /// Signs login cookies (`PubcookieSessionKeyFile`).
    fn session_key(&self) -> &SigningKey;

    /// Verify login cookies (`PubcookieSessionCertFile`): the present key's certificate, and those of earlier keys
    /// whose cookies still count.
    fn session_certificates(&self) -> &[VerifyingCertificate];

    /// Seal login forms: [`super::form_sealing_keys`].
    fn form_sealing_keys(&self) -> &SealingKeys;

    /// Encrypt login cookies: those of the login server's own key file.
    fn own_crypt_keys(&self) -> Arc<CryptKeys>;

    /// The key shared with an application server, by its host name without a port. A host without a key is not
    /// served.
    fn crypt_key_for(&self, host: &str) -> Result<CryptKey, KeyFileError>;

    /// The key in the file of exactly this name, never a parent domain's; `None` where there is none. By such a file an
    /// administrator lets a host use an app server ID (in lower case) that is not its name.
    fn crypt_key_named(&self, app_server_id: &str) -> Option<CryptKey>;
}
