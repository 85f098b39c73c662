//! The myproxy-server of the system, which keeps what users store, and users with certificates of its authority.
#![allow(dead_code, reason = "each test file uses its part")]

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use openssl::x509::extension::{BasicConstraints, SubjectAlternativeName};
use openssl::x509::{X509, X509Name, X509NameRef};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mod-myproxy");
const START_LIMIT: Duration = Duration::from_secs(20);

/// A running server. It ends, and its directory goes, with the process that holds it.
pub struct StoredServer {
    process: Child,
    directory: PathBuf,
    authority: Authority,
    pub port: u16,
}

/// A certificate of a user, and what grid clients have in their environment.
pub struct User {
    pub name: String,
    pub certificate: PathBuf,
    /// Without a pass phrase.
    pub key: PathBuf,
    /// The same one, encrypted with [`KEY_PASS_PHRASE`].
    pub encrypted_key: PathBuf,
    pub proxy: PathBuf,
    home: PathBuf,
    environment: Vec<(&'static str, String)>,
}

pub const KEY_PASS_PHRASE: &str = "key-pass-phrase";

impl StoredServer {
    pub fn start() -> Self {
        // It is removed by the shell that outlives this process: statics are never dropped.
        let directory = tempfile::tempdir().unwrap().keep();
        let root = directory.as_path();
        let authority = Authority::new();
        for (name, mode) in [("trust", 0o755), ("store", 0o700)] {
            fs::create_dir(root.join(name)).unwrap();
            fs::set_permissions(root.join(name), Permissions::from_mode(mode)).unwrap();
        }
        authority.install(&root.join("trust"));
        let (certificate, key) = authority.issue("localhost", true);
        write(&root.join("host.pem"), &certificate.to_pem().unwrap(), 0o644);
        write(
            &root.join("host.key"),
            &key.private_key_to_pem_pkcs8().unwrap(),
            0o600,
        );
        let config = format!(
            "accepted_credentials \"*\"\nauthorized_retrievers \"*\"\ndefault_retrievers \"*\"\n\
             trusted_retrievers \"*\"\ndefault_trusted_retrievers \"none\"\nauthorized_renewers \"*\"\n\
             default_renewers \"none\"\nauthorized_key_retrievers \"*\"\ndefault_key_retrievers \"none\"\n\
             cert_dir {}\n",
            root.join("trust").display()
        );
        write(&root.join("config"), config.as_bytes(), 0o644);
        let process = launch(root);
        let mut server = StoredServer {
            process,
            directory,
            authority,
            port: 0,
        };
        server.port = server.wait_for_port();
        server
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    /// The certificate that the server shows.
    pub fn certificate(&self) -> X509 {
        X509::from_pem(&fs::read(self.path("host.pem")).unwrap()).unwrap()
    }

    /// A new user of this name, with a directory that is removed with the server.
    pub fn user(&self, name: &str) -> User {
        let home = self.path(name);
        fs::create_dir(&home).unwrap();
        let (certificate, key) = self.authority.issue(name, false);
        let user = User {
            name: name.to_owned(),
            certificate: home.join("cert.pem"),
            key: home.join("key.pem"),
            encrypted_key: home.join("encrypted.pem"),
            proxy: home.join("proxy.pem"),
            environment: vec![
                ("PATH", "/usr/bin:/bin".to_owned()),
                ("LOGNAME", name.to_owned()),
                ("HOME", home.display().to_string()),
                ("MYPROXY_SERVER", "localhost".to_owned()),
                ("MYPROXY_SERVER_PORT", self.port.to_string()),
                ("X509_CERT_DIR", self.path("trust").display().to_string()),
            ],
            home,
        };
        write(&user.certificate, &certificate.to_pem().unwrap(), 0o644);
        let rsa = key.rsa().unwrap();
        write(&user.key, &rsa.private_key_to_pem().unwrap(), 0o600);
        let encrypted = rsa.private_key_to_pem_passphrase(Cipher::des_ede3_cbc(), KEY_PASS_PHRASE.as_bytes());
        write(&user.encrypted_key, &encrypted.unwrap(), 0o600);
        user
    }

    fn wait_for_port(&mut self) -> u16 {
        let end = Instant::now() + START_LIMIT;
        loop {
            let written = fs::read_to_string(self.path("port")).unwrap_or_default();
            if let Ok(port) = written.trim().parse() {
                return port;
            }
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("myproxy-server did not start (package myproxy-server): {status}");
            }
            assert!(Instant::now() < end, "myproxy-server did not start in time");
            sleep(Duration::from_millis(10));
        }
    }
}

/// It makes itself a daemon, and ends with its process namespace: that of the shell, whose input ends with this process.
fn launch(root: &Path) -> Child {
    let mut command = Command::new("unshare");
    command.args(["--pid", "--fork"]);
    if !rustix::process::geteuid().is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command
        .args(["sh", "-c", "\"$@\" && cat; rm -rf -- \"$0\""])
        .args([root, Path::new("/usr/sbin/myproxy-server")])
        .args(["-l", "127.0.0.1", "-p", "0"]);
    for (option, name) in [("-c", "config"), ("-s", "store"), ("-P", "pid"), ("-z", "port")] {
        command.arg(option).arg(root.join(name));
    }
    command
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("X509_CERT_DIR", root.join("trust"))
        .env("X509_USER_CERT", root.join("host.pem"))
        .env("X509_USER_KEY", root.join("host.key"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("unshare (package util-linux)")
}

impl User {
    /// `mod-myproxy` as this user, with the own certificate and plain key in the environment.
    pub fn ours(&self, arguments: &[&str], input: &str) -> Output {
        self.run(self.command(PROGRAM).args(arguments), input)
    }

    /// A program of the stock clients, in the same environment.
    pub fn stock(&self, program: &str, arguments: &[&str], input: &str) -> Output {
        let mut command = self.command("timeout");
        command.args(["60", program]).args(arguments);
        self.run(&mut command, input)
    }

    /// A program with what a grid user has in the environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.command_without_certificate(program);
        command
            .env("X509_USER_CERT", &self.certificate)
            .env("X509_USER_KEY", &self.key);
        command
    }

    pub fn command_without_certificate(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command
            .env_clear()
            .envs(self.environment.iter().cloned())
            .env("X509_USER_PROXY", &self.proxy)
            .current_dir(&self.home);
        command
    }

    pub fn run(&self, command: &mut Command, input: &str) -> Output {
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that fails early does not read it.
        let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
        process.wait_with_output().unwrap()
    }
}

/// Of a command that did what it should.
pub fn success(output: &Output) -> &str {
    assert!(output.status.success(), "{output:?}");
    str::from_utf8(&output.stdout).unwrap()
}

/// The line of a command that failed and said why.
pub fn failure(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let line = str::from_utf8(&output.stderr).unwrap().trim_end();
    let line = line
        .strip_prefix("mod-myproxy: ")
        .unwrap_or_else(|| panic!("{output:?}"));
    assert!(!line.contains('\n'), "{line}");
    line
}

/// The subjects in a credential file, the first one first, by their last parts.
pub fn subjects(file: &Path) -> Vec<String> {
    let pem = fs::read(file).unwrap();
    let certificates = X509::stack_from_pem(&pem).unwrap();
    certificates
        .iter()
        .map(|certificate| common_name(certificate.subject_name()))
        .collect()
}

fn common_name(name: &X509NameRef) -> String {
    let last = name.entries().last().unwrap();
    last.data().to_string().unwrap()
}

struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

impl Authority {
    fn new() -> Self {
        let key = new_key();
        let mut builder = certificate("Test CA", &key);
        let subject = name("Test CA");
        builder.set_issuer_name(&subject).unwrap();
        let constraints = BasicConstraints::new().critical().ca().build().unwrap();
        builder.append_extension(constraints).unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        Authority {
            certificate: builder.build(),
            key,
        }
    }

    fn issue(&self, common_name: &str, is_host: bool) -> (X509, PKey<Private>) {
        let key = new_key();
        let mut builder = certificate(common_name, &key);
        builder.set_issuer_name(self.certificate.subject_name()).unwrap();
        if is_host {
            let context = builder.x509v3_context(Some(&self.certificate), None);
            let names = SubjectAlternativeName::new()
                .dns(common_name)
                .build(&context)
                .unwrap();
            builder.append_extension(names).unwrap();
        }
        builder.sign(&self.key, MessageDigest::sha256()).unwrap();
        (builder.build(), key)
    }

    fn install(&self, directory: &Path) {
        let hash = format!("{:08x}", self.certificate.subject_name_hash());
        write(
            &directory.join(format!("{hash}.0")),
            &self.certificate.to_pem().unwrap(),
            0o644,
        );
        let policy = "access_id_CA X509 '/DC=org/DC=mptest/CN=Test CA'\npos_rights globus CA:sign\n\
                      cond_subjects globus '\"/DC=org/DC=mptest/*\"'\n";
        write(
            &directory.join(format!("{hash}.signing_policy")),
            policy.as_bytes(),
            0o644,
        );
    }
}

fn certificate(common_name: &str, key: &PKey<Private>) -> openssl::x509::X509Builder {
    let mut serial = BigNum::new().unwrap();
    serial.rand(63, openssl::bn::MsbOption::ONE, false).unwrap();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder
        .set_serial_number(&Asn1Integer::from_bn(&serial).unwrap())
        .unwrap();
    builder.set_subject_name(&name(common_name)).unwrap();
    builder.set_pubkey(key).unwrap();
    builder
        .set_not_before(&Asn1Time::from_unix(now() - 3600).unwrap())
        .unwrap();
    builder
        .set_not_after(&Asn1Time::from_unix(now() + 30 * 86_400).unwrap())
        .unwrap();
    builder
}

fn now() -> i64 {
    let since = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap();
    since.as_secs().try_into().unwrap()
}

fn name(common_name: &str) -> X509Name {
    let mut name = X509Name::builder().unwrap();
    for (kind, value) in [("DC", "org"), ("DC", "mptest"), ("CN", common_name)] {
        name.append_entry_by_text(kind, value).unwrap();
    }
    name.build()
}

fn new_key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

fn write(path: &Path, content: &[u8], mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}
