//! Writing into the server's directory: whole or not at all, with the right owner and mode from the first moment,
//! and never over what is there.

use std::fs::{File, Permissions};
use std::io::{self, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use nix::unistd::User;
use rustix::fs::{Mode, OFlags, fchmod, mkdirat, openat};
use rustix::io::Errno;
use serde::Serialize;

use crate::SetupError;
use crate::safe_directory::{self, OPEN_DIRECTORY};

/// The directory that is filled, and what was done there.
pub(crate) struct Target {
    root: PathBuf,
    directory: OwnedFd,
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
        Ok(Target {
            root: root.to_owned(),
            directory: safe_directory::make_or_open(root)?,
            server,
            files: Vec::new(),
        })
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
        let make = || -> io::Result<()> {
            let made = match mkdirat(&self.directory, name, Mode::RWXU) {
                Ok(()) => true,
                Err(Errno::EXIST) => false,
                Err(error) => return Err(error.into()),
            };
            let directory = openat(&self.directory, name, OPEN_DIRECTORY, Mode::empty())?;
            if made {
                if let Some((user, group)) = self.user_and_group(owner) {
                    fchown(&directory, Some(user), Some(group))?;
                }
                fchmod(&directory, Mode::from_raw_mode(mode))?;
            }
            Ok(())
        };
        match make() {
            Ok(()) => Ok(path),
            Err(cause) => Err(SetupError::Write { path, cause }),
        }
    }

    /// Reads a file that is there: a regular one with something in it, and no link.
    pub(crate) fn read(&self, name: &str) -> Result<Vec<u8>, SetupError> {
        let path = self.path(name);
        let read = || -> io::Result<Vec<u8>> {
            let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
            let mut file = File::from(openat(&self.directory, name, flags, Mode::empty())?);
            if !file.metadata()?.is_file() {
                return Err(io::Error::other("it is no regular file"));
            }
            let mut contents = Vec::new();
            file.read_to_end(&mut contents)?;
            Ok(contents)
        };
        match read() {
            Ok(contents) if contents.is_empty() => Err(SetupError::Empty { path }),
            Ok(contents) => Ok(contents),
            Err(cause) => Err(SetupError::Read { path, cause }),
        }
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
        let outcome = if !self.exists(name) {
            self.write(&path, mode, owner, contents)
                .map_err(|cause| SetupError::Write {
                    path: path.clone(),
                    cause,
                })?;
            Outcome::Made
        } else if self.read(name)? == contents {
            Outcome::Kept
        } else {
            Outcome::KeptThoughDifferent
        };
        self.files.push(FileReport {
            path: path.clone(),
            outcome,
        });
        Ok(path)
    }

    /// Writes a file beside its place, and puts it there when all of it is on the disk.
    fn write(&self, path: &Path, mode: u32, owner: Owner, contents: &[u8]) -> io::Result<()> {
        let directory = path.parent().unwrap_or(&self.root);
        let mut file = tempfile::NamedTempFile::new_in(directory)?;
        if let Some((user, group)) = self.user_and_group(owner) {
            fchown(file.as_file(), Some(user), Some(group))?;
        }
        file.as_file().set_permissions(Permissions::from_mode(mode))?;
        file.write_all(contents)?;
        file.as_file().sync_all()?;
        file.persist_noclobber(path)?;
        File::open(directory)?.sync_all()
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
