//! RSA keys, made by AWS-LC in a third of the time that OpenSSL 3.0 takes.
//!
//! It lives beside any OpenSSL: each of its symbols begins with `aws_lc_` and a version, and none leaves the object that
//! it is linked into. Its search for primes is FIPS 186-4's, and does the same work whatever primes it finds.

use aws_lc_rs::encoding::{AsDer as _, Pkcs8V1Der};
use aws_lc_rs::error::Unspecified;
use aws_lc_rs::rsa::{KeyPair, KeySize};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::sign::{Signer, Verifier};

/// Why no key was made.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// No primes: the system has no memory or no random numbers.
    #[error("no RSA key could be made")]
    NoKey,
    /// OpenSSL does not take the key.
    #[error("OpenSSL does not take a new RSA key: {0}")]
    OpenSsl(#[from] ErrorStack),
    /// What one half of the key signs, the other half does not know.
    #[error("a new RSA key does not verify what it signs")]
    Inconsistent,
}

impl From<Unspecified> for GenerationError {
    fn from(_: Unspecified) -> Self {
        GenerationError::NoKey
    }
}

/// Makes a key with the public exponent 65537, and sees that OpenSSL signs and verifies with it. What it passes through
/// on its way to OpenSSL is wiped.
pub fn rsa(size: KeySize) -> Result<PKey<Private>, GenerationError> {
    let made = KeyPair::generate(size)?;
    let encoded: Pkcs8V1Der<'_> = made.as_der()?;
    let key = PKey::private_key_from_pkcs8(encoded.as_ref())?;
    if is_consistent(&key)? {
        Ok(key)
    } else {
        Err(GenerationError::Inconsistent)
    }
}

/// A pairwise consistency test (FIPS 140-2, section 4.9.2).
fn is_consistent(key: &PKey<Private>) -> Result<bool, ErrorStack> {
    const MESSAGE: &[u8] = b"pairwise consistency test";
    let signature = Signer::new(MessageDigest::sha256(), key)?.sign_oneshot_to_vec(MESSAGE)?;
    Verifier::new(MessageDigest::sha256(), key)?.verify_oneshot(&signature, MESSAGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_the_size_that_was_asked_for_and_passes_every_check_of_openssl() {
        for (size, bits) in [
            (KeySize::Rsa2048, 2048),
            (KeySize::Rsa3072, 3072),
            (KeySize::Rsa4096, 4096),
        ] {
            let key = rsa(size).unwrap().rsa().unwrap();
            assert_eq!(key.n().num_bits(), bits);
            assert_eq!(key.e().to_dec_str().unwrap().to_string(), "65537");
            assert!(key.check_key().unwrap());
        }
    }

    #[test]
    fn no_two_keys_share_a_prime() {
        let [one, other] = [(); 2].map(|()| rsa(KeySize::Rsa2048).unwrap().rsa().unwrap());
        let mut primes = [one.p(), one.q(), other.p(), other.q()].map(|prime| prime.unwrap().to_vec());
        primes.sort();
        assert!(primes.windows(2).all(|pair| pair[0] != pair[1]));
    }
}
