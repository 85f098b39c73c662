//! `mod-myproxy keyclient`, also `keyclient`: gets the key that this host shares with the login server.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::ArgGroup;
use granting_cookie::{CryptKey, KeyDirectory, KeyFile};
use pubcookie_protocol::keyserver::{Reply, Request, TrustedCertificate};

mod connection;
mod exchange;
mod failure;
mod http;
mod identity;
mod settings;
mod socket;

use settings::Settings;

const AFTER_HELP: &str = "\
Without -d, -u, -G, -U, -P or -0 a new key is made: at the keyserver, which hands it to the login server, and here. On the \
other hosts of a cluster -d downloads the key that was made on the first.

What is not said is read from the configuration file of the original programs: ssl_key_file, ssl_cert_file, ssl_ca_file, \
ssl_ca_path, keymgt_uri, login_host and keydir, as lines of `key: value`.

Example:
  keyclient -K https://login.example.org:2222 -k /etc/ssl/host.key -c /etc/ssl/host.pem -C /etc/ssl/ca.pem";

/// The options of the original `keyclient`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
#[command(group(ArgGroup::new("operation").args(["download", "upload", "granting", "trust", "permit", "deny"])))]
pub struct Arguments {
    /// Configuration file
    #[arg(short = 'f', value_name = "FILE", default_value = settings::CONFIG_FILE)]
    config: PathBuf,

    /// Private key of this host's certificate, without a pass phrase
    #[arg(short = 'k', value_name = "FILE")]
    key: Option<PathBuf>,

    /// Certificate of this host, with intermediate ones behind it
    #[arg(short = 'c', value_name = "FILE")]
    certificate: Option<PathBuf>,

    /// Certificates of the authorities that the keyserver's may be from
    #[arg(short = 'C', value_name = "FILE")]
    ca_file: Option<PathBuf>,

    /// Directory with such certificates, under OpenSSL's names
    #[arg(short = 'D', value_name = "DIR")]
    ca_directory: Option<PathBuf>,

    /// Where the keyserver is: https://host[:port][/path]
    #[arg(short = 'K', value_name = "URI")]
    server: Option<String>,

    /// The host that the key is for, where it is not this one's own name: a virtual host, a cluster
    #[arg(short = 'H', value_name = "HOST")]
    host: Option<String>,

    /// Download the key as it is, and make no new one
    #[arg(short = 'd')]
    download: bool,

    /// Upload the key that is here
    #[arg(short = 'u')]
    upload: bool,

    /// Fetch the login server's granting certificate into this file
    #[arg(short = 'G', value_name = "FILE")]
    granting: Option<PathBuf>,

    /// Have the keyserver trust the certificate in this file
    #[arg(short = 'U', value_name = "FILE")]
    trust: Option<PathBuf>,

    /// Permit a host to have its key
    #[arg(short = 'P', value_name = "HOST")]
    permit: Option<String>,

    /// Permit it no longer
    #[arg(short = '0', value_name = "HOST")]
    deny: Option<String>,

    /// Only show what would be done
    #[arg(short = 'n')]
    show: bool,

    /// Say nothing where all is well
    #[arg(short = 'q')]
    quiet: bool,

    /// The private key is in ASN.1 (DER) format
    #[arg(short = 'a')]
    asn1: bool,

    /// The private key is in PEM format (the default)
    #[arg(short = 'p', conflicts_with = "asn1")]
    pem: bool,
}

/// What to do, and where its result goes.
enum Task {
    /// Make or fetch a key, into this directory under this name.
    Key { request: Request, file: String },
    /// Fetch the granting certificate into this file.
    GrantingCertificate(PathBuf),
    /// Nothing comes back but words: what to print.
    Other { request: Request, done: String },
}

/// Runs the command; `program` is what it was called by.
pub fn run(program: &str, arguments: &Arguments) -> ExitCode {
    match carry_out(arguments) {
        Ok(Reply::Refused(reason)) => {
            eprintln!("Failed: NO {reason}");
            ExitCode::FAILURE
        }
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{program}: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn carry_out(arguments: &Arguments) -> Result<Reply> {
    let settings = Settings::gather(arguments)?;
    let task = Task::of(arguments, &settings)?;
    if arguments.show {
        println!("Would ask {}: {}", settings.server, task.request());
        return Ok(Reply::Done(String::new()));
    }
    task.check_place(&settings)?;
    let reply = exchange::ask(&settings, task.request())?;
    if let Some(done) = task.finish(&settings, &reply)?
        && !arguments.quiet
    {
        writeln!(io::stdout(), "{done}").context("it is done, but cannot be said")?;
    }
    Ok(reply)
}

impl Task {
    fn of(arguments: &Arguments, settings: &Settings) -> Result<Self> {
        if let Some(file) = &arguments.granting {
            return Ok(Task::GrantingCertificate(file.clone()));
        }
        if let Some(file) = &arguments.trust {
            let text = fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
            let certificate =
                TrustedCertificate::from_pem(&text).with_context(|| file.display().to_string())?;
            return Ok(Task::Other {
                done: format!("Certificate {certificate} is trusted"),
                request: Request::Trust(certificate),
            });
        }
        if let Some(host) = &arguments.permit {
            return Ok(Task::Other {
                request: Request::Permit(host.parse()?),
                done: format!("Host {host} is permitted"),
            });
        }
        if let Some(host) = &arguments.deny {
            return Ok(Task::Other {
                request: Request::Deny(host.parse()?),
                done: format!("Host {host} is denied"),
            });
        }
        let file = settings.host.clone();
        let host = file.parse()?;
        if arguments.upload {
            let key = KeyFile::read(settings.key_directory.join(&file))?.key;
            return Ok(Task::Other {
                request: Request::Put(host, key),
                done: set_key(&file),
            });
        }
        let request = match arguments.download {
            true => Request::Fetch(host),
            false => Request::Make(host),
        };
        Ok(Task::Key { request, file })
    }

    fn request(&self) -> &Request {
        match self {
            Task::Key { request, .. } | Task::Other { request, .. } => request,
            Task::GrantingCertificate(_) => &Request::GrantingCertificate,
        }
    }

    /// A new key replaces the old one at the keyserver: where it cannot be stored here, it is not asked for.
    fn check_place(&self, settings: &Settings) -> Result<()> {
        let directory = match self {
            Task::Key { .. } => settings.key_directory.as_path(),
            Task::GrantingCertificate(file) => directory_of(file),
            Task::Other { .. } => return Ok(()),
        };
        tempfile::tempfile_in(directory)
            .map(drop)
            .with_context(|| format!("cannot write to {}", directory.display()))
    }

    /// Stores what came; answers what to say.
    fn finish(&self, settings: &Settings, reply: &Reply) -> Result<Option<String>> {
        match (self, reply) {
            (Task::Key { file, .. }, Reply::Key(key)) => store_key(settings, file, key).map(Some),
            (Task::GrantingCertificate(file), Reply::GrantingCertificate(pem)) => {
                store_certificate(file, pem).with_context(|| format!("cannot write {}", file.display()))?;
                Ok(Some(format!("Granting cert saved to {}", file.display())))
            }
            (Task::Other { done, .. }, Reply::Done(_)) => Ok(Some(done.clone())),
            _ => Ok(None),
        }
    }
}

fn store_key(settings: &Settings, file: &str, key: &CryptKey) -> Result<String> {
    KeyDirectory::new(&settings.key_directory)
        .store(file, key)
        .context("the keyserver has the key, but it is not here: free the disk, then download it with -d")?;
    Ok(set_key(file))
}

fn set_key(host: &str) -> String {
    format!("Set crypt key for {host}")
}

/// Everybody may read it: it is a certificate.
fn store_certificate(path: &Path, pem: &str) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    let mut file = tempfile::Builder::new()
        .permissions(fs::Permissions::from_mode(0o644))
        .tempfile_in(directory_of(path))?;
    file.write_all(pem.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    Ok(())
}

fn directory_of(file: &Path) -> &Path {
    match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}
