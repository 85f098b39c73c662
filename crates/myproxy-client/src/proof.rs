//! What is shown to the server for a credential.

use std::sync::Arc;

use crate::client_certificate::ClientCertificate;
use crate::old_credential::OldCredential;
use crate::request::PassPhrase;

/// The proof that a credential may be got. Only [`Proof::Certificate`] and [`Proof::Renewal`] put a certificate
/// into the handshake: a server that trusts ours as a retriever may not look at a pass phrase at all.
#[derive(Debug)]
pub enum Proof {
    /// A pass phrase, or a granting cookie in its place.
    PassPhrase(PassPhrase),
    /// Our certificate, which the server knows as a trusted retriever's.
    Certificate(Arc<ClientCertificate>),
    /// Our certificate, which the server knows as a renewer's, and the credential to be renewed.
    Renewal {
        /// The renewer's certificate.
        certificate: Arc<ClientCertificate>,
        /// A credential of the user that is still valid; its key signs the server's challenge.
        credential: Arc<OldCredential>,
    },
}

impl Proof {
    /// What goes into the handshake.
    pub(crate) fn client_certificate(&self) -> Option<&ClientCertificate> {
        match self {
            Proof::PassPhrase(_) => None,
            Proof::Certificate(certificate) | Proof::Renewal { certificate, .. } => Some(certificate),
        }
    }

    /// What goes into the request. Empty where the certificate is the proof.
    pub(crate) fn pass_phrase(&self) -> &[u8] {
        match self {
            Proof::PassPhrase(pass_phrase) => pass_phrase.as_bytes(),
            Proof::Certificate(_) | Proof::Renewal { .. } => b"",
        }
    }
}
