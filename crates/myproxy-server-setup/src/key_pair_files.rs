//! A certificate and its private key as PEM files have them.

use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};

use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use zeroize::Zeroizing;

use crate::target::Target;
use crate::{KeyPair, SetupError};

/// The contents of two files, and where they are or are to go.
pub(crate) struct KeyPairFiles {
    pub(crate) certificate_path: PathBuf,
    pub(crate) certificate: Vec<u8>,
    pub(crate) key_path: PathBuf,
    pub(crate) key: Zeroizing<Vec<u8>>,
}

impl KeyPairFiles {
    /// Files of the server's directory.
    pub(crate) fn in_target(target: &Target, certificate: &str, key: &str) -> Result<Self, SetupError> {
        Ok(KeyPairFiles {
            certificate_path: target.path(certificate),
            certificate: target.read(certificate)?,
            key_path: target.path(key),
            key: Zeroizing::new(target.read(key)?),
        })
    }

    /// Files anywhere.
    pub(crate) fn read(certificate: &Path, key: &Path) -> Result<Self, SetupError> {
        let read = |path: &Path| {
            fs::read(path).map_err(|cause| SetupError::Read {
                path: path.to_owned(),
                cause,
            })
        };
        Ok(KeyPairFiles {
            certificate_path: certificate.to_owned(),
            certificate: read(certificate)?,
            key_path: key.to_owned(),
            key: Zeroizing::new(read(key)?),
        })
    }

    /// What they hold.
    ///
    /// # Errors
    /// It is no PEM, the key is encrypted, or they do not belong together.
    pub(crate) fn key_pair(&self) -> Result<KeyPair, SetupError> {
        let pair = KeyPair {
            certificate: X509::from_pem(&self.certificate)?,
            key: self.private_key()?,
        };
        if !pair.certificate.public_key()?.public_eq(&pair.key) {
            return Err(SetupError::ForeignKey {
                certificate: self.certificate_path.clone(),
                key: self.key_path.clone(),
            });
        }
        Ok(pair)
    }

    /// The key, without asking anybody for a pass phrase.
    fn private_key(&self) -> Result<PKey<Private>, SetupError> {
        let encrypted = Cell::new(false);
        let key = PKey::private_key_from_pem_callback(&self.key, |_| {
            encrypted.set(true);
            Ok(0)
        });
        if encrypted.get() {
            return Err(SetupError::EncryptedKey {
                path: self.key_path.clone(),
            });
        }
        Ok(key?)
    }
}
