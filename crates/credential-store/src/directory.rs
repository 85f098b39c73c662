//! A directory that can be trusted, opened once and used by descriptor.

use std::ffi::OsStr;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{Access, AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Stat, Uid};
use rustix::io::Errno;

use crate::Error;

/// Write permission for the group and for others.
const GROUP_WRITES: u32 = 0o020;
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;
const PERMISSIONS: u32 = 0o7777;

/// Which directory is good enough.
#[derive(Clone, Copy, Debug)]
pub struct DirectoryPolicy {
    owner: Owner,
    mode: u32,
}

#[derive(Clone, Copy, Debug)]
enum Owner {
    EffectiveUser,
    User { uid: u32, gid: Option<u32> },
    Anyone,
}

impl DirectoryPolicy {
    /// Owned by the user of this process, with no permission that `mode` (0700, as a rule) does not have.
    pub fn new(mode: u32) -> Self {
        Self {
            owner: Owner::EffectiveUser,
            mode: mode & PERMISSIONS,
        }
    }

    /// Owned by another user: what httpd's parent, as root, demands for its children. A directory that has
    /// to be created is given to that user and group.
    pub fn owned_by(self, uid: u32, gid: Option<u32>) -> Self {
        Self {
            owner: Owner::User { uid, gid },
            ..self
        }
    }

    /// Owned by whomever: for root at the command line, who works in a directory of httpd's user.
    pub fn owned_by_anyone(self) -> Self {
        Self {
            owner: Owner::Anyone,
            ..self
        }
    }
}

/// An open directory: checked, and never looked up by its path again except to see that it is still there.
#[derive(Debug)]
pub struct Directory {
    descriptor: OwnedFd,
    path: PathBuf,
    policy: DirectoryPolicy,
    device: u64,
    inode: u64,
    owner: u32,
    group: u32,
}

impl Directory {
    /// Opens a directory that exists.
    ///
    /// It must be a directory and no link, with owner and mode as `policy` says. Each of its parents must
    /// belong to root or to that owner, and nobody else may write there unless it is sticky, as `/tmp` is.
    ///
    /// # Errors
    /// [`Error::NotADirectory`], [`Error::DirectoryOwner`], [`Error::DirectoryMode`],
    /// [`Error::UnsafeParent`], or [`Error::Io`].
    pub fn open(path: impl AsRef<Path>, policy: DirectoryPolicy) -> Result<Self, Error> {
        let path = path.as_ref();
        let resolved = resolve_parents(path)?;
        let descriptor = open_directory(CWD, &resolved, path)?;
        Self::check(descriptor, resolved, policy)
    }

    /// As [`Directory::open`], but makes the directory where it is missing, for httpd's start-up.
    ///
    /// The new directory has its mode from the first moment, whatever the umask, and belongs to the user that
    /// the policy names. Parents that are missing too are made with mode 0755.
    ///
    /// # Errors
    /// As [`Directory::open`]: one that exists and is not as the policy says is refused, never changed.
    pub fn create(path: impl AsRef<Path>, policy: DirectoryPolicy) -> Result<Self, Error> {
        let path = path.as_ref();
        if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
            create_parents(parent)?;
        }
        let resolved = resolve_parents(path)?;
        // Narrower than the policy until it belongs to whom it should.
        match rustix::fs::mkdir(&resolved, Mode::RWXU) {
            Ok(()) => {
                let descriptor = open_directory(CWD, &resolved, path)?;
                if let Err(error) = give_away(&descriptor, &resolved, policy) {
                    let _ = rustix::fs::unlinkat(CWD, &resolved, AtFlags::REMOVEDIR);
                    return Err(error);
                }
                Self::check(descriptor, resolved, policy)
            }
            Err(Errno::EXIST) => Self::open(path, policy),
            Err(error) => Err(Error::io("create", resolved, error)),
        }
    }

    fn check(descriptor: OwnedFd, path: PathBuf, policy: DirectoryPolicy) -> Result<Self, Error> {
        let stat = rustix::fs::fstat(&descriptor).map_err(|error| Error::io("examine", &path, error))?;
        let directory = Self {
            descriptor,
            policy,
            device: stat.st_dev,
            inode: stat.st_ino,
            owner: stat.st_uid,
            group: stat.st_gid,
            path,
        };
        directory.check_stat(&stat)?;
        check_parents(&directory.path, directory.owner)?;
        Ok(directory)
    }

    fn check_stat(&self, stat: &Stat) -> Result<(), Error> {
        let expected = match self.policy.owner {
            Owner::EffectiveUser => rustix::process::geteuid().as_raw(),
            Owner::User { uid, .. } => uid,
            Owner::Anyone => stat.st_uid,
        };
        if stat.st_uid != expected {
            return Err(Error::DirectoryOwner {
                path: self.path.clone(),
                owner: stat.st_uid,
                expected,
            });
        }
        let mode = stat.st_mode & PERMISSIONS;
        if mode & !self.policy.mode & 0o777 != 0 {
            return Err(Error::DirectoryMode {
                path: self.path.clone(),
                mode,
                allowed: self.policy.mode,
            });
        }
        Ok(())
    }

    /// Sees that the path still leads here and that owner and mode are still right: what an application is
    /// told must be what was looked at.
    ///
    /// # Errors
    /// [`Error::DirectoryReplaced`], [`Error::DirectoryOwner`] or [`Error::DirectoryMode`].
    pub fn verify(&self) -> Result<(), Error> {
        let stat = match rustix::fs::lstat(&self.path) {
            Ok(stat) if (stat.st_dev, stat.st_ino) == (self.device, self.inode) => stat,
            Ok(_) | Err(Errno::NOENT) => {
                return Err(Error::DirectoryReplaced {
                    path: self.path.clone(),
                });
            }
            Err(error) => return Err(Error::io("examine", &self.path, error)),
        };
        self.check_stat(&stat)
    }

    /// Its absolute path, without links.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The user to whom it belongs: whom files in it belong to, unless told otherwise.
    pub fn owner(&self) -> u32 {
        self.owner
    }

    pub(crate) fn group(&self) -> u32 {
        self.group
    }

    pub(crate) fn is_same_as(&self, other: &Self) -> bool {
        (self.device, self.inode) == (other.device, other.inode)
    }

    /// That this process may make and remove files here: better known at start-up than at the first logon.
    pub(crate) fn require_writable(&self) -> Result<(), Error> {
        let access = Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK;
        rustix::fs::accessat(&self.descriptor, ".", access, AtFlags::EACCESS)
            .map_err(|error| Error::io("write in", &self.path, error))
    }

    /// The names in it, sorted. Names that are not UTF-8, which we never make, come with replacements.
    pub(crate) fn names(&self) -> Result<Vec<String>, Error> {
        let fail = |error| Error::io("list", &self.path, error);
        let mut names = Vec::new();
        for entry in Dir::read_from(&self.descriptor).map_err(fail)? {
            let name = entry.map_err(fail)?.file_name().to_string_lossy().into_owned();
            if name != "." && name != ".." {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Makes renames and removals last through a power failure.
    pub(crate) fn sync(&self) -> Result<(), Error> {
        rustix::fs::fsync(&self.descriptor).map_err(|error| Error::io("write", &self.path, error))
    }

    /// Removes a file; `false` if there was none.
    pub(crate) fn remove(&self, name: &str) -> Result<bool, Error> {
        match rustix::fs::unlinkat(&self.descriptor, name, AtFlags::empty()) {
            Ok(()) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(error) => Err(Error::io("remove", self.path.join(name), error)),
        }
    }
}

impl AsFd for Directory {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

/// Refuses two directories that are one, or of which one lies inside the other. Neither needs to exist.
///
/// # Errors
/// [`Error::NotSeparate`], or [`Error::Io`] where a path cannot be followed.
pub fn check_separate(credentials: &Path, sessions: &Path) -> Result<(), Error> {
    let (one, other) = (resolve_existing(credentials)?, resolve_existing(sessions)?);
    if one.starts_with(&other) || other.starts_with(&one) {
        return Err(Error::NotSeparate {
            credentials: one,
            sessions: other,
        });
    }
    Ok(())
}

fn open_directory(at: impl AsFd, resolved: &Path, given: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, resolved, flags, Mode::empty()).map_err(|error| match error {
        Errno::LOOP | Errno::NOTDIR => Error::NotADirectory {
            path: given.to_owned(),
        },
        error => Error::io("open", resolved, error),
    })
}

/// The path with every link among its parents followed, but not its last component.
fn resolve_parents(path: &Path) -> Result<PathBuf, Error> {
    let Some(name) = path.file_name() else {
        // `/`, or a path that ends in `..`.
        return fs::canonicalize(path).map_err(|error| Error::io("follow", path, error));
    };
    let parent = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let parent_resolved = fs::canonicalize(parent).map_err(|error| Error::io("follow", parent, error))?;
    Ok(parent_resolved.join(name))
}

/// The path with every link followed as far as it exists.
fn resolve_existing(path: &Path) -> Result<PathBuf, Error> {
    let absolute = std::path::absolute(path).map_err(|error| Error::io("follow", path, error))?;
    let mut missing: Vec<&OsStr> = Vec::new();
    let mut existing = absolute.as_path();
    loop {
        match fs::canonicalize(existing) {
            Ok(resolved) => return Ok(missing.iter().rev().fold(resolved, |path, name| path.join(name))),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let (Some(parent), Some(name)) = (existing.parent(), existing.file_name()) else {
                    return Err(Error::io("follow", path, error));
                };
                missing.push(name);
                existing = parent;
            }
            Err(error) => return Err(Error::io("follow", existing, error)),
        }
    }
}

/// Makes the parents that are missing, and gives those alone mode 0755 whatever the umask.
fn create_parents(path: &Path) -> Result<(), Error> {
    match rustix::fs::stat(path) {
        Ok(_) => return Ok(()),
        Err(Errno::NOENT) => {}
        Err(error) => return Err(Error::io("examine", path, error)),
    }
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        create_parents(parent)?;
    }
    match rustix::fs::mkdir(path, Mode::RWXU) {
        Ok(()) => {
            let made = open_directory(CWD, path, path)?;
            rustix::fs::fchmod(&made, Mode::from_raw_mode(0o755))
                .map_err(|error| Error::io("set the mode of", path, error))
        }
        Err(Errno::EXIST) => Ok(()),
        Err(error) => Err(Error::io("create", path, error)),
    }
}

fn give_away(descriptor: &OwnedFd, path: &Path, policy: DirectoryPolicy) -> Result<(), Error> {
    if let Owner::User { uid, gid } = policy.owner {
        rustix::fs::fchown(descriptor, Some(Uid::from_raw(uid)), gid.map(Gid::from_raw))
            .map_err(|error| Error::io("change the owner of", path, error))?;
    }
    rustix::fs::fchmod(descriptor, Mode::from_raw_mode(policy.mode))
        .map_err(|error| Error::io("set the mode of", path, error))
}

/// `path` has no links, so its components are its parents and nothing else.
fn check_parents(path: &Path, owner: u32) -> Result<(), Error> {
    for parent in path.ancestors().skip(1) {
        let stat = rustix::fs::lstat(parent).map_err(|error| Error::io("examine", parent, error))?;
        let mode = stat.st_mode & PERMISSIONS;
        let is_directory = FileType::from_raw_mode(stat.st_mode) == FileType::Directory;
        let right_owner = stat.st_uid == 0 || stat.st_uid == owner;
        let others_write = mode & OTHERS_WRITE != 0 || (mode & GROUP_WRITES != 0 && stat.st_gid != 0);
        if !is_directory || !right_owner || (others_write && mode & STICKY == 0) {
            return Err(Error::UnsafeParent {
                path: path.to_owned(),
                parent: parent.to_owned(),
                owner: stat.st_uid,
                mode,
            });
        }
    }
    Ok(())
}
