//! `mod-myproxy list`: the credentials in a store directory, and how long they last.

use std::fmt::Write as _;
use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::time::SystemTime;

use anyhow::{Context, Result};
use credential_store::{Certificate, Directory, DirectoryPolicy, Listing, Record, State};
use serde::Serialize;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What the command line says.
#[derive(clap::Args)]
#[command(after_long_help = MORE_HELP)]
pub struct Arguments {
    /// The directory that MyProxyCredStoreDir names
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Print a JSON array instead of a table
    #[arg(long)]
    json: bool,
}

const MORE_HELP: &str = "\
Run it as root or as httpd's user (www-data on Debian, apache on Fedora). It changes nothing.

STATE says:
  good        it serves its user
  expired     the next sweep erases it
  broken      a crash came between the credential and its record; the next sweep erases it
  unrecorded  mod_myproxy did not make it (an old Perl handler?), and will never touch it
  unreadable  it cannot be looked at; the reason follows

Examples:
  mod-myproxy list /run/mod_myproxy/credentials
  mod-myproxy list --json /run/mod_myproxy/credentials | jq '.[] | select(.seconds_left < 3600) | .user'";

/// Prints what is stored.
pub fn run(arguments: Arguments) -> Result<()> {
    let now = SystemTime::now();
    let directory = Directory::open(&arguments.directory, store_directory())?;
    let rows: Vec<Row> = credential_store::list(&directory)?
        .into_iter()
        .map(|listing| Row::new(listing, now))
        .collect();
    let output = if arguments.json {
        serde_json::to_string_pretty(&rows)? + "\n"
    } else {
        table(&rows)
    };
    stdout()
        .write_all(output.as_bytes())
        .context("cannot print the list")
}

/// Which store directory a command works in: its own user's, or, as root, whoever's. It is held by its
/// descriptor and no link in it is followed, so how httpd's configuration wants its mode is httpd's affair.
pub(super) fn store_directory() -> DirectoryPolicy {
    let policy = DirectoryPolicy::new(0o775);
    if rustix::process::geteuid().is_root() {
        policy.owned_by_anyone()
    } else {
        policy
    }
}

/// One credential, as it is printed.
#[derive(Default, Serialize)]
struct Row {
    file: String,
    /// Absent where the name is too long to be written out in the file name and there is no record.
    user: Option<String>,
    state: &'static str,
    subject: Option<String>,
    /// RFC 3339, in UTC.
    expires: Option<String>,
    seconds_left: Option<u64>,
    #[serde(flatten)]
    record: Option<Record>,
    error: Option<String>,
}

impl Row {
    fn new(listing: Listing, now: SystemTime) -> Self {
        let of_file = listing
            .name
            .user()
            .map(|user| String::from_utf8_lossy(&user).into_owned());
        let (state, record, certificate, error) = match listing.state {
            State::Recorded(record, certificate) => {
                let state = if certificate.expires <= now {
                    "expired"
                } else {
                    "good"
                };
                (state, Some(record), Some(certificate), None)
            }
            State::Unrecorded(certificate) => ("unrecorded", None, certificate, None),
            State::Broken(record) => ("broken", record, None, None),
            State::Unreadable(error) => ("unreadable", None, None, Some(error.to_string())),
        };
        Self {
            file: listing.name.to_string(),
            user: record
                .as_ref()
                .map(|record| record.origin.web_user.name.clone())
                .or(of_file),
            state,
            expires: certificate.as_ref().and_then(rfc3339),
            seconds_left: certificate.as_ref().map(|certificate| {
                certificate
                    .expires
                    .duration_since(now)
                    .unwrap_or_default()
                    .as_secs()
            }),
            subject: certificate.map(|certificate| certificate.subject),
            record,
            error,
        }
    }

    fn cells(&self) -> [String; 6] {
        let text = |text: Option<&str>| text.unwrap_or("-").escape_debug().to_string();
        let record = self.record.as_ref();
        [
            self.state.to_owned(),
            self.seconds_left.map_or("-".into(), time_left),
            text(self.user.as_deref()),
            text(record.map(|record| record.origin.myproxy_user.as_str())),
            text(record.map(|record| record.origin.servers.join(" ")).as_deref()),
            text(self.error.as_deref().or(self.subject.as_deref())),
        ]
    }
}

fn rfc3339(certificate: &Certificate) -> Option<String> {
    OffsetDateTime::from(certificate.expires).format(&Rfc3339).ok()
}

/// `11:59:30`, hours first.
fn time_left(seconds: u64) -> String {
    format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60)
}

/// Columns as wide as their widest cell; the last one ends where it ends.
fn table(rows: &[Row]) -> String {
    let heading = ["STATE", "TIME LEFT", "USER", "MYPROXY USER", "SERVER", "SUBJECT"].map(str::to_owned);
    let lines: Vec<_> = std::iter::once(heading)
        .chain(rows.iter().map(Row::cells))
        .collect();
    let width = |column: usize| {
        lines
            .iter()
            .map(|line| line[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let mut output = String::new();
    for line in &lines {
        let [first @ .., last] = line;
        for (column, cell) in first.iter().enumerate() {
            // Writing to a String cannot fail.
            let _ = write!(output, "{cell:<0$}  ", width(column));
        }
        output.push_str(last);
        output.push('\n');
    }
    output
}
