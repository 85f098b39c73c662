//! What lies on disk under a credential's name, remembered so that a request need not parse it again.

use std::sync::{Arc, Mutex, PoisonError};

use lru::LruCache;
use sha2::{Digest, Sha256};

use crate::directory::Directory;
use crate::file::{self, Contents, Stamp};
use crate::record::{Record, StoredRecord};
use crate::{Certificate, CredentialName, Error};

/// Ends the name of a record; no credential's name can end so.
const RECORD_SUFFIX: &str = "%record";
/// How many credentials are remembered: about 1 KiB each.
const REMEMBERED: usize = 4096;

/// The pair of files under one name.
#[derive(Debug)]
pub(crate) enum Stored {
    /// No credential; whether a record was left over does not matter.
    Absent,
    /// A file without a record: not made here.
    Unrecorded(Option<Certificate>),
    /// A record that was written with another content of the file, or `None` where a power failure left
    /// nothing in it that could be read. It serves nobody.
    Mismatched(Option<Record>),
    /// As it should be.
    Recorded(StoredRecord, Certificate),
}

impl Stored {
    /// A pair that is being replaced or erased at this moment looks like one of these.
    pub(crate) fn may_be_half_done(&self) -> bool {
        matches!(self, Self::Unrecorded(_) | Self::Mismatched(_))
    }
}

/// File name of a credential's record.
pub(crate) fn record_name(name: &CredentialName) -> String {
    [name.as_str(), RECORD_SUFFIX].concat()
}

/// Whose record a file is, by its name.
pub(crate) fn of_record_name(file_name: &str) -> Option<CredentialName> {
    CredentialName::from_file_name(file_name.strip_suffix(RECORD_SUFFIX)?)
}

/// Reads pairs of files, and remembers what was in them by device, inode, size and times of both.
#[derive(Debug)]
pub(crate) struct Examiner {
    seen: Mutex<LruCache<CredentialName, Seen>>,
}

#[derive(Debug)]
struct Seen {
    credential: Stamp,
    record: Option<Stamp>,
    stored: Arc<Stored>,
}

impl Examiner {
    pub(crate) fn new() -> Self {
        let size = std::num::NonZeroUsize::new(REMEMBERED).unwrap_or(std::num::NonZeroUsize::MIN);
        Self {
            seen: Mutex::new(LruCache::new(size)),
        }
    }

    /// What is there, with the stamp of the credential file.
    pub(crate) fn examine(
        &self,
        directory: &Directory,
        name: &CredentialName,
    ) -> Result<(Option<Stamp>, Arc<Stored>), Error> {
        let record_name = record_name(name);
        let Some(credential) = file::stamp(directory, name.as_str())? else {
            return Ok((None, Arc::new(Stored::Absent)));
        };
        let record = file::stamp(directory, &record_name)?;
        if let Some(seen) = self.lock().get(name)
            && (seen.credential, seen.record) == (credential, record)
        {
            return Ok((Some(credential), Arc::clone(&seen.stored)));
        }
        // The stamps of what is read now, not of what was there above.
        let record = file::read(directory, &record_name)?;
        let Some(Contents {
            stamp: credential,
            bytes: pem,
        }) = file::read(directory, name.as_str())?
        else {
            return Ok((None, Arc::new(Stored::Absent)));
        };
        let (record_stamp, stored) = match record {
            None => (None, Stored::Unrecorded(Certificate::read(&pem).ok())),
            Some(Contents { stamp, bytes }) => {
                let record: Option<StoredRecord> = serde_json::from_slice(&bytes).ok();
                let stored = match record {
                    Some(stored) if stored.credential_sha256 == digest(&pem) => {
                        let path = || directory.path().join(name.as_str());
                        let certificate = Certificate::read(&pem)
                            .map_err(|reason| Error::Malformed { path: path(), reason })?;
                        Stored::Recorded(stored, certificate)
                    }
                    other => Stored::Mismatched(other.map(|stored| stored.record)),
                };
                (Some(stamp), stored)
            }
        };
        let stored = Arc::new(stored);
        let seen = Seen {
            credential,
            record: record_stamp,
            stored: Arc::clone(&stored),
        };
        self.lock().put(name.clone(), seen);
        Ok((Some(credential), stored))
    }

    /// A panic elsewhere cannot leave the cache half changed, so a poisoned lock is as good as any.
    fn lock(&self) -> std::sync::MutexGuard<'_, LruCache<CredentialName, Seen>> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// SHA-256 as a record has it.
pub(crate) fn digest(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
