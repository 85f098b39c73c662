//! The myproxy-server of the system, in namespaces of its own: its PAM files replace `/etc/pam.d` there, and
//! it ends with them.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use myproxy_client::{Client, ClientCertificate, ClientOptions, ServerIdentity};
use openssl::symm::Cipher;
use tempfile::TempDir;

use super::authority::{Authority, Wanted, new_key};
use super::{PASS_PHRASE, no_pass_phrase};

pub struct RealServer {
    process: Child,
    pub authority: Authority,
    pub directory: TempDir,
    pub port: u16,
}

/// Where the server's credentials come from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// From its own authority, for who knows [`PASS_PHRASE`]. Users: alice, and eve, whose name the signing
    /// policy of the authority does not allow.
    Authority,
    /// The same for the trusted retriever `portal`, who needs no pass phrase.
    TrustingAuthority,
    /// From what users stored. `portal` is a trusted retriever where the credential says so, `renewer` a renewer, and
    /// anybody gets keys where the credential says so.
    Stored,
}

impl RealServer {
    /// `tls` is the highest version, as the Globus libraries name it: `TLS1_2_VERSION` or `TLS1_3_VERSION`.
    pub fn start(kind: Kind, tls: &str) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path();
        let authority = Authority::new("Test CA");
        write_files(root, kind, &authority);
        let mut command = Command::new("unshare");
        command.args(["--mount", "--pid", "--fork"]);
        if !rustix::process::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        let process = command
            // The server goes to the background; the first process of the namespace stays until its input
            // ends.
            .args(["sh", "-c", "mount --bind \"$0\" /etc/pam.d && \"$@\" && exec cat"])
            .arg(root.join("pam.d"))
            .args(["/usr/sbin/myproxy-server", "-l", "127.0.0.1", "-p", "0"])
            .arg("-c")
            .arg(root.join("config"))
            .arg("-s")
            .arg(root.join("store"))
            .arg("-P")
            .arg(root.join("pid"))
            .arg("-z")
            .arg(root.join("port"))
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .env("X509_CERT_DIR", root.join("trust"))
            .env("X509_USER_CERT", root.join("host.pem"))
            .env("X509_USER_KEY", root.join("host.key"))
            .env("GLOBUS_GSSAPI_MAX_TLS_PROTOCOL", tls)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .expect("unshare (package util-linux)");
        let mut server = RealServer {
            process,
            authority,
            directory,
            port: 0,
        };
        server.port = server.wait_for_port();
        server
    }

    pub fn client(&self) -> Client {
        Client::new(self.options()).unwrap()
    }

    pub fn options(&self) -> ClientOptions {
        let mut server: myproxy_client::Server = format!("127.0.0.1:{}", self.port).parse().unwrap();
        server.identity = ServerIdentity::Name("myproxy.mptest.org".to_owned());
        ClientOptions {
            trust_directory: self.path("trust"),
            ..ClientOptions::new(vec![server])
        }
    }

    /// A certificate of the server's authority, and its key.
    pub fn client_certificate(&self, common_name: &str) -> ClientCertificate {
        self.certificate_of(common_name, &Wanted::user(common_name))
    }

    pub fn certificate_of(&self, file: &str, wanted: &Wanted) -> ClientCertificate {
        let (certificate, key) = (
            self.path(&format!("{file}.pem")),
            self.path(&format!("{file}.key")),
        );
        let pkey = new_key();
        write(
            &certificate,
            &self.authority.issue(wanted, &pkey).to_pem().unwrap(),
            0o644,
        );
        write(&key, &pkey.private_key_to_pem_pkcs8().unwrap(), 0o600);
        ClientCertificate::from_files(&certificate, &key, no_pass_phrase).unwrap()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Stores a credential with the stock client, under [`PASS_PHRASE`].
    pub fn store(&self, user_name: &str, valid_seconds: i64, options: &[&str]) {
        let key = new_key();
        let wanted = Wanted {
            valid: (-60, valid_seconds),
            ..Wanted::user(user_name)
        };
        let (certificate, plain, sealed) = (
            self.path("user.pem"),
            self.path("user.key"),
            self.path("user.sealed"),
        );
        write(
            &certificate,
            &self.authority.issue(&wanted, &key).to_pem().unwrap(),
            0o644,
        );
        write(&plain, &key.rsa().unwrap().private_key_to_pem().unwrap(), 0o600);
        let pem = key
            .rsa()
            .unwrap()
            .private_key_to_pem_passphrase(Cipher::des_ede3_cbc(), PASS_PHRASE.as_bytes());
        write(&sealed, &pem.unwrap(), 0o600);
        let output = Command::new("myproxy-store")
            .args(["-s", "127.0.0.1", "-p", &self.port.to_string(), "-l", user_name])
            .arg("-c")
            .arg(&certificate)
            .arg("-y")
            .arg(&sealed)
            .args(options)
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("X509_CERT_DIR", self.path("trust"))
            .env("X509_USER_CERT", &certificate)
            .env("X509_USER_KEY", &plain)
            .env(
                "MYPROXY_SERVER_DN",
                "/DC=org/DC=mptest/CN=host/myproxy.mptest.org",
            )
            .output()
            .expect("myproxy-store (package myproxy)");
        assert!(output.status.success(), "myproxy-store: {output:?}");
    }

    fn wait_for_port(&mut self) -> u16 {
        let end = Instant::now() + Duration::from_secs(20);
        while Instant::now() < end {
            if let Some(port) = fs::read_to_string(self.path("port"))
                .ok()
                .and_then(|text| text.trim().parse().ok())
            {
                return port;
            }
            if let Some(status) = self.process.try_wait().unwrap() {
                panic!("myproxy-server did not start (package myproxy-server): {status}");
            }
            sleep(Duration::from_millis(10));
        }
        panic!("myproxy-server did not start within 20 s");
    }
}

impl Drop for RealServer {
    fn drop(&mut self) {
        drop(self.process.stdin.take());
        self.process.wait().unwrap();
    }
}

fn write_files(root: &Path, kind: Kind, authority: &Authority) {
    for name in ["trust", "pam.d", "store"] {
        fs::create_dir(root.join(name)).unwrap();
    }
    fs::set_permissions(root.join("store"), Permissions::from_mode(0o700)).unwrap();
    authority.install(&root.join("trust"));
    let host_key = new_key();
    let wanted = Wanted {
        common_name: "host/myproxy.mptest.org",
        ..Wanted::server(&["myproxy.mptest.org"])
    };
    write(
        &root.join("host.pem"),
        &authority.issue(&wanted, &host_key).to_pem().unwrap(),
        0o644,
    );
    write(
        &root.join("host.key"),
        &host_key.private_key_to_pem_pkcs8().unwrap(),
        0o600,
    );
    write(
        &root.join("ca.pem"),
        &authority.certificate.to_pem().unwrap(),
        0o644,
    );
    write(
        &root.join("ca.key"),
        &authority.key.private_key_to_pem_pkcs8().unwrap(),
        0o600,
    );
    write(&root.join("serial"), b"01\n", 0o600);
    write(
        &root.join("mapfile"),
        b"\"/DC=org/DC=mptest/CN=alice\" alice\n\"/DC=org/DC=elsewhere/CN=eve\" eve\n",
        0o644,
    );
    // The secret comes with a closing NUL.
    let script = format!("#!/bin/sh\n[ \"$(tr -d '\\0')\" = \"{PASS_PHRASE}\" ]\n");
    write(&root.join("check"), script.as_bytes(), 0o755);
    let check = root.join("check");
    // pam_exec.so knows no wrong pass phrase, only system errors: pam_deny.so says it.
    let pam = format!(
        "auth [success=1 default=ignore] pam_exec.so expose_authtok quiet {}\nauth requisite pam_deny.so\n\
         auth required pam_permit.so\naccount required pam_permit.so\n",
        check.display()
    );
    write(&root.join("pam.d/myproxy-test"), pam.as_bytes(), 0o644);
    let root = root.display();
    let config = match kind {
        Kind::Authority => format!(
            "authorized_retrievers \"*\"\ndefault_retrievers \"*\"\npam \"required\"\npam_id \"myproxy-test\"\n\
             certificate_issuer_cert {root}/ca.pem\ncertificate_issuer_key {root}/ca.key\n\
             certificate_serialfile {root}/serial\ncertificate_mapfile {root}/mapfile\nmax_cert_lifetime 24\n"
        ),
        Kind::TrustingAuthority => format!(
            "authorized_retrievers \"*\"\ntrusted_retrievers \"/DC=org/DC=mptest/CN=portal\"\n\
             default_trusted_retrievers \"*\"\npam \"sufficient\"\npam_id \"myproxy-test\"\n\
             certificate_issuer_cert {root}/ca.pem\ncertificate_issuer_key {root}/ca.key\n\
             certificate_serialfile {root}/serial\ncertificate_mapfile {root}/mapfile\n"
        ),
        Kind::Stored => format!(
            "accepted_credentials \"*\"\nauthorized_retrievers \"*\"\ndefault_retrievers \"*\"\n\
             trusted_retrievers \"/DC=org/DC=mptest/CN=portal\"\nauthorized_key_retrievers \"*\"\n\
             authorized_renewers \"/DC=org/DC=mptest/CN=renewer\"\ncert_dir {root}/trust\n\
             allow_voms_attribute_requests true\n"
        ),
    };
    write(Path::new(&format!("{root}/config")), config.as_bytes(), 0o644);
}

pub fn write(path: &Path, content: &[u8], mode: u32) {
    fs::write(path, content).unwrap();
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}
