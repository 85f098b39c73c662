//! A granting cookie that waits, sealed, for a MyProxy server that could not be reached.

use std::time::{Duration, SystemTime};

use aes_gcm::aead::{Aead, Payload};
use aes_gcm::{Aes256Gcm, KeyInit, Nonce};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::{Error, SessionId, unix_time};

/// How old a granting cookie may grow while it waits: the MyProxy server takes it until it is 120 s old, and
/// the logon itself takes some of that.
pub const PENDING_MAX_AGE: Duration = Duration::from_secs(100);

const PURPOSE: &str = "mod_myproxy pending granting cookie";
const NONCE_SIZE: usize = 12;

/// A granting cookie sealed with AES-256-GCM under a key derived from the session's identifier, which is not
/// on disk: only a request that brings the session cookie can open it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct PendingCookie {
    /// When the granting cookie was made, by the login server's clock.
    #[serde(with = "unix_time")]
    pub(crate) created: SystemTime,
    /// Nonce and ciphertext, in base64.
    sealed: String,
}

impl PendingCookie {
    pub(crate) fn seal(session: &SessionId, cookie: &[u8], created: SystemTime) -> Result<Self, Error> {
        let mut nonce = [0; NONCE_SIZE];
        SysRng
            .try_fill_bytes(&mut nonce)
            .map_err(|error| Error::Random(error.to_string()))?;
        let ciphertext = cipher(session)
            .encrypt(
                &Nonce::from(nonce),
                Payload {
                    msg: cookie,
                    aad: &context(created),
                },
            )
            .map_err(|_| Error::NotACredential("the granting cookie is too long to be sealed".into()))?;
        Ok(Self {
            created,
            sealed: STANDARD.encode([&nonce[..], &ciphertext].concat()),
        })
    }

    /// The cookie; `None` when it has grown too old, or is not this session's.
    pub(crate) fn open(&self, session: &SessionId, now: SystemTime) -> Option<Zeroizing<Vec<u8>>> {
        if self.is_stale(now) {
            return None;
        }
        let sealed = STANDARD.decode(&self.sealed).ok()?;
        let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE_SIZE>()?;
        let aad = context(self.created);
        let cookie = cipher(session).decrypt(
            &Nonce::from(*nonce),
            Payload {
                msg: ciphertext,
                aad: &aad,
            },
        );
        cookie.ok().map(Zeroizing::new)
    }

    pub(crate) fn is_stale(&self, now: SystemTime) -> bool {
        unix_time::age(self.created, now) >= PENDING_MAX_AGE
    }
}

fn cipher(session: &SessionId) -> Aes256Gcm {
    Aes256Gcm::new(&(*session.derive_key(PURPOSE)).into())
}

/// The time is bound to the seal: nobody can make an old cookie young by editing the file.
fn context(created: SystemTime) -> [u8; 8] {
    unix_time::to_micros(created).to_be_bytes()
}
