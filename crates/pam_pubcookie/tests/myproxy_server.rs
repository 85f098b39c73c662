//! The unmodified myproxy-server and myproxy-logon of the distribution, with a granting cookie as pass phrase. The
//! server sees a PAM service directory of its own, in a private mount namespace; /etc is not touched.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use std::fs::{self, Permissions};
use std::io::Write;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use common::{LoginServer, now, private_directory, service, tampered};
use granting_cookie::AppServerId;
use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{BasicConstraints, KeyUsage, SubjectAlternativeName};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};
use tempfile::TempDir;

#[test]
fn a_granting_cookie_becomes_a_credential_once() {
    if let Err(reason) = can_run() {
        eprintln!("skipped: {reason}");
        return;
    }
    let site = Site::new();
    let login_server = &site.login_server;
    let cookie = login_server.granting_cookie("alice", |_| ()).to_base64();
    let expired = login_server
        .granting_cookie("alice", |cookie| cookie.create_time = now() - 130)
        .to_base64();
    let elsewhere = login_server.granting_cookie("alice", |cookie| {
        cookie.app_server_id = AppServerId::encode("evil.example.org").unwrap();
    });

    for (user, pass_phrase) in [
        ("bob", cookie.as_str()),
        ("alice", &tampered(&cookie)),
        ("alice", &expired),
        ("alice", &elsewhere.to_base64()),
        ("alice", "no cookie at all"),
    ] {
        let logon = site.logon(user, pass_phrase);
        assert_eq!(logon.credential, None, "{}", logon.output);
        assert!(logon.output.contains("invalid password"), "{}", logon.output);
    }
    let logon = site.logon("alice", &cookie);
    let credential = logon
        .credential
        .unwrap_or_else(|| panic!("no credential: {}", logon.output));
    assert_eq!(subject(&credential), "alice");
    let replayed = site.logon("alice", &cookie);
    assert_eq!(replayed.credential, None, "{}", replayed.output);
    assert!(
        replayed.output.contains("invalid password"),
        "{}",
        replayed.output
    );
}

/// The server has to be there, and this process has to be allowed a mount namespace.
fn can_run() -> Result<(), String> {
    for program in ["/usr/sbin/myproxy-server", "/usr/bin/myproxy-logon"] {
        if !Path::new(program).exists() {
            return Err(format!(
                "{program} is missing: apt-get install myproxy-server myproxy"
            ));
        }
    }
    let output = Command::new("unshare")
        .args(NAMESPACE)
        .args(["mount", "--bind", "/etc", "/etc"])
        .output();
    match output {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(format!(
            "no mount namespace: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )),
        Err(error) => Err(format!("cannot run unshare: {error}")),
    }
}

const NAMESPACE: [&str; 2] = ["--mount", "--map-root-user"];

struct Site {
    directory: TempDir,
    login_server: LoginServer,
}

struct Logon {
    /// The file that myproxy-logon wrote.
    credential: Option<Vec<u8>>,
    /// What it and the server said.
    output: String,
}

impl Site {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path();
        let login_server = LoginServer::new(path);
        let replay_directory = private_directory(path.join("replay"));
        private_directory(path.join("store"));
        let pam_directory = private_directory(path.join("pam.d"));
        let arguments = format!(
            "granting_cert={} app_server_id=app.example.org replay_dir={}",
            login_server.certificate.display(),
            replay_directory.display()
        );
        fs::write(pam_directory.join("myproxy"), service(&arguments)).unwrap();
        write_certificates(path);
        let users = ["alice", "bob"]
            .map(|user| format!("\"/O=Test/CN={user}\" {user}\n"))
            .concat();
        fs::write(path.join("mapfile"), users).unwrap();
        fs::write(path.join("serial"), "01").unwrap();
        let at = |name: &str| path.join(name).display().to_string();
        let configuration = format!(
            "authorized_retrievers \"*\"\ndefault_retrievers \"*\"\npam \"required\"\npam_id \"myproxy\"\n\
             certificate_issuer_cert {}\ncertificate_issuer_key {}\ncertificate_serialfile {}\n\
             certificate_mapfile {}\nmax_cert_lifetime 1\n",
            at("ca.pem"),
            at("ca.key"),
            at("serial"),
            at("mapfile")
        );
        fs::write(path.join("myproxy.conf"), configuration).unwrap();
        Self {
            directory,
            login_server,
        }
    }

    /// One logon, at a server that serves just this one.
    fn logon(&self, user: &str, pass_phrase: &str) -> Logon {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut server = self.start_server(port);
        let credential = self.path("credential");
        let mut output = String::new();
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            output = self.run_client(port, user, pass_phrase, &credential);
            if !output.contains("Connection refused") {
                break;
            }
            sleep(Duration::from_millis(50));
        }
        server.0.kill().unwrap();
        output += &fs::read_to_string(self.path("server.log")).unwrap();
        let found = fs::read(&credential).ok();
        if found.is_some() {
            fs::remove_file(credential).unwrap();
        }
        Logon {
            credential: found,
            output,
        }
    }

    fn start_server(&self, port: u16) -> KilledOnDrop {
        let log = fs::File::create(self.path("server.log")).unwrap();
        let server = Command::new("unshare")
            .args(NAMESPACE)
            .args([
                "sh",
                "-c",
                r#"mount --bind "$0" /etc/pam.d && exec myproxy-server "$@""#,
            ])
            .arg(self.path("pam.d"))
            .args(["-d", "-l", "127.0.0.1", "-p", &port.to_string()])
            .arg("-c")
            .arg(self.path("myproxy.conf"))
            .arg("-s")
            .arg(self.path("store"))
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("X509_CERT_DIR", self.path("certificates"))
            .env("X509_USER_CERT", self.path("host.pem"))
            .env("X509_USER_KEY", self.path("host.key"))
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        KilledOnDrop(server)
    }

    fn run_client(&self, port: u16, user: &str, pass_phrase: &str, credential: &Path) -> String {
        let mut client = Command::new("timeout")
            .args([
                "20",
                "myproxy-logon",
                "-S",
                "-s",
                "localhost",
                "-p",
                &port.to_string(),
                "-l",
                user,
                "-o",
            ])
            .arg(credential)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("HOME", self.directory.path())
            .env("X509_CERT_DIR", self.path("certificates"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A client that finds no server may be gone already.
        let _ = client.stdin.take().unwrap().write_all(pass_phrase.as_bytes());
        let output = client.wait_with_output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

struct KilledOnDrop(Child);

impl Drop for KilledOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A certification authority, a certificate for the server, and the directory of trusted certificates.
fn write_certificates(directory: &Path) {
    let ca_key = new_key();
    let mut ca = certificate("Test CA", &ca_key, 1);
    ca.set_issuer_name(&name("Test CA")).unwrap();
    ca.append_extension(BasicConstraints::new().critical().ca().build().unwrap())
        .unwrap();
    ca.append_extension(KeyUsage::new().key_cert_sign().crl_sign().build().unwrap())
        .unwrap();
    ca.sign(&ca_key, MessageDigest::sha256()).unwrap();
    let ca = ca.build();

    let host_key = new_key();
    let mut host = certificate("localhost", &host_key, 2);
    host.set_issuer_name(ca.subject_name()).unwrap();
    let names = SubjectAlternativeName::new()
        .dns("localhost")
        .build(&host.x509v3_context(Some(&ca), None))
        .unwrap();
    host.append_extension(names).unwrap();
    host.sign(&ca_key, MessageDigest::sha256()).unwrap();

    let write = |name: &str, content: Vec<u8>, mode: u32| {
        let path = directory.join(name);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
    };
    write("ca.pem", ca.to_pem().unwrap(), 0o644);
    write("ca.key", ca_key.private_key_to_pem_pkcs8().unwrap(), 0o600);
    write("host.pem", host.build().to_pem().unwrap(), 0o644);
    write("host.key", host_key.private_key_to_pem_pkcs8().unwrap(), 0o600);
    private_directory(directory.join("certificates"));
    let hash = ca.subject_name_hash();
    write(&format!("certificates/{hash:08x}.0"), ca.to_pem().unwrap(), 0o644);
    let policy = "access_id_CA X509 '/O=Test/CN=Test CA'\npos_rights globus CA:sign\n\
                  cond_subjects globus '\"/O=Test/*\"'\n";
    write(
        &format!("certificates/{hash:08x}.signing_policy"),
        policy.into(),
        0o644,
    );
}

fn new_key() -> PKey<Private> {
    PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap()
}

fn name(common_name: &str) -> X509Name {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("O", "Test").unwrap();
    name.append_entry_by_text("CN", common_name).unwrap();
    name.build()
}

fn certificate(common_name: &str, key: &PKey<Private>, serial: u32) -> X509Builder {
    let mut certificate = X509::builder().unwrap();
    certificate.set_version(2).unwrap();
    certificate.set_subject_name(&name(common_name)).unwrap();
    let serial = BigNum::from_u32(serial).unwrap();
    certificate
        .set_serial_number(&Asn1Integer::from_bn(&serial).unwrap())
        .unwrap();
    certificate
        .set_not_before(&Asn1Time::from_unix(i64::from(now()) - 600).unwrap())
        .unwrap();
    certificate
        .set_not_after(&Asn1Time::days_from_now(1).unwrap())
        .unwrap();
    certificate.set_pubkey(key).unwrap();
    certificate
}

/// The common name in the first certificate of a credential.
fn subject(credential: &[u8]) -> String {
    let certificate = X509::from_pem(credential).unwrap();
    let entry = certificate.subject_name().entries().last().unwrap();
    entry.data().to_string().unwrap()
}
