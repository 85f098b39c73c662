//! Which web user has a MyProxy user's credential (`MyProxyUserShared off`).
//!
//! A small file for the MyProxy user names the web user who got a credential last. Who has the MyProxy user's own name
//! needs none for a credential of all sessions. The file says nothing by itself: it counts only while that web user has a
//! valid credential of that MyProxy user, so that no crash, and no file that was left behind, keeps anybody out.

use std::time::{Instant, SystemTime};

use serde::{Deserialize, Serialize};

use crate::credential::CHANGE_PATIENCE;
use crate::examine::Stored;
use crate::file::{self, Ownership, Temporary};
use crate::list::credential_names;
use crate::lock::{Lock, Range};
use crate::{CredentialName, CredentialStore, Error, Origin, WebUser};

/// Ends the name of the file; no credential's name can end so.
const HOLDER_SUFFIX: &str = "%user";

/// The content of the file.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    myproxy_user: String,
    web_user: WebUser,
}

impl CredentialStore {
    /// Refuses a credential of a MyProxy user of whom another web user has one.
    ///
    /// # Errors
    /// [`Error::MyProxyUserTaken`], [`Error::Io`].
    pub fn require_free(&self, origin: &Origin, now: SystemTime) -> Result<(), Error> {
        let Origin {
            web_user,
            myproxy_user,
            ..
        } = origin;
        let holder = self.holder(&holder_name(myproxy_user)?)?;
        let is_held = match holder.filter(|holder| holder.web_user != *web_user) {
            Some(holder) => self.counts(&holder, now)?,
            None => false,
        };
        let has_namesake = web_user.name != *myproxy_user
            && self.has(myproxy_user, now, |other| {
                other.myproxy_user == *myproxy_user && other.web_user != *web_user
            })?;
        if is_held || has_namesake {
            return Err(Error::MyProxyUserTaken {
                myproxy_user: myproxy_user.clone(),
            });
        }
        Ok(())
    }

    /// The same, and writes down that the MyProxy user is this web user's. Until the lock is dropped it is nobody
    /// else's: long enough to put a credential in place.
    ///
    /// It is taken before the change lock of any credential, and never while one is held.
    pub(crate) fn hold(
        &self,
        origin: &Origin,
        credential: &CredentialName,
        now: SystemTime,
    ) -> Result<Lock, Error> {
        let name = holder_name(&origin.myproxy_user)?;
        let lock = self.lock_holder(&name)?;
        self.require_free(origin, now)?;
        let holder = Holder {
            myproxy_user: origin.myproxy_user.clone(),
            web_user: origin.web_user.clone(),
        };
        // A credential of the MyProxy user's own name, for all sessions, is found without a file that leads to it.
        let is_found = credential.as_str() == CredentialName::of_user(&origin.myproxy_user)?.as_str();
        if !is_found && self.holder(&name)?.as_ref() != Some(&holder) {
            let json = serde_json::to_vec(&holder).map_err(|error| Error::Malformed {
                path: self.directory.path().join(&name),
                reason: error.to_string(),
            })?;
            let mut temporary = Temporary::create(&self.directory, Ownership::private(&self.directory))?;
            temporary.write(&json)?;
            temporary.replace(&name)?;
        }
        Ok(lock)
    }

    /// Removes the file of a MyProxy user of whom its web user has no credential any more.
    pub(crate) fn release(&self, myproxy_user: &str, now: SystemTime) -> Result<(), Error> {
        self.release_name(&holder_name(myproxy_user)?, now)
    }

    /// The same by the file's name.
    pub(crate) fn release_name(&self, name: &str, now: SystemTime) -> Result<(), Error> {
        if file::stamp(&self.directory, name)?.is_none() {
            return Ok(());
        }
        let _lock = self.lock_holder(name)?;
        let counts = match self.holder(name)? {
            Some(holder) => self.counts(&holder, now)?,
            None => false,
        };
        if !counts {
            self.directory.remove(name)?;
        }
        Ok(())
    }

    fn lock_holder(&self, name: &str) -> Result<Lock, Error> {
        Lock::acquire(
            &self.directory,
            Range::Change(name),
            Instant::now() + CHANGE_PATIENCE,
        )
    }

    /// What the file says; `None` where there is none, or none that can be understood.
    fn holder(&self, name: &str) -> Result<Option<Holder>, Error> {
        let contents = file::read(&self.directory, name)?;
        Ok(contents.and_then(|contents| serde_json::from_slice(&contents.bytes).ok()))
    }

    /// Whether the web user has a valid credential of the MyProxy user.
    fn counts(&self, holder: &Holder, now: SystemTime) -> Result<bool, Error> {
        self.has(&holder.web_user.name, now, |origin| {
            origin.web_user == holder.web_user && origin.myproxy_user == holder.myproxy_user
        })
    }

    /// Whether there is a valid credential of such an origin under a web user's name: for all sessions, or for one.
    fn has(
        &self,
        web_user_name: &str,
        now: SystemTime,
        is_such: impl Fn(&Origin) -> bool,
    ) -> Result<bool, Error> {
        let of_all = CredentialName::of_user(web_user_name)?;
        let is_one = |name: &CredentialName| -> Result<bool, Error> {
            Ok(match &*self.examine_settled(name)?.1 {
                Stored::Recorded(stored, certificate) => {
                    is_such(&stored.record.origin) && now < certificate.expires
                }
                _ => false,
            })
        };
        if is_one(&of_all)? {
            return Ok(true);
        }
        for name in credential_names(&self.directory)? {
            if name != of_all && name.of_all_sessions() == of_all.as_str() && is_one(&name)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn holder_name(myproxy_user: &str) -> Result<String, Error> {
    CredentialName::of_user(myproxy_user).map(|name| format!("{name}{HOLDER_SUFFIX}"))
}

/// Whether a file is one of these.
pub(crate) fn is_holder_name(file_name: &str) -> bool {
    file_name
        .strip_suffix(HOLDER_SUFFIX)
        .is_some_and(|name| CredentialName::from_file_name(name).is_some())
}
