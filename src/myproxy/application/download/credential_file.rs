//! A credential as a file of its user's: the private key under a pass phrase.

use std::fmt;

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkcs5::pbkdf2_hmac;
use openssl::pkcs12::Pkcs12;
use openssl::pkey::{PKey, Private};
use openssl::rand::rand_bytes;
use openssl::stack::Stack;
use openssl::symm::{Cipher, encrypt};
use openssl::x509::X509;
use pkcs8::der::EncodePem;
use pkcs8::der::asn1::OctetStringRef;
use pkcs8::pkcs5::EncryptionScheme;
use pkcs8::pkcs5::pbes2::{self, Kdf, Parameters, Pbkdf2Params};
use pkcs8::{EncryptedPrivateKeyInfoRef, LineEnding};
use thiserror::Error;
use zeroize::Zeroizing;

/// Rounds of key derivation, for each of the parts that a pass phrase opens: what OWASP asks of PBKDF2 with HMAC-SHA256.
/// OpenSSL's own default, 2048, is of another time.
const ROUNDS: u32 = 600_000;

/// The two kinds of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Certificate, encrypted key, chain: for command-line tools.
    Pem,
    /// All in one: for browsers and key stores.
    Pkcs12,
}

impl Format {
    /// By its name in the form.
    pub fn from_name(name: &str) -> Option<Self> {
        [Format::Pem, Format::Pkcs12]
            .into_iter()
            .find(|format| format.name() == name)
    }

    /// Its name in the form.
    pub fn name(self) -> &'static str {
        match self {
            Format::Pem => "pem",
            Format::Pkcs12 => "pkcs12",
        }
    }

    /// What the browser calls the file.
    pub fn file_name(self) -> &'static str {
        match self {
            Format::Pem => "credential.pem",
            Format::Pkcs12 => "credential.p12",
        }
    }

    /// Its media type.
    pub fn content_type(self) -> &'static str {
        match self {
            Format::Pem => "application/x-pem-file",
            Format::Pkcs12 => "application/x-pkcs12",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Format::Pem => "PEM",
            Format::Pkcs12 => "PKCS#12",
        })
    }
}

/// Why a file cannot be made of a credential.
#[derive(Debug, Error)]
pub enum FileError {
    #[error("there is no certificate in the credential")]
    NoCertificate,
    #[error("OpenSSL: {0}")]
    OpenSsl(#[from] ErrorStack),
    #[error("the encrypted key cannot be written: {0}")]
    Asn1(#[from] pkcs8::der::Error),
    #[error("the encrypted key cannot be written: {0}")]
    Pkcs5(#[from] pkcs8::pkcs5::Error),
}

/// What is in a credential file.
pub struct CredentialFile {
    certificate: X509,
    key: PKey<Private>,
    chain: Vec<X509>,
}

impl CredentialFile {
    /// Reads what the store keeps: certificate, private key, chain.
    pub fn read(pem: &[u8]) -> Result<Self, FileError> {
        let mut certificates = X509::stack_from_pem(pem)?.into_iter();
        Ok(CredentialFile {
            certificate: certificates.next().ok_or(FileError::NoCertificate)?,
            key: PKey::private_key_from_pem(pem)?,
            chain: certificates.collect(),
        })
    }

    /// The file in this format, under this pass phrase; key stores show `name`.
    pub fn under(&self, pass_phrase: &str, format: Format, name: &str) -> Result<Vec<u8>, FileError> {
        match format {
            Format::Pem => self.pem(pass_phrase),
            Format::Pkcs12 => Ok(self.pkcs12(pass_phrase, name)?),
        }
    }

    fn pem(&self, pass_phrase: &str) -> Result<Vec<u8>, FileError> {
        let mut file = self.certificate.to_pem()?;
        file.extend_from_slice(encrypted_key(&self.key, pass_phrase)?.as_bytes());
        for certificate in &self.chain {
            file.extend_from_slice(&certificate.to_pem()?);
        }
        Ok(file)
    }

    /// PBES2 with AES-256 for key and certificates, and a MAC with SHA-256 (RFC 7292).
    fn pkcs12(&self, pass_phrase: &str, name: &str) -> Result<Vec<u8>, ErrorStack> {
        let mut chain = Stack::new()?;
        for certificate in &self.chain {
            chain.push(certificate.clone())?;
        }
        let file = Pkcs12::builder()
            .name(name)
            .pkey(&self.key)
            .cert(&self.certificate)
            .ca(chain)
            .key_algorithm(Nid::AES_256_CBC)
            .cert_algorithm(Nid::AES_256_CBC)
            .key_iter(ROUNDS)
            .mac_iter(ROUNDS)
            .mac_md(MessageDigest::sha256())
            .build2(pass_phrase)?;
        file.to_der()
    }
}

/// `ENCRYPTED PRIVATE KEY`: PKCS#8 under PBES2 with PBKDF2-HMAC-SHA256 and AES-256-CBC (RFC 5958, RFC 8018).
///
/// The openssl crate writes such a file too, with OpenSSL's 2048 rounds and no way to ask for more.
fn encrypted_key(key: &PKey<Private>, pass_phrase: &str) -> Result<String, FileError> {
    let (mut salt, mut iv) = ([0; 16], [0; 16]);
    rand_bytes(&mut salt)?;
    rand_bytes(&mut iv)?;
    let mut derived = Zeroizing::new([0; 32]);
    pbkdf2_hmac(
        pass_phrase.as_bytes(),
        &salt,
        ROUNDS as usize,
        MessageDigest::sha256(),
        &mut *derived,
    )?;
    let plain = Zeroizing::new(key.private_key_to_pkcs8()?);
    let encrypted = encrypt(Cipher::aes_256_cbc(), &*derived, Some(&iv), &plain)?;
    let parameters = Parameters {
        kdf: Kdf::Pbkdf2(Pbkdf2Params::hmac_sha256(ROUNDS, &salt)?),
        encryption: pbes2::EncryptionScheme::Aes256Cbc { iv },
    };
    let file = EncryptedPrivateKeyInfoRef {
        encryption_algorithm: EncryptionScheme::Pbes2(parameters),
        encrypted_data: OctetStringRef::new(&encrypted)?,
    };
    Ok(file.to_pem(LineEnding::LF)?)
}
