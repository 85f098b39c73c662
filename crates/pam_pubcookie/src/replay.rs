//! A granting cookie works once: a directory with one empty file for each that was used.

use std::ffi::CStr;
use std::io;
use std::path::{Path, PathBuf};

use granting_cookie::Cookie;
use rustix::fd::OwnedFd;
use rustix::fs::{self, AtFlags, Dir, FileType, Mode, OFlags};
use rustix::io::Errno;
use sha2::{Digest, Sha256};

/// The directory, checked and open.
pub struct ReplayDirectory {
    path: PathBuf,
    descriptor: OwnedFd,
}

/// Why a cookie is not taken although all else is right.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    #[error("the cookie was used before")]
    UsedBefore,
    #[error("cannot open the replay directory {path} (a directory, no link): {error}", path = path.display())]
    NotOpened { path: PathBuf, error: io::Error },
    #[error("the replay directory {path} belongs to user {owner}, but must belong to the server's user {ours}", path = path.display())]
    NotOurs { path: PathBuf, owner: u32, ours: u32 },
    #[error("the replay directory {path} has mode {mode:04o}, so that others can erase what is in it; chmod 0700 it", path = path.display())]
    Exposed { path: PathBuf, mode: u32 },
    #[error("cannot note in {path} that the cookie is used: {error}", path = path.display())]
    NotNoted { path: PathBuf, error: io::Error },
}

impl ReplayDirectory {
    /// Opens the directory: not through a link, belonging to this process's user, writable by nobody else.
    pub fn open(path: &Path) -> Result<Self, ReplayError> {
        let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
        let not_opened = |error: Errno| ReplayError::NotOpened {
            path: path.to_owned(),
            error: error.into(),
        };
        let descriptor = fs::open(path, flags, Mode::empty()).map_err(not_opened)?;
        let status = fs::fstat(&descriptor).map_err(not_opened)?;
        let ours = rustix::process::geteuid().as_raw();
        if status.st_uid != ours {
            return Err(ReplayError::NotOurs {
                path: path.to_owned(),
                owner: status.st_uid,
                ours,
            });
        }
        let mode = status.st_mode & 0o7777;
        if mode & 0o022 != 0 {
            return Err(ReplayError::Exposed {
                path: path.to_owned(),
                mode,
            });
        }
        Ok(Self {
            path: path.to_owned(),
            descriptor,
        })
    }

    /// Marks a cookie as used, or says that it was. Of two at once, one wins.
    pub fn burn(&self, cookie: &Cookie) -> Result<(), ReplayError> {
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        match fs::openat(
            &self.descriptor,
            entry_name(cookie),
            flags,
            Mode::RUSR | Mode::WUSR,
        ) {
            Ok(_) => Ok(()),
            Err(Errno::EXIST) => Err(ReplayError::UsedBefore),
            Err(error) => Err(ReplayError::NotNoted {
                path: self.path.clone(),
                error: error.into(),
            }),
        }
    }

    /// Erases the entries that were made before `oldest` (Unix seconds) and returns how many. Other files stay.
    pub fn sweep(&self, oldest: i64) -> io::Result<usize> {
        let mut swept = 0;
        for entry in Dir::read_from(&self.descriptor)? {
            let entry = entry?;
            let name = entry.file_name();
            if is_entry_name(name) && self.is_older(name, oldest)? {
                match fs::unlinkat(&self.descriptor, name, AtFlags::empty()) {
                    Ok(()) => swept += 1,
                    Err(Errno::NOENT) => {} // another process sweeps too
                    Err(error) => return Err(error.into()),
                }
            }
        }
        Ok(swept)
    }

    fn is_older(&self, name: &CStr, oldest: i64) -> io::Result<bool> {
        match fs::statat(&self.descriptor, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(status) => {
                let is_file = FileType::from_raw_mode(status.st_mode) == FileType::RegularFile;
                Ok(is_file && status.st_mtime < oldest)
            }
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// The SHA-256 of the block, so that a cookie is the same in its plain form and in each encryption.
fn entry_name(cookie: &Cookie) -> String {
    Sha256::digest(cookie.to_block())
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn is_entry_name(name: &CStr) -> bool {
    let name = name.to_bytes();
    name.len() == 64 && name.iter().all(u8::is_ascii_hexdigit)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn cookie(user_byte: u8) -> Cookie {
        let mut block = [0; granting_cookie::BLOCK_SIZE];
        block[0] = user_byte;
        Cookie::from_block(&block)
    }

    fn directory() -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        std::fs::set_permissions(directory.path(), Permissions::from_mode(0o700)).unwrap();
        directory
    }

    #[test]
    fn a_cookie_burns_once() {
        let directory = directory();
        let replay = ReplayDirectory::open(directory.path()).unwrap();
        replay.burn(&cookie(b'a')).unwrap();
        assert!(matches!(replay.burn(&cookie(b'a')), Err(ReplayError::UsedBefore)));
        replay.burn(&cookie(b'b')).unwrap();
        let again = ReplayDirectory::open(directory.path()).unwrap();
        assert!(matches!(again.burn(&cookie(b'b')), Err(ReplayError::UsedBefore)));
        for entry in std::fs::read_dir(directory.path()).unwrap() {
            assert_eq!(
                entry.unwrap().metadata().unwrap().permissions().mode() & 0o777,
                0o600
            );
        }
    }

    #[test]
    fn of_many_at_once_one_wins() {
        let directory = directory();
        let replay = ReplayDirectory::open(directory.path()).unwrap();
        let wins = std::thread::scope(|scope| {
            let threads: Vec<_> = (0..16)
                .map(|_| scope.spawn(|| replay.burn(&cookie(b'a')).is_ok()))
                .collect();
            threads
                .into_iter()
                .map(|thread| usize::from(thread.join().unwrap()))
                .sum::<usize>()
        });
        assert_eq!(wins, 1);
    }

    #[test]
    fn only_old_entries_are_swept() {
        let directory = directory();
        let replay = ReplayDirectory::open(directory.path()).unwrap();
        replay.burn(&cookie(b'a')).unwrap();
        let other = directory.path().join("README");
        std::fs::write(&other, "keep").unwrap();
        let made = std::fs::metadata(&other).unwrap().modified().unwrap();
        let made = made
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap()
            .as_secs()
            .cast_signed();
        assert_eq!(replay.sweep(made - 5).unwrap(), 0);
        assert_eq!(replay.sweep(made + 5).unwrap(), 1);
        assert!(other.exists());
        replay.burn(&cookie(b'a')).unwrap();
    }

    #[test]
    fn a_directory_that_others_can_change_is_refused() {
        let directory = directory();
        for mode in [0o770, 0o707, 0o1777] {
            std::fs::set_permissions(directory.path(), Permissions::from_mode(mode)).unwrap();
            let error = ReplayDirectory::open(directory.path()).err();
            assert!(
                matches!(error, Some(ReplayError::Exposed { .. })),
                "{mode:o}: {error:?}"
            );
        }
    }

    #[test]
    fn what_is_no_directory_is_refused() {
        let directory = directory();
        let link = directory.path().join("link");
        symlink(directory.path(), &link).unwrap();
        let file = directory.path().join("file");
        std::fs::write(&file, "").unwrap();
        for path in [link, file, directory.path().join("missing")] {
            assert!(
                matches!(ReplayDirectory::open(&path), Err(ReplayError::NotOpened { .. })),
                "{path:?}"
            );
        }
    }

    #[test]
    fn a_directory_of_another_user_is_refused() {
        let directory = directory();
        // Whoever cannot give a directory away finds root's.
        let given_away = std::os::unix::fs::chown(directory.path(), Some(65534), None).is_ok();
        let path = if given_away {
            directory.path()
        } else {
            Path::new("/")
        };
        let error = ReplayDirectory::open(path).err();
        assert!(matches!(error, Some(ReplayError::NotOurs { .. })), "{error:?}");
    }
}
