//! After a logon that failed and needed nothing of the user's, nobody asks again for a while.
//!
//! Such a logon could be tried by every request. What keeps it from succeeding is written down beside the credential,
//! so that all processes know.

use std::time::{Duration, SystemTime};

use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::{Deserialize, Serialize};

use crate::directory::Directory;
use crate::file::{self, Ownership, Temporary};
use crate::unix_time::{self, age};
use crate::{CredentialName, CredentialStore, Error, Origin};

/// Requests have the time of their arrival, which may be before the failure of another one.
const CLOCKS_DIFFER: Duration = Duration::from_secs(60);
/// Ends the name of the file; no credential's name can end so.
const PAUSE_SUFFIX: &str = "%pause";
/// A failure so old is forgotten: the next one is news again, and its pause a short one. Longer than any pause.
pub(crate) const FORGOTTEN_AFTER: Duration = Duration::from_secs(3600);

/// Why nobody should ask for a credential just now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// The class of the failure (`MYPROXY_ERROR`).
    pub class: String,
    /// Its description (`MYPROXY_ERROR_DESC`).
    pub description: String,
    /// Until when.
    pub until: SystemTime,
    /// Whether this is to be told: the failure is another one than that before, or that was told an hour ago.
    pub is_news: bool,
}

/// How long pauses are: each is twice as long as the one before, up to a limit, and a quarter longer or shorter by
/// chance, so that users whom one outage met do not come back all at once.
#[derive(Clone, Copy, Debug)]
pub struct PauseLengths {
    /// After the first failure.
    pub first: Duration,
    /// Never longer; at most half an hour.
    pub longest: Duration,
}

impl PauseLengths {
    fn after(self, failures: u32) -> Result<Duration, Error> {
        let doublings = failures.saturating_sub(1).min(16);
        let length = self.first.saturating_mul(1 << doublings).min(self.longest);
        let mut chance = [0];
        SysRng
            .try_fill_bytes(&mut chance)
            .map_err(|error| Error::Random(error.to_string()))?;
        Ok(length.mul_f64(0.75 + f64::from(chance[0]) / 512.0))
    }
}

impl CredentialStore {
    /// The pause after a failed logon of this origin, while it lasts.
    ///
    /// # Errors
    /// [`Error::UnsafeFile`] or [`Error::Io`]. A file that cannot be understood counts as none.
    pub fn pause(&self, origin: &Origin, now: SystemTime) -> Result<Option<Pause>, Error> {
        let written = read(&self.directory, &name_for(origin)?)?;
        let lasts = |written: &Written| {
            written.origin == *origin && written.at <= now + CLOCKS_DIFFER && now < written.until
        };
        Ok(written.filter(lasts).map(|written| Pause {
            class: written.class,
            description: written.description,
            until: written.until,
            is_news: false,
        }))
    }

    /// Writes down why a logon failed, and that nobody asks again for a while. A logon that succeeds, and a logout,
    /// forget it.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Random`].
    pub fn begin_pause(
        &self,
        origin: &Origin,
        class: &str,
        description: &str,
        lengths: PauseLengths,
        now: SystemTime,
    ) -> Result<Pause, Error> {
        let directory = &self.directory;
        let name = name_for(origin)?;
        let before = read(directory, &name)?
            .filter(|before| before.origin == *origin && age(before.at, now) < FORGOTTEN_AFTER);
        let same_cause = before.filter(|before| before.class == class);
        let failures = same_cause.as_ref().map_or(1, |before| before.failures + 1);
        let told_before = same_cause
            .filter(|before| before.description == description && age(before.told, now) < FORGOTTEN_AFTER);
        let written = Written {
            origin: origin.clone(),
            class: class.to_owned(),
            description: description.to_owned(),
            failures,
            at: now,
            until: now + lengths.after(failures)?,
            told: told_before.as_ref().map_or(now, |before| before.told),
        };
        let json = serde_json::to_vec(&written).map_err(|error| Error::Malformed {
            path: directory.path().join(&name),
            reason: error.to_string(),
        })?;
        let mut temporary = Temporary::create(directory, Ownership::private(directory))?;
        temporary.write(&json)?;
        temporary.set_modified(now)?;
        temporary.replace(&name)?;
        Ok(Pause {
            class: written.class,
            description: written.description,
            until: written.until,
            is_news: told_before.is_none(),
        })
    }
}

/// The content of the file.
#[derive(Serialize, Deserialize)]
struct Written {
    #[serde(flatten)]
    origin: Origin,
    class: String,
    description: String,
    /// So many in a row, of this class.
    failures: u32,
    #[serde(with = "unix_time")]
    at: SystemTime,
    #[serde(with = "unix_time")]
    until: SystemTime,
    #[serde(with = "unix_time")]
    told: SystemTime,
}

fn read(directory: &Directory, name: &str) -> Result<Option<Written>, Error> {
    let contents = file::read(directory, name)?;
    Ok(contents.and_then(|contents| serde_json::from_slice(&contents.bytes).ok()))
}

/// The file for the user of an origin, whichever sessions have credentials of their own.
fn name_for(origin: &Origin) -> Result<String, Error> {
    CredentialName::of_user(&origin.web_user.name).map(|name| pause_name(&name))
}

/// The file for the user of a credential.
pub(crate) fn pause_name(name: &CredentialName) -> String {
    format!("{}{PAUSE_SUFFIX}", name.of_all_sessions())
}

/// Whether a file is that of a pause.
pub(crate) fn is_pause_name(file_name: &str) -> bool {
    file_name
        .strip_suffix(PAUSE_SUFFIX)
        .is_some_and(|name| CredentialName::from_file_name(name).is_some())
}
