//! `mod-myproxy init`: what `myproxy-init` does.

use std::mem;
use std::path::PathBuf;

use anyhow::{Result, bail};
use myproxy_client::{ClientCertificate, Description, Lifetime, PassPhrase, Storage};

use crate::myproxy::account::AccountOptions;
use crate::myproxy::own_certificate::CertificateFiles;
use crate::myproxy::pass_phrase::PassPhrases;
use crate::myproxy::policy::PolicyOptions;
use crate::myproxy::server::ServerOptions;

const AFTER_HELP: &str = "\
Signs a proxy certificate for a key that the server makes: the own private key stays here. Whoever knows the pass \
phrase then gets short-lived credentials from it (mod-myproxy logon).

With -S standard input has the pass phrase of the own private key in its first line, if it has one, and the new \
MyProxy pass phrase in the next.

Example:
  mod-myproxy init -s myproxy.example.org -l alice";

/// The options of `myproxy-init`.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    server: ServerOptions,

    #[command(flatten)]
    account: AccountOptions,

    #[command(flatten)]
    policy: PolicyOptions,

    /// How long the credential at the server is good; 0 is as long as the own certificate
    #[arg(
        short = 'c',
        long = "cred_lifetime",
        value_name = "HOURS",
        default_value_t = 168
    )]
    credential_hours: u32,

    /// How long those are good at most that are retrieved from it
    #[arg(
        short = 't',
        long = "proxy_lifetime",
        value_name = "HOURS",
        default_value_t = 12
    )]
    proxy_hours: u32,

    /// The own certificate [default: X509_USER_CERT, else ~/.globus/usercert.pem]
    #[arg(short = 'C', long = "certfile", value_name = "FILE")]
    certificate: Option<PathBuf>,

    /// Its private key [default: X509_USER_KEY, else ~/.globus/userkey.pem]
    #[arg(short = 'y', long = "keyfile", value_name = "FILE")]
    key: Option<PathBuf>,

    /// What the credential is for, in words
    #[arg(short = 'K', long = "creddesc", value_name = "TEXT")]
    description: Option<String>,

    /// Read pass phrases from standard input, one a line
    #[arg(short = 'S', long = "stdin_pass")]
    pass_phrases_from_stdin: bool,

    /// The credential gets no pass phrase
    #[arg(short = 'n', long = "no_passphrase")]
    no_pass_phrase: bool,

    /// Refused: make a local proxy with grid-proxy-init
    #[arg(short = 'L', long = "local_proxy")]
    local_proxy: bool,

    /// Refused: ask for attributes where the credential is retrieved (mod-myproxy logon -m)
    #[arg(short = 'm', long = "voms", value_name = "VO")]
    voms: Vec<String>,
}

/// Delegates a credential to the server.
pub fn run(arguments: Arguments) -> Result<()> {
    if arguments.local_proxy {
        bail!("-L is not done here: make a proxy of your own with grid-proxy-init");
    }
    if !arguments.voms.is_empty() {
        bail!(
            "-m is not done here, since attributes end before the credential: ask for them with mod-myproxy logon -m"
        );
    }
    let client = arguments.server.client()?;
    let pass_phrases = PassPhrases::new(arguments.pass_phrases_from_stdin);
    let lifetime = Lifetime::from_hours(arguments.proxy_hours)?;
    let credential_lifetime = match arguments.credential_hours {
        0 => Lifetime::from_seconds(i32::MAX.unsigned_abs())?,
        hours => Lifetime::from_hours(hours)?,
    };
    let files =
        CertificateFiles::of_user().replaced_by(arguments.certificate.as_deref(), arguments.key.as_deref());
    let owner = files.read(pass_phrases)?;
    let mut storage = Storage {
        lifetime,
        credential_name: arguments.account.credential_name()?,
        description: arguments.description.map(Description::new).transpose()?,
        ..Storage::new(arguments.account.user_name(|| Ok(owner.identity().to_owned()))?)
    };
    arguments.policy.write(&mut storage)?;
    let pass_phrase = if arguments.no_pass_phrase || arguments.policy.without_pass_phrase() {
        None
    } else {
        let prompt = format!("New MyProxy pass phrase of {}: ", storage.user_name.as_str());
        let mut pass_phrase = pass_phrases.ask_for_new(&prompt)?;
        Some(PassPhrase::new(mem::take(&mut *pass_phrase))?)
    };
    client.put(&storage, pass_phrase.as_ref(), credential_lifetime, &owner)?;
    report(&storage, &owner, credential_lifetime)
}

fn report(storage: &Storage, owner: &ClientCertificate, lifetime: Lifetime) -> Result<()> {
    let left = owner
        .not_after()
        .duration_since(std::time::SystemTime::now())
        .unwrap_or_default();
    let hours = left.as_secs().min(u64::from(lifetime.as_seconds())) / 3600;
    super::print(&format!(
        "A credential of {} for {} is at the server, valid for {hours} h",
        owner.identity(),
        storage.user_name.as_str()
    ))
}
