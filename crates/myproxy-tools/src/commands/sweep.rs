//! `mod-myproxy sweep`: the work of mod_watchdog, from cron or a systemd timer.

use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use credential_store::{
    CredentialStore, Directory, FilePermissions, SessionStore, SweepReport, check_separate, sweep,
};

use super::list::store_directory;

/// What the command line says.
#[derive(clap::Args)]
#[command(after_long_help = MORE_HELP)]
pub struct Arguments {
    /// The directory that MyProxyCredStoreDir names
    #[arg(long, value_name = "DIR")]
    credentials: PathBuf,
    /// The directory that MyProxySessionStore names, without dir:
    #[arg(long, value_name = "DIR")]
    sessions: PathBuf,
    /// End sessions that were not used for so long, whatever MyProxySessionIdle said where they began
    #[arg(long, value_name = "SECONDS")]
    idle: Option<u64>,
    /// Say what would be erased, and erase nothing
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON object instead of lines
    #[arg(long)]
    json: bool,
}

const MORE_HELP: &str = "\
It erases credentials that have expired or to which no live session refers, ends idle sessions, and clears what \
processes that died have left. What mod_myproxy did not make is named and left. It may run at any time, beside \
httpd and beside another sweep, as root or as httpd's user.

It is needed where httpd has no mod_watchdog, or is stopped for long. Samples for a systemd timer and for cron \
come with mod_myproxy: mod-myproxy-sweep.timer, mod-myproxy-sweep.service, mod-myproxy-sweep.cron.

Exit status: 0 when everything could be looked at and erased, 1 otherwise.

Examples:
  mod-myproxy sweep --credentials /run/mod_myproxy/credentials --sessions /run/mod_myproxy/sessions
  mod-myproxy sweep --dry-run --json --credentials ... --sessions ...";

/// Sweeps both directories.
pub fn run(arguments: Arguments) -> Result<()> {
    check_separate(&arguments.credentials, &arguments.sessions)?;
    let credentials = Directory::open(&arguments.credentials, store_directory())?;
    let credentials = CredentialStore::open(credentials, FilePermissions::default())?;
    let sessions = SessionStore::open(Directory::open(&arguments.sessions, store_directory())?)?;
    let idle = arguments.idle.map(Duration::from_secs);
    let report = sweep(
        &credentials,
        &sessions,
        idle,
        SystemTime::now(),
        arguments.dry_run,
    )?;

    let output = if arguments.json {
        serde_json::to_string_pretty(&report)? + "\n"
    } else {
        lines(&report)
    };
    stdout()
        .write_all(output.as_bytes())
        .context("cannot print what was swept")?;
    match &report.failures[..] {
        [] => Ok(()),
        failures => bail!("{}", failures.join("\nmod-myproxy: ")),
    }
}

/// One line for each thing that was done or left; nothing where there was nothing to do.
fn lines(report: &SweepReport) -> String {
    let kinds = [
        ("expired credential", &report.expired),
        ("orphaned credential", &report.orphaned),
        ("broken", &report.broken),
        ("idle session", &report.idle),
        ("session of an expired credential", &report.over),
        ("stale temporary file", &report.temporaries),
        ("stale granting cookie in session", &report.stale_cookies),
        ("left, not ours", &report.unknown),
    ];
    let lines = kinds.iter().flat_map(|(kind, names)| {
        names
            .iter()
            .map(move |name| format!("{kind}: {}\n", name.escape_debug()))
    });
    lines.collect()
}
