//! What is done when this process ends without having cleaned up: killed, interrupted, or left a static alive.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// A shell that waits for the end of this process and then runs a script. Dropped, it is revoked: the script
/// never runs.
///
/// It learns of the end by its standard input, a pipe that the kernel closes however this process dies, and
/// is in a process group of its own, so that Ctrl-C does not reach it.
pub(crate) struct LastWill(Child);

impl LastWill {
    /// Writes the will: `script`, a POSIX shell script, with `argument` as its `$1`.
    pub(crate) fn new(script: &str, argument: &str) -> Result<Self> {
        Command::new("/bin/sh")
            .args([
                "-c",
                &format!("trap '' INT TERM HUP; read -r revoked && exit; {script}"),
            ])
            .args(["last-will", argument])
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map(LastWill)
            .context("cannot start /bin/sh to watch over this process")
    }

    /// Has the script run now, and waits for its end.
    pub(crate) fn execute(mut self) {
        drop(self.0.stdin.take());
    }
}

impl Drop for LastWill {
    fn drop(&mut self) {
        if let Some(mut pipe) = self.0.stdin.take() {
            // A shell that has already gone has nothing left to do.
            let _ = pipe.write_all(b"revoked\n");
        }
        let _ = self.0.wait();
    }
}
