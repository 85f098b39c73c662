//! `mod-myproxy trustroots`: what `myproxy-get-trustroots` does, but for trust in whoever answers.

use std::path::PathBuf;

use anyhow::{Result, bail};
use myproxy_client::{Installed, ServerFingerprint};

use crate::myproxy::server::ServerOptions;
use crate::myproxy::trust_roots::{install, installation_directory, trust_first};

const AFTER_HELP: &str = "\
Gets the trust roots that the server hands out (certificates of authorities, signing policies, revocation lists) and \
installs them: new ones, and newer ones in the place of older ones. What the server does not know stays. Run it from a \
timer to keep them current.

The server has to be trusted already. The first time, say which certificate it has. At the server:
  openssl x509 -noout -fingerprint -sha256 -in /etc/grid-security/hostcert.pem

Examples:
  mod-myproxy trustroots -s myproxy.example.org
  mod-myproxy trustroots -s myproxy.example.org --fingerprint 9A:1F:...";

/// The options of `myproxy-get-trustroots`, and a few besides.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    server: ServerOptions,

    /// SHA-256 fingerprint of the server's certificate: trust it for that, this once
    #[arg(long, value_name = "FINGERPRINT")]
    fingerprint: Option<ServerFingerprint>,

    /// Refused without --fingerprint: whoever answers would be trusted for ever
    #[arg(short, long)]
    bootstrap: bool,

    /// Where to install [default: X509_CERT_DIR, else /etc/grid-security/certificates as root, else
    /// ~/.globus/certificates]
    #[arg(long, value_name = "DIR")]
    directory: Option<PathBuf>,

    /// Write nothing to standard output
    #[arg(short, long)]
    quiet: bool,
}

/// Gets and installs.
pub fn run(arguments: Arguments) -> Result<()> {
    if arguments.bootstrap && arguments.fingerprint.is_none() {
        bail!(
            "-b would trust whoever answers: name the SHA-256 fingerprint of the server's certificate with --fingerprint"
        );
    }
    let directory = arguments.directory.clone().unwrap_or_else(installation_directory);
    let installed = match &arguments.fingerprint {
        Some(fingerprint) => trust_first(&arguments.server.client()?, fingerprint, &directory, || {
            arguments.server.client_trusting(directory.clone())
        })?,
        None => {
            let client = match &arguments.directory {
                Some(directory) => arguments.server.client_trusting(directory.clone())?,
                None => arguments.server.client()?,
            };
            install(&client.trust_roots()?, &directory)?
        }
    };
    if arguments.quiet {
        return Ok(());
    }
    super::print(&report(&installed, &directory.display().to_string()))
}

fn report(installed: &Installed, directory: &str) -> String {
    let Installed { written, current } = installed;
    let names: String = written.iter().map(|name| format!("\n  {name}")).collect();
    format!(
        "{} trust roots written to {directory}, {current} current already{names}",
        written.len()
    )
}
