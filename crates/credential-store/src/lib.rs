//! Credential files and sessions on disk: what httpd's children share, and what a sweep clears.
//!
//! Two directories, both opened once and used by descriptor ever after:
//!
//! * a [`CredentialStore`] keeps one credential a user, `<dir>/<user>`, and beside it a record that says
//!   whose it is. [`CredentialStore::lookup`] answers at every request, [`CredentialStore::logon`] makes the
//!   requests of one user wait for one another, and [`Logon::publish`] puts a new credential in place.
//! * a [`SessionStore`] keeps one small file a session. A credential is published for a session that lives
//!   and for no other, so that nothing is left on disk after [`SessionStore::end`] and
//!   [`CredentialStore::erase`].
//!
//! [`sweep()`] clears what expired, fell idle or lost its session. Everything here may be done by many
//! processes and threads at once; there is no daemon, and no lock outlives the process that held it.
//!
//! Time is always a parameter, so that one request has one clock and tests need not wait.
#![forbid(unsafe_code)]

mod certificate;
mod credential;
mod directory;
mod error;
mod examine;
mod file;
mod holder;
mod list;
mod lock;
mod logon;
mod name;
mod pause;
mod pending;
mod permissions;
mod record;
mod remembered;
mod renewal;
mod session;
mod session_file;
mod session_id;
mod sweep;
mod unix_time;

// The tests' common part sees this crate from outside.
#[cfg(test)]
extern crate self as credential_store;
#[cfg(test)]
mod logout_order;

pub use certificate::Certificate;
pub use credential::{Credential, CredentialStore, Lookup};
pub use directory::{Directory, DirectoryPolicy, check_separate};
pub use error::Error;
pub use list::{Listing, State, list};
pub use logon::{Logon, NewCredential};
pub use name::CredentialName;
pub use pause::{Pause, PauseLengths};
pub use pending::PENDING_MAX_AGE;
use pending::PendingCookie;
pub use permissions::FilePermissions;
pub use record::{Method, Origin, Record, WebUser};
pub use renewal::{DueCredential, Renewal};
pub use session::{EndedSession, Failure, Session, SessionLookup, SessionStore};
pub use session_id::{ProofDigest, SessionId};
pub use sweep::{STALE_AFTER, SweepReport, erase_if_expired, erase_if_orphaned, sweep};
