//! A server of a test: started, waited for, and gone afterwards.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::last_will::LastWill;

const POLL: Duration = Duration::from_millis(10);
const LINES_OF_LOG_IN_AN_ERROR: usize = 25;

/// A running program, in a process group of its own. Dropped, the whole group is killed and waited for; it is
/// killed too if this process dies without dropping it.
///
/// A program that makes itself a daemon leaves the group: run it in the foreground, or in a
/// [`crate::namespace`] of its own.
pub struct Process {
    name: String,
    child: Child,
    log: PathBuf,
    _last_will: LastWill,
}

impl Process {
    /// Starts `command` with nothing on its standard input and its output appended to the file `log`.
    pub fn start(name: &str, command: &mut Command, log: &Path) -> Result<Self> {
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("cannot open the log {}", log.display()))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .process_group(0)
            .spawn()
            .with_context(|| {
                format!(
                    "cannot start {name} ({})",
                    Path::new(command.get_program()).display()
                )
            })?;
        let last_will = LastWill::unless_dropped(r#"kill -s KILL -- "-$1""#, &child.id().to_string())?;
        Ok(Process {
            name: name.to_owned(),
            child,
            log: log.to_owned(),
            _last_will: last_will,
        })
    }

    /// Waits until `ready` says so, for `limit` at most.
    ///
    /// # Errors
    /// The program ended, or was not ready in time: with the last lines of its log.
    pub fn wait_until_ready(&mut self, limit: Duration, mut ready: impl FnMut() -> bool) -> Result<()> {
        let begin = Instant::now();
        while !ready() {
            if let Some(status) = self.child.try_wait()? {
                bail!(
                    "{} ended at its start with {status}; its log:\n{}",
                    self.name,
                    self.log_tail()
                );
            }
            if begin.elapsed() > limit {
                bail!(
                    "{} was not ready after {limit:?}; its log:\n{}",
                    self.name,
                    self.log_tail()
                );
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }

    /// The same, ready being that connections to `address` are accepted.
    pub fn wait_until_listening(&mut self, limit: Duration, address: SocketAddr) -> Result<()> {
        self.wait_until_ready(limit, || TcpStream::connect_timeout(&address, limit).is_ok())
    }

    /// Its process number.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }

    /// Sends a signal to the program, not to its group.
    pub fn signal(&self, signal: Signal) -> Result<()> {
        kill_process(Pid::from_child(&self.child), signal)
            .with_context(|| format!("cannot send a signal to {}", self.name))
    }

    /// Asks it to end (SIGTERM) and waits for that, for `limit` at most; then it is killed.
    ///
    /// # Errors
    /// It did not end by itself.
    pub fn stop(mut self, limit: Duration) -> Result<ExitStatus> {
        self.signal(Signal::TERM)?;
        self.wait(limit)
    }

    /// Waits for its end, for `limit` at most.
    ///
    /// # Errors
    /// It did not end by itself.
    pub fn wait(&mut self, limit: Duration) -> Result<ExitStatus> {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if begin.elapsed() > limit {
                bail!(
                    "{} did not end within {limit:?}; its log:\n{}",
                    self.name,
                    self.log_tail()
                );
            }
            std::thread::sleep(POLL);
        }
    }

    /// All that it has written so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    fn log_tail(&self) -> String {
        last_lines(&self.log(), LINES_OF_LOG_IN_AN_ERROR)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // The group outlives its leader while any member runs; with none left there is nobody to kill.
        let _ = kill_process_group(Pid::from_child(&self.child), Signal::KILL);
        let _ = self.child.wait();
    }
}

/// The last `count` lines of a log.
pub fn last_lines(log: &str, count: usize) -> String {
    let lines: Vec<&str> = log.lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// A TCP port of 127.0.0.1 that nobody listens on at this moment.
pub fn free_port() -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot bind a port of 127.0.0.1")?;
    Ok(listener.local_addr()?.port())
}

/// Waits until `condition` holds, for `limit` at most; whether it did.
pub fn wait_until(limit: Duration, mut condition: impl FnMut() -> bool) -> bool {
    let begin = Instant::now();
    loop {
        if condition() {
            return true;
        }
        if begin.elapsed() > limit {
            return false;
        }
        std::thread::sleep(POLL);
    }
}
