//! Reading httpd's error log while it grows.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Result, bail};

use crate::process::{last_lines, wait_until};

const LINES_IN_AN_ERROR: usize = 40;

/// An error log, from some moment on.
pub struct Log {
    path: PathBuf,
    start: u64,
}

impl Log {
    pub(super) fn from_start(path: PathBuf) -> Self {
        Log { path, start: 0 }
    }

    pub(super) fn from_end(path: PathBuf) -> Self {
        let start = path.metadata().map_or(0, |metadata| metadata.len());
        Log { path, start }
    }

    /// What has been logged since.
    pub fn text(&self) -> String {
        let mut bytes = Vec::new();
        // No file yet is an empty log.
        let _ = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.start))?;
            file.read_to_end(&mut bytes)
        });
        String::from_utf8_lossy(&bytes).into_owned()
    }

    /// The lines logged since that contain `part`.
    pub fn lines_with(&self, part: &str) -> Vec<String> {
        self.text()
            .lines()
            .filter(|line| line.contains(part))
            .map(str::to_owned)
            .collect()
    }

    /// Waits for a line that contains `part`, and answers it.
    ///
    /// # Errors
    /// None came within `limit`: with the log's last lines.
    pub fn wait_for(&self, part: &str, limit: Duration) -> Result<String> {
        let mut found = None;
        wait_until(limit, || {
            found = self.lines_with(part).into_iter().next();
            found.is_some()
        });
        match found {
            Some(line) => Ok(line),
            None => bail!(
                "no line with {part:?} in {} within {limit:?}; its last lines:\n{}",
                self.path.display(),
                last_lines(&self.text(), LINES_IN_AN_ERROR)
            ),
        }
    }
}
