//! A place for programs that start daemons and mount file systems, and would leave both behind.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::private_directory::PrivateDirectory;
use crate::process::wait_until;

/// For making the namespaces, and for ending all that is in them.
const LIMIT: Duration = Duration::from_secs(60);

/// Holds the namespaces until its standard input ends; then the kernel kills whatever runs in them, and the control
/// groups `$1` are removed.
const HOLD: &str = r#"trap '' INT TERM HUP
unshare --mount --pid --fork -- /bin/sh -c "$2" sandbox "$3"
find /sys/fs/cgroup -depth -type d -path "*/$1*" -exec rmdir -- {} +
"#;

/// The first process in there: says its number (as seen from outside, by a `/proc` from outside) when all is
/// ready. `$1` is the directory for what is written to `/var/lib`, `/var/tmp` and `/run`.
const FIRST: &str = r#"set -e
read -r pid rest </proc/self/stat
mount -t proc proc /proc
mount --bind "$1/lib" /var/lib
mount --bind "$1/tmp" /var/tmp
mount -t tmpfs tmpfs "$1/run"
mkdir "$1/run/upper" "$1/run/work"
mount -t overlay -o "lowerdir=/run,upperdir=$1/run/upper,workdir=$1/run/work" overlay /run
echo "$pid"
exec cat
"#;

/// A mount namespace and a process namespace. What is written to `/var/lib`, `/var/tmp` (both empty at first) and
/// `/run` stays in there. Dropped, or when this process dies in any other way, all processes in there are killed, and
/// their mounts and control groups are gone.
pub(super) struct Sandbox {
    holder: Child,
    first: u32,
    cgroup: String,
}

impl Sandbox {
    /// Makes one that keeps what is written in there in `directory`.
    ///
    /// # Errors
    /// This machine does not allow it.
    pub(super) fn new(directory: &PrivateDirectory) -> Result<Self> {
        for name in ["lib", "tmp", "run"] {
            directory.make_directory(name, 0o755)?;
        }
        let log = directory.join("sandbox.log");
        let name = directory.path().file_name();
        let cgroup = name
            .context("a private directory has a name")?
            .to_string_lossy()
            .into_owned();
        let mut holder = Command::new("/bin/sh")
            .args(["-c", HOLD, "sandbox", &cgroup, FIRST])
            .arg(directory.path())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(&log)?)
            .process_group(0)
            .spawn()
            .context("cannot start /bin/sh")?;
        let output = holder.stdout.take().context("its output is a pipe")?;
        let mut sandbox = Sandbox {
            holder,
            first: 0,
            cgroup,
        };
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            // Ends without a line where something failed.
            let mut line = String::new();
            let _ = BufReader::new(output).read_line(&mut line);
            let _ = sender.send(line);
        });
        let line = receiver
            .recv_timeout(LIMIT)
            .with_context(|| format!("no namespaces within {LIMIT:?}"))?;
        let Ok(first) = line.trim_end().parse() else {
            drop(sandbox);
            bail!("cannot make namespaces: {}", fs::read_to_string(&log)?.trim_end());
        };
        sandbox.first = first;
        Ok(sandbox)
    }

    /// The command that runs `program` in here. Its arguments go to the program.
    pub(super) fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        let first = self.first.to_string();
        command.args(["--target", &first, "--mount", "--pid", "--", program]);
        command
    }

    /// The control group whose children are removed in the end.
    pub(super) fn cgroup(&self) -> &str {
        &self.cgroup
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        drop(self.holder.stdin.take());
        if !wait_until(LIMIT, || !matches!(self.holder.try_wait(), Ok(None))) {
            let _ = kill_process_group(Pid::from_child(&self.holder), Signal::KILL);
            let _ = self.holder.wait();
        }
    }
}
