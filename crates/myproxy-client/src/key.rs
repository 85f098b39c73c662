//! The private key of a credential and the certificate request for it.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::rsa::KeySize;
use openssl::ec::{Asn1Flag, EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{Id, PKey, PKeyRef, Private};
use openssl::x509::X509Req;

use crate::error_queue::ErrorQueue;
use crate::key_generator::{self, GenerationError};

/// Fewest bits of an RSA key that a grid accepts.
pub const SHORTEST_RSA: u32 = 2048;

/// The kind of key to make. A MyProxy server with a certification authority signs RSA alone; a stored credential
/// also signs keys on elliptic curves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum KeySpec {
    /// RSA with 2048 bits (some 60 ms to make).
    #[default]
    Rsa2048,
    /// RSA with 3072 bits.
    Rsa3072,
    /// RSA with 4096 bits (some 500 ms to make).
    Rsa4096,
    /// On the curve P-256 (made at once).
    EcP256,
    /// On the curve P-384 (made at once).
    EcP384,
}

impl KeySpec {
    fn generate(self) -> Result<PKey<Private>, GenerationError> {
        match self {
            KeySpec::Rsa2048 => key_generator::rsa(KeySize::Rsa2048),
            KeySpec::Rsa3072 => key_generator::rsa(KeySize::Rsa3072),
            KeySpec::Rsa4096 => key_generator::rsa(KeySize::Rsa4096),
            KeySpec::EcP256 => Ok(on_curve(Nid::X9_62_PRIME256V1)?),
            KeySpec::EcP384 => Ok(on_curve(Nid::SECP384R1)?),
        }
    }
}

fn on_curve(curve: Nid) -> Result<PKey<Private>, ErrorStack> {
    let mut group = EcGroup::from_curve_name(curve)?;
    group.set_asn1_flag(Asn1Flag::NAMED_CURVE);
    PKey::from_ec_key(EcKey::generate(&group)?)
}

/// Written `rsa:2048`, `rsa:3072`, `rsa:4096`, `ec:p256` or `ec:p384`.
impl FromStr for KeySpec {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        match text.to_ascii_lowercase().as_str() {
            "rsa:2048" => Ok(KeySpec::Rsa2048),
            "rsa:3072" => Ok(KeySpec::Rsa3072),
            "rsa:4096" => Ok(KeySpec::Rsa4096),
            "ec:p256" => Ok(KeySpec::EcP256),
            "ec:p384" => Ok(KeySpec::EcP384),
            _ => Err(KeyError::Spec(text.to_owned())),
        }
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// Not the name of a kind of key.
    #[error("\"{0}\" is not a kind of key: write rsa:2048, rsa:3072, rsa:4096, ec:p256 or ec:p384")]
    Spec(String),
    /// A MyProxy server would not sign it.
    #[error("the key is neither RSA with at least {SHORTEST_RSA} bits nor on the curve P-256 or P-384")]
    Unsuitable,
    /// It could not be made.
    #[error(transparent)]
    Generation(#[from] GenerationError),
}

/// A private key: RSA of at least 2048 bits, or on the curve P-256 or P-384. A clone is the same key; OpenSSL zeroises it with the last of
/// them.
#[derive(Clone)]
pub struct Key(PKey<Private>);

impl Key {
    /// Makes a new key.
    pub fn generate(spec: KeySpec) -> Result<Self, KeyError> {
        let _queue = ErrorQueue::guard();
        Ok(Key(spec.generate()?))
    }

    /// Whether it is one that every MyProxy server signs.
    pub(crate) fn is_rsa(&self) -> bool {
        self.0.id() == Id::RSA
    }

    pub(crate) fn pkey(&self) -> &PKeyRef<Private> {
        &self.0
    }

    /// A PKCS#10 request for a certificate, in DER: signed with SHA-256, its subject left to the server.
    pub(crate) fn certificate_request(&self) -> Result<Vec<u8>, ErrorStack> {
        let mut request = X509Req::builder()?;
        request.set_version(0)?;
        request.set_pubkey(&self.0)?;
        request.sign(&self.0, MessageDigest::sha256())?;
        request.build().to_der()
    }
}

/// A key that the caller made.
impl TryFrom<PKey<Private>> for Key {
    type Error = KeyError;

    fn try_from(key: PKey<Private>) -> Result<Self, KeyError> {
        const CURVES: [Nid; 2] = [Nid::X9_62_PRIME256V1, Nid::SECP384R1];
        let curve = key.ec_key().ok().and_then(|key| key.group().curve_name());
        let suits = match key.id() {
            Id::RSA => key.bits() >= SHORTEST_RSA,
            _ => curve.is_some_and(|curve| CURVES.contains(&curve)),
        };
        if suits {
            Ok(Key(key))
        } else {
            Err(KeyError::Unsuitable)
        }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_rsa() { "RSA" } else { "EC" };
        write!(f, "Key({kind}, {} bits)", self.0.bits())
    }
}

#[cfg(test)]
mod tests {
    use openssl::rsa::Rsa;

    use super::*;

    #[test]
    fn the_request_is_signed_with_our_key_and_names_nobody() {
        for spec in [KeySpec::Rsa2048, KeySpec::EcP256, KeySpec::EcP384] {
            let key = Key::generate(spec).unwrap();
            let request = X509Req::from_der(&key.certificate_request().unwrap()).unwrap();
            assert!(request.verify(key.pkey()).unwrap());
            assert!(request.public_key().unwrap().public_eq(key.pkey()));
            assert_eq!(request.subject_name().entries().count(), 0);
            assert!(Key::try_from(key.0).is_ok(), "what we make is what we take");
        }
    }

    #[test]
    fn a_key_that_no_server_would_sign_is_refused() {
        let short = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
        assert!(matches!(Key::try_from(short), Err(KeyError::Unsuitable)));
        for other in [on_curve(Nid::SECP256K1), PKey::generate_ed25519()] {
            assert!(matches!(Key::try_from(other.unwrap()), Err(KeyError::Unsuitable)));
        }
    }

    #[test]
    fn kinds_of_keys_have_names() {
        assert_eq!("RSA:3072".parse::<KeySpec>().unwrap(), KeySpec::Rsa3072);
        assert_eq!("ec:P384".parse::<KeySpec>().unwrap(), KeySpec::EcP384);
        assert!("ec:p521".parse::<KeySpec>().is_err());
        assert!("rsa:1024".parse::<KeySpec>().is_err());
    }

    #[test]
    fn a_key_is_not_shown() {
        let key = Key::generate(KeySpec::Rsa2048).unwrap();
        assert_eq!(format!("{key:?}"), "Key(RSA, 2048 bits)");
    }
}
