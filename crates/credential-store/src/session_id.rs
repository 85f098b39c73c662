//! The identifier of a session: the browser has it, the disk never does.

use std::hash::{Hash, Hasher};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::Error;

/// 256 random bits that name a session, wiped from memory when dropped.
///
/// A session's file is named after the SHA-256 of its identifier, and what the file seals is sealed under a
/// key derived from it: who can read the directory can neither take a session over nor open what it seals.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct SessionId([u8; 32]);

impl SessionId {
    /// A new identifier from the system's random numbers.
    pub(crate) fn generate() -> Result<Self, Error> {
        let mut id = Self([0; 32]);
        SysRng
            .try_fill_bytes(&mut id.0)
            .map_err(|error| Error::Random(error.to_string()))?;
        Ok(id)
    }

    /// Reads the value of a session cookie: 43 characters of base64url without padding (RFC 4648, section 5).
    /// `None` for anything else. That it parses does not mean that it exists.
    pub fn parse(cookie: &str) -> Option<Self> {
        let mut id = Self([0; 32]);
        let length = URL_SAFE_NO_PAD.decode_slice(cookie, &mut id.0).ok()?;
        (length == id.0.len()).then_some(id)
    }

    /// The value of the session cookie.
    pub fn to_cookie(&self) -> Zeroizing<String> {
        Zeroizing::new(URL_SAFE_NO_PAD.encode(self.0))
    }

    /// A digest of what was shown to a MyProxy server, to recognise the same attempt again within this
    /// session. `parts` are the proof itself and all that must be equal besides it: user, server, credential
    /// name. Keyed, so that a pass phrase cannot be guessed from a session file.
    pub fn proof_digest(&self, parts: &[&[u8]]) -> ProofDigest {
        let key = self.derive_key("mod_myproxy proof digest");
        let mut mac = Hmac::<Sha256>::new_from_slice(&*key).expect("HMAC takes a key of any length");
        for part in parts {
            mac.update(&(part.len() as u64).to_be_bytes());
            mac.update(part);
        }
        ProofDigest(hex::encode(mac.finalize().into_bytes()))
    }

    /// The name of the session's file: the SHA-256 of the identifier, in hexadecimal.
    pub(crate) fn file_name(&self) -> String {
        let mut digits = [0; 64];
        hex::encode_to_slice(Sha256::digest(self.0), &mut digits)
            .expect("a digest of 32 bytes has 64 digits");
        digits.into_iter().map(char::from).collect()
    }

    /// A key for one purpose (HKDF-SHA256, RFC 5869; the identifier is uniformly random, so no salt).
    pub(crate) fn derive_key(&self, purpose: &str) -> Zeroizing<[u8; 32]> {
        let mut key = Zeroizing::new([0; 32]);
        Hkdf::<Sha256>::new(None, &self.0)
            .expand(purpose.as_bytes(), &mut *key)
            .expect("HKDF-SHA256 yields up to 8160 bytes, and 32 are asked for");
        key
    }
}

/// In constant time: an identifier that is guessed does not show how much of it is right.
impl PartialEq for SessionId {
    fn eq(&self, other: &Self) -> bool {
        openssl::memcmp::eq(&self.0, &other.0)
    }
}

impl Eq for SessionId {}

impl Hash for SessionId {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.0.hash(hasher);
    }
}

/// What [`SessionId::proof_digest`] makes. It is compared only with digests of the same session, by us.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProofDigest(String);
