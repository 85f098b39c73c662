//! Session files that were read lately, so that a request need not read and parse its own again.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;

use crate::file::Stamp;
use crate::session_file::Live;

/// How many sessions are remembered: some 500 bytes each.
const REMEMBERED: usize = 4096;

/// What was in the files, by their names and stamps: a file of another stamp is another one.
#[derive(Debug)]
pub(crate) struct Remembered(Mutex<LruCache<String, (Stamp, Arc<Live>)>>);

impl Remembered {
    pub(crate) fn new() -> Self {
        let size = NonZeroUsize::new(REMEMBERED).unwrap_or(NonZeroUsize::MIN);
        Self(Mutex::new(LruCache::new(size)))
    }

    /// What the file of that name held when it had this stamp.
    pub(crate) fn recall(&self, file_name: &str, stamp: Stamp) -> Option<Arc<Live>> {
        let mut files = self.lock();
        let (seen, session) = files.get(file_name)?;
        (*seen == stamp).then(|| Arc::clone(session))
    }

    pub(crate) fn remember(&self, file_name: &str, stamp: Stamp, session: &Arc<Live>) {
        self.lock()
            .put(file_name.to_owned(), (stamp, Arc::clone(session)));
    }

    pub(crate) fn forget(&self, file_name: &str) {
        self.lock().pop(file_name);
    }

    /// A panic elsewhere cannot leave it half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, LruCache<String, (Stamp, Arc<Live>)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
