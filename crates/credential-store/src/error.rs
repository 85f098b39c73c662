//! What can go wrong on disk, where, and what an administrator does about it.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use nix::unistd::{Gid, Group, Uid, User};

/// Why a store refused or could not do what it was asked. Each is one line that names the path.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The system refused an operation on a file or directory.
    #[error("cannot {action} {}: {cause}{}", path.display(), advice(cause))]
    Io {
        /// What was tried: "open", "rename", ...
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The system's answer.
        cause: io::Error,
    },
    /// The path is a link, a file or a device.
    #[error("{} is not a directory (symbolic links are not followed): name the directory itself", path.display())]
    NotADirectory {
        /// The path as configured.
        path: PathBuf,
    },
    /// The directory belongs to another user than the one who will work in it.
    #[error(
        "{} belongs to user {}, not to {}: chown {} {}",
        path.display(), user_name(*owner), user_name(*expected), user_name(*expected), path.display()
    )]
    DirectoryOwner {
        /// The directory.
        path: PathBuf,
        /// Its owner.
        owner: u32,
        /// Who should own it.
        expected: u32,
    },
    /// The directory is open to more users than the policy allows.
    #[error(
        "{} has mode {mode:04o}, wider than {allowed:04o}: chmod {allowed:04o} {}",
        path.display(), path.display()
    )]
    DirectoryMode {
        /// The directory.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
        /// The widest that is allowed.
        allowed: u32,
    },
    /// Somebody other than root and the owner could replace the directory through one of its parents.
    #[error(
        "{} is not safe because {} belongs to user {} with mode {mode:04o}: give it to root and take \
         write permission from group and others (chown root {}; chmod go-w {})",
        path.display(), parent.display(), user_name(*owner), parent.display(), parent.display()
    )]
    UnsafeParent {
        /// The directory to be opened.
        path: PathBuf,
        /// The parent that is not safe.
        parent: PathBuf,
        /// The parent's owner.
        owner: u32,
        /// The parent's permission bits.
        mode: u32,
    },
    /// The path leads to another directory than the one that was opened at start-up.
    #[error("{} was replaced or removed while it was in use: restart httpd", path.display())]
    DirectoryReplaced {
        /// The path as it was opened.
        path: PathBuf,
    },
    /// Credentials and sessions would lie in the same place.
    #[error(
        "credentials ({}) and sessions ({}) need two directories, neither inside the other",
        credentials.display(), sessions.display()
    )]
    NotSeparate {
        /// Directory of the credentials.
        credentials: PathBuf,
        /// Directory of the sessions.
        sessions: PathBuf,
    },
    /// A file is not what this store makes: a link, another owner, a wider mode.
    #[error("{} {reason}: {remedy}", path.display())]
    UnsafeFile {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        remedy: String,
    },
    /// A file of ours that cannot be understood.
    #[error("{} cannot be understood ({reason}): remove it", path.display())]
    Malformed {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// What should be published is not a certificate with its private key.
    #[error("not a credential: {0}")]
    NotACredential(String),
    /// A mode that would show private keys to everybody, or that makes no sense.
    #[error(
        "mode {mode:04o} is not fit for a credential: owner must read, group may read, nothing else (0600, 0640)"
    )]
    FileMode {
        /// The mode that was asked for.
        mode: u32,
    },
    /// The stored credential belongs to another user or was fetched in another way, and is still valid.
    #[error(
        "{} holds a valid credential of another user, server or method: give the two places different \
         MyProxyCredStoreDir, or remove the file",
        path.display()
    )]
    NotYours {
        /// The credential file.
        path: PathBuf,
    },
    /// Another web user has a credential of the same MyProxy user.
    #[error(
        "the MyProxy user {myproxy_user:?} has a credential here for another user of this site, who has to log out first \
         (MyProxyUserShared)"
    )]
    MyProxyUserTaken {
        /// The user name at the MyProxy server.
        myproxy_user: String,
    },
    /// What a renewal brought ends before the credential that it was to replace.
    #[error("the renewed credential would end before the old one, which stays")]
    EndsEarlier,
    /// The session for which something was to be stored has ended, or never was.
    #[error("the session has ended")]
    SessionEnded,
    /// A session was used for another user or credential than it was made for.
    #[error("the session was made for another user or credential")]
    OtherSession,
    /// Somebody else held a lock until the deadline.
    #[error("{} is still in use by another request after {} ms: try again", path.display(), waited.as_millis())]
    Busy {
        /// The file that was waited for.
        path: PathBuf,
        /// For how long.
        waited: Duration,
    },
    /// An empty user name names no file.
    #[error("a user without a name has no credential")]
    NoUser,
    /// The system has no random bytes.
    #[error("the system gives no random bytes: {0}")]
    Random(String),
}

impl Error {
    pub(crate) fn io(action: &'static str, path: impl Into<PathBuf>, cause: impl Into<io::Error>) -> Self {
        Self::Io {
            action,
            path: path.into(),
            cause: cause.into(),
        }
    }
}

/// The name of a user for a message, or the number where it has none.
pub(crate) fn user_name(uid: u32) -> String {
    match User::from_uid(Uid::from_raw(uid)) {
        Ok(Some(user)) => user.name,
        _ => uid.to_string(),
    }
}

/// The name of a group for a message, or the number where it has none.
pub(crate) fn group_name(gid: u32) -> String {
    match Group::from_gid(Gid::from_raw(gid)) {
        Ok(Some(group)) => group.name,
        _ => gid.to_string(),
    }
}

fn advice(error: &io::Error) -> String {
    let user = || user_name(rustix::process::geteuid().as_raw());
    match error.kind() {
        io::ErrorKind::PermissionDenied => format!(": give user {} access to it", user()),
        io::ErrorKind::NotFound => ": create it".into(),
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ": free some space".into(),
        io::ErrorKind::FileTooLarge => ": raise the limit on file sizes".into(),
        io::ErrorKind::ReadOnlyFilesystem => ": mount the file system for writing".into(),
        _ => String::new(),
    }
}
