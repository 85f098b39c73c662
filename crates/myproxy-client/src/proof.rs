//! What is shown to the server for a credential.

use std::sync::Arc;

use crate::client_certificate::ClientCertificate;
use crate::input::PassPhrase;
use crate::old_credential::OldCredential;

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

    /// What goes into the request.
    pub(crate) fn pass_phrase(&self) -> Option<&PassPhrase> {
        match self {
            Proof::PassPhrase(pass_phrase) => Some(pass_phrase),
            Proof::Certificate(_) | Proof::Renewal { .. } => None,
        }
    }
}
