//! A file that only its owner can read, replaced at once.

use std::fs::Permissions;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use tempfile::NamedTempFile;

/// A file that can be written, not yet in its place. It has mode 0600 from the beginning, and vanishes unless it is
/// [put there](Self::write).
pub struct PrivateFile {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl PrivateFile {
    /// Fails where `path` could not be written. What is there stays for now.
    pub fn create(path: &Path) -> Result<Self> {
        let directory = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let temporary = tempfile::Builder::new()
            .prefix(".x509up_")
            .permissions(Permissions::from_mode(0o600))
            .tempfile_in(directory)
            .with_context(|| not_written(path))?;
        Ok(PrivateFile {
            temporary,
            path: path.to_owned(),
        })
    }

    /// Replaces the file at once, so that whoever reads it finds the old content or the new one, also after a power
    /// failure. A link there is replaced, not followed.
    pub fn write(mut self, content: &[u8]) -> Result<()> {
        self.temporary
            .write_all(content)
            .and_then(|()| self.temporary.as_file().sync_all())
            .and_then(|()| Ok(self.temporary.persist(&self.path)?))
            .map(drop)
            .with_context(|| not_written(&self.path))
    }
}

fn not_written(path: &Path) -> String {
    format!("cannot write the credential to {}", path.display())
}
