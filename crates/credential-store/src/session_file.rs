//! The file of one session: what it holds, and who may change it.

use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::credential::CHANGE_PATIENCE;
use crate::file::{Ownership, Temporary};
use crate::lock::{Lock, Range};
use crate::name::is_hex;
use crate::{CredentialName, EndedSession, Error, Failure, PendingCookie, SessionStore, WebUser, unix_time};

/// Whether a session's file can have this name.
pub(crate) fn is_session_name(name: &str) -> bool {
    is_hex(name, 64)
}

/// The right to change the file of one session.
pub(crate) struct Change<'a> {
    store: &'a SessionStore,
    file_name: String,
    _lock: Lock,
}

impl<'a> Change<'a> {
    /// Waits for it, some seconds at most.
    pub(crate) fn of(store: &'a SessionStore, file_name: &str) -> Result<Self, Error> {
        let deadline = Instant::now() + CHANGE_PATIENCE;
        let lock = Lock::acquire(&store.directory, Range::Change(file_name), deadline)?;
        Ok(Change {
            store,
            file_name: file_name.to_owned(),
            _lock: lock,
        })
    }

    pub(crate) fn load(&self) -> Result<Loaded, Error> {
        self.store.load(&self.file_name)
    }

    /// Ends the session that was found with [`Change::load`].
    pub(crate) fn end(&self, session: Box<Live>) -> Result<EndedSession, Error> {
        self.remove()?;
        Ok(EndedSession {
            web_user: session.web_user,
            credential: session.credential,
        })
    }

    /// Puts the file in place: of a new session, or of one that was found with [`Change::load`]. Any other
    /// would be brought back to life.
    pub(crate) fn write(&self, session: &Live, last_used: SystemTime) -> Result<(), Error> {
        let directory = &self.store.directory;
        let json = serde_json::to_vec(session).map_err(|error| Error::Malformed {
            path: directory.path().join(&self.file_name),
            reason: error.to_string(),
        })?;
        let mut temporary = Temporary::create(directory, Ownership::private(directory))?;
        temporary.write(&json)?;
        temporary.set_modified(last_used)?;
        temporary.replace(&self.file_name)
    }

    pub(crate) fn remove(&self) -> Result<(), Error> {
        self.store.directory.remove(&self.file_name).map(|_| ())
    }
}

/// What a session's file was found to hold.
pub(crate) enum Loaded {
    Nothing,
    /// With the time of its last use.
    Live(Box<Live>, SystemTime),
    /// With the time of the file.
    Malformed(SystemTime),
}

/// A session's file.
#[derive(Debug)]
pub(crate) struct SessionFile {
    pub(crate) name: String,
    pub(crate) content: Live,
}

/// The content of a session's file.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Live {
    pub(crate) web_user: WebUser,
    pub(crate) credential: CredentialName,
    #[serde(with = "unix_time")]
    pub(crate) created: SystemTime,
    /// Unused for so long, it has ended.
    pub(crate) idle_seconds: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) pending: Option<PendingCookie>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_failure: Option<Failure>,
}
