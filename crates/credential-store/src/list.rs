//! All the credentials of a store, for whoever looks after it.

use std::thread;
use std::time::Duration;

use crate::directory::Directory;
use crate::examine::{Examiner, Stored, of_record_name};
use crate::record::StoredRecord;
use crate::{Certificate, CredentialName, Error, Record};

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

/// How long to wait before what looks like the middle of a change is looked at again: a change takes two renames.
const A_CHANGE: Duration = Duration::from_millis(20);

/// Every credential in the directory of a store, sorted by file name. Changes nothing there, and needs no right to.
///
/// # Errors
/// [`Error::Io`] if the directory cannot be read; a file that cannot is listed as such.
pub fn list(directory: &Directory) -> Result<Vec<Listing>, Error> {
    let examiner = Examiner::new();
    let examine = |name: &CredentialName| examiner.examine(directory, name).map(|(_, stored)| stored);
    let names = credential_names(directory)?;
    let mut found: Vec<_> = names.into_iter().map(|name| (examine(&name), name)).collect();
    let mut half_done: Vec<_> = found
        .iter_mut()
        .filter(|(stored, _)| stored.as_ref().is_ok_and(|stored| stored.may_be_half_done()))
        .collect();
    if !half_done.is_empty() {
        thread::sleep(A_CHANGE);
        for (stored, name) in &mut half_done {
            *stored = examine(name);
        }
    }
    let listing = found.into_iter().filter_map(|(stored, name)| {
        let state = match stored {
            Err(error) => State::Unreadable(error),
            Ok(stored) => match &*stored {
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
