//! Everything that can go wrong, one type for each kind of work.

use std::io;
use std::path::PathBuf;

use openssl::error::ErrorStack;

/// Why a cookie was not accepted. A client is told no more than that it was not; the log may have the rest.
///
/// Bad AES padding is a [`CookieError::BadSignature`]: whoever sends cookies to try must not learn which it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CookieError {
    /// Fewer than 228 or more than 4096 characters.
    #[error("a cookie has 228 to 4096 characters, this one has {characters}")]
    MalformedLength {
        /// How many it has.
        characters: usize,
    },
    /// Not base64 of the standard alphabet with padding.
    #[error("the cookie is not base64")]
    BadBase64,
    /// Shorter than a signature by this certificate's key.
    #[error("the cookie is shorter than its signature would be")]
    TooShort,
    /// The key file gives one of the weak keys of DES at the place that the cookie names.
    #[error("the key file gives a weak DES key for this cookie; make a new key file")]
    WeakDesKey,
    /// Changed on the way, signed by another key, or encrypted with another key or algorithm.
    #[error("the cookie's signature does not hold (tampered with, or made with another key or algorithm)")]
    BadSignature,
    /// Well signed, but what is signed is not a block of 228 bytes.
    #[error("the signed block has {bytes} bytes, not 228")]
    WrongPlainSize {
        /// How many it has.
        bytes: usize,
    },
}

/// Why a cookie could not be encrypted.
#[derive(Debug, thiserror::Error)]
pub enum EncryptError {
    /// The key file gives a weak DES key at the chosen place (or at every place that was tried).
    #[error("the key file gives weak DES keys; make a new key file")]
    WeakDesKey,
    /// OpenSSL's random generator failed.
    #[error("no random bytes for encrypting a cookie: {0}")]
    NoRandomness(#[from] ErrorStack),
}

/// Why a cookie was not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// A text field holds something other than printable ASCII. Such a field could hide an MD5 collision.
    #[error("only printable ASCII is signed: URL-encode the user, app server ID and app ID first")]
    NotPrintableAscii,
    /// OpenSSL could not use the key.
    #[error("signing a cookie failed: {0}")]
    Rsa(#[from] ErrorStack),
}

/// Why a text does not become a cookie's field. It is never cut: two long names must not become one user.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TextError {
    /// Longer, once URL-encoded, than the field.
    #[error("{bytes} bytes once URL-encoded, but a cookie has room for {capacity}")]
    TooLong {
        /// Its bytes after encoding.
        bytes: usize,
        /// The field's bytes without the closing NUL.
        capacity: usize,
    },
    /// Said to be URL-encoded already, and not printable ASCII.
    #[error("not printable ASCII, so it is not URL-encoded")]
    NotPrintableAscii,
}

/// Why a signing key or a certificate is not usable.
#[derive(Debug, thiserror::Error)]
pub enum RsaKeyError {
    /// Not a PEM private key that can be read without a pass phrase.
    #[error("no private key in PEM format, or one behind a pass phrase: {0}")]
    NotAPrivateKey(ErrorStack),
    /// Not a PEM certificate.
    #[error("no certificate in PEM format: {0}")]
    NotACertificate(ErrorStack),
    /// Pubcookie signs with RSA alone.
    #[error("not an RSA key; Pubcookie signs with RSA alone")]
    NotRsa(ErrorStack),
    /// Too weak to be believed.
    #[error("an RSA key of {bits} bits is too short: 1024 bits at the least, better 2048")]
    TooShort {
        /// The length of its modulus.
        bits: u32,
    },
}

/// Why there is no symmetric key for a peer.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// A name that is empty, or could lead out of the key directory.
    #[error("{peer:?} is not a host name, so there is no key file for it")]
    BadPeerName {
        /// The name as given.
        peer: String,
    },
    /// Neither the peer nor its parent domain has a key file.
    #[error("no key file for {peer} in {directory}, nor one for its parent domain", directory = directory.display())]
    NoCryptKey {
        /// The peer's host name.
        peer: String,
        /// Where it was looked for.
        directory: PathBuf,
    },
    /// Fewer than 2048 bytes.
    #[error("{path} has {bytes} bytes; a key file has 2048", path = path.display())]
    ShortCryptKey {
        /// The file.
        path: PathBuf,
        /// Its length.
        bytes: usize,
    },
    /// There, but not to be read by us.
    #[error("cannot read the key file {path}: {error}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
    /// Not to be written. What was there is there still.
    #[error("cannot write the key file {path}: {error}", path = path.display())]
    NotStored {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl KeyFileError {
    /// Whether there is no such file, as opposed to one that cannot be read.
    pub fn is_missing(&self) -> bool {
        match self {
            Self::NoCryptKey { .. } => true,
            Self::Unreadable { error, .. } => error.kind() == io::ErrorKind::NotFound,
            _ => false,
        }
    }

    /// Whether this process has no right to read the file, or to see whether it is there.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Unreadable { error, .. } if error.kind() == io::ErrorKind::PermissionDenied)
    }
}
