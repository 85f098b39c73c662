//! Clears what has expired, fell idle or lost its session, while logons and logouts go on.
//!
//! What is to go is found without a lock, then looked at again under the lock of its name before it goes: a
//! logon that publishes in between is seen. Two sweeps at once do no harm. Nothing is touched that this store
//! does not make.

mod end_together;

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

pub use end_together::{erase_if_expired, erase_if_orphaned};
use serde::Serialize;

use crate::directory::Directory;
use crate::examine::{Stored, of_record_name};
use crate::file::{self, is_temporary};
use crate::holder::is_holder_name;
use crate::list::credential_names;
use crate::lock::LOCK_FILE;
use crate::pause::{FORGOTTEN_AFTER, is_pause_name};
use crate::record::StoredRecord;
use crate::session::{Live, Loaded, is_session_name};
use crate::unix_time::age;
use crate::{CredentialName, CredentialStore, Error, SessionStore, WebUser};

/// A temporary file so old was left by a process that died: writing one takes milliseconds.
pub const STALE_AFTER: Duration = Duration::from_secs(600);

/// For how many orphans new sessions are kept waiting at a time: some milliseconds.
const ORPHANS_AT_ONCE: usize = 200;

/// What a sweep erased, by file name, and what it left.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct SweepReport {
    /// Credentials that had expired.
    pub expired: Vec<String>,
    /// Credentials to which no live session referred.
    pub orphaned: Vec<String>,
    /// Credentials and records of which the other half was missing or another, and sessions that could not be
    /// understood.
    pub broken: Vec<String>,
    /// Sessions that were not used for too long.
    pub idle: Vec<String>,
    /// Sessions whose credential had expired.
    pub over: Vec<String>,
    /// Temporary files of processes that died.
    pub temporaries: Vec<String>,
    /// Sessions whose waiting granting cookie had grown too old, and was cleared.
    pub stale_cookies: Vec<String>,
    /// Paths of files that are not ours, and were left.
    pub unknown: Vec<String>,
    /// What could not be looked at or erased, and why.
    pub failures: Vec<String>,
}

impl SweepReport {
    /// How many files were erased.
    pub fn erased(&self) -> usize {
        let erased = [
            &self.expired,
            &self.orphaned,
            &self.broken,
            &self.idle,
            &self.over,
            &self.temporaries,
        ];
        erased.iter().map(|names| names.len()).sum()
    }

    /// Notes what failed, once, and goes on with what did not.
    fn note<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        let message = match result {
            Ok(value) => return Some(value),
            Err(error) => error.to_string(),
        };
        if !self.failures.contains(&message) {
            self.failures.push(message);
        }
        None
    }
}

/// Clears both stores. A session that was not used for its idle time, or for `idle` where that is given, ends; a
/// credential goes when it has expired, and its sessions with it, or when no live session of its user refers to it. With
/// `dry_run` it only says what it would do.
///
/// # Errors
/// [`Error::NotSeparate`] if the stores are one directory, [`Error::Io`] if one cannot be listed. What fails
/// with a single file is in the report.
pub fn sweep(
    credentials: &CredentialStore,
    sessions: &SessionStore,
    idle: Option<Duration>,
    now: SystemTime,
    dry_run: bool,
) -> Result<SweepReport, Error> {
    if credentials.directory.is_same_as(&sessions.directory) {
        return Err(Error::NotSeparate {
            credentials: credentials.directory.path().to_owned(),
            sessions: sessions.directory.path().to_owned(),
        });
    }
    let mut sweep = Sweep {
        idle,
        dry_run,
        ..Sweep::new(credentials, sessions, now)
    };
    sweep.sweep_sessions()?;
    sweep.sweep_credentials()?;
    sweep.end_with_credentials()?;
    Ok(sweep.report)
}

/// Which credentials live sessions refer to, and whose they must be.
pub(crate) type References = HashSet<(WebUser, CredentialName)>;

pub(crate) struct Sweep<'a> {
    credentials: &'a CredentialStore,
    sessions: &'a SessionStore,
    idle: Option<Duration>,
    now: SystemTime,
    dry_run: bool,
    report: SweepReport,
}

impl<'a> Sweep<'a> {
    pub(crate) fn new(credentials: &'a CredentialStore, sessions: &'a SessionStore, now: SystemTime) -> Self {
        Sweep {
            credentials,
            sessions,
            idle: None,
            now,
            dry_run: false,
            report: SweepReport::default(),
        }
    }

    fn sweep_sessions(&mut self) -> Result<(), Error> {
        for name in self.sessions.directory.names()? {
            if is_session_name(&name) {
                let result = self.sweep_session(&name);
                self.report.note(result);
            } else {
                self.sweep_other(&self.sessions.directory, &name);
            }
        }
        Ok(())
    }

    fn sweep_session(&mut self, name: &str) -> Result<(), Error> {
        if self.fate(&self.sessions.load(name)?) == SessionFate::Stays {
            return Ok(());
        }
        let change = self.sessions.change(name)?;
        let loaded = change.load()?;
        let fate = self.fate(&loaded);
        if !self.dry_run {
            match (fate, loaded) {
                (SessionFate::Ends, Loaded::Live(session, _)) => {
                    // Its credential goes as one without a session, unless another of the user's lives.
                    let _ended = change.end(session)?;
                }
                (SessionFate::LosesCookie, Loaded::Live(mut session, last_used)) => {
                    session.pending = None;
                    change.write(&session, last_used)?;
                }
                (SessionFate::BrokenGoes, _) => change.remove()?,
                _ => {}
            }
        }
        match fate {
            SessionFate::Stays => return Ok(()),
            SessionFate::Ends => &mut self.report.idle,
            SessionFate::LosesCookie => &mut self.report.stale_cookies,
            SessionFate::BrokenGoes => &mut self.report.broken,
        }
        .push(name.to_owned());
        Ok(())
    }

    fn fate(&self, loaded: &Loaded) -> SessionFate {
        match loaded {
            Loaded::Live(session, last_used) if self.is_idle(session, *last_used) => SessionFate::Ends,
            Loaded::Live(session, _)
                if session
                    .pending
                    .as_ref()
                    .is_some_and(|pending| pending.is_stale(self.now)) =>
            {
                SessionFate::LosesCookie
            }
            Loaded::Malformed(since) if age(*since, self.now) >= STALE_AFTER => SessionFate::BrokenGoes,
            _ => SessionFate::Stays,
        }
    }

    fn is_idle(&self, session: &Live, last_used: SystemTime) -> bool {
        let idle = self.idle.unwrap_or(Duration::from_secs(session.idle_seconds));
        age(last_used, self.now) >= idle
    }

    /// To what live sessions refer now. A session that cannot be read might refer to anything: then this
    /// fails, and nothing counts as an orphan.
    pub(crate) fn references(&self) -> Result<References, Error> {
        let mut references = References::new();
        for name in self
            .sessions
            .directory
            .names()?
            .iter()
            .filter(|name| is_session_name(name))
        {
            if let Loaded::Live(session, last_used) = self.sessions.load(name)?
                && !self.is_idle(&session, last_used)
            {
                references.insert((session.web_user, session.credential));
            }
        }
        Ok(references)
    }

    fn sweep_credentials(&mut self) -> Result<(), Error> {
        let live = self.references();
        let live = self.report.note(live);
        let directory = &self.credentials.directory;
        for name in directory.names()? {
            if CredentialName::from_file_name(&name).is_none() && of_record_name(&name).is_none() {
                self.sweep_other(directory, &name);
            }
        }
        let mut orphans = Vec::new();
        for name in credential_names(directory)? {
            match self.credentials.examine_settled(&name) {
                Err(error) => {
                    self.report.note::<()>(Err(error));
                }
                Ok((_, stored)) => match self.verdict(&stored, &name, live.as_ref()) {
                    Verdict::Stays => {}
                    Verdict::Unknown => self
                        .report
                        .unknown
                        .push(self.credentials.path(&name).display().to_string()),
                    Verdict::Orphaned => orphans.push(name),
                    Verdict::Expired | Verdict::Broken => {
                        // What sessions referred to above means nothing here: a new one may have published since.
                        let result = self.sweep_credential(&name, None);
                        self.report.note(result);
                    }
                },
            }
        }
        for some in orphans.chunks(ORPHANS_AT_ONCE) {
            let result = self.sweep_orphans(some);
            self.report.note(result);
        }
        if !self.dry_run {
            directory.sync()?;
        }
        Ok(())
    }

    /// While the sessions are kept as they are, no new one can come to refer to an orphan. Nobody who changes
    /// a credential waits for a session's lock, so holding this one while waiting for a credential's is safe.
    fn sweep_orphans(&mut self, orphans: &[CredentialName]) -> Result<(), Error> {
        let _frozen = self.sessions.freeze()?;
        let live = self.references()?;
        for name in orphans {
            let result = self.sweep_credential(name, Some(&live));
            self.report.note(result);
        }
        Ok(())
    }

    /// Looks again under the lock, and erases.
    fn sweep_credential(&mut self, name: &CredentialName, live: Option<&References>) -> Result<(), Error> {
        let change = self.credentials.change(name)?;
        let (_, stored) = change.examine()?;
        let names = match self.verdict(&stored, name, live) {
            Verdict::Stays | Verdict::Unknown => return Ok(()),
            Verdict::Expired => &mut self.report.expired,
            Verdict::Orphaned => &mut self.report.orphaned,
            Verdict::Broken => &mut self.report.broken,
        };
        if self.dry_run || change.discard()? {
            names.push(name.to_string());
        }
        drop(change);
        match &*stored {
            Stored::Recorded(stored, _) if !self.dry_run => {
                let myproxy_user = &stored.record.origin.myproxy_user;
                self.credentials.release(myproxy_user, self.now)
            }
            _ => Ok(()),
        }
    }

    fn verdict(&self, stored: &Stored, name: &CredentialName, live: Option<&References>) -> Verdict {
        match stored {
            Stored::Absent | Stored::Mismatched(_) => Verdict::Broken,
            Stored::Unrecorded(_) => Verdict::Unknown,
            Stored::Recorded(_, certificate) if certificate.expires <= self.now => Verdict::Expired,
            Stored::Recorded(StoredRecord { record, .. }, _) => match live {
                Some(live) if !live.contains(&(record.origin.web_user.clone(), name.clone())) => {
                    Verdict::Orphaned
                }
                _ => Verdict::Stays,
            },
        }
    }

    /// What is neither credential, record nor session.
    fn sweep_other(&mut self, directory: &Directory, name: &str) {
        if name == LOCK_FILE {
            return;
        }
        let stale = |stamp: file::Stamp| age(stamp.modified(), self.now) >= STALE_AFTER;
        match file::stamp(directory, name) {
            Ok(Some(stamp)) if is_temporary(name) => {
                if stale(stamp) {
                    let removed = if self.dry_run {
                        Ok(true)
                    } else {
                        directory.remove(name)
                    };
                    self.report.note(removed.map(|_| ()));
                    self.report.temporaries.push(name.to_owned());
                }
            }
            Ok(Some(stamp)) if is_pause_name(name) => {
                // It says nothing any more.
                if age(stamp.modified(), self.now) >= FORGOTTEN_AFTER && !self.dry_run {
                    let removed = directory.remove(name);
                    self.report.note(removed);
                }
            }
            Ok(Some(_)) if is_holder_name(name) => {
                if !self.dry_run {
                    let released = self.credentials.release_name(name, self.now);
                    self.report.note(released);
                }
            }
            Ok(None) => {}
            Ok(Some(_)) | Err(_) => self
                .report
                .unknown
                .push(directory.path().join(name).display().to_string()),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum SessionFate {
    Stays,
    Ends,
    LosesCookie,
    BrokenGoes,
}

enum Verdict {
    Stays,
    Unknown,
    Expired,
    Orphaned,
    Broken,
}
