//! Session files that were read lately, so that a request need not read and parse its own again.

use std::collections::hash_map::RandomState;
use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::SessionId;
use crate::file::Stamp;
use crate::session_file::SessionFile;

/// How many sessions are remembered: some 500 bytes each.
const REMEMBERED: usize = 4096;

/// What was in the files, by the identifiers themselves: to name a file takes a SHA-256. A file of another stamp is another
/// one. Identifiers are wiped when they make room for others, and the hash is keyed: how long it takes to find one tells
/// nothing of those that are there.
#[derive(Debug)]
pub(crate) struct Remembered(Mutex<LruCache<SessionId, Seen, RandomState>>);

/// A file, and the stamp that it had when this was in it.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    pub(crate) stamp: Stamp,
    pub(crate) file: Arc<SessionFile>,
}

impl Remembered {
    pub(crate) fn new() -> Self {
        let size = NonZeroUsize::new(REMEMBERED).unwrap_or(NonZeroUsize::MIN);
        Self(Mutex::new(LruCache::with_hasher(size, RandomState::new())))
    }

    /// What was seen last.
    pub(crate) fn recall(&self, id: &SessionId) -> Option<Seen> {
        self.lock().get(id).cloned()
    }

    pub(crate) fn remember(&self, id: &SessionId, seen: Seen) {
        self.lock().put(id.clone(), seen);
    }

    pub(crate) fn forget(&self, id: &SessionId) {
        self.lock().pop(id);
    }

    /// A panic elsewhere cannot leave it half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, LruCache<SessionId, Seen, RandomState>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
