//! A credential to be stored at the server as it is.

use std::fmt;

use openssl::pkey::PKey;
use openssl::x509::X509;
use zeroize::Zeroizing;

use crate::error_queue::ErrorQueue;

/// Longest credential: it has to go into one TLS record.
const LONGEST: usize = (1 << 14) - 1;

/// A certificate, those of its issuers if wanted, and its private key, in PEM: for the server to keep.
pub struct EndEntityCredential {
    pem: Zeroizing<Vec<u8>>,
    key_is_encrypted: bool,
}

impl EndEntityCredential {
    /// Takes the PEM of the certificate and of the private key, which should be encrypted: the server stores it as it
    /// is.
    pub fn from_pem(certificate: &[u8], key: &[u8]) -> Result<Self, EndEntityCredentialError> {
        let _queue = ErrorQueue::guard();
        let certificates =
            X509::stack_from_pem(certificate).map_err(|_| EndEntityCredentialError::NoCertificate)?;
        let first = certificates
            .first()
            .ok_or(EndEntityCredentialError::NoCertificate)?;
        let mut key_is_encrypted = false;
        let opened = PKey::private_key_from_pem_callback(key, |_| {
            key_is_encrypted = true;
            Ok(0)
        });
        match opened {
            _ if key_is_encrypted => {}
            Ok(key) if first.public_key().is_ok_and(|public| public.public_eq(&key)) => {}
            Ok(_) => return Err(EndEntityCredentialError::OtherKey),
            Err(_) => return Err(EndEntityCredentialError::NoKey),
        }
        // A text, for the server: it ends with NUL. Room for all of it at once.
        let mut pem = Zeroizing::new(Vec::with_capacity(certificate.len() + key.len() + 3));
        for part in [certificate, key] {
            pem.extend_from_slice(part);
            if pem.last() != Some(&b'\n') {
                pem.push(b'\n');
            }
        }
        if pem.contains(&0) {
            return Err(EndEntityCredentialError::Nul);
        }
        pem.push(0);
        if pem.len() > LONGEST {
            return Err(EndEntityCredentialError::TooLong(pem.len()));
        }
        Ok(EndEntityCredential {
            pem,
            key_is_encrypted,
        })
    }

    /// Whether the private key is encrypted. The server keeps one that is not for whoever can read its disk.
    pub fn key_is_encrypted(&self) -> bool {
        self.key_is_encrypted
    }

    /// As it is sent.
    pub(crate) fn as_message(&self) -> &[u8] {
        &self.pem
    }
}

impl fmt::Debug for EndEntityCredential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EndEntityCredential(..)")
    }
}

/// Why a credential cannot be stored.
#[derive(Debug, thiserror::Error)]
pub enum EndEntityCredentialError {
    /// No certificate.
    #[error("there is no certificate (PEM)")]
    NoCertificate,
    /// No private key.
    #[error("there is no private key (PEM)")]
    NoKey,
    /// The private key of another certificate.
    #[error("the private key does not belong to the certificate")]
    OtherKey,
    /// A NUL byte, which would end the message.
    #[error("there is a NUL byte in the PEM")]
    Nul,
    /// More than fits in one message.
    #[error(
        "certificate and key are {0} bytes long, and the server reads {LONGEST}: leave out the text between them"
    )]
    TooLong(usize),
}
