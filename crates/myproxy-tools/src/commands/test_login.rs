//! `mod-myproxy test-login`: logs in as a browser does, and says what is wrong where.

use std::io::{self, Write};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::ArgGroup;
use url::Url;

use client::Client;
use credentials::{Credentials, PasswordSource};
use trust::Trust;

mod certificate;
mod client;
mod credentials;
mod diagnosis;
mod hop;
mod journey;
mod page;
mod report;
mod trust;

const AFTER_HELP: &str = "\
Visits the URL of a page that Pubcookie protects, fills in the login form, and follows the login to its end. \
Shows each step with the names of its cookies (never their values), the clocks of the servers, and the reason \
codes in words; then what is wrong where, and which directive mends it.

Exits with 0 if the page was reached and the session that began serves for a second request, else with 1.

Examples:
  mod-myproxy test-login --user alice https://portal.example.org/app
  mod-myproxy test-login --user alice --password-file pw --json https://portal.example.org/app";

/// Log in at a page that Pubcookie protects, and say what is wrong where.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
#[command(group = ArgGroup::new("password"))]
pub struct Arguments {
    /// A page that Pubcookie protects
    url: Url,

    /// Who logs in; asked for on the terminal where it is not given
    #[arg(long, value_name = "NAME")]
    user: Option<String>,

    /// Read the password from standard input, up to the end of its line
    #[arg(short = 'S', long = "stdin_pass", group = "password")]
    password_from_stdin: bool,

    /// Read the password from the first line of a file
    #[arg(long, value_name = "FILE", group = "password")]
    password_file: Option<PathBuf>,

    /// Trust the certification authorities in this file, and no others, for the servers' certificates
    #[arg(long = "ca", value_name = "PEM")]
    authorities: Option<PathBuf>,

    /// The same for a directory: hashed, or files that end in .pem or .crt
    #[arg(long = "ca-dir", value_name = "DIR")]
    authority_directory: Option<PathBuf>,

    /// How long each request may take
    #[arg(long, value_name = "SECONDS", default_value_t = 15)]
    #[arg(value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,

    /// Print one JSON object: url, reached, hops, clocks, oddities, problem
    #[arg(long)]
    json: bool,
}

/// Logs in and reports.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    let mut url = arguments.url;
    if !matches!(url.scheme(), "https" | "http") || url.host_str().is_none() {
        bail!("{url} is not a URL that begins with https://");
    }
    url.set_fragment(None);
    let credentials = Credentials {
        user: arguments.user,
        password: match arguments.password_file {
            Some(file) => PasswordSource::File(file),
            None if arguments.password_from_stdin => PasswordSource::StandardInput,
            None => PasswordSource::Terminal,
        },
    };
    let trust = Trust::read(
        arguments.authorities.as_deref(),
        arguments.authority_directory.as_deref(),
    )?;
    let mut client = Client::new(trust, Duration::from_secs(arguments.timeout));
    let journey = journey::travel(&mut client, &url, &credentials)?;

    let report = match arguments.json {
        true => format!("{:#}\n", report::json(&journey)),
        false => report::text(&journey)?,
    };
    io::stdout()
        .write_all(report.as_bytes())
        .context("cannot print what happened")?;
    let shown_url = hop::without_query(&url);
    match diagnosis::problem(&journey) {
        None if journey.is_good() => Ok(()),
        None => bail!("{shown_url} was not reached by a login"),
        Some(problem) => bail!(
            "{shown_url} was not reached by a login: at {}: {}",
            problem.place,
            problem.what
        ),
    }
}
