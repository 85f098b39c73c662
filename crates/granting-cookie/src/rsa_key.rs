//! RSA keys that sign cookies and certificates that verify them: PKCS#1 v1.5 over MD5 (RFC 8017, 8.2).

use std::fmt;

use md5::{Digest, Md5};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private, Public};
use openssl::rsa::{Padding, Rsa};
use openssl::x509::X509;

use crate::RsaKeyError;

/// The shortest RSA modulus that is believed.
pub const MINIMUM_RSA_BITS: u32 = 1024;

/// The private key of a login server (granting key) or application server (session key).
pub struct SigningKey {
    rsa: Rsa<Private>,
}

impl SigningKey {
    /// Reads an unencrypted private key in PEM format, PKCS#1 or PKCS#8.
    pub fn from_pem(pem: &[u8]) -> Result<Self, RsaKeyError> {
        // The callback keeps OpenSSL from asking for a pass phrase at the terminal.
        let key = PKey::private_key_from_pem_callback(pem, |_| Ok(0)).map_err(RsaKeyError::NotAPrivateKey)?;
        let rsa = key.rsa().map_err(RsaKeyError::NotRsa)?;
        refuse_short(rsa.n().num_bits())?;
        Ok(Self { rsa })
    }

    /// Its public half: verifies what this key has signed, where its certificate is no longer at hand. It has no common
    /// name.
    pub fn verifying(&self) -> Result<VerifyingCertificate, RsaKeyError> {
        let public =
            |rsa: &Rsa<Private>| Rsa::from_public_components(rsa.n().to_owned()?, rsa.e().to_owned()?);
        Ok(VerifyingCertificate {
            rsa: public(&self.rsa).map_err(RsaKeyError::NotRsa)?,
            common_name: None,
        })
    }

    /// Whether the certificate verifies what this key signs.
    pub fn is_that_of(&self, certificate: &VerifyingCertificate) -> bool {
        self.rsa.n() == certificate.rsa.n() && self.rsa.e() == certificate.rsa.e()
    }

    /// Signs, with a signature as long as the modulus.
    pub(crate) fn sign(&self, message: &[u8]) -> Result<Vec<u8>, ErrorStack> {
        let length = self.rsa.size() as usize;
        let mut signature = vec![0; length];
        self.rsa
            .private_encrypt(&encode(message, length), &mut signature, Padding::NONE)?;
        Ok(signature)
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SigningKey({} bits)", self.rsa.n().num_bits())
    }
}

/// The certificate of a signing key, or that key's public half alone ([`SigningKey::verifying`]). A certificate's dates
/// and issuer are not looked at, as in the original: it is trusted because it was configured.
#[derive(Debug)]
pub struct VerifyingCertificate {
    rsa: Rsa<Public>,
    common_name: Option<String>,
}

impl VerifyingCertificate {
    /// Reads the first certificate of a PEM file.
    pub fn from_pem(pem: &[u8]) -> Result<Self, RsaKeyError> {
        let certificate = X509::from_pem(pem).map_err(RsaKeyError::NotACertificate)?;
        let rsa = certificate
            .public_key()
            .and_then(|key| key.rsa())
            .map_err(RsaKeyError::NotRsa)?;
        refuse_short(rsa.n().num_bits())?;
        let common_name = certificate
            .subject_name()
            .entries_by_nid(Nid::COMMONNAME)
            .next()
            .and_then(|entry| entry.data().to_string().ok());
        Ok(Self { rsa, common_name })
    }

    /// The subject's common name: the name under which an application server's own key file lies.
    pub fn common_name(&self) -> Option<&str> {
        self.common_name.as_deref()
    }

    /// The length in bytes of a signature by this key.
    pub(crate) fn signature_length(&self) -> usize {
        self.rsa.size() as usize
    }

    /// Whether the signature is exactly the one that RFC 8017 prescribes. The expected encoding is built and compared
    /// whole, so that there is nothing to parse that a forger could have bent.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        let length = self.signature_length();
        let mut recovered = vec![0; length];
        self.rsa
            .public_decrypt(signature, &mut recovered, Padding::NONE)
            .is_ok_and(|_| recovered == encode(message, length))
    }
}

fn refuse_short(bits: i32) -> Result<(), RsaKeyError> {
    let bits = bits.unsigned_abs();
    if bits < MINIMUM_RSA_BITS {
        Err(RsaKeyError::TooShort { bits })
    } else {
        Ok(())
    }
}

/// EMSA-PKCS1-v1_5: `00 01 FF ... FF 00`, then a DigestInfo that names MD5, then the digest.
fn encode(message: &[u8], length: usize) -> Vec<u8> {
    const DIGEST_INFO: [u8; 18] = [
        0x30, 0x20, 0x30, 0x0c, 0x06, 0x08, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x02, 0x05, 0x05, 0x00, 0x04,
        0x10,
    ];
    let digest = Md5::digest(message);
    let mut encoded = vec![0xff; length];
    encoded[..2].copy_from_slice(&[0x00, 0x01]);
    let (padding, tail) = encoded.split_at_mut(length - DIGEST_INFO.len() - digest.len());
    padding[padding.len() - 1] = 0x00;
    tail[..DIGEST_INFO.len()].copy_from_slice(&DIGEST_INFO);
    tail[DIGEST_INFO.len()..].copy_from_slice(&digest);
    encoded
}
