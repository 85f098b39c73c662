//! Why there is no credential.

use std::fmt;
use std::io;
use std::time::Duration;

use openssl::error::ErrorStack;

use crate::chain::ChainProblem;
use crate::delegation::DelegationProblem;
use crate::fingerprint::ServerFingerprint;
use crate::identity::WrongName;
use crate::key::KeyError;
use crate::refusal::{Refusal, ServerWords};
use crate::response::MalformedAnswer;
use crate::trust::TrustProblem;

/// A logon that failed. `server` is the host and port that it failed at.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The server said no.
    #[error("{server} refused: {refusal} (its words: \"{words}\")")]
    Refused {
        /// Host and port.
        server: String,
        /// What it refused.
        refusal: Refusal,
        /// How it said so.
        words: ServerWords,
    },
    /// The host name could not be looked up.
    #[error("cannot find the address of {server}: {cause}")]
    Lookup {
        /// Host and port.
        server: String,
        /// The resolver's error.
        cause: io::Error,
    },
    /// No connection.
    #[error("cannot connect to {server}: {cause}")]
    Connect {
        /// Host, port and, where the host is a name, the address.
        server: String,
        /// The system's error.
        cause: io::Error,
    },
    /// A time limit passed.
    #[error("{server} took longer than {} s: {step}", limit.as_secs_f32())]
    Timeout {
        /// Host and port.
        server: String,
        /// What was being waited for.
        step: Step,
        /// The limit.
        limit: Duration,
    },
    /// The connection ended in the middle of the conversation.
    #[error("the connection to {server} broke: {step}: {cause}")]
    ConnectionLost {
        /// Host and port.
        server: String,
        /// What was being waited for.
        step: Step,
        /// The system's error.
        cause: io::Error,
    },
    /// Plain text came in place of a TLS handshake: how a MyProxy server reports that its own set-up (host
    /// certificate, key, trust directory) is broken.
    #[error("{server} answered without TLS: broken set-up, or no MyProxy server (its words: \"{words}\")")]
    PlainText {
        /// Host and port.
        server: String,
        /// The text.
        words: ServerWords,
    },
    /// TLS failed for another reason than the certificate.
    #[error("no TLS connection with {server}: {reason}")]
    Tls {
        /// Host and port.
        server: String,
        /// OpenSSL's reason.
        reason: String,
    },
    /// The server's certificate is not trusted.
    #[error("{server} is not trusted: {cause}")]
    Untrusted {
        /// Host and port.
        server: String,
        /// What is wrong with the certificate, or with the trust directory.
        cause: TrustProblem,
    },
    /// The server's certificate is another server's.
    #[error("{server} is not the server that was meant: {cause} (if it is, name it with =NAME or by its DN)")]
    WrongName {
        /// Host and port.
        server: String,
        /// The names.
        cause: WrongName,
    },
    /// The server's certificate is not the one with the fingerprint that was given.
    #[error("{server} is not the server that was meant: the fingerprint of its certificate is {presented}")]
    WrongFingerprint {
        /// Host and port.
        server: String,
        /// The fingerprint of the certificate that it showed.
        presented: ServerFingerprint,
    },
    /// The server does not take our certificate: it does not trust its issuer for this subject, or holds it for expired
    /// or revoked.
    #[error(
        "{server} does not accept our certificate {subject} ({alert}): its trust directory has to hold the issuer, with \
         a signing policy for this subject"
    )]
    ClientCertificate {
        /// Host and port.
        server: String,
        /// The subject of our certificate, in slash form.
        subject: String,
        /// The TLS alert, as OpenSSL names it.
        alert: &'static str,
    },
    /// A renewal brought somebody else's credential.
    #[error("{server} renewed the credential of {expected} with one of {presented}")]
    OtherIdentity {
        /// Host and port.
        server: String,
        /// The end entity of the old credential, in slash form.
        expected: String,
        /// That of the new one.
        presented: String,
    },
    /// Attributes of a virtual organisation were asked for, and none came.
    #[error(
        "{server} sent a credential without the attributes of {vo_names}: it has to allow VOMS requests \
         (allow_voms_attribute_requests), for stored credentials"
    )]
    NoAttributes {
        /// Host and port.
        server: String,
        /// The names that were asked for.
        vo_names: String,
    },
    /// Trust roots were asked for, and the server has none to give.
    #[error("{server} has no trust roots to give: its cert_dir is not set")]
    NoTrustRoots {
        /// Host and port.
        server: String,
    },
    /// No proxy certificate was signed for the server.
    #[error("nothing was delegated to {server}: {cause}")]
    Delegation {
        /// Host and port.
        server: String,
        /// Why.
        cause: DelegationProblem,
    },
    /// An answer that is not MyProxy.
    #[error("{server} does not speak MyProxy: {cause}")]
    Malformed {
        /// Host and port.
        server: String,
        /// What was wrong with it.
        cause: MalformedAnswer,
    },
    /// The credential that the server sent is not one to use.
    #[error("{server} sent a credential that cannot be used: {cause}")]
    Credential {
        /// Host and port.
        server: String,
        /// Which check failed.
        cause: ChainProblem,
    },
    /// No server was named.
    #[error("no MyProxy server is configured")]
    NoServer,
    /// OpenSSL failed in this process.
    #[error(transparent)]
    OpenSsl(#[from] ErrorStack),
    /// The server would give a credential, but there is no key for it.
    #[error(transparent)]
    Key(#[from] KeyError),
}

/// What kind of failure it is: whom it concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorClass {
    /// The server said no to this user, pass phrase or request.
    Refused,
    /// No server could be asked, or the one that was asked gave no whole answer. The only class in which an error
    /// can be [temporary](Error::is_temporary).
    Unreachable,
    /// The server, or what it sent, is not to be trusted.
    Untrusted,
    /// Nothing of the server's: this process is at fault.
    Internal,
}

impl Error {
    /// The class.
    pub fn class(&self) -> ErrorClass {
        match self {
            Error::Refused { .. }
            | Error::ClientCertificate { .. }
            | Error::NoAttributes { .. }
            | Error::NoTrustRoots { .. } => ErrorClass::Refused,
            Error::Lookup { .. }
            | Error::Connect { .. }
            | Error::Timeout { .. }
            | Error::ConnectionLost { .. }
            | Error::PlainText { .. } => ErrorClass::Unreachable,
            Error::Delegation {
                cause: DelegationProblem::Proxy,
                ..
            } => ErrorClass::Internal,
            Error::Tls { .. }
            | Error::Untrusted { .. }
            | Error::WrongName { .. }
            | Error::WrongFingerprint { .. }
            | Error::Delegation { .. }
            | Error::OtherIdentity { .. }
            | Error::Malformed { .. }
            | Error::Credential { .. } => ErrorClass::Untrusted,
            Error::NoServer | Error::OpenSsl(_) | Error::Key(_) => ErrorClass::Internal,
        }
    }

    /// Whether the same request may be sent again later: no server has seen anything of it. Once it was sent, a
    /// pass phrase that is good for one use may be used up, even where no answer came back.
    pub fn is_temporary(&self) -> bool {
        match self {
            Error::Lookup { .. } | Error::Connect { .. } | Error::PlainText { .. } => true,
            Error::Timeout { step, .. } | Error::ConnectionLost { step, .. } => step.precedes_request(),
            _ => false,
        }
    }

    /// The server's own words, where it said any.
    pub fn server_words(&self) -> Option<&ServerWords> {
        match self {
            Error::Refused { words, .. } | Error::PlainText { words, .. } => Some(words),
            _ => None,
        }
    }
}

/// The steps of a conversation, named by what is being waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Step {
    /// The host's addresses.
    Lookup,
    /// The TCP connection.
    Connect,
    /// The TLS handshake.
    Handshake,
    /// The verdict on user and pass phrase.
    Verdict,
    /// The server's certificate request.
    CertificateRequest,
    /// The certificate chain, or a whole credential.
    Certificate,
    /// The server's last word.
    Confirmation,
}

impl Step {
    /// Whether nothing has been sent yet but what belongs to TLS.
    fn precedes_request(self) -> bool {
        match self {
            Step::Lookup | Step::Connect | Step::Handshake => true,
            Step::Verdict | Step::CertificateRequest | Step::Certificate | Step::Confirmation => false,
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Step::Lookup => "looking up the host name",
            Step::Connect => "connecting",
            Step::Handshake => "in the TLS handshake",
            Step::Verdict => "waiting for the answer to the request",
            Step::CertificateRequest => "waiting for the certificate request",
            Step::Certificate => "waiting for the certificate",
            Step::Confirmation => "waiting for the confirmation",
        })
    }
}
