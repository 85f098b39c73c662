//! A directory that is gone afterwards.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::last_will::LastWill;

/// A new directory under `$TMPDIR` (or `/tmp`), removed with everything in it when this is dropped, and also
/// when this process dies in any other way.
///
/// Its mode is 0711: servers that run as another user get to what lies in it, but cannot list it.
pub struct PrivateDirectory {
    directory: TempDir,
    _last_will: LastWill,
}

impl PrivateDirectory {
    /// Makes one whose name begins with `purpose`.
    pub fn new(purpose: &str) -> Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix(&format!("{purpose}-"))
            .permissions(Permissions::from_mode(0o711))
            .tempdir()
            .context("cannot make a private directory")?;
        // The umask may have narrowed it.
        fs::set_permissions(directory.path(), Permissions::from_mode(0o711))?;
        let path = directory
            .path()
            .to_str()
            .context("the path of the temporary directory is no UTF-8")?;
        // Servers are killed at the same moment, some with the help of files in here: they go first. Others may
        // still be writing: so more than one try.
        let remove = r#"for _ in 1 2 3 4 5 6 7 8 9; do sleep 0.5; rm -rf -- "$1" && exit; done"#;
        let last_will = LastWill::unless_dropped(remove, path)?;
        Ok(PrivateDirectory {
            directory,
            _last_will: last_will,
        })
    }

    /// Where it is: an absolute path.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The path of `name` in it.
    pub fn join(&self, name: impl AsRef<Path>) -> PathBuf {
        self.path().join(name)
    }

    /// Makes the directory `name` in it, with exactly this mode, and answers its path.
    pub fn make_directory(&self, name: &str, mode: u32) -> Result<PathBuf> {
        let path = self.join(name);
        fs::create_dir(&path).with_context(|| format!("cannot make {}", path.display()))?;
        fs::set_permissions(&path, Permissions::from_mode(mode))?;
        Ok(path)
    }

    /// Writes the file `name` in it, with exactly this mode, and answers its path. A file of that name is
    /// replaced.
    pub fn write(&self, name: &str, mode: u32, contents: impl AsRef<[u8]>) -> Result<PathBuf> {
        let path = self.join(name);
        write_file(&path, mode, contents.as_ref())?;
        Ok(path)
    }
}

/// Writes a file with exactly this mode; no moment shows its contents to more users than that.
pub fn write_file(path: &Path, mode: u32, contents: &[u8]) -> Result<()> {
    let directory = path.parent().context("a file needs a directory")?;
    let mut file = tempfile::NamedTempFile::new_in(directory)
        .with_context(|| format!("cannot write {}", path.display()))?;
    std::io::Write::write_all(&mut file, contents)?;
    file.as_file().set_permissions(Permissions::from_mode(mode))?;
    file.persist(path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}
