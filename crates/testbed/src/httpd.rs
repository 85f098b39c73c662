//! A private httpd: the machine's own program and modules, with a configuration and a port of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::Signal;

use crate::process::Process;

mod children;
mod configuration;
mod installation;
mod log;

pub use children::Child;
pub use configuration::{HttpdBuilder, Mpm, configtest};
pub use installation::give_to_children;
pub use log::Log;

const START_LIMIT: Duration = Duration::from_secs(30);
const STOP_LIMIT: Duration = Duration::from_secs(20);
/// What httpd logs when its children accept requests, at the start and after each restart.
const READY: &str = "resuming normal operations";

/// A running httpd. Dropped, it is killed with all its children.
pub struct Httpd {
    process: Process,
    directory: PathBuf,
    port: u16,
}

impl Httpd {
    /// An httpd whose files are in `directory`, which outlives it: see [`HttpdBuilder`].
    pub fn builder(directory: &Path) -> Result<HttpdBuilder> {
        HttpdBuilder::new(directory)
    }

    /// The port of 127.0.0.1 that all its virtual hosts share.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `https://<host>:<port><path>`.
    pub fn url(&self, host: &str, path: &str) -> String {
        format!("https://{host}:{}{path}", self.port)
    }

    /// Its error log from the first line.
    pub fn log(&self) -> Log {
        Log::from_start(self.directory.join("error.log"))
    }

    /// Its error log from now on.
    pub fn log_from_now(&self) -> Log {
        Log::from_end(self.directory.join("error.log"))
    }

    /// Its access log (`combined`), all of it.
    pub fn access_log(&self) -> String {
        String::from_utf8_lossy(&fs::read(self.directory.join("access.log")).unwrap_or_default()).into_owned()
    }

    /// Restart as `apachectl graceful` does, and wait until the new children are there.
    pub fn graceful_restart(&self) -> Result<()> {
        self.restart(Signal::USR1).context("graceful restart")
    }

    /// Restart as `apachectl restart` does, and wait until the new children are there.
    pub fn full_restart(&self) -> Result<()> {
        self.restart(Signal::HUP).context("restart")
    }

    /// Stop as `apachectl stop` does.
    ///
    /// # Errors
    /// It did not end by itself within 20 seconds.
    pub fn stop(self) -> Result<()> {
        self.process.stop(STOP_LIMIT)?;
        Ok(())
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.process.is_running()
    }

    /// The process number of the parent, which reads the configuration and starts the children.
    pub fn pid(&self) -> u32 {
        self.process.pid()
    }

    /// The children that serve requests at this moment.
    pub fn children(&self) -> Result<Vec<Child>> {
        children::of(self.pid())
    }

    fn restart(&self, signal: Signal) -> Result<()> {
        let log = self.log_from_now();
        self.process.signal(signal)?;
        log.wait_for(READY, START_LIMIT)?;
        Ok(())
    }
}
