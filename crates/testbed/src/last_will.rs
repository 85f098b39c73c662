//! What is done when this process ends without having cleaned up: killed, interrupted, or left a static alive.

use std::io::Write;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};

/// A shell that waits for the end of this process and then runs a script.
///
/// It learns of the end by its standard input, a pipe that the kernel closes however this process dies, and
/// is in a process group of its own, so that Ctrl-C does not reach it.
pub(crate) struct LastWill {
    shell: Child,
    when_dropped: WhenDropped,
}

enum WhenDropped {
    /// The script never runs.
    Revoked,
    /// The script runs, and is waited for.
    Executed,
}

impl LastWill {
    /// `script`, a POSIX shell script with `argument` as its `$1`, runs unless this is dropped before.
    pub(crate) fn unless_dropped(script: &str, argument: &str) -> Result<Self> {
        Self::new(script, argument, WhenDropped::Revoked)
    }

    /// `script` runs at the end of this process, or as soon as this is dropped.
    pub(crate) fn at_the_latest(script: &str, argument: &str) -> Result<Self> {
        Self::new(script, argument, WhenDropped::Executed)
    }

    fn new(script: &str, argument: &str, when_dropped: WhenDropped) -> Result<Self> {
        let shell = Command::new("/bin/sh")
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
            .context("cannot start /bin/sh to watch over this process")?;
        Ok(LastWill { shell, when_dropped })
    }
}

impl Drop for LastWill {
    fn drop(&mut self) {
        let pipe = self.shell.stdin.take();
        if let (Some(mut pipe), WhenDropped::Revoked) = (pipe, &self.when_dropped) {
            // A shell that has already gone has nothing left to do.
            let _ = pipe.write_all(b"revoked\n");
        }
        let _ = self.shell.wait();
    }
}
