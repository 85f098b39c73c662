//! A logon: one at a time for a credential, and published only for a session that lives.

use std::time::SystemTime;

use crate::credential::may_be_replaced;
use crate::error::{group_name, user_name};
use crate::examine::{digest, record_name};
use crate::file::{Ownership, Temporary};
use crate::lock::Lock;
use crate::record::StoredRecord;
use crate::{
    Certificate, Credential, CredentialName, CredentialStore, Error, FilePermissions, Record, Renewal,
    SessionId, SessionStore,
};

/// A credential that is to be stored.
#[derive(Clone, Copy)]
pub struct NewCredential<'a> {
    /// Whose it is, and how it was got.
    pub record: &'a Record,
    /// The granting cookie that it was got with, where it was one.
    pub cookie: Option<&'a [u8]>,
    /// Certificate, private key and chain, in the order in which they are to be written.
    pub pem: &'a [u8],
    /// How it is kept good, where it is.
    pub renewal: Option<Renewal>,
    /// Whether other web users may have credentials of the same MyProxy user (`MyProxyUserShared`).
    pub shared: bool,
}

/// The turn of one request to log on for one credential.
#[derive(Debug)]
pub struct Logon<'a> {
    store: &'a CredentialStore,
    name: CredentialName,
    _turn: Lock,
}

impl<'a> Logon<'a> {
    pub(crate) fn new(store: &'a CredentialStore, name: CredentialName, turn: Lock) -> Self {
        Self {
            store,
            name,
            _turn: turn,
        }
    }

    pub(crate) fn store(&self) -> &'a CredentialStore {
        self.store
    }

    /// The credential whose turn this is.
    pub fn name(&self) -> &CredentialName {
        &self.name
    }

    /// Stores a credential for a session that lives, in the place of an older one of the same origin. The file is
    /// written beside its place, with its final owner and mode before its content, and renamed. Until then
    /// the old one stays as it is, and nothing is left behind if it does not come to that.
    ///
    /// **Nothing is published after a logout.** [`SessionStore::end`] removes the session's file first, and
    /// [`CredentialStore::erase`] afterwards takes the change lock of the credential. Here the session is
    /// read under that lock, which is kept until the credential is in place. So either the session's file was
    /// there: then it is removed later, the erasure begins later still, waits for the lock, and removes what
    /// was published. Or it was gone, and for good, since no session comes back: then nothing is published.
    /// The change lock is not the turn to log on: a logout never waits for a MyProxy server.
    ///
    /// # Errors
    /// [`Error::SessionEnded`], [`Error::OtherSession`] if the session is another user's or has another
    /// credential, [`Error::NotYours`], [`Error::MyProxyUserTaken`], [`Error::NotACredential`], [`Error::Busy`], [`Error::Io`].
    pub fn publish(
        &self,
        sessions: &SessionStore,
        session: &SessionId,
        new: &NewCredential<'_>,
        now: SystemTime,
    ) -> Result<Credential, Error> {
        let store = self.store;
        let NewCredential {
            record,
            cookie,
            pem,
            renewal,
            shared,
        } = *new;
        let certificate = Certificate::read_with_key(pem).map_err(Error::NotACredential)?;
        store.directory.verify()?;
        let renewal = renewal.map(|renewal| renewal.within(&certificate, now));

        let stored_record = StoredRecord {
            record: record.clone(),
            credential_sha256: digest(pem),
            cookie_sha256: cookie.map(digest),
            renewal,
        };
        // All that takes time, or space, before anything is locked or changed.
        let new_credential = self.write_credential(pem)?;
        let new_record = self.write_record(&stored_record)?;

        let _held = match shared {
            true => None,
            false => Some(store.hold(&record.origin, &self.name, now)?),
        };
        let change = store.change(&self.name)?;
        sessions.require_live(session, &record.origin.web_user, &self.name)?;
        let (_, stored) = change.examine()?;
        if !may_be_replaced(&stored, &record.origin, now) {
            return Err(Error::NotYours {
                path: store.path(&self.name),
            });
        }
        change.put(new_credential, new_record)?;
        Ok(Credential {
            path: store.path(&self.name),
            certificate,
            method: record.method,
            renewal,
            cookie_sha256: stored_record.cookie_sha256,
        })
    }

    pub(crate) fn write_credential(&self, pem: &[u8]) -> Result<Temporary<'_>, Error> {
        let private = Ownership::private(&self.store.directory);
        let FilePermissions { mode, uid, gid } = self.store.permissions;
        let ownership = Ownership {
            mode,
            uid: uid.or(private.uid),
            gid: gid.or(private.gid),
        };
        let mut temporary = Temporary::create(&self.store.directory, ownership)
            .map_err(|error| explain_ownership(error, uid, gid))?;
        temporary.write(pem)?;
        temporary.sync()?;
        Ok(temporary)
    }

    pub(crate) fn write_record(&self, record: &StoredRecord) -> Result<Temporary<'_>, Error> {
        let directory = &self.store.directory;
        let json = serde_json::to_vec(record).map_err(|error| Error::Malformed {
            path: directory.path().join(record_name(&self.name)),
            reason: error.to_string(),
        })?;
        let mut temporary = Temporary::create(directory, Ownership::private(directory))?;
        temporary.write(&json)?;
        Ok(temporary)
    }
}

/// Says what the system's "operation not permitted" means for `MyProxyFilePermissions`.
fn explain_ownership(error: Error, uid: Option<u32>, gid: Option<u32>) -> Error {
    match error {
        Error::Io {
            action: action @ "change the owner or group of",
            path,
            cause,
        } if cause.kind() == std::io::ErrorKind::PermissionDenied => {
            let me = user_name(rustix::process::geteuid().as_raw());
            let advice = match (uid, gid) {
                (Some(uid), _) if uid != rustix::process::geteuid().as_raw() => {
                    format!("only root can give a file to user {}", user_name(uid))
                }
                (_, Some(gid)) => format!("make {me} a member of group {}", group_name(gid)),
                (_, None) => return Error::Io { action, path, cause },
            };
            Error::UnsafeFile {
                path,
                reason: format!("cannot be given away ({cause})"),
                remedy: advice,
            }
        }
        error => error,
    }
}
