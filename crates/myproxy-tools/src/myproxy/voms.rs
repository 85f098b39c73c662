//! Attributes of virtual organisations that the MyProxy server shall ask VOMS for.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use myproxy_client::{VoName, VomsesLine};

/// What `names` ask for, and where the VOMS servers are, for a MyProxy server that does not know: the lines of the file
/// that `VOMS_USERCONF` names, or of all files in that directory.
pub fn asked_for(names: &[String]) -> Result<(Vec<VoName>, Vec<VomsesLine>)> {
    let asked: Vec<_> = names.iter().map(VoName::new).collect::<Result<_, _>>()?;
    match env::var_os("VOMS_USERCONF").filter(|_| !asked.is_empty()) {
        Some(path) => {
            let lines = lines(Path::new(&path))
                .with_context(|| format!("VOMS_USERCONF: cannot use {}", path.display()))?;
            Ok((asked, lines))
        }
        None => Ok((asked, Vec::new())),
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
