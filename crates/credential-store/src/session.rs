//! Sessions: one small file each, named after the SHA-256 of an identifier that only the browser has.
//!
//! A session lives while its file is there, and ends when the file is removed: nothing is kept of it. It cannot
//! come back. Its identifier is made once, and never again; and its file is removed, or replaced by one with
//! other content, only under its change lock and by whoever has seen it there under that lock.

use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::credential::CHANGE_PATIENCE;
use crate::directory::Directory;
use crate::file::{self, Contents, Stamp};
use crate::lock::{Lock, Range};
use crate::remembered::{Remembered, Seen};
use crate::session_file::SessionFile;
pub(crate) use crate::session_file::{Change, Live, Loaded, is_session_name};
use crate::unix_time::{self, age};
use crate::{CredentialName, Error, PendingCookie, ProofDigest, SessionId, WebUser};

/// A use is written down when a twentieth of the idle time has passed since the last one that was.
const TOUCHES_AN_IDLE_TIME: u32 = 20;

/// What is known of the session that a request's cookie names.
#[derive(Debug)]
pub enum SessionLookup {
    /// It has ended, or we did not make it: never adopt it.
    Unknown,
    /// It was not used for too long: it counts as ended, and the sweep will end it.
    Idle,
    /// It is the session of another user: ignore it.
    OtherUser,
    /// It is this user's, and lives.
    Live(Session),
}

/// A live session, as it was when it was read.
#[derive(Clone, Debug)]
pub struct Session {
    file: Arc<SessionFile>,
    last_used: SystemTime,
}

impl Session {
    /// Whose it is.
    pub fn web_user(&self) -> &WebUser {
        &self.file.content.web_user
    }

    /// The credential that it uses.
    pub fn credential(&self) -> &CredentialName {
        &self.file.content.credential
    }

    /// When it was made.
    pub fn created(&self) -> SystemTime {
        self.file.content.created
    }

    /// When it was last used, a twentieth of the idle time back at most.
    pub fn last_used(&self) -> SystemTime {
        self.last_used
    }

    /// The granting cookie that waits for another try, until it is [`PENDING_MAX_AGE`](crate::PENDING_MAX_AGE)
    /// old. `id` must be this session's: it is what opens the seal.
    pub fn pending(&self, id: &SessionId, now: SystemTime) -> Option<Zeroizing<Vec<u8>>> {
        self.file.content.pending.as_ref()?.open(id, now)
    }

    /// When the granting cookie that waits was made, by the login server's clock.
    pub fn pending_since(&self) -> Option<SystemTime> {
        Some(self.file.content.pending.as_ref()?.created)
    }

    /// The last logon of this session that failed.
    pub fn last_failure(&self) -> Option<&Failure> {
        self.file.content.last_failure.as_ref()
    }

    /// The failure of a logon with the same proof that happened at or after `since`: the answer for a request
    /// that began to wait then, without asking the server again. Not to be used for pass phrases: a verdict
    /// on a pass phrase is taken over by nobody.
    pub fn failure_since(&self, proof: &ProofDigest, since: SystemTime) -> Option<&Failure> {
        self.last_failure()
            .filter(|failure| failure.proof == *proof && failure.at >= since)
    }

    /// The failure after which this proof is not shown again just now.
    pub fn failure_that_lasts(&self, proof: &ProofDigest, now: SystemTime) -> Option<&Failure> {
        self.last_failure()
            .filter(|failure| failure.proof == *proof && now < failure.until)
    }
}

impl Seen {
    fn session(self) -> Session {
        Session {
            last_used: self.stamp.modified(),
            file: self.file,
        }
    }
}

/// Why a logon failed, for the requests that waited for it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The class of the error (`MYPROXY_ERROR`).
    pub class: String,
    /// Its description (`MYPROXY_ERROR_DESC`).
    pub description: String,
    /// When it failed, to the microsecond.
    #[serde(with = "unix_time")]
    pub at: SystemTime,
    /// Until when the same is not shown again.
    #[serde(with = "unix_time")]
    pub until: SystemTime,
    /// What had been shown to the server.
    pub proof: ProofDigest,
}

/// A session that has just ended: the right, and the duty, to erase its credential
/// ([`CredentialStore::erase`](crate::CredentialStore::erase)).
#[derive(Debug)]
#[must_use = "the credential of an ended session must be erased"]
pub struct EndedSession {
    pub(crate) web_user: WebUser,
    pub(crate) credential: CredentialName,
}

impl EndedSession {
    /// Whose it was.
    pub fn web_user(&self) -> &WebUser {
        &self.web_user
    }

    /// The credential that it used.
    pub fn credential(&self) -> &CredentialName {
        &self.credential
    }
}

/// A file, and what it holds if that can be understood.
type ReadFile = (Stamp, Option<Box<Live>>);

/// A directory of sessions. Share one between all threads.
#[derive(Debug)]
pub struct SessionStore {
    pub(crate) directory: Directory,
    remembered: Remembered,
}

impl SessionStore {
    /// Works in `directory`.
    ///
    /// # Errors
    /// [`Error::Io`] if this process may not write there.
    pub fn open(directory: Directory) -> Result<Self, Error> {
        directory.require_writable()?;
        Ok(Self {
            directory,
            remembered: Remembered::new(),
        })
    }

    /// The directory.
    pub fn directory(&self) -> &Directory {
        &self.directory
    }

    /// Begins a session with a new identifier. The sweep ends it when it was not used for `idle`.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Random`].
    pub fn create(
        &self,
        web_user: &WebUser,
        credential: &CredentialName,
        idle: Duration,
        now: SystemTime,
    ) -> Result<(SessionId, Session), Error> {
        self.begin(SessionId::generate()?, web_user, credential.clone(), idle, now)
    }

    /// The same for a session whose credential no other one uses: it is named after both.
    ///
    /// # Errors
    /// [`Error::NoUser`], and those of [`SessionStore::create`].
    pub fn create_alone(
        &self,
        web_user: &WebUser,
        idle: Duration,
        now: SystemTime,
    ) -> Result<(SessionId, Session), Error> {
        let id = SessionId::generate()?;
        let credential = CredentialName::of_session(&web_user.name, &id)?;
        self.begin(id, web_user, credential, idle, now)
    }

    fn begin(
        &self,
        id: SessionId,
        web_user: &WebUser,
        credential: CredentialName,
        idle: Duration,
        now: SystemTime,
    ) -> Result<(SessionId, Session), Error> {
        let content = Live {
            web_user: web_user.clone(),
            credential,
            created: now,
            idle_seconds: idle.as_secs(),
            pending: None,
            last_failure: None,
        };
        let name = id.file_name();
        let change = self.change(&name)?;
        change.write(&content, now)?;
        let session = Session {
            file: Arc::new(SessionFile { name, content }),
            last_used: now,
        };
        Ok((id, session))
    }

    /// The session that a cookie names, if it is `web_user`'s and was used within `idle`.
    ///
    /// Costs one system call where the file is as it was at the last look, and reads it otherwise.
    ///
    /// # Errors
    /// [`Error::UnsafeFile`] or [`Error::Io`]. A file that cannot be understood counts as no session.
    pub fn find(
        &self,
        id: &SessionId,
        web_user: &WebUser,
        idle: Duration,
        now: SystemTime,
    ) -> Result<SessionLookup, Error> {
        Ok(match self.look(id)? {
            None => SessionLookup::Unknown,
            Some(session) if age(session.last_used, now) >= idle => SessionLookup::Idle,
            Some(session) if session.web_user() != web_user => SessionLookup::OtherUser,
            Some(session) => SessionLookup::Live(session),
        })
    }

    /// Writes down that a session is used, unless that was done within the last twentieth of `idle`. One that
    /// has ended meanwhile is passed over.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn touch(&self, session: &Session, idle: Duration, now: SystemTime) -> Result<(), Error> {
        if age(session.last_used, now) < idle / TOUCHES_AN_IDLE_TIME {
            return Ok(());
        }
        // The time of the file is the time of the last use. To set it makes no file, so it needs no lock.
        file::touch(&self.directory, &session.file.name, now)
    }

    /// Keeps a granting cookie, sealed, for another try. `created` is when the login server made it.
    ///
    /// # Errors
    /// [`Error::SessionEnded`], [`Error::Busy`], [`Error::Io`], [`Error::Random`].
    pub fn set_pending(
        &self,
        id: &SessionId,
        cookie: &[u8],
        created: SystemTime,
        now: SystemTime,
    ) -> Result<(), Error> {
        let pending = PendingCookie::seal(id, cookie, created)?;
        self.change_live(id, now, |session| session.pending = Some(pending))
    }

    /// Forgets the granting cookie that waited, and the failure that made it wait: it was used, or refused.
    ///
    /// # Errors
    /// As [`SessionStore::set_pending`].
    pub fn clear_pending(&self, id: &SessionId, now: SystemTime) -> Result<(), Error> {
        self.change_live(id, now, |session| {
            session.pending = None;
            session.last_failure = None;
        })
    }

    /// Leaves the result of a failed logon for those who wait for the same.
    ///
    /// # Errors
    /// As [`SessionStore::set_pending`].
    pub fn record_failure(&self, id: &SessionId, failure: Failure, now: SystemTime) -> Result<(), Error> {
        self.change_live(id, now, |session| session.last_failure = Some(failure))
    }

    /// Ends a session at once, whoever asks: its file is removed, and nothing is published for it any more.
    /// `None` if there is no such session, or no longer.
    ///
    /// # Errors
    /// [`Error::Busy`] or [`Error::Io`]: then the session may still live.
    pub fn end(&self, id: &SessionId) -> Result<Option<EndedSession>, Error> {
        let change = self.change(&id.file_name())?;
        match change.load()? {
            Loaded::Live(session, _) => {
                let ended = change.end(session)?;
                self.remembered.forget(id);
                self.directory.sync()?;
                Ok(Some(ended))
            }
            _ => Ok(None),
        }
    }

    /// That a credential may be published for this session.
    pub(crate) fn require_live(
        &self,
        id: &SessionId,
        web_user: &WebUser,
        credential: &CredentialName,
    ) -> Result<(), Error> {
        match self.load(&id.file_name())? {
            Loaded::Live(session, _)
                if session.web_user == *web_user && session.credential == *credential =>
            {
                Ok(())
            }
            Loaded::Live(..) => Err(Error::OtherSession),
            _ => Err(Error::SessionEnded),
        }
    }

    fn change_live(
        &self,
        id: &SessionId,
        now: SystemTime,
        edit: impl FnOnce(&mut Live),
    ) -> Result<(), Error> {
        let change = self.change(&id.file_name())?;
        let Loaded::Live(mut session, _) = change.load()? else {
            return Err(Error::SessionEnded);
        };
        edit(&mut session);
        change.write(&session, now)
    }

    pub(crate) fn change(&self, file_name: &str) -> Result<Change<'_>, Error> {
        Change::of(self, file_name)
    }

    /// Keeps every session as it is until the lock is dropped.
    pub(crate) fn freeze(&self) -> Result<Lock, Error> {
        Lock::acquire(
            &self.directory,
            Range::AnyChange,
            Instant::now() + CHANGE_PATIENCE,
        )
    }

    /// A live session. It is read only where the file has changed since it was read last.
    fn look(&self, id: &SessionId) -> Result<Option<Session>, Error> {
        let name = match self.remembered.recall(id) {
            None => id.file_name(),
            Some(seen) => match file::stamp(&self.directory, &seen.file.name)? {
                Some(stamp) if stamp == seen.stamp => return Ok(Some(seen.session())),
                Some(_) => seen.file.name.clone(),
                None => {
                    self.remembered.forget(id);
                    return Ok(None);
                }
            },
        };
        let Some((stamp, Some(content))) = self.read(&name)? else {
            return Ok(None);
        };
        let seen = Seen {
            stamp,
            file: Arc::new(SessionFile {
                name,
                content: *content,
            }),
        };
        self.remembered.remember(id, seen.clone());
        Ok(Some(seen.session()))
    }

    pub(crate) fn load(&self, file_name: &str) -> Result<Loaded, Error> {
        Ok(match self.read(file_name)? {
            None => Loaded::Nothing,
            Some((stamp, Some(session))) => Loaded::Live(session, stamp.modified()),
            Some((stamp, None)) => Loaded::Malformed(stamp.modified()),
        })
    }

    fn read(&self, file_name: &str) -> Result<Option<ReadFile>, Error> {
        let Some(Contents { stamp, bytes }) = file::read(&self.directory, file_name)? else {
            return Ok(None);
        };
        self.check(file_name, stamp)?;
        Ok(Some((stamp, serde_json::from_slice(&bytes).ok())))
    }

    fn check(&self, file_name: &str, stamp: Stamp) -> Result<(), Error> {
        if stamp.uid == self.directory.owner() && stamp.mode & 0o077 == 0 {
            return Ok(());
        }
        Err(Error::UnsafeFile {
            path: self.directory.path().join(file_name),
            reason: format!(
                "has mode {:04o} and user {}, and was not made so",
                stamp.mode, stamp.uid
            ),
            remedy: "find out who changed it, and remove it".into(),
        })
    }
}
