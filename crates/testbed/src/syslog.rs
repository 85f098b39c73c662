//! A syslog of one's own: what programs in an [`Isolation`](crate::Isolation) write to `/dev/log`.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result};

use crate::process::wait_until;

/// More than the longest message that glibc's syslog sends in our tests.
const LONGEST_MESSAGE: usize = 64 * 1024;

/// A socket that anyone may log to, and what has come so far.
pub struct Syslog {
    path: PathBuf,
    lines: Arc<Mutex<Vec<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Syslog {
    /// Listens on a new socket at `path`.
    pub fn new(path: &Path) -> Result<Self> {
        let socket =
            UnixDatagram::bind(path).with_context(|| format!("cannot make the socket {}", path.display()))?;
        fs::set_permissions(path, Permissions::from_mode(0o666))?;
        let lines = Arc::new(Mutex::new(Vec::new()));
        let received = Arc::clone(&lines);
        let reader = thread::Builder::new().name("syslog".to_owned()).spawn(move || {
            let mut buffer = vec![0; LONGEST_MESSAGE];
            while let Ok(size @ 1..) = socket.recv(&mut buffer) {
                lock(&received).push(text_of(&buffer[..size]));
            }
        })?;
        Ok(Syslog {
            path: path.to_owned(),
            lines,
            reader: Some(reader),
        })
    }

    /// Where the socket is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Each message that has come, without its priority and time: `myproxy-server[123]: Connection from ...`.
    pub fn lines(&self) -> Vec<String> {
        lock(&self.lines).clone()
    }

    /// How many of the messages contain `text`.
    pub fn count(&self, text: &str) -> usize {
        lock(&self.lines)
            .iter()
            .filter(|line| line.contains(text))
            .count()
    }

    /// Waits until a message contains `text`, for `limit` at most; whether one did.
    pub fn wait_for(&self, limit: Duration, text: &str) -> bool {
        wait_until(limit, || self.count(text) > 0)
    }
}

impl Drop for Syslog {
    fn drop(&mut self) {
        // An empty datagram ends the reader.
        let woken = UnixDatagram::unbound().and_then(|socket| socket.send_to(&[], &self.path));
        if let (Ok(_), Some(reader)) = (woken, self.reader.take()) {
            let _ = reader.join();
        }
    }
}

/// Without `<priority>Mmm dd hh:mm:ss ` in front (RFC 3164, section 4.1).
fn text_of(message: &[u8]) -> String {
    let message = String::from_utf8_lossy(message);
    let message = message.trim_end_matches(['\0', '\n', ' ']);
    let after_priority = message.split_once('>').map_or(message, |(_, rest)| rest);
    after_priority
        .get("Nov 24 08:13:30 ".len()..)
        .unwrap_or(after_priority)
        .to_owned()
}

fn lock(lines: &Mutex<Vec<String>>) -> MutexGuard<'_, Vec<String>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}
