//! The credential that is to be renewed.

use std::fmt;

use openssl::error::ErrorStack;

use crate::error_queue::ErrorQueue;
use crate::keyed_chain::{KeyedChain, PemProblem};

/// A credential that is still valid, as it was stored: its key signs the server's challenge.
pub struct OldCredential(KeyedChain);

impl OldCredential {
    /// Reads the file that grid clients read: certificate, private key and chain, in PEM.
    pub fn from_pem(pem: &[u8]) -> Result<Self, OldCredentialError> {
        let _queue = ErrorQueue::guard();
        let no_pass_phrase = || Err(std::io::Error::other("a stored credential has none"));
        KeyedChain::from_pem(pem, pem, no_pass_phrase)
            .map(OldCredential)
            .map_err(|problem| match problem {
                PemProblem::NoCertificate => OldCredentialError::NoCertificate,
                PemProblem::NoKey => OldCredentialError::NoKey,
                PemProblem::PassPhrase(_) | PemProblem::WrongPassPhrase => OldCredentialError::Encrypted,
                PemProblem::OtherKey => OldCredentialError::OtherKey,
            })
    }

    /// Whose it is: the subject of the end-entity certificate, in slash form.
    pub fn identity(&self) -> Result<String, ErrorStack> {
        let _queue = ErrorQueue::guard();
        self.0.identity()
    }

    pub(crate) fn keyed(&self) -> &KeyedChain {
        &self.0
    }
}

impl fmt::Debug for OldCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OldCredential(..)")
    }
}

/// Why a credential cannot be renewed.
#[derive(Debug, thiserror::Error)]
pub enum OldCredentialError {
    /// No certificate.
    #[error("there is no certificate (PEM) in the credential to be renewed")]
    NoCertificate,
    /// No private key.
    #[error("there is no private key (PEM) in the credential to be renewed")]
    NoKey,
    /// The private key needs a pass phrase.
    #[error("the private key of the credential to be renewed is encrypted")]
    Encrypted,
    /// The private key of another certificate.
    #[error("the private key of the credential to be renewed does not belong to its certificate")]
    OtherKey,
}
