//! `mod-myproxy logon`: what `myproxy-logon` does, with the options that both have by the same names and
//! defaults.

use std::env;
use std::fs;
use std::io::{self, Write};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use anyhow::{Context, Result, bail};
use myproxy_client::{
    Client, Credential, GetRequest, Key, KeyFormat, KeySpec, Lifetime, OldCredential, PassPhrase, Proof,
    ServerFingerprint, TrustRoots,
};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use crate::myproxy::account::AccountOptions;
use crate::myproxy::own_certificate::{CertificateFiles, proxy_file};
use crate::myproxy::pass_phrase::PassPhrases;
use crate::myproxy::private_file::PrivateFile;
use crate::myproxy::server::ServerOptions;
use crate::myproxy::{trust_roots, voms};

const AFTER_HELP: &str = "\
Writes certificate, private key and chain to the file where grid clients look for a credential. The \
pass phrase of the account is asked for on the terminal, or read from standard input with -S.

The server's certificate is checked against the hashed directory of certification authorities \
X509_CERT_DIR, else ~/.globus/certificates, else /etc/grid-security/certificates.

Example:
  mod-myproxy logon -s myproxy.example.org -l alice -t 24";

/// The options of `myproxy-logon`, and a few besides.
#[derive(clap::Args)]
#[command(after_help = AFTER_HELP)]
pub struct Arguments {
    #[command(flatten)]
    server: ServerOptions,

    #[command(flatten)]
    account: AccountOptions,

    /// Lifetime to ask for; the server may give less
    #[arg(
        short = 't',
        long = "proxy_lifetime",
        value_name = "HOURS",
        default_value_t = 12
    )]
    hours: u32,

    /// Read the pass phrase from standard input, up to the end of its line
    #[arg(short = 'S', long = "stdin_pass")]
    pass_phrase_from_stdin: bool,

    /// Show the own certificate in place of a pass phrase: the server knows it as a trusted retriever's
    #[arg(short = 'n', long = "no_passphrase")]
    no_pass_phrase: bool,

    /// Renew this credential: show the own certificate, which the server knows as a renewer's, and sign with the
    /// credential's key
    #[arg(short = 'a', long = "authorization", value_name = "FILE")]
    old_credential: Option<PathBuf>,

    /// Where to write the credential; - is standard output, the default /tmp/x509up_u<your user number>
    #[arg(short = 'o', long = "out", value_name = "FILE", env = "X509_USER_PROXY")]
    file: Option<PathBuf>,

    /// Kind of key to make: rsa:2048, rsa:3072 or rsa:4096; of a stored credential also ec:p256 or ec:p384 [default:
    /// rsa:<MYPROXY_KEYBITS>, else rsa:2048]
    #[arg(long, value_name = "KIND")]
    key: Option<KeySpec>,

    /// Have the proof looked at, and get no credential
    #[arg(short = 'N', long = "no_credentials")]
    no_credential: bool,

    /// Install the trust roots that the server hands out as well
    #[arg(short = 'T', long = "trustroots")]
    trust_roots: bool,

    /// Trust the server for its certificate's fingerprint and install its trust roots, before anything is shown to it
    #[arg(short, long, requires = "fingerprint")]
    bootstrap: bool,

    /// SHA-256 fingerprint of the server's certificate, for -b
    #[arg(long, value_name = "FINGERPRINT", requires = "bootstrap")]
    fingerprint: Option<ServerFingerprint>,

    /// Have the server add attributes of a virtual organisation, as atlas or atlas:/atlas/Role=production
    #[arg(short = 'm', long = "voms", value_name = "VO")]
    vo_names: Vec<String>,

    /// Refused: the private key is made here
    #[arg(short = 'Q', long = "certreq", value_name = "FILE")]
    certificate_request: Option<PathBuf>,

    /// Write nothing to standard output
    #[arg(short, long)]
    quiet: bool,

    /// Print what was fetched as one JSON object: subject, identity, not_after (RFC 3339), seconds_left, file
    #[arg(long)]
    json: bool,
}

/// Fetches the credential and writes it.
pub fn run(arguments: Arguments) -> Result<()> {
    if arguments.certificate_request.is_some() {
        bail!("-Q is not done here: the private key is made with the request, and is in the file");
    }
    let destination = Destination::new(&arguments)?;
    // Everything that can be wrong with the arguments is said before the pass phrase is asked for.
    let key_spec = key_spec(&arguments)?;
    let lifetime = Lifetime::from_hours(arguments.hours)?;
    let credential_name = arguments.account.credential_name()?;
    let (vo_names, vomses) = voms::asked_for(&arguments.vo_names)?;
    let client = client(&arguments)?;
    let request = GetRequest {
        lifetime,
        credential_name,
        vo_names,
        vomses,
        ..who_and_proof(&arguments)?
    };
    if arguments.no_credential {
        client.verify(&request)?;
        return if arguments.trust_roots {
            install(&client.trust_roots()?)
        } else {
            Ok(())
        };
    }
    // A pass phrase may be good for one use: where nothing can be written it is not shown.
    let output = destination.open()?;
    let make_key = || Key::generate(key_spec);
    let (credential, trust_roots) = if arguments.trust_roots {
        client.get_with_trust_roots(&request, &make_key()?)?
    } else {
        (client.get_with(&request, make_key)?, TrustRoots::default())
    };
    output.write(&credential.to_pem(KeyFormat::Pkcs1)?)?;
    if arguments.trust_roots {
        install(&trust_roots)?;
    }
    if arguments.quiet {
        return Ok(());
    }
    report(&credential, &destination, arguments.json)
}

fn install(trust_roots: &TrustRoots) -> Result<()> {
    trust_roots::install(trust_roots, &trust_roots::installation_directory()).map(drop)
}

/// A client that trusts the server; with -b, because of its fingerprint.
fn client(arguments: &Arguments) -> Result<Client> {
    let Some(fingerprint) = &arguments.fingerprint else {
        return arguments.server.client();
    };
    let directory = trust_roots::installation_directory();
    let trusting = || arguments.server.client_trusting(directory.clone());
    trust_roots::trust_first(&trusting()?, fingerprint, &directory, trusting)?;
    trusting()
}

/// The kind of key: `--key`, else as many bits as `MYPROXY_KEYBITS` says, as for the stock clients.
fn key_spec(arguments: &Arguments) -> Result<KeySpec> {
    match (arguments.key, env::var("MYPROXY_KEYBITS")) {
        (Some(spec), _) => Ok(spec),
        (None, Ok(bits)) => format!("rsa:{bits}").parse().context("MYPROXY_KEYBITS"),
        (None, Err(_)) => Ok(KeySpec::default()),
    }
}

/// The account, and what is shown for it. A certificate is in the handshake only where it is the proof.
fn who_and_proof(arguments: &Arguments) -> Result<GetRequest> {
    let pass_phrases = PassPhrases::new(arguments.pass_phrase_from_stdin);
    let own_certificate = || {
        let files = CertificateFiles::to_authenticate()?;
        arguments
            .server
            .say(|| format!("own certificate {}", files.certificate.display()));
        files.read(pass_phrases)
    };
    let old_credential = arguments
        .old_credential
        .as_deref()
        .map(read_old_credential)
        .transpose()?;
    let certificate = (arguments.no_pass_phrase || old_credential.is_some())
        .then(own_certificate)
        .transpose()?;
    let user_name = arguments
        .account
        .user_name(|| match (&old_credential, &certificate) {
            (Some(credential), _) => Ok(credential.identity()?),
            (None, Some(certificate)) => Ok(certificate.identity().to_owned()),
            (None, None) => Ok(own_certificate()?.identity().to_owned()),
        })?;
    let proof = match (certificate, old_credential) {
        (Some(certificate), Some(credential)) => Proof::Renewal {
            certificate,
            credential: Arc::new(credential),
        },
        (Some(certificate), None) => Proof::Certificate(certificate),
        (None, _) => {
            let prompt = format!("MyProxy pass phrase of {}: ", user_name.as_str());
            let mut pass_phrase = pass_phrases.ask(&prompt)?;
            if pass_phrase.is_empty() {
                bail!("the pass phrase is empty: use -n where the own certificate is the proof");
            }
            Proof::PassPhrase(PassPhrase::new(mem::take(&mut *pass_phrase))?)
        }
    };
    Ok(GetRequest::new(user_name, proof))
}

fn read_old_credential(file: &Path) -> Result<OldCredential> {
    let cannot = || format!("cannot renew {}", file.display());
    let pem = fs::read(file).map(Zeroizing::new).with_context(cannot)?;
    OldCredential::from_pem(&pem).with_context(cannot)
}

/// Where the credential goes.
enum Destination {
    StandardOutput,
    File(PathBuf),
}

impl Destination {
    fn new(arguments: &Arguments) -> Result<Self> {
        match &arguments.file {
            Some(file) if file.as_os_str() == "-" && arguments.json => {
                bail!("--json and -o - would both write to standard output: name a file")
            }
            Some(file) if file.as_os_str() == "-" => Ok(Destination::StandardOutput),
            Some(file) => Ok(Destination::File(file.clone())),
            None => Ok(Destination::File(proxy_file())),
        }
    }

    fn open(&self) -> Result<Output> {
        match self {
            Destination::StandardOutput => Ok(Output::StandardOutput),
            Destination::File(path) => PrivateFile::create(path).map(Output::File),
        }
    }
}

/// A destination that can be written to.
enum Output {
    StandardOutput,
    File(PrivateFile),
}

impl Output {
    fn write(self, pem: &[u8]) -> Result<()> {
        match self {
            Output::StandardOutput => io::stdout()
                .write_all(pem)
                .context("cannot write the credential to standard output"),
            Output::File(file) => file.write(pem),
        }
    }
}

fn report(credential: &Credential, destination: &Destination, json: bool) -> Result<()> {
    let Destination::File(file) = destination else {
        return Ok(());
    };
    let not_after = OffsetDateTime::from(credential.not_after()).format(&Rfc3339)?;
    let left = credential
        .not_after()
        .duration_since(SystemTime::now())
        .unwrap_or(Duration::ZERO)
        .as_secs();
    let written = if json {
        let object = serde_json::json!({
            "subject": credential.subject(),
            "identity": credential.identity(),
            "not_after": not_after,
            "seconds_left": left,
            "file": file.display().to_string(),
        });
        writeln!(io::stdout(), "{object}")
    } else {
        let (hours, minutes) = (left / 3600, left % 3600 / 60);
        writeln!(
            io::stdout(),
            "Credential of {}\nvalid for {hours} h {minutes} min, until {not_after}, in {}",
            credential.identity(),
            file.display()
        )
    };
    written.with_context(|| {
        format!(
            "the credential is in {}, but cannot print what it is",
            file.display()
        )
    })
}
