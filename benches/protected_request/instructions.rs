//! Instructions a request, as callgrind counts them: the same in every run, however busy the machine is.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};
use testbed::httpd::Mpm;

use super::cases::Case;
use super::client::{Connection, Target};
use super::site::{Loaded, Site};

/// The function of libaprutil that checks passwords of Apache's own format: only requests to [`Site::mark`] get there,
/// so that callgrind can be told to write down there what it has counted.
const MARK: &str = "apr_md5_encode";
/// Requests that pass before callgrind's count begins.
const WARM_UP: usize = 50;

/// What a case comes to.
pub struct Instructions {
    /// The case.
    pub case: Case,
    /// Instructions a request.
    pub count: f64,
}

/// Whether valgrind is installed.
pub fn callgrind_is_there() -> bool {
    let version = Command::new("valgrind")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    version.is_ok_and(|status| status.success())
}

/// Counts over `watched` requests of each case, in one httpd with one process and one thread. Their profiles are kept in
/// the directory `profiles`, for `callgrind_annotate`.
pub fn count(
    site: &Site,
    loaded: Loaded,
    cases: &[Case],
    watched: usize,
    profiles: Option<&Path>,
) -> Result<Vec<Instructions>> {
    // httpd gives up its rights when it has started, and writes there later.
    let directory = site
        .directory()
        .make_directory(&format!("callgrind-{loaded:?}"), 0o777)?;
    let output = directory.join("counted");
    let tool = [
        "valgrind".to_owned(),
        "--tool=callgrind".to_owned(),
        format!("--callgrind-out-file={}", output.display()),
        format!("--dump-before={MARK}"),
    ];
    let httpd = site
        .httpd(loaded)?
        .mpm(Mpm::Prefork)
        .start_as_one_process(&tool)?;
    let mut profiler = Profiler {
        site,
        port: httpd.port(),
        output,
        dumps: 0,
    };
    let mut counted = Vec::new();
    for &case in cases {
        let count = profiler.watch(case, watched);
        counted.push(Instructions {
            case,
            count: count.with_context(|| format!("{case}, under callgrind"))?,
        });
        if let Some(profiles) = profiles {
            fs::copy(profiler.file(), profiles.join(format!("{loaded:?}, {case}")))?;
        }
    }
    Ok(counted)
}

struct Profiler<'a> {
    site: &'a Site,
    port: u16,
    /// What callgrind's files begin with.
    output: PathBuf,
    dumps: usize,
}

impl Profiler<'_> {
    fn watch(&mut self, case: Case, watched: usize) -> Result<f64> {
        let target = self.site.target(case, self.port);
        let mut connection = Connection::open(&target, case.keeps_cookies())?;
        for _ in 0..WARM_UP {
            connection.ask()?;
        }
        let mark = self.site.mark(&target);
        self.dump(&mut connection, &mark)?;
        let dump = self.dump(&mut connection, &mark)?;
        for _ in 0..watched {
            connection.ask()?;
        }
        let all = self.dump(&mut connection, &mark)?;
        Ok((all - dump) as f64 / watched as f64)
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
