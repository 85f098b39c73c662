//! The symmetric key that an application server shares with the login server.

use std::fmt;

use openssl::error::ErrorStack;
use openssl::rand::rand_bytes;
use zeroize::Zeroizing;

/// The bytes of a key file that count.
pub const CRYPT_KEY_SIZE: usize = 2048;

/// The 2048 random bytes of a key file, from which each cookie picks its key. Wiped from memory when dropped.
#[derive(Clone)]
pub struct CryptKey(Zeroizing<Vec<u8>>);

impl CryptKey {
    /// Takes the first 2048 bytes of a key file. `None` if there are fewer.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes
            .get(..CRYPT_KEY_SIZE)
            .map(|key| Self(Zeroizing::new(key.to_vec())))
    }

    /// A new key.
    ///
    /// # Errors
    /// OpenSSL has no random bytes.
    pub fn random() -> Result<Self, ErrorStack> {
        let mut bytes = Zeroizing::new(vec![0; CRYPT_KEY_SIZE]);
        rand_bytes(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// The 2048 bytes that a key file holds.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Whether both are the same key, in a time that does not tell where they differ.
    pub fn is_same_as(&self, other: &Self) -> bool {
        openssl::memcmp::eq(&self.0, &other.0)
    }

    /// `SIZE` bytes at a cookie's index. An index is a byte, so that up to 1793 bytes can be asked for.
    pub(crate) fn at<const SIZE: usize>(&self, index: u8) -> Zeroizing<[u8; SIZE]> {
        Zeroizing::new(std::array::from_fn(|offset| self.0[usize::from(index) + offset]))
    }
}

impl fmt::Debug for CryptKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("CryptKey")
    }
}
