//! Pubcookie cookies, in both directions: the 228-byte block, its signature and its encryption, as the
//! original programs (Pubcookie 3.x) write and read them.
//!
//! ```text
//!  Cookie ── sign ──▶ SignedCookie ── encrypt ──▶ EncryptedCookie ── to_base64 ──▶ what a browser carries
//!         ◀─ verify ─ (the plain form)  ◀─ open ─                 ◀─ from_base64 ─
//! ```
//!
//! What comes from outside is believed only through a signature that holds: [`SignedCookie::verify`] or
//! [`EncryptedCookie::open`]. What neither of them looks at is the caller's to judge: the type, the version, the
//! time, and whether the text is printable ([`Cookie::is_printable_ascii`]).
//!
//! MD5 and single DES are the protocol's choice, not ours. They come from RustCrypto, because a system's OpenSSL may
//! withhold them; RSA comes from OpenSSL.
//!
//! No network and no clock. Key files are read and written by [`KeyDirectory`] and [`KeyFile`]; nothing else is touched.
#![forbid(unsafe_code)]

mod base64;
mod cookie;
mod crypt_key;
mod encryption;
mod error;
mod key_directory;
mod rsa_key;
mod signed;
mod text;
mod watched_key;

pub use cookie::{BLOCK_SIZE, Cookie, CookieType, Reauthentication, Version};
pub use crypt_key::{CRYPT_KEY_SIZE, CryptKey};
pub use encryption::{EncryptedCookie, Encryption, Randomness, UnknownEncryption, VerifiedCookie};
pub use error::{CookieError, EncryptError, KeyFileError, RsaKeyError, SignError, TextError};
pub use key_directory::{Exposure, KeyDirectory, KeyFile};
pub use rsa_key::{MINIMUM_RSA_BITS, SigningKey, VerifyingCertificate};
pub use signed::SignedCookie;
pub use text::{AppId, AppServerId, Text, User};
pub use watched_key::{CryptKeys, Look, OVERLAP_SECONDS, WatchedKey};
