//! All the credentials of a store, for whoever looks after it.

use crate::directory::Directory;
use crate::examine::{Stored, of_record_name};
use crate::record::StoredRecord;
use crate::{Certificate, CredentialName, CredentialStore, Error, Record};

/// One credential file.
#[derive(Debug)]
pub struct Listing {
    /// Its name, from which the user can be read.
    pub name: CredentialName,
    /// What was found there.
    pub state: State,
}

/// What a credential file is.
#[derive(Debug)]
pub enum State {
    /// A credential and its record.
    Recorded(Record, Certificate),
    /// A file without a record, and the certificate in it if there is one.
    Unrecorded(Option<Certificate>),
    /// A crash came between credential and record: it serves nobody, and the sweep removes it. The record is
    /// there unless it cannot be read.
    Broken(Option<Record>),
    /// It cannot be looked at, and why.
    Unreadable(Error),
}

impl CredentialStore {
    /// Every credential, sorted by file name.
    ///
    /// # Errors
    /// [`Error::Io`] if the directory cannot be read; a file that cannot is listed as such.
    pub fn list(&self) -> Result<Vec<Listing>, Error> {
        let names = credential_names(&self.directory)?;
        let listing = names.into_iter().filter_map(|name| {
            let state = match self.examine_settled(&name) {
                Err(error) => State::Unreadable(error),
                Ok((_, stored)) => match &*stored {
                    Stored::Absent => return None,
                    Stored::Unrecorded(certificate) => State::Unrecorded(certificate.clone()),
                    Stored::Mismatched(record) => State::Broken(record.clone()),
                    Stored::Recorded(StoredRecord { record, .. }, certificate) => {
                        State::Recorded(record.clone(), certificate.clone())
                    }
                },
            };
            Some(Listing { name, state })
        });
        Ok(listing.collect())
    }
}

/// Names under which there is a credential, a record, or both.
pub(crate) fn credential_names(directory: &Directory) -> Result<Vec<CredentialName>, Error> {
    let names = directory.names()?;
    let mut names: Vec<_> = names
        .iter()
        .filter_map(|name| of_record_name(name).or_else(|| CredentialName::from_file_name(name)))
        .collect();
    names.sort();
    names.dedup();
    Ok(names)
}
