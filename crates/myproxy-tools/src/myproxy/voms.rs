//! Where the VOMS servers are, for a MyProxy server that does not know.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use myproxy_client::VomsesLine;

/// The lines of the file that `VOMS_USERCONF` names, or of all files in that directory; none where it is not set.
pub fn servers() -> Result<Vec<VomsesLine>> {
    match env::var_os("VOMS_USERCONF") {
        Some(path) => {
            lines(Path::new(&path)).with_context(|| format!("VOMS_USERCONF: cannot use {}", path.display()))
        }
        None => Ok(Vec::new()),
    }
}

fn lines(path: &Path) -> Result<Vec<VomsesLine>> {
    let mut files = vec![path.to_owned()];
    if path.is_dir() {
        let entries = fs::read_dir(path)?.collect::<Result<Vec<_>, _>>()?;
        files = entries
            .iter()
            .map(fs::DirEntry::path)
            .filter(|path| path.is_file())
            .collect::<Vec<PathBuf>>();
        files.sort();
    }
    let mut lines = Vec::new();
    for file in files {
        let text = fs::read_to_string(file)?;
        let used = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty() && !line.starts_with('#'));
        for line in used {
            lines.push(VomsesLine::new(line)?);
        }
    }
    Ok(lines)
}
