//! Which session has proved which pass phrase: so that the MyProxy server is asked once, and not at every request.
//!
//! Kept in the memory that httpd's processes share and nowhere else, as digests under a key that no restart survives.

use std::io;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use credential_store::{Origin, SessionId};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkey::{PKey, Private};
use openssl::rand::rand_bytes;
use openssl::sign::Signer;
use zeroize::Zeroizing;

use crate::httpd::SharedNumbers;

/// So many sessions are remembered at once, in 384 KiB. One that finds no room takes that of the one that ends first: whose
/// pass phrase is asked for again, which is no harm.
const SESSIONS: usize = 8192;
/// Among so many places a session chooses one.
const PLACES_TO_CHOOSE: usize = 8;
/// What a place holds, in words of 64 bits: the session's tag, when the proof ends (Unix seconds), and the digest.
const WORDS: usize = 2 + DIGEST_WORDS;
const DIGEST_WORDS: usize = 4;

/// What is kept of a pass phrase.
pub type Digest = [u8; 8 * DIGEST_WORDS];

/// What a session has proved.
pub struct Proven<'p> {
    /// The session.
    pub session: &'p SessionId,
    /// Which user at which server, for which user of the web.
    pub origin: &'p Origin,
    /// The pass phrase.
    pub pass_phrase: &'p [u8],
}

/// The pass phrases that were right.
pub struct ProvenPassPhrases {
    key: PKey<Private>,
    places: SharedNumbers,
}

impl ProvenPassPhrases {
    /// None yet, under a new key. Made while httpd starts; its children share it.
    ///
    /// # Errors
    /// The system has no random bytes, or no memory to share.
    pub fn new() -> io::Result<Self> {
        let key = || {
            let mut bytes = Zeroizing::new([0; 32]);
            rand_bytes(&mut *bytes)?;
            PKey::hmac(&*bytes)
        };
        Ok(ProvenPassPhrases {
            key: key().map_err(io::Error::other)?,
            places: SharedNumbers::new(SESSIONS * WORDS)?,
        })
    }

    /// Remembers a proof until `end`, in the place of what the session has proved before.
    ///
    /// # Errors
    /// OpenSSL failed: it is not remembered.
    pub fn remember(&self, proven: &Proven<'_>, end: SystemTime) -> Result<(), ErrorStack> {
        let end = end.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let tag = self.tag(proven.session)?;
        let digest = self.digest_until(proven, end)?;
        // A free place ends at 0, and one whose time is over before all others.
        let first_to_end = |place: &&[AtomicU64]| match place[0].load(Relaxed) {
            own if own == tag => (0, 0),
            _ => (1, place[1].load(Relaxed)),
        };
        if let Some(place) = self.places_of(tag).min_by_key(first_to_end) {
            // In any order: what two requests write at once fits nothing.
            let words = digest.chunks_exact(8).map(word);
            for (number, value) in place.iter().zip([tag, end].into_iter().chain(words)) {
                number.store(value, Relaxed);
            }
        }
        Ok(())
    }

    /// Whether the session has proved this, and the proof still holds.
    ///
    /// # Errors
    /// OpenSSL failed.
    pub fn holds(&self, proven: &Proven<'_>, now: SystemTime) -> Result<bool, ErrorStack> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::MAX).as_secs();
        let tag = self.tag(proven.session)?;
        for place in self.places_of(tag) {
            let [found, end, kept @ ..] = place else { continue };
            let end = end.load(Relaxed);
            if found.load(Relaxed) != tag || end <= now {
                continue;
            }
            // The end is under the digest too: that of another proof does not fit.
            let mut digest = Digest::default();
            for (bytes, number) in digest.chunks_exact_mut(8).zip(kept) {
                bytes.copy_from_slice(&number.load(Relaxed).to_le_bytes());
            }
            if memcmp::eq(&digest, &self.digest_until(proven, end)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The places that a session chooses among.
    fn places_of(&self, tag: u64) -> impl Iterator<Item = &[AtomicU64]> {
        let choices = (SESSIONS / PLACES_TO_CHOOSE) as u64;
        let first = (tag % choices) as usize * PLACES_TO_CHOOSE * WORDS;
        self.places[first..first + PLACES_TO_CHOOSE * WORDS].chunks_exact(WORDS)
    }

    /// What tells one session from another here, and cannot be chosen.
    fn tag(&self, session: &SessionId) -> Result<u64, ErrorStack> {
        let mac = self.mac(&[b"session", session.to_cookie().as_bytes()])?;
        Ok(word(&mac[..8]))
    }

    /// What tells a pass phrase from another within one request.
    ///
    /// # Errors
    /// OpenSSL failed.
    pub fn digest(&self, origin: &Origin, pass_phrase: &[u8]) -> Result<Digest, ErrorStack> {
        self.mac_of(origin, &[b"request", pass_phrase])
    }

    /// The session's identifier is its salt.
    fn digest_until(&self, proven: &Proven<'_>, end: u64) -> Result<Digest, ErrorStack> {
        let session = proven.session.to_cookie();
        let end = end.to_le_bytes();
        let parts: [&[u8]; 4] = [b"proof", proven.pass_phrase, session.as_bytes(), &end];
        self.mac_of(proven.origin, &parts)
    }

    fn mac_of(&self, origin: &Origin, parts: &[&[u8]]) -> Result<Digest, ErrorStack> {
        let Origin {
            web_user,
            myproxy_user,
            servers,
            credential_name,
            vo_names,
        } = origin;
        let counted = |list: &[String]| format!("{}\n{}", list.len(), list.join("\n"));
        let servers = counted(servers);
        let vo_names = counted(vo_names);
        let names = counted(credential_name.as_slice());
        let realm = counted(web_user.realm.as_slice());
        let texts = [
            &web_user.name,
            &web_user.authentication_type,
            &realm,
            myproxy_user,
            &servers,
            &names,
            &vo_names,
        ];
        let parts: Vec<&[u8]> = parts
            .iter()
            .copied()
            .chain(texts.map(|text| text.as_bytes()))
            .collect();
        self.mac(&parts)
    }

    /// HMAC-SHA256 of parts that cannot run into one another.
    fn mac(&self, parts: &[&[u8]]) -> Result<Digest, ErrorStack> {
        let mut signer = Signer::new(MessageDigest::sha256(), &self.key)?;
        for part in parts {
            signer.update(&(part.len() as u64).to_le_bytes())?;
            signer.update(part)?;
        }
        let mut digest = Digest::default();
        signer.sign(&mut digest)?;
        Ok(digest)
    }
}

fn word(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .rev()
        .fold(0, |word, byte| word << 8 | u64::from(*byte))
}
