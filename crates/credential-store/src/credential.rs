//! The credential store: look up at every request, publish after a logon, erase at a logout.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::directory::Directory;
use crate::error::user_name;
use crate::examine::{Examiner, Stored, digest, record_name};
use crate::file::{Stamp, Temporary};
use crate::lock::{Lock, Range};
use crate::pause::pause_name;
use crate::record::StoredRecord;
use crate::{
    Certificate, CredentialName, EndedSession, Error, FilePermissions, Logon, Method, Origin, Renewal,
};

/// How long a change may wait for another one to the same files, which takes milliseconds.
pub(crate) const CHANGE_PATIENCE: Duration = Duration::from_secs(5);

/// What a stored credential can do for a request.
#[derive(Debug)]
pub enum Lookup {
    /// There is none, or only one of somebody else that has expired.
    Missing,
    /// It has expired, or has less time left than the request wants.
    Expired(Certificate),
    /// What is there belongs to another user, server or method. It counts as missing, and is not replaced
    /// while it is valid.
    NotYours,
    /// Here it is.
    Good(Credential),
}

/// A credential that an application can use now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credential {
    /// Absolute path of the file, without links: the value of `X509_USER_PROXY`.
    pub path: PathBuf,
    /// Subject and expiry.
    pub certificate: Certificate,
    /// What it was got with.
    pub method: Method,
    /// How it is kept good, where it is.
    pub renewal: Option<Renewal>,
    pub(crate) cookie_sha256: Option<String>,
}

impl Credential {
    /// Whether it was got with this granting cookie.
    pub fn was_got_with(&self, cookie: &[u8]) -> bool {
        self.cookie_sha256.as_ref() == Some(&digest(cookie))
    }
}

/// A directory of credentials. Share one between all threads.
#[derive(Debug)]
pub struct CredentialStore {
    pub(crate) directory: Directory,
    pub(crate) permissions: FilePermissions,
    examiner: Examiner,
}

impl CredentialStore {
    /// Works in `directory`, with new files as `permissions` says.
    ///
    /// # Errors
    /// [`Error::Io`] if this process may not write there.
    pub fn open(directory: Directory, permissions: FilePermissions) -> Result<Self, Error> {
        directory.require_writable()?;
        Ok(Self {
            directory,
            permissions,
            examiner: Examiner::new(),
        })
    }

    /// The directory.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Where the credential of that name is or would be.
    pub fn path(&self, name: &CredentialName) -> PathBuf {
        self.directory.path().join(name.as_str())
    }

    /// Whether there is a credential of that name and `origin`, got by one of `methods`, that lasts `min_lifetime`
    /// more.
    ///
    /// Costs three system calls where the file is as it was at the last look, and reads it otherwise.
    ///
    /// # Errors
    /// What keeps a credential from being used although it is there: [`Error::UnsafeFile`] for a link, a
    /// wrong owner or a mode that is too wide; [`Error::Malformed`]; [`Error::Io`] where it cannot be read;
    /// and all of [`Directory::verify`].
    pub fn lookup(
        &self,
        name: &CredentialName,
        origin: &Origin,
        methods: &[Method],
        min_lifetime: Duration,
        now: SystemTime,
    ) -> Result<Lookup, Error> {
        self.directory.verify()?;
        let (stamp, stored) = self.examine_settled(name)?;
        Ok(match (&*stored, stamp) {
            (Stored::Absent, _) | (_, None) => Lookup::Missing,
            (Stored::Recorded(stored, certificate), Some(stamp))
                if stored.record.origin == *origin && methods.contains(&stored.record.method) =>
            {
                self.check(name, stamp)?;
                if certificate.lasts(min_lifetime, now) {
                    Lookup::Good(Credential {
                        path: self.path(name),
                        certificate: certificate.clone(),
                        method: stored.record.method,
                        renewal: stored.renewal,
                        cookie_sha256: stored.cookie_sha256.clone(),
                    })
                } else {
                    Lookup::Expired(certificate.clone())
                }
            }
            (stored, _) if may_be_replaced(stored, origin, now) => Lookup::Missing,
            _ => Lookup::NotYours,
        })
    }

    /// Waits until `deadline` for the turn to log on for `name`. Whoever gets it looks up again first: the
    /// one before may have published what is wanted, or have left a [`Failure`](crate::Failure).
    ///
    /// One turn at a time, among all threads and processes; it ends when the value is dropped or its process
    /// dies.
    ///
    /// # Errors
    /// [`Error::Busy`] at the deadline.
    pub fn logon(&self, name: &CredentialName, deadline: Instant) -> Result<Logon<'_>, Error> {
        let turn = Lock::acquire(&self.directory, Range::Logon(name.as_str()), deadline)?;
        Ok(Logon::new(self, name.clone(), turn))
    }

    /// Erases the credential of a session that has ended; `false` if it has none, or the one under its name
    /// is another user's. It does not wait for a logon in flight: see [`Logon::publish`].
    ///
    /// # Errors
    /// [`Error::Busy`] or [`Error::Io`]. The sweep tries again, since no session refers to the file any more.
    pub fn erase(&self, ended: &EndedSession) -> Result<bool, Error> {
        let change = self.change(&ended.credential)?;
        let (_, stored) = change.examine()?;
        let origin = match &*stored {
            Stored::Recorded(StoredRecord { record, .. }, _) | Stored::Mismatched(Some(record)) => {
                &record.origin
            }
            _ => return Ok(false),
        };
        if origin.web_user != ended.web_user {
            return Ok(false);
        }
        let erased = change.discard()?;
        drop(change);
        // Whoever has another one keeps it, expired or not: the sweep knows what time it is.
        self.release(&origin.myproxy_user, SystemTime::UNIX_EPOCH)?;
        self.directory.sync()?;
        Ok(erased)
    }

    pub(crate) fn change(&self, name: &CredentialName) -> Result<Change<'_>, Error> {
        let deadline = Instant::now() + CHANGE_PATIENCE;
        let lock = Lock::acquire(&self.directory, Range::Change(name.as_str()), deadline)?;
        Ok(Change {
            store: self,
            name: name.clone(),
            _lock: lock,
        })
    }

    /// What is there. If it looks like the middle of a change, then what is there after the change.
    pub(crate) fn examine_settled(
        &self,
        name: &CredentialName,
    ) -> Result<(Option<Stamp>, Arc<Stored>), Error> {
        let found = self.examiner.examine(&self.directory, name)?;
        if found.1.may_be_half_done() {
            self.change(name)?.examine()
        } else {
            Ok(found)
        }
    }

    /// Owner and mode of a file that a request is about to use.
    pub(crate) fn check(&self, name: &CredentialName, stamp: Stamp) -> Result<(), Error> {
        let allowed = self.permissions.mode;
        let expected = self.permissions.uid.unwrap_or(self.directory.owner());
        if stamp.uid != expected {
            return Err(Error::UnsafeFile {
                reason: format!(
                    "belongs to user {}, not to {}",
                    user_name(stamp.uid),
                    user_name(expected)
                ),
                remedy: "find out who put it there, and remove it".into(),
                path: self.path(name),
            });
        }
        if stamp.mode & !allowed != 0 {
            return Err(Error::UnsafeFile {
                reason: format!("has mode {:04o}, wider than {allowed:04o}", stamp.mode),
                remedy: format!("chmod {allowed:04o} {}", self.path(name).display()),
                path: self.path(name),
            });
        }
        Ok(())
    }
}

/// A valid credential of another origin stays; anything else may make way.
pub(crate) fn may_be_replaced(stored: &Stored, origin: &Origin, now: SystemTime) -> bool {
    let has_expired = |certificate: &Certificate| certificate.expires <= now;
    match stored {
        Stored::Absent => true,
        Stored::Mismatched(whose) => whose.as_ref().is_none_or(|whose| whose.origin == *origin),
        Stored::Recorded(stored, certificate) => stored.record.origin == *origin || has_expired(certificate),
        // Such as a Perl handler left: it goes when it has expired. What is no credential at all stays.
        Stored::Unrecorded(certificate) => certificate.as_ref().is_some_and(has_expired),
    }
}

/// The right to change the files of one name. Nothing is put in place or removed without it.
pub(crate) struct Change<'a> {
    store: &'a CredentialStore,
    name: CredentialName,
    _lock: Lock,
}

impl Change<'_> {
    pub(crate) fn examine(&self) -> Result<(Option<Stamp>, Arc<Stored>), Error> {
        self.store.examiner.examine(&self.store.directory, &self.name)
    }

    /// Puts a new credential and its record in place.
    pub(crate) fn put(&self, credential: Temporary<'_>, record: Temporary<'_>) -> Result<(), Error> {
        // The record first: without its credential it speaks for nothing.
        record.replace(&record_name(&self.name))?;
        credential.replace(self.name.as_str())?;
        self.store.directory.remove(&pause_name(&self.name)).map(|_| ())
    }

    /// Removes credential and record; `false` if there was neither.
    pub(crate) fn discard(&self) -> Result<bool, Error> {
        // In this order a crash leaves a record that speaks for nothing, never a credential of nobody.
        let credential = self.store.directory.remove(self.name.as_str())?;
        let record = self.store.directory.remove(&record_name(&self.name))?;
        self.store.directory.remove(&pause_name(&self.name))?;
        Ok(credential || record)
    }
}
