//! A directory that nobody but the present user, and root, can change: what the authority's key may lie in.

use std::fs::{DirBuilder, Metadata};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::Path;

use nix::unistd::Uid;
use rustix::fs::{CWD, Mode, OFlags, fchmod, fstat, openat};
use rustix::io::Errno;

use crate::SetupError;

/// How a directory is opened: a link to one is none.
pub(crate) const OPEN_DIRECTORY: OFlags = OFlags::DIRECTORY.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Bits of a mode that let group and others write.
const WRITABLE_BY_OTHERS: u32 = 0o022;
const STICKY: u32 = 0o1000;

/// Opens `path`, an absolute one; made where it is missing.
///
/// # Errors
/// It is a link or no directory, belongs to another user, others may write in it, or others may put something else
/// in its place.
pub(crate) fn make_or_open(path: &Path) -> Result<OwnedFd, SetupError> {
    let unsafe_directory = |reason| SetupError::UnsafeDirectory {
        path: path.to_owned(),
        reason,
    };
    let cannot_write = |cause| SetupError::Write {
        path: path.to_owned(),
        cause,
    };
    check_parents(path)?;
    let made = match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => true,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => false,
        Err(error) => return Err(cannot_write(error)),
    };
    let directory = openat(CWD, path, OPEN_DIRECTORY, Mode::empty()).map_err(|error| match error {
        Errno::NOTDIR | Errno::LOOP => unsafe_directory("it is no directory, but a link or a file"),
        error => cannot_write(error.into()),
    })?;
    let status = fstat(&directory).map_err(|error| cannot_write(error.into()))?;
    if status.st_uid != Uid::effective().as_raw() {
        return Err(unsafe_directory("it belongs to another user"));
    }
    if made {
        fchmod(&directory, Mode::from_raw_mode(0o755)).map_err(|error| cannot_write(error.into()))?;
    } else if status.st_mode & WRITABLE_BY_OTHERS != 0 {
        return Err(unsafe_directory("others may write in it"));
    }
    Ok(directory)
}

/// Every directory above `path`, as it is written and as the links in it lead.
fn check_parents(path: &Path) -> Result<(), SetupError> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    let cannot_read = |cause| SetupError::Read {
        path: parent.to_owned(),
        cause,
    };
    let resolved = parent.canonicalize().map_err(cannot_read)?;
    for directory in parent.ancestors().chain(resolved.ancestors()) {
        let metadata = directory.symlink_metadata().map_err(cannot_read)?;
        if let Some(reason) = objection(&metadata) {
            return Err(SetupError::UnsafeDirectory {
                path: directory.to_owned(),
                reason,
            });
        }
    }
    Ok(())
}

/// Why a directory, or a link to one, is no place for another directory.
fn objection(parent: &Metadata) -> Option<&'static str> {
    let owners = [0, Uid::effective().as_raw()];
    if !owners.contains(&parent.uid()) {
        return Some(
            "it belongs to another user, who could put something else in the place of what is in it",
        );
    }
    let others_may_write = parent.mode() & WRITABLE_BY_OTHERS != 0 && parent.mode() & STICKY == 0;
    if others_may_write && !parent.is_symlink() {
        return Some("others may write in it, and put something else in the place of what is in it");
    }
    None
}
