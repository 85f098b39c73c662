//! Encryption of a signed cookie for the one server that it is for, with the key file shared with it.

use std::fmt;
use std::str::FromStr;

use aes::Aes128;
use cbc::cipher::block_padding::Pkcs7;
use cbc::cipher::{BlockModeDecrypt, BlockModeEncrypt, KeyIvInit};
use des::Des;
use openssl::error::ErrorStack;
use openssl::rand::rand_bytes;
use sha1::{Digest, Sha1};
use zeroize::Zeroizing;

use crate::signed::first_good;
use crate::{Cookie, CookieError, CryptKey, EncryptError, SignedCookie, VerifyingCertificate, base64};

/// How a cookie is encrypted. A cookie does not say it: the two servers must agree, and an application server tells
/// the login server in its granting request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encryption {
    /// Single DES in CFB64. All that a login server before 3.2 knows.
    Des,
    /// AES-128 in CBC.
    Aes,
    /// The same, with the peer's host name in the key: a key file shared by a domain gives each host its own key.
    AesDomain,
}

impl Encryption {
    /// All three, for those who have to try.
    pub const ALL: [Self; 3] = [Self::Aes, Self::AesDomain, Self::Des];

    /// The version that asks for it in a granting request (`four`).
    pub fn version(self) -> &'static str {
        match self {
            Self::Des => "a5",
            Self::Aes => "a5a",
            Self::AesDomain => "a5A",
        }
    }

    /// The encryption that a granting request's version asks for.
    pub fn from_version(version: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|encryption| encryption.version() == version)
    }
}

/// As in the directive `PubcookieEncryption`.
impl fmt::Display for Encryption {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Des => "DES",
            Self::Aes => "AES",
            Self::AesDomain => "AES+DOMAIN",
        })
    }
}

impl FromStr for Encryption {
    type Err = UnknownEncryption;

    /// As in the directive `PubcookieEncryption`, in any case.
    fn from_str(name: &str) -> Result<Self, UnknownEncryption> {
        Self::ALL
            .into_iter()
            .find(|encryption| encryption.to_string().eq_ignore_ascii_case(name))
            .ok_or_else(|| UnknownEncryption(name.to_owned()))
    }
}

/// A name that is none of the three.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no encryption of Pubcookie: DES, AES or AES+DOMAIN")]
pub struct UnknownEncryption(String);

/// A cookie as it travels. Wiped from memory when dropped, and not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct EncryptedCookie(Zeroizing<Vec<u8>>);

/// A cookie whose signature holds.
#[derive(Debug)]
pub struct VerifiedCookie {
    /// What it says. Type, version, time and printable text are still to be checked.
    pub cookie: Cookie,
    /// The cookie in its plain, still signed form.
    pub signed: SignedCookie,
}

impl EncryptedCookie {
    /// Reads what a browser sent. Nothing is believed before [`EncryptedCookie::open`].
    pub fn from_base64(text: &str) -> Result<Self, CookieError> {
        base64::decode(text).map(Self)
    }

    /// What a browser carries: 648 (DES) or 688 (AES) characters with a 2048-bit signing key.
    pub fn to_base64(&self) -> Zeroizing<String> {
        base64::encode(&self.0)
    }

    /// Decrypts with the key shared with `peer` and verifies the signature, with each certificate in turn.
    ///
    /// `peer` is the name of the server that the cookie is for (one's own name, for an application server); its case
    /// counts for [`Encryption::AesDomain`].
    pub fn open<'a>(
        &self,
        encryption: Encryption,
        key: &CryptKey,
        peer: &str,
        certificates: impl IntoIterator<Item = &'a VerifyingCertificate>,
    ) -> Result<VerifiedCookie, CookieError> {
        let (body, &[index1, index2]) = self.0.split_last_chunk().ok_or(CookieError::TooShort)?;
        let decrypted = match encryption {
            Encryption::Des => decrypt_des(body, key, index1, index2).map(Some)?,
            Encryption::Aes => decrypt_aes(body, &aes_key(key, index1)),
            Encryption::AesDomain => decrypt_aes(body, &aes_domain_key(key, index1, peer)),
        };
        let signed = decrypted.map(SignedCookie::from_bytes);
        let cookie = first_good(certificates, |certificate| {
            if body.len() < certificate.signature_length() {
                return Err(CookieError::TooShort);
            }
            match signed
                .as_ref()
                .ok_or(CookieError::BadSignature)?
                .verify([certificate])
            {
                Err(CookieError::TooShort) => Err(CookieError::BadSignature),
                verdict => verdict,
            }
        })?;
        signed
            .map(|signed| VerifiedCookie { cookie, signed })
            .ok_or(CookieError::BadSignature)
    }
}

impl fmt::Debug for EncryptedCookie {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "EncryptedCookie({} bytes)", self.0.len())
    }
}

/// What chance decides in an encryption.
#[derive(Debug, Clone, Copy)]
pub struct Randomness {
    /// Where in the key file the key lies: 1 to 255 for DES, 0 to 127 for AES.
    pub index1: u8,
    /// Where the initialization vector lies: 1 to 255 for DES, 0 for AES.
    pub index2: u8,
    /// AES alone: the block that goes ahead of the text. The original encrypts a random block with a random
    /// initialization vector that it does not send; this is one XOR the other.
    pub first_block: [u8; 16],
}

impl Randomness {
    fn draw(encryption: Encryption) -> Result<Self, ErrorStack> {
        let mut random = Self {
            index1: 0,
            index2: 0,
            first_block: [0; 16],
        };
        if encryption == Encryption::Des {
            while random.index1 == 0 || random.index2 == 0 {
                let mut indices = [0; 2];
                rand_bytes(&mut indices)?;
                [random.index1, random.index2] = indices;
            }
        } else {
            let mut index = [0; 1];
            rand_bytes(&mut index)?;
            rand_bytes(&mut random.first_block)?;
            random.index1 = index[0] & 0x7f;
        }
        Ok(random)
    }
}

impl SignedCookie {
    /// Encrypts with the key shared with `peer`, the server that the cookie is for.
    pub fn encrypt(
        &self,
        encryption: Encryption,
        key: &CryptKey,
        peer: &str,
    ) -> Result<EncryptedCookie, EncryptError> {
        // A draw meets a weak DES key once in 2^52, unless the key file is not random.
        for _ in 0..16 {
            let random = Randomness::draw(encryption)?;
            if let Ok(encrypted) = self.encrypt_with(encryption, key, peer, &random) {
                return Ok(encrypted);
            }
        }
        Err(EncryptError::WeakDesKey)
    }

    /// The same with nothing left to chance, for tests. The only error is [`EncryptError::WeakDesKey`].
    pub fn encrypt_with(
        &self,
        encryption: Encryption,
        key: &CryptKey,
        peer: &str,
        random: &Randomness,
    ) -> Result<EncryptedCookie, EncryptError> {
        let &Randomness {
            index1,
            index2,
            first_block,
        } = random;
        let mut encrypted = match encryption {
            Encryption::Des => encrypt_des(self.as_bytes(), key, index1, index2)?,
            Encryption::Aes => encrypt_aes(self.as_bytes(), &aes_key(key, index1), first_block),
            Encryption::AesDomain => {
                encrypt_aes(self.as_bytes(), &aes_domain_key(key, index1, peer), first_block)
            }
        };
        encrypted.extend([index1, index2]);
        Ok(EncryptedCookie(Zeroizing::new(encrypted)))
    }
}

struct WeakDesKey;

impl From<WeakDesKey> for CookieError {
    fn from(WeakDesKey: WeakDesKey) -> Self {
        Self::WeakDesKey
    }
}

impl From<WeakDesKey> for EncryptError {
    fn from(WeakDesKey: WeakDesKey) -> Self {
        Self::WeakDesKey
    }
}

fn encrypt_des(plain: &[u8], key: &CryptKey, index1: u8, index2: u8) -> Result<Vec<u8>, WeakDesKey> {
    let (key, vector) = des_key(key, index1, index2)?;
    let mut bytes = plain.to_vec();
    cfb_mode::Encryptor::<Des>::new((&*key).into(), (&*vector).into()).encrypt(&mut bytes);
    Ok(bytes)
}

fn decrypt_des(
    body: &[u8],
    key: &CryptKey,
    index1: u8,
    index2: u8,
) -> Result<Zeroizing<Vec<u8>>, WeakDesKey> {
    let (key, vector) = des_key(key, index1, index2)?;
    let mut bytes = Zeroizing::new(body.to_vec());
    cfb_mode::Decryptor::<Des>::new((&*key).into(), (&*vector).into()).decrypt(&mut bytes);
    Ok(bytes)
}

type EightBytes = Zeroizing<[u8; 8]>;

/// The key with odd parity, and the initialization vector.
fn des_key(key: &CryptKey, index1: u8, index2: u8) -> Result<(EightBytes, EightBytes), WeakDesKey> {
    let with_odd_parity = |byte: u8| {
        if byte.count_ones() % 2 == 1 {
            byte
        } else {
            byte ^ 1
        }
    };
    let des_key = Zeroizing::new(key.at::<8>(index1).map(with_odd_parity));
    des::weak_key_test(&*des_key).map_err(|_| WeakDesKey)?;
    Ok((
        des_key,
        Zeroizing::new(key.at::<8>(index2).map(|byte| byte ^ 0x4c)),
    ))
}

fn encrypt_aes(plain: &[u8], key: &[u8; 16], first_block: [u8; 16]) -> Vec<u8> {
    let text = Zeroizing::new([&first_block, plain].concat());
    cbc::Encryptor::<Aes128>::new(key.into(), &[0; 16].into()).encrypt_padded_vec::<Pkcs7>(&text)
}

/// Signature and block, without the first block, which decrypts to noise. `None` where the length alone shows that it
/// cannot be.
///
/// Padding that is wrong stays where it is: the signature then fails, after the same work as with any wrong cookie,
/// and nobody learns which it was.
fn decrypt_aes(body: &[u8], key: &[u8; 16]) -> Option<Zeroizing<Vec<u8>>> {
    if !body.len().is_multiple_of(16) {
        return None;
    }
    let mut bytes = Zeroizing::new(body.to_vec());
    let decryptor = cbc::Decryptor::<Aes128>::new(key.into(), &[0; 16].into());
    let length = decryptor
        .decrypt_padded::<Pkcs7>(&mut bytes)
        .map_or(body.len(), <[u8]>::len);
    bytes.get(16..length).map(|text| Zeroizing::new(text.to_vec()))
}

fn aes_key(key: &CryptKey, index: u8) -> Zeroizing<[u8; 16]> {
    key.at(index)
}

fn aes_domain_key(key: &CryptKey, index: u8, peer: &str) -> Zeroizing<[u8; 16]> {
    let digest = Sha1::new()
        .chain_update(*key.at::<128>(index))
        .chain_update(peer)
        .finalize();
    Zeroizing::new(std::array::from_fn(|place| digest[place]))
}
