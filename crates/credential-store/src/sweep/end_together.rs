//! A session and its credential end together: each takes the other along.

use std::time::SystemTime;

use super::Sweep;
use crate::examine::Stored;
use crate::session::{Loaded, is_session_name};
use crate::{CredentialName, CredentialStore, EndedSession, Error, SessionStore};

/// Erases the credential of a session that ended because it was idle, unless another live session refers to it.
///
/// # Errors
/// [`Error::Busy`], [`Error::Io`], or why the credential or a session cannot be looked at. The sweep tries again.
pub fn erase_if_orphaned(
    credentials: &CredentialStore,
    sessions: &SessionStore,
    ended: &EndedSession,
    now: SystemTime,
) -> Result<bool, Error> {
    let mut sweep = Sweep::new(credentials, sessions, now);
    let _frozen = sessions.freeze()?;
    let live = sweep.references()?;
    sweep.sweep_credential(ended.credential(), Some(&live))?;
    Ok(!sweep.report.orphaned.is_empty())
}

/// Erases the credential of a session that ended with it, unless a new one is there.
///
/// # Errors
/// As [`erase_if_orphaned`].
pub fn erase_if_expired(
    credentials: &CredentialStore,
    sessions: &SessionStore,
    ended: &EndedSession,
    now: SystemTime,
) -> Result<bool, Error> {
    let mut sweep = Sweep::new(credentials, sessions, now);
    sweep.sweep_credential(ended.credential(), None)?;
    Ok(!sweep.report.expired.is_empty())
}

impl Sweep<'_> {
    /// The sessions of the credentials that have expired end with them, unless one has come by what to get another with.
    pub(super) fn end_with_credentials(&mut self) -> Result<(), Error> {
        if self.report.expired.is_empty() {
            return Ok(());
        }
        for name in self.sessions.directory.names()? {
            // A dry run has ended nothing.
            let has_ended = self.report.idle.contains(&name);
            if is_session_name(&name) && !has_ended {
                let result = self.end_with_credential(&name);
                self.report.note(result);
            }
        }
        Ok(())
    }

    fn end_with_credential(&mut self, name: &str) -> Result<(), Error> {
        let expired = &self.report.expired;
        let is_over = |loaded: &Loaded| match loaded {
            Loaded::Live(session, _) => {
                session.pending.is_none() && expired.iter().any(|gone| gone == session.credential.as_str())
            }
            Loaded::Nothing | Loaded::Malformed(_) => false,
        };
        if !is_over(&self.sessions.load(name)?) {
            return Ok(());
        }
        let change = self.sessions.change(name)?;
        let loaded = change.load()?;
        if !is_over(&loaded) {
            return Ok(());
        }
        match loaded {
            Loaded::Live(session, _) if self.dry_run || !self.is_there(&session.credential)? => {
                if !self.dry_run {
                    let _ended = change.end(session)?;
                }
                self.report.over.push(name.to_owned());
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether a credential has taken the place of one that expired.
    fn is_there(&self, name: &CredentialName) -> Result<bool, Error> {
        let (_, stored) = self.credentials.examine_settled(name)?;
        Ok(!matches!(*stored, Stored::Absent))
    }
}
