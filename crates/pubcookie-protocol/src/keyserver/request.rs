//! What a client asks of a keyserver.

use std::fmt;

use granting_cookie::CryptKey;

use super::{CertificateError, HostName, HostNameError, TrustedCertificate};

/// One request.
pub enum Request {
    /// The key of a host, as it is.
    Fetch(HostName),
    /// A new key for a host, in place of the one that it had.
    Make(HostName),
    /// This is the key of a host from now on.
    Put(HostName, CryptKey),
    /// A host may fetch and make its own key from now on.
    Permit(HostName),
    /// A host may no longer do so. The key that it has stays.
    Deny(HostName),
    /// The certificate of the login server's granting key.
    GrantingCertificate,
    /// Clients with this certificate, which signed itself, or with one signed by its key are trusted from now on.
    Trust(TrustedCertificate),
}

/// Why a request was not understood. Nothing of what it carried is repeated but a host's name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// It does not say what it wants.
    #[error("the request does not say what it wants")]
    Missing,
    /// Something that no keyserver does.
    #[error("there is no such request")]
    Unknown,
    /// A field that is there twice, or has no business in the request.
    #[error("the request has a field too many")]
    ExtraField,
    /// It does not say whose key it is about.
    #[error("the request names no host")]
    NoHost,
    /// What it names is no host.
    #[error(transparent)]
    BadHost(#[from] HostNameError),
    /// No key, or a broken one.
    #[error("the key is not 2048 bytes in base64")]
    BadKey,
    /// No certificate, or a broken one.
    #[error("what is to be trusted is {0}")]
    BadCertificate(#[from] CertificateError),
    /// Longer than any request.
    #[error("the request is too long")]
    TooLong,
}

impl Request {
    /// The host that it is about.
    pub fn host(&self) -> Option<&HostName> {
        match self {
            Request::Fetch(host)
            | Request::Make(host)
            | Request::Put(host, _)
            | Request::Permit(host)
            | Request::Deny(host) => Some(host),
            Request::GrantingCertificate | Request::Trust(_) => None,
        }
    }
}

/// What a log may say of it: no key.
impl fmt::Display for Request {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Request::Fetch(host) => write!(formatter, "fetch the key of {host}"),
            Request::Make(host) => write!(formatter, "make a new key for {host}"),
            Request::Put(host, _) => write!(formatter, "store a key for {host}"),
            Request::Permit(host) => write!(formatter, "permit {host}"),
            Request::Deny(host) => write!(formatter, "deny {host}"),
            Request::GrantingCertificate => formatter.write_str("fetch the granting certificate"),
            Request::Trust(certificate) => write!(formatter, "trust the certificate of {certificate}"),
        }
    }
}
