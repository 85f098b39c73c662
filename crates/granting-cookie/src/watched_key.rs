//! A key file that may change while it is in use.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use crate::{
    CookieError, CryptKey, EncryptedCookie, Encryption, KeyDirectory, KeyFile, KeyFileError, VerifiedCookie,
    VerifyingCertificate,
};

/// For how long the key before a change still decrypts, in seconds.
pub const OVERLAP_SECONDS: u64 = 600;

/// The key of a file that is looked at again while it is in use, once a second at most. For many threads at once: one of
/// them looks, and the others go on with what there is.
///
/// No clock of its own: callers pass the time in Unix seconds.
#[derive(Debug)]
pub struct WatchedKey {
    /// None where the key does not change.
    source: Option<Source>,
    looked_at: AtomicU64,
    keys: RwLock<Arc<CryptKeys>>,
    /// The last failure that was told of.
    told: Mutex<Option<String>>,
}

/// Where the key is from.
#[derive(Debug)]
enum Source {
    File(PathBuf),
    Directory(KeyDirectory, String),
}

/// What a look at the file found that is worth a line in a log.
#[derive(Debug)]
pub enum Look {
    /// Another key, in this file: it counts from now on.
    Changed(PathBuf),
    /// No key, for the first time for this reason: the one before stays.
    Failed(KeyFileError),
}

/// The keys that count at a moment.
#[derive(Debug, Clone)]
pub struct CryptKeys {
    current: CryptKey,
    /// The key before, and the Unix second from which it does not count any more.
    previous: Option<(CryptKey, u64)>,
}

impl WatchedKey {
    /// A key that does not change.
    pub fn fixed(key: CryptKey) -> Self {
        Self::new(None, key)
    }

    /// A key file, read for the first time.
    pub fn file(path: PathBuf) -> Result<(Self, KeyFile), KeyFileError> {
        Self::read(Source::File(path))
    }

    /// The key of a peer, found for the first time ([`KeyDirectory::find`]).
    pub fn find(directory: KeyDirectory, peer: &str) -> Result<(Self, KeyFile), KeyFileError> {
        Self::read(Source::Directory(directory, peer.to_owned()))
    }

    fn read(source: Source) -> Result<(Self, KeyFile), KeyFileError> {
        let file = source.read()?;
        Ok((Self::new(Some(source), file.key.clone()), file))
    }

    fn new(source: Option<Source>, key: CryptKey) -> Self {
        WatchedKey {
            source,
            looked_at: AtomicU64::new(0),
            keys: RwLock::new(Arc::new(key.into())),
            told: Mutex::default(),
        }
    }

    /// Looks at the file, unless that was done in this second. What it answers is for a log.
    pub fn look(&self, now: u64) -> Option<Look> {
        let source = self.source.as_ref()?;
        if !self.takes_turn(now) {
            return None;
        }
        let keys = self.keys();
        let previous = keys.previous.clone().filter(|(_, until)| *until > now);
        let (current, previous, news) = match source.read() {
            Ok(file) if file.key.is_same_as(&keys.current) => {
                self.tell(None);
                (file.key, previous, None)
            }
            Ok(file) => {
                self.tell(None);
                let until = file.changed_at.min(now) + OVERLAP_SECONDS;
                let previous = (until > now).then(|| (keys.current.clone(), until));
                (file.key, previous, Some(Look::Changed(file.path)))
            }
            Err(problem) => {
                let is_news = self.tell(Some(problem.to_string()));
                let news = is_news.then_some(Look::Failed(problem));
                (keys.current.clone(), previous, news)
            }
        };
        *self.keys.write().unwrap_or_else(PoisonError::into_inner) =
            Arc::new(CryptKeys { current, previous });
        news
    }

    /// Whether this caller is the one that looks in this second.
    fn takes_turn(&self, now: u64) -> bool {
        let before = self.looked_at.load(Ordering::Relaxed);
        // Where it lies far ahead, the clock was set back.
        let is_due = now > before || before - now > 5;
        is_due
            && self
                .looked_at
                .compare_exchange(before, now, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok()
    }

    /// The keys that count since the last look.
    pub fn keys(&self) -> Arc<CryptKeys> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Whether this is something else than what was told last.
    fn tell(&self, problem: Option<String>) -> bool {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        let is_news = *told != problem;
        *told = problem;
        is_news
    }
}

impl Source {
    fn read(&self) -> Result<KeyFile, KeyFileError> {
        match self {
            Source::File(path) => KeyFile::read(path),
            Source::Directory(directory, peer) => directory.find(peer),
        }
    }
}

impl CryptKeys {
    /// The key that encrypts.
    pub fn current(&self) -> &CryptKey {
        &self.current
    }

    /// Decrypts and verifies with the present key, else with the one before it: [`EncryptedCookie::open`].
    pub fn open(
        &self,
        cookie: &EncryptedCookie,
        encryption: Encryption,
        peer: &str,
        certificates: &[VerifyingCertificate],
    ) -> Result<VerifiedCookie, CookieError> {
        let opened = cookie.open(encryption, &self.current, peer, certificates);
        match &self.previous {
            Some((previous, _)) if opened.is_err() => {
                cookie.open(encryption, previous, peer, certificates).or(opened)
            }
            _ => opened,
        }
    }
}

impl From<CryptKey> for CryptKeys {
    /// A key that had none before it.
    fn from(key: CryptKey) -> Self {
        CryptKeys {
            current: key,
            previous: None,
        }
    }
}
