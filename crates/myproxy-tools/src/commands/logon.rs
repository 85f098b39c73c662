//! `mod-myproxy logon`: what `myproxy-logon` does, with the options that both have by the same names and
//! defaults.

use std::env;
use std::fs::Permissions;
use std::io::{self, BufRead, Read, Write};
use std::mem;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Context, bail};
use myproxy_client::{
    Client, ClientOptions, Credential, CredentialName, DEFAULT_PORT, GetRequest, Key, KeyFormat, KeySpec,
    Lifetime, PassPhrase, Proof, Server, ServerIdentity, UserName,
};
use tempfile::NamedTempFile;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

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
    /// The server, or several separated by commas, tried in this order; NAME is the host name in its
    /// certificate where it is another
    #[arg(
        short = 's',
        long = "pshost",
        value_name = "HOST[:PORT][=NAME]",
        env = "MYPROXY_SERVER"
    )]
    #[arg(value_delimiter = ',', required = true)]
    servers: Vec<String>,

    /// Port of the servers that are named without one
    #[arg(
        short = 'p',
        long = "psport",
        value_name = "PORT",
        env = "MYPROXY_SERVER_PORT"
    )]
    #[arg(default_value_t = DEFAULT_PORT)]
    port: u16,

    /// Subject that the server's certificate must have, as /DC=org/CN=host; replaces the check of its host
    /// name
    #[arg(long, value_name = "DN", env = "MYPROXY_SERVER_DN")]
    server_dn: Option<String>,

    /// Account at the server
    #[arg(short = 'l', long = "username", value_name = "NAME", env = "LOGNAME")]
    user_name: String,

    /// Lifetime to ask for; the server may give less
    #[arg(
        short = 't',
        long = "proxy_lifetime",
        value_name = "HOURS",
        default_value_t = 12
    )]
    hours: u32,

    /// Which one of several stored credentials
    #[arg(short = 'k', long = "credname", value_name = "NAME")]
    credential_name: Option<String>,

    /// Read the pass phrase from standard input, up to the end of its line
    #[arg(short = 'S', long = "stdin_pass")]
    pass_phrase_from_stdin: bool,

    /// Where to write the credential; - is standard output, the default /tmp/x509up_u<your user number>
    #[arg(short = 'o', long = "out", value_name = "FILE", env = "X509_USER_PROXY")]
    file: Option<PathBuf>,

    /// Kind of key to make: rsa:2048, rsa:3072 or rsa:4096
    #[arg(long, value_name = "KIND", default_value = "rsa:2048")]
    key: KeySpec,

    /// Print what was fetched as one JSON object: subject, identity, not_after (RFC 3339), seconds_left, file
    #[arg(long)]
    json: bool,
}

/// Fetches the credential and writes it.
pub fn run(arguments: Arguments) -> anyhow::Result<()> {
    let destination = Destination::new(arguments.file.as_deref());
    if arguments.json && matches!(destination, Destination::StandardOutput) {
        bail!("--json and -o - would both write to standard output: name a file");
    }
    // Everything that can be wrong with the arguments is said before the pass phrase is asked for.
    let client = Client::new(client_options(&arguments)?)?;
    let user_name = UserName::new(arguments.user_name.as_str())?;
    let credential_name = arguments
        .credential_name
        .as_deref()
        .map(CredentialName::new)
        .transpose()?;
    let seconds = arguments
        .hours
        .checked_mul(3600)
        .context("the lifetime is too long")?;
    let lifetime = Lifetime::from_seconds(seconds)?;
    let pass_phrase = PassPhrase::new(mem::take(&mut *read_pass_phrase(&arguments)?))?;

    let key = Key::generate(arguments.key)?;
    let request = GetRequest {
        user_name,
        proof: Proof::PassPhrase(pass_phrase),
        lifetime,
        credential_name,
    };
    // A pass phrase may be good for one use: where nothing can be written it is not shown.
    let output = destination.open()?;
    let credential = client.get(&request, &key)?;
    output.write(&credential.to_pem(KeyFormat::Pkcs1)?)?;
    report(&credential, &destination, arguments.json)
}

fn client_options(arguments: &Arguments) -> anyhow::Result<ClientOptions> {
    let mut servers = Vec::new();
    for text in &arguments.servers {
        let mut server = Server::parse(text.trim(), arguments.port)?;
        if let Some(name) = &arguments.server_dn {
            server.identity = ServerIdentity::DistinguishedName(name.clone());
        }
        servers.push(server);
    }
    Ok(ClientOptions {
        trust_directory: trust_directory(),
        ..ClientOptions::new(servers)
    })
}

/// As the Globus libraries find it.
fn trust_directory() -> PathBuf {
    if let Some(directory) = env::var_os("X509_CERT_DIR") {
        return directory.into();
    }
    let of_user = env::home_dir().map(|home| home.join(".globus/certificates"));
    of_user
        .filter(|directory| directory.is_dir())
        .unwrap_or_else(|| "/etc/grid-security/certificates".into())
}

/// The pass phrase without the end of its line.
fn read_pass_phrase(arguments: &Arguments) -> anyhow::Result<Zeroizing<Vec<u8>>> {
    if !arguments.pass_phrase_from_stdin {
        let prompt = format!("MyProxy pass phrase of {}: ", arguments.user_name);
        let pass_phrase =
            rpassword::prompt_password(prompt).context("no terminal to ask for the pass phrase: use -S")?;
        return Ok(Zeroizing::new(pass_phrase.into_bytes()));
    }
    // More than any server reads, so that a longer one is refused and not cut.
    const LONGEST: u64 = 4096;
    let mut pass_phrase = Zeroizing::new(Vec::with_capacity(4096));
    io::stdin()
        .lock()
        .take(LONGEST)
        .read_until(b'\n', &mut pass_phrase)
        .context("cannot read the pass phrase")?;
    if pass_phrase.last() == Some(&b'\n') {
        pass_phrase.pop();
    }
    Ok(pass_phrase)
}

/// Where the credential goes.
enum Destination {
    StandardOutput,
    File(PathBuf),
}

impl Destination {
    fn new(file: Option<&Path>) -> Self {
        match file {
            Some(file) if file.as_os_str() == "-" => Destination::StandardOutput,
            Some(file) => Destination::File(file.to_owned()),
            None => Destination::File(format!("/tmp/x509up_u{}", rustix::process::getuid().as_raw()).into()),
        }
    }

    fn open(&self) -> anyhow::Result<Output<'_>> {
        match self {
            Destination::StandardOutput => Ok(Output::StandardOutput),
            Destination::File(path) => {
                let temporary = temporary_beside(path).with_context(|| not_written(path))?;
                Ok(Output::File { temporary, path })
            }
        }
    }
}

/// A destination that can be written to.
enum Output<'a> {
    StandardOutput,
    File {
        temporary: NamedTempFile,
        path: &'a Path,
    },
}

impl Output<'_> {
    /// Replaces the file at once, so that whoever reads it finds the old credential or the new one, also after a
    /// power failure.
    fn write(self, pem: &[u8]) -> anyhow::Result<()> {
        match self {
            Output::StandardOutput => io::stdout()
                .write_all(pem)
                .context("cannot write the credential to standard output"),
            Output::File { mut temporary, path } => temporary
                .write_all(pem)
                .and_then(|()| temporary.as_file().sync_all())
                .and_then(|()| Ok(temporary.persist(path)?))
                .map(drop)
                .with_context(|| not_written(path)),
        }
    }
}

fn not_written(path: &Path) -> String {
    format!("cannot write the credential to {}", path.display())
}

/// It has mode 0600 from the beginning, and vanishes unless it is put in place.
fn temporary_beside(path: &Path) -> io::Result<NamedTempFile> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    tempfile::Builder::new()
        .prefix(".x509up_")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(directory)
}

fn report(credential: &Credential, destination: &Destination, json: bool) -> anyhow::Result<()> {
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
