//! The files that directives name.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use granting_cookie::{CryptKey, KeyDirectory, KeyFile, SigningKey, VerifyingCertificate};
use zeroize::Zeroizing;

use super::session_key::SessionKey;
use crate::httpd::{Server, log};
use crate::pubcookie::Pubcookie;
use crate::pubcookie::config::KeyFiles;

/// A server's own name, which is its session certificate's, and the key file of that name.
pub fn own_crypt_key(
    files: &KeyFiles,
    session: &SessionKey,
    server: Server<'_>,
) -> Result<(String, CryptKey), String> {
    let own_name = session
        .certificate
        .common_name()
        .unwrap_or(server.name())
        .to_owned();
    let (directive, found) = match (&files.crypt_key, &files.key_directory) {
        (Some(file), _) => ("PubcookieCryptKeyFile", KeyFile::read(file)),
        (None, Some(directory)) => ("PubcookieKeyDir", KeyDirectory::new(directory).find(&own_name)),
        (None, None) => {
            return Err(
                "PubcookieCryptKeyFile: neither this nor PubcookieKeyDir is set; they name the key \
                        shared with the login server"
                    .into(),
            );
        }
    };
    let file = found.map_err(|problem| about(directive, problem))?;
    if let Some(exposure) = &file.exposure {
        log!(Pubcookie, server, Warning, "{directive}: {exposure}");
    }
    Ok((own_name, file.key))
}

/// A private key in PEM.
pub fn signing_key(directive: &str, path: &Path) -> Result<SigningKey, String> {
    SigningKey::from_pem(&read(directive, path)?)
        .map_err(|problem| format!("{directive}: {}: {problem}", path.display()))
}

/// A certificate in PEM.
pub fn certificate(directive: &str, path: &Path) -> Result<VerifyingCertificate, String> {
    VerifyingCertificate::from_pem(&read(directive, path)?)
        .map_err(|problem| format!("{directive}: {}: {problem}", path.display()))
}

/// The bytes of a file that `directive` names.
pub fn read(directive: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    fs::read(path)
        .map(Zeroizing::new)
        .map_err(|problem| format!("{directive}: {} cannot be read: {problem}", path.display()))
}

/// A problem, after the name of the directive that it is about.
pub fn about(directive: &str, problem: impl Display) -> String {
    format!("{directive}: {problem}")
}
