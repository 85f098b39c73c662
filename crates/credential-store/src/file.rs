//! Files in a directory of ours: read without following links, replaced in one step.

use std::fs::File;
use std::io::{Read, Write};
use std::time::{SystemTime, UNIX_EPOCH};

use rand::TryRng as _;
use rand::rngs::SysRng;
use rustix::fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Timespec, Timestamps, Uid};
use rustix::io::Errno;
use zeroize::Zeroizing;

use crate::directory::Directory;
use crate::name::is_hex;
use crate::{Error, unix_time};

/// Larger than any credential or session; what is larger is not ours.
const LARGEST: usize = 1 << 20;
const TEMPORARY_PREFIX: &str = ".new-";

/// Owner, group and mode of a file that we make.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ownership {
    pub(crate) mode: u32,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
}

impl Ownership {
    /// For the eyes of the directory's owner alone, also where root makes it.
    pub(crate) fn private(directory: &Directory) -> Self {
        let foreign = rustix::process::geteuid().as_raw() != directory.owner();
        Self {
            mode: 0o600,
            uid: foreign.then_some(directory.owner()),
            gid: foreign.then_some(directory.group()),
        }
    }
}

/// What tells one state of a file from another without reading it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    device: u64,
    inode: u64,
    size: i64,
    modified: (i64, i64),
    changed: (i64, i64),
    pub(crate) mode: u32,
    pub(crate) uid: u32,
}

impl Stamp {
    #[allow(
        clippy::unnecessary_cast,
        reason = "the fields of stat differ between architectures"
    )]
    fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev as u64,
            inode: stat.st_ino as u64,
            size: stat.st_size as i64,
            modified: (stat.st_mtime as i64, stat.st_mtime_nsec as i64),
            changed: (stat.st_ctime as i64, stat.st_ctime_nsec as i64),
            mode: stat.st_mode & 0o7777,
            uid: stat.st_uid,
        }
    }

    pub(crate) fn modified(&self) -> SystemTime {
        let (seconds, nanoseconds) = self.modified;
        let since_epoch = std::time::Duration::new(seconds.max(0).unsigned_abs(), nanoseconds as u32);
        UNIX_EPOCH + since_epoch
    }
}

/// The stamp of a regular file; `None` if there is none.
pub(crate) fn stamp(directory: &Directory, name: &str) -> Result<Option<Stamp>, Error> {
    match rustix::fs::statat(directory, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => regular(directory, name, &stat).map(Some),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(Error::io("examine", directory.path().join(name), error)),
    }
}

/// A file that was read.
pub(crate) struct Contents {
    pub(crate) stamp: Stamp,
    pub(crate) bytes: Zeroizing<Vec<u8>>,
}

/// Reads a regular file; `None` if there is none.
pub(crate) fn read(directory: &Directory, name: &str) -> Result<Option<Contents>, Error> {
    let fail = |error: std::io::Error| Error::io("read", directory.path().join(name), error);
    // Without NONBLOCK a FIFO under this name would stop us before it could be looked at.
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let descriptor = match rustix::fs::openat(directory, name, flags, Mode::empty()) {
        Ok(descriptor) => descriptor,
        Err(Errno::NOENT) => return Ok(None),
        Err(Errno::LOOP) => return Err(not_a_file(directory, name)),
        Err(error) => return Err(fail(error.into())),
    };
    let stat = rustix::fs::fstat(&descriptor).map_err(|error| fail(error.into()))?;
    let stamp = regular(directory, name, &stat)?;
    // Room for all of it, so that no half-grown copy of a private key is left behind by a reallocation.
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(stamp.size).unwrap_or(0) + 1));
    File::from(descriptor)
        .take(LARGEST as u64 + 1)
        .read_to_end(&mut bytes)
        .map_err(fail)?;
    Ok(Some(Contents { stamp, bytes }))
}

fn regular(directory: &Directory, name: &str, stat: &Stat) -> Result<Stamp, Error> {
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(not_a_file(directory, name));
    }
    let stamp = Stamp::of(stat);
    if stamp.size > LARGEST as i64 {
        return Err(Error::Malformed {
            path: directory.path().join(name),
            reason: "it is over 1 MiB".into(),
        });
    }
    Ok(stamp)
}

fn not_a_file(directory: &Directory, name: &str) -> Error {
    Error::UnsafeFile {
        path: directory.path().join(name),
        reason: "is a link, a directory or a device instead of a file".into(),
        remedy: "find out who put it there, and remove it".into(),
    }
}

/// A new file that is not yet under its name. Dropped before it is, it vanishes.
pub(crate) struct Temporary<'a> {
    directory: &'a Directory,
    name: String,
    file: File,
    in_place: bool,
}

impl<'a> Temporary<'a> {
    /// Makes the file: owner and mode are final before the first byte is in it.
    pub(crate) fn create(directory: &'a Directory, ownership: Ownership) -> Result<Self, Error> {
        let mut random = [0; 8];
        SysRng
            .try_fill_bytes(&mut random)
            .map_err(|error| Error::Random(error.to_string()))?;
        let name = format!("{TEMPORARY_PREFIX}{}", hex::encode(random));
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let descriptor = rustix::fs::openat(directory, &name, flags, Mode::RUSR | Mode::WUSR)
            .map_err(|error| Error::io("create a file in", directory.path(), error))?;
        let temporary = Self {
            directory,
            name,
            file: File::from(descriptor),
            in_place: false,
        };
        temporary.own(ownership)?;
        Ok(temporary)
    }

    fn own(&self, ownership: Ownership) -> Result<(), Error> {
        let path = || self.directory.path().join(&self.name);
        if ownership.uid.is_some() || ownership.gid.is_some() {
            let (uid, gid) = (ownership.uid.map(Uid::from_raw), ownership.gid.map(Gid::from_raw));
            rustix::fs::fchown(&self.file, uid, gid)
                .map_err(|error| Error::io("change the owner or group of", path(), error))?;
        }
        rustix::fs::fchmod(&self.file, Mode::from_raw_mode(ownership.mode))
            .map_err(|error| Error::io("set the mode of", path(), error))
    }

    /// Writes the content.
    pub(crate) fn write(&mut self, content: &[u8]) -> Result<(), Error> {
        self.file
            .write_all(content)
            .map_err(|error| self.write_error(error))
    }

    /// Sees the content to the disk, so that a power failure cannot leave an empty file in place of an old one.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        self.file.sync_all().map_err(|error| self.write_error(error))
    }

    fn write_error(&self, error: std::io::Error) -> Error {
        Error::io("write", self.directory.path().join(&self.name), error)
    }

    /// Says when the file was last modified, whatever the system's clock says.
    pub(crate) fn set_modified(&self, time: SystemTime) -> Result<(), Error> {
        rustix::fs::futimens(&self.file, &timestamps(time))
            .map_err(|error| Error::io("set the time of", self.directory.path().join(&self.name), error))
    }

    /// Puts the file under its name, in the place of any that is there.
    pub(crate) fn replace(mut self, name: &str) -> Result<(), Error> {
        rustix::fs::renameat(self.directory, &self.name, self.directory, name)
            .map_err(|error| Error::io("put in place", self.directory.path().join(name), error))?;
        self.in_place = true;
        Ok(())
    }

    /// Puts the file under its name unless another is there already.
    pub(crate) fn place_if_absent(self, name: &str) -> Result<(), Error> {
        match rustix::fs::linkat(self.directory, &self.name, self.directory, name, AtFlags::empty()) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(error) => Err(Error::io("put in place", self.directory.path().join(name), error)),
        }
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.in_place {
            // Nothing more can be done; the sweep takes what is left.
            let _ = self.directory.remove(&self.name);
        }
    }
}

/// Whether [`Temporary`] makes such names.
pub(crate) fn is_temporary(name: &str) -> bool {
    name.strip_prefix(TEMPORARY_PREFIX)
        .is_some_and(|digits| is_hex(digits, 16))
}

/// Sets when a file was last modified, without opening it. A file that is gone is passed over.
pub(crate) fn touch(directory: &Directory, name: &str, time: SystemTime) -> Result<(), Error> {
    match rustix::fs::utimensat(directory, name, &timestamps(time), AtFlags::SYMLINK_NOFOLLOW) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(Error::io("set the time of", directory.path().join(name), error)),
    }
}

fn timestamps(time: SystemTime) -> Timestamps {
    let micros = unix_time::to_micros(time);
    let time = Timespec {
        tv_sec: i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX),
        tv_nsec: i64::try_from(micros % 1_000_000).unwrap_or(0) * 1_000,
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}
