//! A directory that can be trusted, opened once and used by descriptor.

use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
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
    /// the policy names. Parents that are missing too are made with mode 0755. Everything above them must belong to
    /// root or to the user of this process: in a parent that the policy's user owns, root would make directories
    /// where that user can put others in their place.
    ///
    /// # Errors
    /// As [`Directory::open`]: one that exists and is not as the policy says is refused, never changed. Whatever the
    /// error, nothing new is left behind.
    pub fn create(path: impl AsRef<Path>, policy: DirectoryPolicy) -> Result<Self, Error> {
        let path = path.as_ref();
        match Self::open(path, policy) {
            Err(Error::Io { cause, .. }) if cause.kind() == ErrorKind::NotFound => {}
            opened => return opened,
        }
        let (existing, missing) = split_existing(path)?;
        let Some((name, deeper)) = missing.split_first() else {
            // Somebody else has made it meanwhile.
            return Self::open(path, policy);
        };
        check_parents(&existing, rustix::process::geteuid().as_raw(), path)?;
        let parent = open_directory(CWD, &existing, &existing)?;
        Self::make(parent.as_fd(), &existing.join(name), deeper, policy)
    }

    /// Makes `path`, which lies in `parent`, and the directories `deeper` in it, one in the other. Takes back what it
    /// made if the last one does not become what `policy` says.
    fn make(
        parent: BorrowedFd<'_>,
        path: &Path,
        deeper: &[OsString],
        policy: DirectoryPolicy,
    ) -> Result<Self, Error> {
        let name = Path::new(path.file_name().unwrap_or_default());
        // Narrower than it will be until it belongs to whom it should.
        let is_new = match rustix::fs::mkdirat(parent, name, Mode::RWXU) {
            Ok(()) => true,
            Err(Errno::EXIST) => false,
            Err(error) => return Err(Error::io("create", path, error)),
        };
        let made = open_directory(parent, name, path).and_then(|descriptor| match deeper.split_first() {
            None => {
                if is_new {
                    give_away(&descriptor, path, policy)?;
                }
                Self::check(descriptor, path.to_owned(), policy)
            }
            Some((next, deeper)) => {
                if is_new {
                    set_mode(&descriptor, path, 0o755)?;
                } else {
                    check_parents(path, rustix::process::geteuid().as_raw(), &path.join(next))?;
                }
                Self::make(descriptor.as_fd(), &path.join(next), deeper, policy)
            }
        });
        if made.is_err() && is_new {
            // Nothing more can be done: the error that is reported comes first.
            let _ = rustix::fs::unlinkat(parent, name, AtFlags::REMOVEDIR);
        }
        made
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
        if let Some(parent) = directory.path.parent() {
            check_parents(parent, directory.owner, &directory.path)?;
        }
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

/// Opens `name` in the directory `at`; errors call it `path`.
fn open_directory(at: impl AsFd, name: &Path, path: &Path) -> Result<OwnedFd, Error> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(at, name, flags, Mode::empty()).map_err(|error| match error {
        Errno::LOOP | Errno::NOTDIR => Error::NotADirectory {
            path: path.to_owned(),
        },
        error => Error::io("open", path, error),
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
    let (existing, missing) = split_existing(path)?;
    Ok(missing.iter().fold(existing, |path, name| path.join(name)))
}

/// The deepest directory on the path that exists, with every link followed, and the names below it.
fn split_existing(path: &Path) -> Result<(PathBuf, Vec<OsString>), Error> {
    let absolute = std::path::absolute(path).map_err(|error| Error::io("follow", path, error))?;
    let mut missing = Vec::new();
    let mut existing = absolute.as_path();
    loop {
        match fs::canonicalize(existing) {
            Ok(resolved) => {
                missing.reverse();
                return Ok((resolved, missing));
            }
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let (Some(parent), Some(name)) = (existing.parent(), existing.file_name()) else {
                    return Err(Error::io("follow", path, error));
                };
                missing.push(name.to_owned());
                existing = parent;
            }
            Err(error) => return Err(Error::io("follow", existing, error)),
        }
    }
}

fn give_away(descriptor: &OwnedFd, path: &Path, policy: DirectoryPolicy) -> Result<(), Error> {
    if let Owner::User { uid, gid } = policy.owner {
        rustix::fs::fchown(descriptor, Some(Uid::from_raw(uid)), gid.map(Gid::from_raw))
            .map_err(|error| Error::io("change the owner of", path, error))?;
    }
    set_mode(descriptor, path, policy.mode)
}

fn set_mode(descriptor: &OwnedFd, path: &Path, mode: u32) -> Result<(), Error> {
    rustix::fs::fchmod(descriptor, Mode::from_raw_mode(mode))
        .map_err(|error| Error::io("set the mode of", path, error))
}

/// Sees that `parent` and everything above it, a path without links, can be changed by root and `owner` alone.
/// `path` is what shall lie there.
fn check_parents(parent: &Path, owner: u32, path: &Path) -> Result<(), Error> {
    for parent in parent.ancestors() {
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
