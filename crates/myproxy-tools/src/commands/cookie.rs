//! `mod-myproxy cookie`: what a Pubcookie cookie says, and cookies made by hand.

use std::fs;
use std::io::{self, IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, anyhow, bail};
use clap::{Args, Subcommand, ValueEnum};
use granting_cookie::{
    Cookie, CookieType, CryptKey, EncryptedCookie, Encryption, KeyDirectory, KeyFile, SignedCookie,
    SigningKey, Text, VerifyingCertificate, Version,
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Decode and encode Pubcookie cookies.
///
/// For finding out why a login does not work: what does this cookie say, and was it made with the keys that
/// are here? Neither command looks at a cookie's age or type.
#[derive(Args)]
pub struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Decode(Decode),
    Encode(Encode),
}

/// Run the command.
pub fn run(arguments: Arguments) -> Result<()> {
    match arguments.command {
        Command::Decode(decode) => decode.run(),
        Command::Encode(encode) => encode.run(),
    }
}

/// Print what a cookie says, as one JSON object.
///
/// Reads the cookie in base64 from standard input, without a line break. Exits with 1 and says
/// why if it does not verify. User, app server ID and app ID are printed as they stand in the
/// cookie: URL-encoded.
///
/// A granting cookie (pubcookie_g) on the application server app.example.org:
///
///     printf %s "$COOKIE" | mod-myproxy cookie decode --algorithm aes \
///         --signed-by granting --certificate granting.cert \
///         --keydir /etc/pubcookie/keys --peer app.example.org
///
/// The plain form, as a MyProxy server gets it for a pass phrase, needs no key file:
///
///     printf %s "$COOKIE" | mod-myproxy cookie decode --algorithm plain \
///         --signed-by granting --certificate granting.cert
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Decode {
    #[command(flatten)]
    form: Form,

    /// Certificate of the key that signed it; several for the time of a key change
    #[arg(long = "certificate", value_name = "PEM", required = true)]
    certificates: Vec<PathBuf>,
}

/// Make a cookie, the mirror of decode.
///
/// Reads the JSON object that decode prints from standard input and prints the cookie in base64
/// (without a line break, unless to a terminal). Left out, version is "a5", pre_session_token and
/// last_time are 0, and create_time is now. The text must be URL-encoded already, and fit: 41
/// bytes for user, 39 for app_server_id, 127 for app_id.
///
///     echo '{"user": "alice", "app_server_id": "app.example.org", "app_id": "portal",
///            "type": "1", "creds": "1"}' |
///         mod-myproxy cookie encode --algorithm plain --signed-by granting --key granting.key
///
/// Whoever holds the granting key can be anybody: this is for tests.
#[derive(Args)]
#[command(verbatim_doc_comment)]
struct Encode {
    #[command(flatten)]
    form: Form,

    /// The private key to sign with, without a pass phrase
    #[arg(long, value_name = "PEM")]
    key: PathBuf,
}

/// How a cookie is signed and encrypted.
#[derive(Args)]
struct Form {
    /// How the cookie is encrypted (it does not say it itself); plain: signed, but not encrypted
    #[arg(long, value_enum, ignore_case = true)]
    algorithm: Algorithm,

    /// Whose key signs it: the login server's granting key, or a server's own session key (session, login and
    /// pre-session cookies)
    #[arg(long, value_enum)]
    signed_by: Signer,

    /// The key file shared with the peer: 2048 bytes
    #[arg(long, value_name = "FILE", conflicts_with = "key_directory")]
    crypt_key: Option<PathBuf>,

    /// The directory of key files, each named after a host, or after its domain
    #[arg(long = "keydir", value_name = "DIR")]
    key_directory: Option<PathBuf>,

    /// The host that the cookie is encrypted for; upper and lower case differ
    #[arg(long, value_name = "NAME", required_if_eq_any = [("algorithm", "des"), ("algorithm", "aes"), ("algorithm", "aes+domain")])]
    peer: Option<String>,
}

#[derive(Clone, Copy, ValueEnum)]
enum Algorithm {
    Des,
    Aes,
    #[value(name = "aes+domain")]
    AesDomain,
    Plain,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Signer {
    Granting,
    Session,
}

impl Decode {
    fn run(self) -> Result<()> {
        let text = read_cookie()?;
        let certificates = self
            .certificates
            .iter()
            .map(|path| read_certificate(path))
            .collect::<Result<Vec<_>>>()?;
        let cookie = match self.form.encryption()? {
            None => SignedCookie::from_base64(&text).and_then(|signed| signed.verify(&certificates)),
            Some((encryption, key, peer)) => EncryptedCookie::from_base64(&text)
                .and_then(|encrypted| encrypted.open(encryption, &key, &peer, &certificates))
                .map(|verified| verified.cookie),
        };
        let cookie = cookie.with_context(|| match self.form.signed_by {
            Signer::Granting => "no cookie signed by this granting key",
            Signer::Session => "no cookie signed by this session key",
        })?;
        let fields = serde_json::to_string_pretty(&Fields::from(&cookie))?;
        writeln!(io::stdout(), "{fields}").context("cannot print what the cookie says")
    }
}

impl Encode {
    fn run(self) -> Result<()> {
        let fields: Fields = serde_json::from_reader(io::stdin().lock())
            .context("standard input is not the JSON object that `cookie decode` prints")?;
        let cookie = Cookie::try_from(fields)?;
        let is_granting = cookie.cookie_type == CookieType::GRANTING;
        if is_granting != (self.form.signed_by == Signer::Granting) {
            bail!("the granting key signs cookies of type 1 and nothing else: nobody would accept this one");
        }
        let key = SigningKey::from_pem(&read(&self.key)?).with_context(|| self.key.display().to_string())?;
        let signed = SignedCookie::sign(&cookie, &key)?;
        let text = match self.form.encryption()? {
            None => signed.to_base64(),
            Some((encryption, key, peer)) => signed.encrypt(encryption, &key, &peer)?.to_base64(),
        };
        let mut stdout = io::stdout().lock();
        let end = if stdout.is_terminal() { "\n" } else { "" };
        let written = write!(stdout, "{}{end}", *text).and_then(|()| stdout.flush());
        written.context("cannot print the cookie")
    }
}

impl Form {
    /// The encryption, the key and the peer's name; nothing for the plain form.
    fn encryption(&self) -> Result<Option<(Encryption, CryptKey, String)>> {
        let encryption = match self.algorithm {
            Algorithm::Plain => return Ok(None),
            Algorithm::Des => Encryption::Des,
            Algorithm::Aes => Encryption::Aes,
            Algorithm::AesDomain => Encryption::AesDomain,
        };
        let peer = self.peer.clone().context("an encrypted cookie needs --peer")?;
        let file = match (&self.crypt_key, &self.key_directory) {
            (Some(path), _) => KeyFile::read(path)?,
            (None, Some(directory)) => KeyDirectory::new(directory).find(&peer)?,
            (None, None) => bail!("an encrypted cookie needs --crypt-key or --keydir"),
        };
        Ok(Some((encryption, file.key, peer)))
    }
}

/// A cookie as JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Fields {
    user: String,
    #[serde(default = "version_5")]
    version: String,
    app_server_id: String,
    app_id: String,
    #[serde(rename = "type")]
    cookie_type: char,
    creds: char,
    #[serde(default)]
    pre_session_token: i32,
    #[serde(default = "now")]
    create_time: u32,
    #[serde(default)]
    last_time: u32,
}

impl From<&Cookie> for Fields {
    fn from(cookie: &Cookie) -> Self {
        Self {
            user: cookie.user.to_string(),
            version: String::from_utf8_lossy(cookie.version.as_bytes()).into_owned(),
            app_server_id: cookie.app_server_id.to_string(),
            app_id: cookie.app_id.to_string(),
            cookie_type: char::from(cookie.cookie_type.0),
            creds: char::from(cookie.creds),
            pre_session_token: cookie.pre_session_token,
            create_time: cookie.create_time,
            last_time: cookie.last_time,
        }
    }
}

impl TryFrom<Fields> for Cookie {
    type Error = anyhow::Error;

    fn try_from(fields: Fields) -> Result<Self> {
        Ok(Self {
            user: text("user", &fields.user)?,
            version: version(&fields.version)?,
            app_server_id: text("app_server_id", &fields.app_server_id)?,
            app_id: text("app_id", &fields.app_id)?,
            cookie_type: CookieType(byte("type", fields.cookie_type)?),
            creds: byte("creds", fields.creds)?,
            pre_session_token: fields.pre_session_token,
            create_time: fields.create_time,
            last_time: fields.last_time,
        })
    }
}

fn text<const SIZE: usize>(name: &str, value: &str) -> Result<Text<SIZE>> {
    Text::from_encoded(value).with_context(|| format!("{name} {value:?}"))
}

fn version(value: &str) -> Result<Version> {
    let mut bytes = [0; 4];
    let field = bytes
        .get_mut(..value.len())
        .with_context(|| format!("version {value:?} has over 4 bytes"))?;
    field.copy_from_slice(value.as_bytes());
    Ok(Version(bytes))
}

fn byte(name: &str, value: char) -> Result<u8> {
    u8::try_from(value).map_err(|_| anyhow!("{name} {value:?} does not fit into one byte"))
}

fn version_5() -> String {
    Encryption::Des.version().to_owned()
}

fn now() -> u32 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u32::try_from(since.as_secs()).unwrap_or(u32::MAX)
}

/// The cookie as it came. A line break is not part of a cookie, and no reader of cookies overlooks one: only a
/// terminal's end of line is taken off.
fn read_cookie() -> Result<Zeroizing<String>> {
    const LONGER_THAN_ANY_COOKIE: usize = 1 << 16;
    let stdin = io::stdin();
    let mut text = Zeroizing::new(String::with_capacity(LONGER_THAN_ANY_COOKIE));
    let start = stdin
        .lock()
        .take(LONGER_THAN_ANY_COOKIE as u64)
        .read_to_string(&mut text);
    start.context("cannot read a cookie from standard input")?;
    if stdin.is_terminal() {
        let length = text.trim_end().len();
        text.truncate(length);
    } else if text.ends_with('\n') {
        bail!("the cookie ends in a line break, which is no part of it; use `printf %s` in place of `echo`");
    }
    Ok(text)
}

fn read_certificate(path: &Path) -> Result<VerifyingCertificate> {
    VerifyingCertificate::from_pem(&read(path)?).with_context(|| path.display().to_string())
}

fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>> {
    fs::read(path)
        .map(Zeroizing::new)
        .with_context(|| format!("cannot read {}", path.display()))
}
