//! Why a server could not be prepared.

use std::io;
use std::path::PathBuf;

use openssl::error::ErrorStack;

use crate::InvalidDistinguishedName;

/// Why a server could not be prepared. Nothing that was there has been changed.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// A value that would need quoting, or is none.
    #[error("{what} {value:?} cannot be used: {reason}")]
    Unfit {
        /// What it is.
        what: &'static str,
        /// The value.
        value: String,
        /// What is allowed.
        reason: &'static str,
    },
    /// Granting cookies that nobody could show.
    #[error("granting cookies need the login server's granting certificate and at least one app server ID")]
    NobodyAccepted,
    /// A server that could check no password but its own user's.
    #[error(
        "pam_unix.so checks other users' passwords only for root: let the server run as root, or take another \
             PAM module"
    )]
    PamUnixWithoutRoot,
    /// Not a distinguished name.
    #[error(transparent)]
    DistinguishedName(#[from] InvalidDistinguishedName),
    /// A file or directory cannot be written.
    #[error("cannot write {}: {cause}", path.display())]
    Write {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// A file cannot be read.
    #[error("cannot read {}: {cause}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        cause: io::Error,
    },
    /// Somebody else could change what is in a directory.
    #[error("{} cannot be used: {reason}", path.display())]
    UnsafeDirectory {
        /// The directory, or one that it lies in.
        path: PathBuf,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file without contents, left by something that was interrupted.
    #[error("{} is empty: remove it to have it made anew", path.display())]
    Empty {
        /// Which.
        path: PathBuf,
    },
    /// A private key that only a pass phrase opens: the server has nobody to ask for it.
    #[error("the private key {} cannot be used: it is encrypted", path.display())]
    EncryptedKey {
        /// The key.
        path: PathBuf,
    },
    /// The authority's certificate without its key, or the other way round.
    #[error("{} has only one of ca-certificate.pem and ca-key.pem: bring the other back from a backup, or remove \
             both for a new authority (every credential of the old one is worthless then)", directory.display())]
    HalfAuthority {
        /// Where.
        directory: PathBuf,
    },
    /// The host's certificate without its key, or the other way round.
    #[error("{} has only one of hostcert.pem and hostkey.pem: bring the other back, or remove it",
            directory.display())]
    HalfHostCertificate {
        /// Where.
        directory: PathBuf,
    },
    /// There is an authority, and it is not the one that is wanted.
    #[error("refused to overwrite the certification authority in {}: it is {found}, not {wanted}", path.display())]
    OtherAuthority {
        /// Its certificate.
        path: PathBuf,
        /// Its subject.
        found: String,
        /// The subject that was asked for.
        wanted: String,
    },
    /// A certificate and a key of different origin.
    #[error("the certificate {} and the private key {} do not belong together", certificate.display(), key.display())]
    ForeignKey {
        /// The certificate.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
    /// Clients with the trust directory would not know who signed the host certificate.
    #[error("the trust directory does not vouch for the host certificate {} ({reason}): name its authority with \
             --host-ca", path.display())]
    UnknownAuthority {
        /// The certificate.
        path: PathBuf,
        /// What OpenSSL says of it.
        reason: &'static str,
    },
    /// Clients would not accept the host certificate, whoever signed it.
    #[error("the host certificate {} is not valid: {reason}", path.display())]
    InvalidHostCertificate {
        /// The certificate.
        path: PathBuf,
        /// What OpenSSL says of it.
        reason: &'static str,
    },
    /// Clients would not accept the host certificate under one of the names.
    #[error("the host certificate {} is not for {name}: take another (host/hostcert.pem and host/hostkey.pem, once \
             removed, are made anew), or leave that name out", path.display())]
    HostNotNamed {
        /// The certificate.
        path: PathBuf,
        /// The name that it lacks.
        name: String,
    },
    /// OpenSSL's own error.
    #[error("OpenSSL: {0}")]
    OpenSsl(#[from] ErrorStack),
}
