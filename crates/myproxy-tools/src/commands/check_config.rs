//! `mod-myproxy check-config`: what of an httpd configuration's MyProxy part would fail, found out before a user does.

mod access;
mod certificate;
mod directories;
mod dump;
mod finding;
mod httpd;
mod servers;
mod settings;
mod trust;

use std::io::{Write as _, stdout};
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context, Result, bail};

use finding::{Finding, Severity};
use httpd::Httpd;
use settings::{Configuration, Server};

/// What the command line says.
#[derive(clap::Args)]
#[command(after_long_help = MORE_HELP)]
pub struct Arguments {
    /// httpd's main configuration file [default: the one that httpd reads]
    #[arg(value_name = "FILE")]
    file: Option<PathBuf>,
    /// The program that reads it [default: apache2ctl, httpd or apache2, wherever one is]
    #[arg(long, value_name = "PROGRAM")]
    httpd: Option<PathBuf>,
    /// The directory with httpd's modules, of which mod_info is needed [default: the well-known ones]
    #[arg(long, value_name = "DIR")]
    modules: Option<PathBuf>,
    /// A name that is defined for <IfDefine>, as httpd's own -D
    #[arg(short = 'D', long = "define", value_name = "NAME")]
    defines: Vec<String>,
    /// Do not connect to the MyProxy servers
    #[arg(long)]
    offline: bool,
    /// Print the findings as a JSON array
    #[arg(long)]
    json: bool,
}

const MORE_HELP: &str = "\
httpd itself reads the configuration (httpd -t -D DUMP_CONFIG), so that Include, Define, IfModule, macros and \
virtual hosts are what they are for httpd. Then it looks at what the directives name: MyProxy servers (names, \
connection, handshake, identity; nothing is sent that counts as a logon), trust roots, our own certificate, \
directories. Run it as the user that starts httpd, root as a rule.

Each finding is a line: where, whether it fails or is doubtful, which directive, why, what to do.

Exit status: 0 when nothing would fail, 1 otherwise.

Examples:
  mod-myproxy check-config
  mod-myproxy check-config --json /etc/httpd/conf/httpd.conf";

/// Reads the configuration and looks at everything.
pub fn run(arguments: Arguments) -> Result<()> {
    let httpd = Httpd::find(arguments.httpd.as_deref(), arguments.modules.as_deref())?;
    let read = httpd.read(arguments.file.as_deref(), &arguments.defines)?;
    let configuration = Configuration::new(&read);
    let mut findings = Vec::new();
    for server in configuration.servers() {
        check(server, arguments.offline, &mut findings);
    }
    findings.extend(words_of_httpd(&read, &findings));
    if configuration.servers().is_empty() && findings.is_empty() {
        bail!("there is no MyProxyServer in the configuration: is myproxy_module loaded, and this the file?");
    }
    let output = if arguments.json {
        serde_json::to_string_pretty(&findings)? + "\n"
    } else {
        findings
            .iter()
            .map(|finding| format!("{finding}\n"))
            .chain([summary(configuration.servers(), &findings, arguments.offline)])
            .collect()
    };
    stdout()
        .write_all(output.as_bytes())
        .context("cannot print the findings")?;
    match fails(&findings) {
        0 => Ok(()),
        1 => bail!("1 thing would fail"),
        count => bail!("{count} things would fail"),
    }
}

/// Everything that the directives of a server name. What virtual hosts share is told once.
fn check(server: &Server, offline: bool, findings: &mut Vec<Finding>) {
    let trust = trust::check(server);
    let found = trust
        .into_iter()
        .chain(certificate::check(server))
        .chain(directories::check(server))
        .chain(if offline {
            Vec::new()
        } else {
            servers::check(server)
        });
    for finding in found {
        if !findings.contains(&finding) {
            findings.push(finding);
        }
    }
}

/// httpd stops at the first thing that it refuses. Of a directive about which more is found here nothing is repeated.
fn words_of_httpd(read: &httpd::Reading, findings: &[Finding]) -> Vec<Finding> {
    let said = read.refusal.iter();
    said.filter(|line| {
        !findings.iter().any(|finding| {
            finding.severity == Severity::Fails && line.contains(&format!("{}:", finding.directive))
        })
    })
    .map(|line| Finding::of_httpd(line))
    .collect()
}

fn fails(findings: &[Finding]) -> usize {
    let failing = |finding: &&Finding| finding.severity == Severity::Fails;
    findings.iter().filter(failing).count()
}

fn summary(servers: &[Server], findings: &[Finding], offline: bool) -> String {
    let mut names: Vec<_> = servers.iter().flat_map(Server::names).collect();
    names.sort();
    names.dedup();
    let asked = if offline || names.is_empty() {
        "nobody was asked".to_owned()
    } else {
        format!("asked: {}", names.join(" "))
    };
    format!(
        "{} would fail, {} doubtful ({asked})\n",
        fails(findings),
        findings.len() - fails(findings)
    )
}

/// How long a MyProxy server may take where the configuration says nothing.
const PATIENCE: Duration = Duration::from_secs(10);
