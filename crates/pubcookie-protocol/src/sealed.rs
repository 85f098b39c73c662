//! Sealing: what an app server keeps in a browser so that only itself can read and make it.
//!
//! AES-256-GCM under keys derived with HKDF-SHA256 (RFC 5869) from the *private* session key. The shared key file
//! would not do: the login server, the keyserver and every holder of a wildcard key have it and could make sessions.

use crate::app_id::AppServerId;
use aes_gcm::aead::{Aead, AeadInOut, Nonce};
use aes_gcm::{Aes256Gcm, KeyInit};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hkdf::Hkdf;
use openssl::pkey::PKey;
use sha2::Sha256;
use std::fmt;
use zeroize::Zeroizing;

/// What is sealed under a key. Keys of different purposes do not open each other's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// Session cookies.
    Session,
    /// Pre-session cookies.
    PreSession,
    /// The login server's forms.
    LoginForm,
}

/// For whom a key is derived: what one virtual host sealed, another does not open.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// The canonical server name; case does not count.
    pub server_name: &'a str,
    /// The app server ID; case does not count.
    pub app_server_id: &'a AppServerId,
}

/// The key that seals, and the one before it, which still opens. Both are wiped from memory when dropped.
pub struct SealingKeys {
    app_server_id: AppServerId,
    current: Aes256Gcm,
    previous: Option<Aes256Gcm>,
}

/// What was opened.
pub struct Opened {
    /// The bytes that were sealed.
    pub bytes: Zeroizing<Vec<u8>>,
    /// It was sealed under the previous key: seal it anew.
    pub under_previous_key: bool,
}

/// Why sealing was not possible.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// The session key is not an unencrypted private key in PEM format.
    #[error("the session key is no private key in PEM format, or one behind a pass phrase: {0}")]
    NotAPrivateKey(#[from] openssl::error::ErrorStack),
    /// No random bytes.
    #[error("no random bytes for sealing a cookie: {0}")]
    NoRandomness(getrandom::Error),
    /// AES-GCM refused, which it only does for texts of many gigabytes.
    #[error("sealing a cookie failed")]
    Failed,
}

impl SealingKeys {
    /// Derives the keys from private session keys in PEM format (`PubcookieSessionKeyFile new [previous]`).
    pub fn derive(
        current: &[u8],
        previous: Option<&[u8]>,
        purpose: Purpose,
        context: Context<'_>,
    ) -> Result<SealingKeys, SealingError> {
        let key = |pem| derive_key(pem, purpose, context);
        Ok(SealingKeys {
            app_server_id: context.app_server_id.clone(),
            current: key(current)?,
            previous: previous.map(key).transpose()?,
        })
    }

    /// The app server that they were derived for.
    pub fn app_server_id(&self) -> &AppServerId {
        &self.app_server_id
    }

    /// Seals with a random nonce: base64url of nonce, ciphertext and tag, 38 characters longer than the text's own
    /// base64.
    pub fn seal(&self, text: &[u8]) -> Result<String, SealingError> {
        let mut nonce = [0; NONCE_SIZE];
        getrandom::fill(&mut nonce).map_err(SealingError::NoRandomness)?;
        let ciphertext = self
            .current
            .encrypt(&Nonce::<Aes256Gcm>::from(nonce), text)
            .map_err(|_| SealingError::Failed)?;
        Ok(URL_SAFE_NO_PAD.encode([&nonce[..], &ciphertext].concat()))
    }

    /// Opens what one of the keys sealed; `None` for everything else.
    pub fn open(&self, sealed: &[u8]) -> Option<Opened> {
        if sealed.len() > SEALED_LIMIT {
            return None;
        }
        let mut bytes = Zeroizing::new(URL_SAFE_NO_PAD.decode(sealed).ok()?);
        let under_previous_key = if open_in_place(&self.current, &mut bytes) {
            false
        } else if open_in_place(self.previous.as_ref()?, &mut bytes) {
            true
        } else {
            return None;
        };
        let end = bytes.len() - TAG_SIZE;
        bytes.truncate(end);
        bytes.drain(..NONCE_SIZE);
        Some(Opened {
            bytes,
            under_previous_key,
        })
    }
}

impl fmt::Debug for SealingKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SealingKeys")
            .field("previous", &self.previous.is_some())
            .finish_non_exhaustive()
    }
}

/// The longest sealed value that is looked at, in bytes: more than a browser keeps.
const SEALED_LIMIT: usize = 4096;
const NONCE_SIZE: usize = 12;
const TAG_SIZE: usize = 16;

/// Opens the ciphertext between nonce and tag where it stands. Where that fails, it stays as it is.
fn open_in_place(key: &Aes256Gcm, sealed: &mut [u8]) -> bool {
    let Some((nonce, rest)) = sealed.split_first_chunk_mut::<NONCE_SIZE>() else {
        return false;
    };
    let Some((ciphertext, tag)) = rest.split_last_chunk_mut::<TAG_SIZE>() else {
        return false;
    };
    key.decrypt_inout_detached(&(*nonce).into(), &[], ciphertext.into(), &(*tag).into())
        .is_ok()
}

fn derive_key(pem: &[u8], purpose: Purpose, context: Context<'_>) -> Result<Aes256Gcm, SealingError> {
    // The callback keeps OpenSSL from asking for a pass phrase at the terminal.
    let private_key = PKey::private_key_from_pem_callback(pem, |_| Ok(0))?;
    let der = Zeroizing::new(private_key.private_key_to_pkcs8()?);
    let purpose = match purpose {
        Purpose::Session => "session cookie",
        Purpose::PreSession => "pre-session cookie",
        Purpose::LoginForm => "login form",
    };
    let server_name = context.server_name.to_ascii_lowercase();
    let app_server_id = context.app_server_id.as_str().to_ascii_lowercase();
    // Neither a server name nor an encoded ID holds a line feed, so no two contexts make the same text.
    let info = format!("{purpose}\n{server_name}\n{app_server_id}");
    let mut key = Zeroizing::new([0; 32]);
    Hkdf::<Sha256>::new(Some(b"mod_myproxy pubcookie sealing, version 1"), &der)
        .expand(info.as_bytes(), &mut *key)
        .expect("HKDF-SHA256 gives up to 8160 bytes");
    Ok(Aes256Gcm::new(&(*key).into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use openssl::rsa::Rsa;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    static PEM: LazyLock<[Vec<u8>; 2]> =
        LazyLock::new(|| std::array::from_fn(|_| Rsa::generate(2048).unwrap().private_key_to_pem().unwrap()));

    fn keys(current: usize, previous: Option<usize>, purpose: Purpose, name: &str, id: &str) -> SealingKeys {
        let app_server_id = &AppServerId::configured(id).unwrap();
        let context = Context {
            server_name: name,
            app_server_id,
        };
        SealingKeys::derive(&PEM[current], previous.map(|key| &PEM[key][..]), purpose, context).unwrap()
    }

    #[test]
    fn only_the_same_key_purpose_and_server_open() {
        let ours = keys(0, None, Purpose::Session, "app.example.edu", "app");
        let sealed = ours.seal(b"text").unwrap();
        let open = |keys: SealingKeys| keys.open(sealed.as_bytes()).map(|opened| opened.bytes.to_vec());
        assert_eq!(
            open(keys(0, None, Purpose::Session, "APP.example.edu", "App")).as_deref(),
            Some(&b"text"[..])
        );
        assert_eq!(
            open(keys(1, None, Purpose::Session, "app.example.edu", "app")),
            None
        );
        assert_eq!(
            open(keys(0, None, Purpose::PreSession, "app.example.edu", "app")),
            None
        );
        assert_eq!(
            open(keys(0, None, Purpose::Session, "app2.example.edu", "app")),
            None
        );
        assert_eq!(
            open(keys(0, None, Purpose::Session, "app.example.edu", "app2")),
            None
        );
        assert_ne!(sealed, ours.seal(b"text").unwrap());
    }

    #[test]
    fn the_previous_key_still_opens() {
        let sealed = keys(0, None, Purpose::Session, "a", "a").seal(b"text").unwrap();
        let opened = keys(1, Some(0), Purpose::Session, "a", "a")
            .open(sealed.as_bytes())
            .unwrap();
        assert!(opened.under_previous_key);
        let opened = keys(0, Some(1), Purpose::Session, "a", "a")
            .open(sealed.as_bytes())
            .unwrap();
        assert!(!opened.under_previous_key);
    }

    #[test]
    fn the_form_of_the_key_file_does_not_matter() {
        let key = PKey::private_key_from_pem(&PEM[0]).unwrap();
        let pkcs8 = key.private_key_to_pem_pkcs8().unwrap();
        let app_server_id = &AppServerId::configured("a").unwrap();
        let context = Context {
            server_name: "a",
            app_server_id,
        };
        let again = SealingKeys::derive(&pkcs8, None, Purpose::Session, context).unwrap();
        let sealed = keys(0, None, Purpose::Session, "a", "a").seal(b"text").unwrap();
        assert!(again.open(sealed.as_bytes()).is_some());
        assert!(SealingKeys::derive(b"no key", None, Purpose::Session, context).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn one_changed_bit_is_enough(text in proptest::collection::vec(any::<u8>(), 0..60), place: prop::sample::Index) {
            static KEYS: LazyLock<SealingKeys> = LazyLock::new(|| keys(0, None, Purpose::Session, "a", "a"));
            let sealed = KEYS.seal(&text).unwrap();
            prop_assert_eq!(&*KEYS.open(sealed.as_bytes()).unwrap().bytes, &text);
            let mut changed = sealed.into_bytes();
            let place = place.index(changed.len());
            changed[place] ^= 1;
            prop_assert!(KEYS.open(&changed).is_none());
            let _ = KEYS.open(&text);
        }
    }
}
