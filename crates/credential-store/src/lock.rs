//! Locks between threads and processes, one for each name, in a single file that never grows.
//!
//! A lock is one byte of `.lock`, at an offset derived from the name, held by an open file description
//! (`F_OFD_SETLK`, Linux 3.15). So there is no lock file a name that would have to be removed some day, the
//! kernel frees the byte when its holder dies, and since every lock opens the file anew, two threads of one
//! process exclude each other as two processes do. The file is empty: bytes beyond its end can be locked.
//!
//! Two names with the same 62-bit offset would wait for one another needlessly; nothing worse.

use std::os::fd::OwnedFd;
use std::thread;
use std::time::{Duration, Instant};

use nix::fcntl::{FcntlArg, fcntl};
use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

use crate::Error;
use crate::directory::Directory;
use crate::file::{Ownership, Temporary};

/// The one file of ours that the sweep never touches.
pub(crate) const LOCK_FILE: &str = ".lock";

/// First and last pause between two attempts: short waits end soon, long ones cost little.
const FIRST_PAUSE: Duration = Duration::from_millis(1);
const LONGEST_PAUSE: Duration = Duration::from_millis(16);

/// What is held.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Range<'a> {
    /// The turn of one request to log on for a name: as long as the MyProxy server takes.
    Logon(&'a str),
    /// A change to the files of a name: milliseconds.
    Change(&'a str),
    /// Changes to the files of any name.
    AnyChange,
}

impl Range<'_> {
    fn start_and_length(self) -> (i64, i64) {
        let offset = |name: &str| {
            let digest = Sha256::digest(name);
            let mut first = [0; 8];
            first.copy_from_slice(&digest[..8]);
            // Even, and small enough for the next byte to be there too.
            (i64::from_be_bytes(first) & (i64::MAX >> 1)) & !1
        };
        match self {
            Self::Logon(name) => (offset(name), 1),
            Self::Change(name) => (offset(name) + 1, 1),
            Self::AnyChange => (0, 0),
        }
    }
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(crate) struct Lock {
    descriptor: OwnedFd,
    range: libc::flock,
}

impl Lock {
    /// Waits for the lock until `deadline`; tries at least once.
    pub(crate) fn acquire(directory: &Directory, range: Range<'_>, deadline: Instant) -> Result<Self, Error> {
        let fail = |error: std::io::Error| Error::io("lock", directory.path().join(LOCK_FILE), error);
        let began = Instant::now();
        let descriptor = open(directory)?;
        let (start, length) = range.start_and_length();
        let range = flock(libc::F_WRLCK, start, length);
        let mut pause = FIRST_PAUSE;
        loop {
            match fcntl(&descriptor, FcntlArg::F_OFD_SETLK(&range)) {
                Ok(_) => return Ok(Self { descriptor, range }),
                Err(nix::Error::EAGAIN | nix::Error::EACCES) => {}
                Err(nix::Error::EINTR) => continue,
                Err(error) => return Err(fail(error.into())),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                let path = directory.path().join(LOCK_FILE);
                return Err(Error::Busy {
                    path,
                    waited: began.elapsed(),
                });
            }
            thread::sleep(pause.min(left));
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough where a child of another thread, between fork and exec, still has it open.
        let free = flock(libc::F_UNLCK, self.range.l_start, self.range.l_len);
        let _ = fcntl(&self.descriptor, FcntlArg::F_OFD_SETLK(&free));
    }
}

/// Opens the lock file, and makes it first where it is missing: for the directory's owner, whoever we are.
fn open(directory: &Directory) -> Result<OwnedFd, Error> {
    let path = || directory.path().join(LOCK_FILE);
    let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC;
    let open = || rustix::fs::openat(directory, LOCK_FILE, flags, Mode::empty());
    let descriptor = match open() {
        Err(Errno::NOENT) => {
            Temporary::create(directory, Ownership::private(directory))?.place_if_absent(LOCK_FILE)?;
            open()
        }
        opened => opened,
    }
    .map_err(|error| Error::io("open", path(), error))?;
    let stat = rustix::fs::fstat(&descriptor).map_err(|error| Error::io("examine", path(), error))?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
        return Err(Error::Malformed {
            path: path(),
            reason: "it is not a file".into(),
        });
    }
    Ok(descriptor)
}

#[allow(
    clippy::cast_possible_truncation,
    reason = "the constants are small; their C type differs"
)]
fn flock(kind: libc::c_int, start: i64, length: i64) -> libc::flock {
    libc::flock {
        l_type: kind as _,
        l_whence: libc::SEEK_SET as _,
        l_start: start,
        l_len: length,
        l_pid: 0,
    }
}
