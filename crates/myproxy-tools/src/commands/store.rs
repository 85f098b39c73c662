//! `mod-myproxy store`: what `myproxy-store` does.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use myproxy_client::{Description, EndEntityCredential, Lifetime, Storage};
use zeroize::Zeroizing;

use crate::myproxy::account::AccountOptions;
use crate::myproxy::own_certificate::CertificateFiles;
use crate::myproxy::pass_phrase::PassPhrases;
use crate::myproxy::policy::PolicyOptions;
use crate::myproxy::server::ServerOptions;

const AFTER_HELP: &str = "\
The server keeps certificate and private key as they are: the pass phrase of the key is the one of the credential. Keep \
the key encrypted. Where nothing but the certificate may leave this machine, use mod-myproxy init.

Example:
  mod-myproxy store -s myproxy.example.org -l alice -c usercert.pem -y userkey.pem";

/// The options of `myproxy-store`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    server: ServerOptions,

    #[command(flatten)]
    account: AccountOptions,

    #[command(flatten)]
    policy: PolicyOptions,

    /// How long those are good at most that are retrieved from it
    #[arg(
        short = 't',
        long = "proxy_lifetime",
        value_name = "HOURS",
        default_value_t = 12
    )]
    proxy_hours: u32,

    /// The certificate to store [default: X509_USER_CERT, else ~/.globus/usercert.pem]
    #[arg(short = 'c', long = "certfile", value_name = "FILE")]
    certificate: Option<PathBuf>,

    /// Its private key [default: X509_USER_KEY, else ~/.globus/userkey.pem]
    #[arg(short = 'y', long = "keyfile", value_name = "FILE")]
    key: Option<PathBuf>,

    /// What the credential is for, in words
    #[arg(short = 'K', long = "creddesc", value_name = "TEXT")]
    description: Option<String>,
}

/// Hands the credential to the server.
pub fn run(arguments: Arguments) -> Result<()> {
    let client = arguments.server.client()?;
    let files =
        CertificateFiles::of_user().replaced_by(arguments.certificate.as_deref(), arguments.key.as_deref());
    let credential = EndEntityCredential::from_pem(&read(&files.certificate)?, &read(&files.key)?)
        .with_context(|| format!("cannot store {}", files.certificate.display()))?;
    let owner = CertificateFiles::to_authenticate()?.read(PassPhrases::Terminal)?;
    let mut storage = Storage {
        lifetime: Lifetime::from_hours(arguments.proxy_hours)?,
        credential_name: arguments.account.credential_name()?,
        description: arguments.description.map(Description::new).transpose()?,
        ..Storage::new(arguments.account.user_name(|| Ok(owner.identity().to_owned()))?)
    };
    arguments.policy.write(&mut storage)?;
    client.store(&storage, &credential, &owner)?;
    let mut report = format!("The credential is stored for {}", storage.user_name.as_str());
    if !credential.key_is_encrypted() {
        report += "; its private key is not encrypted: whoever reads the server's disk has it";
    }
    super::print(&report)
}

fn read(file: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    Ok(Zeroizing::new(content))
}
