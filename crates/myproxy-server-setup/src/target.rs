//! Writing into the server's directory: with the right owner and mode from the first moment, and never over
//! what is there.

use std::fs::{self, DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, fchown, lchown};
use std::path::{Path, PathBuf};

use nix::unistd::User;
use serde::Serialize;

use crate::SetupError;

/// The directory that is filled, and what was done there.
pub(crate) struct Target {
    root: PathBuf,
    server: Option<User>,
    files: Vec<FileReport>,
}

/// Whom a file belongs to.
#[derive(Clone, Copy)]
pub(crate) enum Owner {
    /// Whoever prepares the server: the server reads it, and cannot change it.
    Administrator,
    /// The user that the server runs as.
    Server,
}

/// One file of a prepared server.
#[derive(Clone, Debug, Serialize)]
pub struct FileReport {
    /// Where it is.
    pub path: PathBuf,
    /// What was done with it.
    pub outcome: Outcome,
}

/// What was done with a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It was not there, and was written.
    Made,
    /// It was there as it should be.
    Kept,
    /// It was there with other contents than would be written now: it stays as it is.
    KeptThoughDifferent,
}

impl Target {
    /// `root` is made where it is missing. `server` is the user that the server runs as, where that is another than
    /// the present one.
    pub(crate) fn open(root: &Path, server: Option<User>) -> Result<Self, SetupError> {
        let target = Target {
            root: root.to_owned(),
            server,
            files: Vec::new(),
        };
        match DirBuilder::new().mode(0o755).create(root) {
            Ok(()) => fs::set_permissions(root, Permissions::from_mode(0o755)),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && root.is_dir() => Ok(()),
            Err(error) => Err(error),
        }
        .map_err(|source| SetupError::Write {
            path: root.to_owned(),
            source,
        })?;
        Ok(target)
    }

    /// The path of `name` in the directory.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// Whether there is something called `name`, were it only a broken link.
    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path(name).symlink_metadata().is_ok()
    }

    /// Makes a directory where it is missing.
    pub(crate) fn directory(&self, name: &str, mode: u32, owner: Owner) -> Result<PathBuf, SetupError> {
        let path = self.path(name);
        let make = || {
            DirBuilder::new().mode(mode).create(&path)?;
            fs::set_permissions(&path, Permissions::from_mode(mode))?;
            self.user_and_group(owner)
                .map_or(Ok(()), |(user, group)| lchown(&path, Some(user), Some(group)))
        };
        if !path.is_dir() {
            make().map_err(|source| SetupError::Write {
                path: path.clone(),
                source,
            })?;
        }
        Ok(path)
    }

    /// Reads a file that is there.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, SetupError> {
        let path = self.path(name);
        fs::read(&path).map_err(|source| SetupError::Read { path, source })
    }

    /// Writes a file where it is missing; one that is there stays as it is.
    pub(crate) fn file(
        &mut self,
        name: &str,
        mode: u32,
        owner: Owner,
        contents: &[u8],
    ) -> Result<PathBuf, SetupError> {
        let path = self.path(name);
        let outcome = match OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
        {
            Ok(mut file) => {
                let mut write = || {
                    if let Some((user, group)) = self.user_and_group(owner) {
                        fchown(&file, Some(user), Some(group))?;
                    }
                    file.set_permissions(Permissions::from_mode(mode))?;
                    file.write_all(contents)?;
                    file.sync_all()
                };
                write().map_err(|source| SetupError::Write {
                    path: path.clone(),
                    source,
                })?;
                Outcome::Made
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                if self.read(name)? == contents {
                    Outcome::Kept
                } else {
                    Outcome::KeptThoughDifferent
                }
            }
            Err(source) => return Err(SetupError::Write { path, source }),
        };
        self.files.push(FileReport {
            path: path.clone(),
            outcome,
        });
        Ok(path)
    }

    /// The numbers of an owner who is not the present user.
    fn user_and_group(&self, owner: Owner) -> Option<(u32, u32)> {
        match owner {
            Owner::Administrator => None,
            Owner::Server => self
                .server
                .as_ref()
                .map(|user| (user.uid.as_raw(), user.gid.as_raw())),
        }
    }

    /// What became of each file, in the order of their writing.
    pub(crate) fn into_files(self) -> Vec<FileReport> {
        self.files
    }
}
