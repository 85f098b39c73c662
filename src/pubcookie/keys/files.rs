//! Keys and certificates in PEM files, as directives name them.

use std::fmt::Display;
use std::fs;
use std::path::Path;

use granting_cookie::{SigningKey, VerifyingCertificate};
use zeroize::Zeroizing;

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
