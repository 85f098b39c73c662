//! httpd's children, as the kernel shows them in /proc.

use std::fs;

use anyhow::{Context, Result};

/// A child process of httpd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Child {
    /// Its process number.
    pub pid: u32,
    /// Its resident memory (VmRSS), in bytes.
    pub resident_memory: u64,
}

/// The running children of `parent`, in the order of their numbers.
pub(super) fn of(parent: u32) -> Result<Vec<Child>> {
    let mut children: Vec<Child> = fs::read_dir("/proc")
        .context("no /proc")?
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        // A process may end while it is looked at.
        .filter_map(|pid| Some((pid, fs::read_to_string(format!("/proc/{pid}/status")).ok()?)))
        .filter(|(_, status)| field(status, "PPid:") == Some(u64::from(parent)))
        // A child that has ended and was not yet waited for has no memory.
        .filter_map(|(pid, status)| {
            let resident_memory = field(&status, "VmRSS:")? * 1024;
            Some(Child { pid, resident_memory })
        })
        .collect();
    children.sort_by_key(|child| child.pid);
    Ok(children)
}

/// The number on the line of `/proc/<pid>/status` that begins with `name`.
fn field(status: &str, name: &str) -> Option<u64> {
    status
        .lines()
        .find_map(|line| line.strip_prefix(name))?
        .split_whitespace()
        .next()?
        .parse()
        .ok()
}
