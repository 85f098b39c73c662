//! Instructions a request, as callgrind counts them: the same in every run, however busy the machine is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use testbed::PrivateDirectory;
use testbed::httpd::{Httpd, HttpdBuilder, Mpm};

use super::client::{Connection, Target};

/// The function of libaprutil that checks passwords of Apache's own format: only requests to a mark ([`Profiler::count`])
/// get there, so that callgrind can be told to write down there what it has counted.
const MARK: &str = "apr_md5_encode";
/// Requests that pass before callgrind's count begins.
const WARM_UP: usize = 50;

/// Whether valgrind is installed.
pub fn is_there() -> bool {
    let version = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

/// An httpd with one process and one thread, which callgrind watches.
pub struct Profiler {
    httpd: Httpd,
    /// What callgrind's files begin with.
    output: PathBuf,
    dumps: usize,
}

impl Profiler {
    /// Starts it. Its files are in `directory`, in a place of that name.
    pub fn start(httpd: HttpdBuilder, directory: &PrivateDirectory, name: &str) -> Result<Self> {
        // httpd gives up its rights when it has started, and writes there later.
        let directory = directory.make_directory(&format!("callgrind-{name}"), 0o777)?;
        let output = directory.join("counted");
        let tool = [
            "valgrind".to_owned(),
            "--tool=callgrind".to_owned(),
            format!("--callgrind-out-file={}", output.display()),
            format!("--dump-before={MARK}"),
        ];
        Ok(Profiler {
            httpd: httpd.mpm(Mpm::Prefork).start_as_one_process(&tool)?,
            output,
            dumps: 0,
        })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.httpd.port()
    }

    /// The mean over `watched` requests for a target, which come after some that are not counted. `mark` is a file behind
    /// a password in Apache's own format.
    pub fn count(&mut self, target: &Target<'_>, mark: &Target<'_>, watched: usize) -> Result<f64> {
        let mut connection = Connection::open(target)?;
        for _ in 0..WARM_UP {
            connection.ask()?;
        }
        self.dump(&mut connection, mark)?;
        let dump = self.dump(&mut connection, mark)?;
        for _ in 0..watched {
            connection.ask()?;
        }
        let all = self.dump(&mut connection, mark)?;
        Ok((all - dump) as f64 / watched as f64)
    }

    /// Keeps the profile of the last count, for `callgrind_annotate`.
    pub fn keep(&self, profile: &Path) -> Result<()> {
        fs::copy(self.file(), profile).with_context(|| format!("cannot write {}", profile.display()))?;
        Ok(())
    }

    /// What callgrind wrote down last.
    fn file(&self) -> PathBuf {
        self.output.with_extension(self.dumps.to_string())
    }

    /// The instructions since the last time.
    fn dump(&mut self, connection: &mut Connection<'_>, mark: &Target<'_>) -> Result<u64> {
        connection.ask_other(mark)?;
        self.dumps += 1;
        let file = self.file();
        let profile = fs::read_to_string(&file).with_context(|| format!("no {}", file.display()))?;
        let total = profile.lines().find_map(|line| line.strip_prefix("totals: "));
        Ok(total.context("a profile without a total")?.parse()?)
    }
}
