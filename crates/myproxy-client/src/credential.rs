//! A credential: certificate, private key and chain.

use std::fmt;
use std::str::FromStr;
use std::time::SystemTime;

use openssl::error::ErrorStack;
use openssl::x509::X509;
use zeroize::Zeroizing;

use crate::chain::{self, ChainProblem};
use crate::distinguished_name::slash_form;
use crate::error_queue::ErrorQueue;
use crate::key::Key;
use crate::trust::{self, TrustDirectory};

/// A credential that has passed every check: its key fits, each certificate is signed by the next, all are
/// valid now, and the last one chains to a trust root.
#[derive(Clone)]
pub struct Credential {
    certificate: X509,
    key: Key,
    chain: Vec<X509>,
    subject: String,
    identity: String,
    not_after: SystemTime,
}

/// How the private key is written. OpenSSL, and with it the clients of the grid, read either.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeyFormat {
    /// The traditional form of each kind of key: `RSA PRIVATE KEY` (PKCS#1), which `myproxy-logon` writes and old grid
    /// clients expect, or `EC PRIVATE KEY` (SEC 1).
    #[default]
    Pkcs1,
    /// `PRIVATE KEY` (PKCS#8) for every kind of key.
    Pkcs8,
}

/// Written `pkcs1` or `pkcs8`.
impl FromStr for KeyFormat {
    type Err = InvalidKeyFormat;

    fn from_str(text: &str) -> Result<Self, InvalidKeyFormat> {
        match text.to_ascii_lowercase().as_str() {
            "pkcs1" => Ok(KeyFormat::Pkcs1),
            "pkcs8" => Ok(KeyFormat::Pkcs8),
            _ => Err(InvalidKeyFormat(text.to_owned())),
        }
    }
}

/// A text that names no format.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("\"{0}\" is not a format of private keys: write pkcs1 or pkcs8")]
pub struct InvalidKeyFormat(String);

impl Credential {
    /// Takes a chain in DER, the new certificate first, and makes every check.
    pub(crate) fn from_chain(
        der: &[Vec<u8>],
        key: &Key,
        trust: &TrustDirectory,
    ) -> Result<Self, ChainProblem> {
        let mut certificates = der
            .iter()
            .map(|der| X509::from_der(der))
            .collect::<Result<Vec<_>, _>>()?
            .into_iter();
        let certificate = certificates.next().ok_or_else(ErrorStack::get)?;
        let chain: Vec<X509> = certificates.collect();
        chain::check(&certificate, &chain, key, trust)?;
        let mut identity = slash_form(certificate.subject_name());
        let mut not_after = chain::system_time(certificate.not_after())?;
        let mut issued_by_user = trust::is_proxy(&certificate)?;
        for next in &chain {
            if issued_by_user {
                identity = slash_form(next.subject_name());
                issued_by_user = trust::is_proxy(next)?;
            }
            not_after = not_after.min(chain::system_time(next.not_after())?);
        }
        let subject = slash_form(certificate.subject_name());
        Ok(Credential {
            certificate,
            key: key.clone(),
            chain,
            subject,
            identity,
            not_after,
        })
    }

    /// The subject of the certificate, in slash form: for a proxy certificate the user's name with numbers
    /// behind it (`/DC=org/DC=example/CN=alice/CN=117266910`).
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Whose credential it is: the subject of the end-entity certificate, in slash form
    /// (`/DC=org/DC=example/CN=alice`). Other than [`Self::subject`] only for proxy certificates.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Whether VOMS has attested anything in it: an attribute certificate is in one of its proxy certificates.
    pub(crate) fn has_voms_attributes(&self) -> Result<bool, ErrorStack> {
        /// `1.3.6.1.4.1.8005.100.100.5` in DER, the extension's type.
        const ATTRIBUTES: &[u8] = b"\x06\x0a\x2b\x06\x01\x04\x01\xbe\x45\x64\x64\x05";
        for certificate in std::iter::once(&self.certificate).chain(&self.chain) {
            if certificate
                .to_der()?
                .windows(ATTRIBUTES.len())
                .any(|window| window == ATTRIBUTES)
            {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Until when it can be used: the earliest end of any certificate in it.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    /// The file that grid clients read (`X509_USER_PROXY`): certificate, private key and chain, in PEM. It
    /// belongs into a file of mode 0600.
    pub fn to_pem(&self, format: KeyFormat) -> Result<Zeroizing<Vec<u8>>, ErrorStack> {
        let _queue = ErrorQueue::guard();
        let key = Zeroizing::new(match format {
            KeyFormat::Pkcs1 if self.key.is_rsa() => self.key.pkey().rsa()?.private_key_to_pem()?,
            KeyFormat::Pkcs1 => self.key.pkey().ec_key()?.private_key_to_pem()?,
            KeyFormat::Pkcs8 => self.key.pkey().private_key_to_pem_pkcs8()?,
        });
        let certificate = self.certificate.to_pem()?;
        let chain = self
            .chain
            .iter()
            .map(|certificate| certificate.to_pem())
            .collect::<Result<Vec<_>, _>>()?
            .concat();
        // Room for all of it at once: a vector that grows leaves copies of the key behind.
        let mut pem = Zeroizing::new(Vec::with_capacity(certificate.len() + key.len() + chain.len()));
        pem.extend_from_slice(&certificate);
        pem.extend_from_slice(&key);
        pem.extend_from_slice(&chain);
        Ok(pem)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credential")
            .field("subject", &self.subject)
            .field("not_after", &self.not_after)
            .finish()
    }
}
