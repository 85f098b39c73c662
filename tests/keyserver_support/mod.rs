//! A keyserver in an httpd of its own, and clients: ours, and whatever can be written into a TLS connection.

// Each test binary uses a part of this.
#![allow(dead_code)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use openssl::base64::encode_block;
use openssl::ssl::{SslConnector, SslFiletype, SslMethod, SslVersion};
use testbed::PrivateDirectory;
use testbed::artifact;
use testbed::httpd::{Httpd, Mpm, give_to_children};
use testbed::pki::{self, Authority, CertificateFiles};

/// The clients that the keyserver knows.
pub const APP: &str = "app1.example.edu";
pub const OTHER: &str = "app2.example.edu";
pub const ADMINISTRATOR: &str = "login.example.edu";

/// A running keyserver, `https://localhost:<port>`, with an authority whose clients it trusts.
pub struct Bed {
    pub httpd: Httpd,
    pub authority: Authority,
    // Dropped last.
    pub directory: PrivateDirectory,
}

/// Puts one together.
#[derive(Default)]
pub struct BedBuilder {
    pub mpm: Mpm,
    pub modules: Vec<&'static str>,
    /// Outside of the keyserver's virtual host.
    pub configuration: String,
    /// In it.
    pub host: String,
    /// The names of its certificate; `localhost` where there is none.
    pub names: Vec<&'static str>,
}

impl BedBuilder {
    pub fn start(self) -> Result<Bed> {
        let directory = PrivateDirectory::new("keyserver")?;
        for name in ["keys", "permits", "trusted", "local"] {
            give_to_children(&directory.make_directory(name, 0o700)?)?;
        }
        let authority = Authority::new(directory.path(), "authority")?;
        let names = if self.names.is_empty() {
            vec!["localhost"]
        } else {
            self.names
        };
        let certificate = authority.server_certificate("keyserver", &names)?;
        let granting = pki::self_signed(directory.path(), "granting", "login.example.edu")?;
        let text = format!(
            "PubcookieKeyDir keys\n\
             PubcookieKeyPermit {APP}\n\
             PubcookieKeyPermit {ADMINISTRATOR} +permit +put\n\
             PubcookieKeyPermitDir permits\n\
             PubcookieKeyTrustDir trusted\n\
             PubcookieGrantingCertFile \"{}\"\n\
             SSLVerifyClient require\n\
             SSLCACertificateFile \"{}\"\n\
             SSLCACertificatePath trusted\n\
             <Location />\n\
             SetHandler pubcookie-keyserver\n\
             Require all granted\n\
             </Location>\n\
             {}",
            granting.certificate.display(),
            authority.certificate().display(),
            self.host
        );
        let mut httpd = Httpd::builder(directory.path())?.mpm(self.mpm).with_our_modules();
        for module in self.modules {
            httpd = httpd.module(module);
        }
        let httpd = httpd
            .configuration(&self.configuration)
            .host("localhost", &certificate, &text)
            .start()?;
        Ok(Bed {
            httpd,
            authority,
            directory,
        })
    }
}

impl Bed {
    pub fn start() -> Result<Self> {
        BedBuilder::default().start()
    }

    /// A client with these names and the trusted authority.
    pub fn client(&self, names: &[&str]) -> Result<Client<'_>> {
        let files = self.authority.server_certificate(names[0], names)?;
        self.client_with(files)
    }

    /// A client with this certificate.
    pub fn client_with(&self, files: CertificateFiles) -> Result<Client<'_>> {
        let key_directory = self.directory.join(format!(
            "keys-of-{}",
            files
                .certificate
                .file_stem()
                .unwrap_or_default()
                .to_string_lossy()
        ));
        fs::create_dir_all(&key_directory)?;
        let config = self.directory.join(format!("{}.config", key_directory.display()));
        fs::write(
            &config,
            format!(
                "# for keyclient\nssl_key_file: {}\nssl_cert_file: {}\nssl_ca_file: {}\n\
                 keymgt_uri: https://localhost:{}\nlogin_host: login.example.edu\nkeydir: {}\nlogging_level: 1\n",
                files.key.display(),
                files.certificate.display(),
                self.authority.certificate().display(),
                self.httpd.port(),
                key_directory.display()
            ),
        )?;
        Ok(Client {
            bed: self,
            files,
            config,
            key_directory,
        })
    }

    /// The file that the keyserver keeps for a host.
    pub fn key_file(&self, host: &str) -> PathBuf {
        self.directory.join("keys").join(host)
    }

    /// Fails where one of the keys is in one of httpd's files but the key files, in any form.
    pub fn assert_not_logged(&self, keys: &[Vec<u8>]) -> Result<()> {
        for entry in fs::read_dir(self.directory.path())? {
            let path = entry?.path();
            let is_log = path
                .extension()
                .is_some_and(|extension| extension == "log" || extension == "out");
            if is_log {
                let text = fs::read(&path)?;
                for key in keys {
                    assert_hidden(&text, key, &path.display().to_string());
                }
            }
        }
        Ok(())
    }
}

/// Fails where 12 bytes of the key or more are in the text: raw, or in base64, hex or percent encoding.
pub fn assert_hidden(text: &[u8], key: &[u8], place: &str) {
    let base64 = encode_block(key);
    let escaped = base64.replace('+', "%2B").replace('/', "%2F");
    let hex: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
    let percent: String = key.iter().map(|byte| format!("%{byte:02X}")).collect();
    let folded = text.to_ascii_lowercase();
    let has = |part: &[u8]| text.windows(part.len()).any(|window| window == part);
    for at in [0, 16, 60, 1000, 2600, base64.len() - 40] {
        assert!(
            !has(&base64.as_bytes()[at..at + 16]),
            "base64 of a key in {place}"
        );
        assert!(
            !has(&escaped.as_bytes()[at..at + 16]),
            "escaped base64 of a key in {place}"
        );
    }
    let hex = &hex.as_bytes()[..24];
    assert!(
        !folded.windows(24).any(|window| window == hex),
        "hex of a key in {place}"
    );
    assert!(
        !has(&percent.as_bytes()[..36]),
        "percent encoding of a key in {place}"
    );
    assert!(!has(&key[..12]), "a key in {place}");
}

/// A client of the keyserver.
pub struct Client<'b> {
    bed: &'b Bed,
    pub files: CertificateFiles,
    pub config: PathBuf,
    pub key_directory: PathBuf,
}

impl Client<'_> {
    /// Our keyclient with these options, called by its original's name.
    pub fn keyclient(&self, options: &[&str]) -> Result<Output> {
        Ok(self.command(options)?.output()?)
    }

    pub fn command(&self, options: &[&str]) -> Result<Command> {
        let mut command = Command::new(artifact("mod-myproxy")?);
        command
            .arg0("/usr/local/pubcookie/keyclient")
            .arg("-f")
            .arg(&self.config);
        command.args(options);
        Ok(command)
    }

    /// The same, which has to work: what it said.
    pub fn does(&self, options: &[&str]) -> Result<String> {
        let output = self.keyclient(options)?;
        let (said, complained) = words(&output);
        ensure!(output.status.success(), "{options:?}: {said}{complained}");
        Ok(said)
    }

    /// The same, which has to fail: what it complained of.
    pub fn fails(&self, options: &[&str]) -> Result<String> {
        let output = self.keyclient(options)?;
        let (said, complained) = words(&output);
        ensure!(output.status.code() == Some(1), "{options:?}: {said}{complained}");
        ensure!(said.is_empty(), "{options:?}: {said}");
        Ok(complained)
    }

    /// Its key file of a host.
    pub fn key(&self, host: &str) -> Result<Vec<u8>> {
        fs::read(self.key_directory.join(host)).with_context(|| format!("no key of {host} here"))
    }

    /// Writes these bytes to the keyserver as the original client does (no name indication), and reads to the end.
    pub fn raw(&self, bytes: &[u8]) -> Result<Vec<u8>> {
        raw(
            self.bed.httpd.port(),
            self.bed.authority.certificate(),
            Some(&self.files),
            SslVersion::TLS1_3,
            bytes,
        )
    }
}

/// Writes bytes into a TLS connection, and reads to its end.
pub fn raw(
    port: u16,
    authority: &Path,
    files: Option<&CertificateFiles>,
    version: SslVersion,
    bytes: &[u8],
) -> Result<Vec<u8>> {
    let mut connector = SslConnector::builder(SslMethod::tls())?;
    connector.set_ca_file(authority)?;
    connector.set_max_proto_version(Some(version))?;
    if let Some(files) = files {
        connector.set_certificate_file(&files.certificate, SslFiletype::PEM)?;
        connector.set_private_key_file(&files.key, SslFiletype::PEM)?;
    }
    let tcp = TcpStream::connect(("127.0.0.1", port))?;
    tcp.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut configuration = connector.build().configure()?;
    configuration.set_use_server_name_indication(false);
    let mut stream = configuration.connect("localhost", tcp)?;
    stream.write_all(bytes)?;
    let mut received = Vec::new();
    stream.read_to_end(&mut received)?;
    Ok(received)
}

fn words(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}
