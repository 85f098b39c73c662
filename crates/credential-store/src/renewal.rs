//! Renewing a credential: it takes the place of the one that is there, and of no other.

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::examine::{Stored, digest};
use crate::file;
use crate::list::credential_names;
use crate::record::StoredRecord;
use crate::sweep::Sweep;
use crate::{Certificate, CredentialName, CredentialStore, Error, Logon, Record, SessionStore};

/// How a credential is kept good (`MyProxyRenew`): stored beside it, so that whoever finds it knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    /// It is to be renewed when less than this is left, in seconds.
    pub seconds_left: u32,
    /// The lifetime to ask for, in seconds.
    pub lifetime: u32,
}

impl Renewal {
    /// The same for a credential that has just been got. Where the server gives less than is asked for, half of what it
    /// gave: a credential that is due from the beginning would be renewed again and again.
    pub(crate) fn within(self, certificate: &Certificate, now: SystemTime) -> Self {
        let lifetime = certificate.expires.duration_since(now).unwrap_or_default();
        let half = u32::try_from(lifetime.as_secs() / 2).unwrap_or(u32::MAX);
        Renewal {
            seconds_left: self.seconds_left.min(half),
            ..self
        }
    }

    /// Whether a credential is to be renewed by now. One that has expired is not: somebody has to log on.
    pub fn is_due(&self, certificate: &Certificate, now: SystemTime) -> bool {
        now < certificate.expires && !certificate.lasts(Duration::from_secs(self.seconds_left.into()), now)
    }
}

/// A stored credential whose time has come.
pub struct DueCredential {
    /// Whose it is, and how it was got.
    pub record: Record,
    /// Subject and expiry.
    pub certificate: Certificate,
    /// How it is renewed.
    pub renewal: Renewal,
    /// Certificate, private key and chain.
    pub pem: Zeroizing<Vec<u8>>,
    cookie_sha256: Option<String>,
}

impl CredentialStore {
    /// The names of all credentials that are to be renewed and that a live session uses.
    ///
    /// # Errors
    /// [`Error::Io`], or a session that cannot be read: then nobody knows what is used.
    pub fn due(&self, sessions: &SessionStore, now: SystemTime) -> Result<Vec<CredentialName>, Error> {
        let mut due = Vec::new();
        for name in credential_names(&self.directory)? {
            if let Stored::Recorded(stored, certificate) = &*self.examine_settled(&name)?.1
                && stored
                    .renewal
                    .is_some_and(|renewal| renewal.is_due(certificate, now))
            {
                due.push((stored.record.origin.web_user.clone(), name));
            }
        }
        if !due.is_empty() {
            let in_use = Sweep::new(self, sessions, now).references()?;
            due.retain(|user_and_name| in_use.contains(user_and_name));
        }
        Ok(due.into_iter().map(|(_, name)| name).collect())
    }
}

impl Logon<'_> {
    /// The credential that is there, if it is to be renewed: another process may have done so before this turn.
    ///
    /// # Errors
    /// As of [`CredentialStore::lookup`].
    pub fn due(&self, now: SystemTime) -> Result<Option<DueCredential>, Error> {
        let store = self.store();
        store.directory().verify()?;
        let (stamp, stored) = store.examine_settled(self.name())?;
        let (Some(stamp), Stored::Recorded(stored, certificate)) = (stamp, &*stored) else {
            return Ok(None);
        };
        let Some(renewal) = stored.renewal.filter(|renewal| renewal.is_due(certificate, now)) else {
            return Ok(None);
        };
        store.check(self.name(), stamp)?;
        let pem = file::read(store.directory(), self.name().as_str())?.map(|contents| contents.bytes);
        Ok(pem
            .filter(|pem| digest(pem) == stored.credential_sha256)
            .map(|pem| DueCredential {
                record: stored.record.clone(),
                certificate: certificate.clone(),
                renewal,
                pem,
                cookie_sha256: stored.cookie_sha256.clone(),
            }))
    }

    /// Puts a renewed credential in the place of the old one, in one step, with the same record; `None` if the old one
    /// is not there any more, or has expired meanwhile: another web user may have got one of the same MyProxy user then.
    ///
    /// **Nothing comes back after a logout.** [`CredentialStore::erase`] removes a credential under its change lock,
    /// and so does the sweep. Here, under the same lock, the very credential that was to be renewed is still there: so
    /// whoever erases it comes later, and erases the new one.
    ///
    /// # Errors
    /// [`Error::NotACredential`], [`Error::EndsEarlier`], [`Error::Busy`], [`Error::Io`].
    pub fn renew(
        &self,
        old: &DueCredential,
        pem: &[u8],
        now: SystemTime,
    ) -> Result<Option<Certificate>, Error> {
        let certificate = Certificate::read_with_key(pem).map_err(Error::NotACredential)?;
        if certificate.expires < old.certificate.expires {
            return Err(Error::EndsEarlier);
        }
        let store = self.store();
        store.directory().verify()?;
        let new_credential = self.write_credential(pem)?;
        let new_record = self.write_record(&StoredRecord {
            record: old.record.clone(),
            credential_sha256: digest(pem),
            cookie_sha256: old.cookie_sha256.clone(),
            renewal: Some(old.renewal.within(&certificate, now)),
        })?;
        let change = store.change(self.name())?;
        let there = change.examine()?.1;
        let is_there = matches!(&*there, Stored::Recorded(stored, _)
            if stored.credential_sha256 == digest(&old.pem)
                && stored.record == old.record
                && now < old.certificate.expires);
        if !is_there {
            return Ok(None);
        }
        change.put(new_credential, new_record)?;
        Ok(Some(certificate))
    }
}
