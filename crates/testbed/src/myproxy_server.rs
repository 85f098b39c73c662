//! A real MyProxy server, prepared as `mod-myproxy setup-server` does it.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use myproxy_server_setup::{ServerSetup, Summary};
use nix::unistd::{Uid, User};

use crate::isolation::{Isolation, PrivateFiles};
use crate::last_will::LastWill;
use crate::pki::CertificateFiles;
use crate::private_directory::{PrivateDirectory, write_file};
use crate::process::{Process, free_port};
use crate::syslog::Syslog;

mod accepts;
mod policy;

pub use accepts::Accepts;
use policy::Policy;

const START_LIMIT: Duration = Duration::from_secs(10);
/// Seconds that the stock client may take.
const LOGON_SECONDS: u32 = 60;
/// The exit status of `timeout` where the time was over.
const TIMED_OUT: i32 = 124;
const PAM_SERVICE: &str = "myproxy";
/// The users that a server can run as, when root starts it.
const USERS: [&str; 2] = ["myproxy", "nobody"];
/// Bits of the RSA keys of authority and host: what `setup-server` demands at least.
const KEY_BITS: u32 = 3072;

/// Starts the server, which makes itself a daemon, and stays while it lives.
const SUPERVISE: &str = r#"pid_file=$1
shift
"$@" || exit
unset LD_PRELOAD
until pid=$(cat "$pid_file") && [ -n "$pid" ]; do sleep 0.05; done 2>/dev/null
while kill -s 0 "$pid" 2>/dev/null; do sleep 0.1; done
echo "the server has ended" >&2
exit 1
"#;

/// Ends the server whose private directory is `$1`: kills the daemon with the process group that it has made for
/// itself (the fifth field of its `stat`), giving one that is just starting the time to write its number, and
/// removes the copies of its PAM services that libpam-wrapper leaves in `/tmp`, known by their contents.
const END_SERVER: &str = r#"pid_file=$1/server/run/myproxy-server.pid
[ -s "$pid_file" ] || sleep 0.3
pid=$(cat "$pid_file") && group=$(cut -d ' ' -f 5 "/proc/$pid/stat") && kill -s KILL -- "-$group"
# Killed, it still listens for a moment.
for _ in 1 2 3 4 5 6 7 8 9; do
    grep -q -v ') Z ' "/proc/$pid/stat" || break
    sleep 0.05
done
for copies in /tmp/pam.?; do
    [ -d "$copies" ] || continue
    sleep 0.1
    cmp -s "$copies/myproxy" "$1/pam.d/myproxy" && rm -rf -- "$copies"
done"#;

/// A server that is to be started.
#[derive(Clone, Debug)]
pub struct MyProxyServerBuilder {
    accepts: Accepts,
    names: Vec<String>,
    untrusted: Option<CertificateFiles>,
    isolation: Option<Isolation>,
    policy: Policy,
}

impl MyProxyServerBuilder {
    /// The names in its certificate, instead of `localhost`; clients reach it at 127.0.0.1 whatever they are.
    pub fn names(mut self, names: &[&str]) -> Self {
        self.names = names.iter().map(|name| name.to_string()).collect();
        self
    }

    /// Shows this certificate, whose authority the trust directory does not hold. It must be for the names.
    pub fn untrusted_certificate(mut self, files: CertificateFiles) -> Self {
        self.untrusted = Some(files);
        self
    }

    /// Takes `pam "sufficient"`: whoever is trusted otherwise needs no pass phrase, and none is looked at.
    pub fn pam_sufficient(mut self) -> Self {
        self.policy.pam_sufficient = true;
        self
    }

    /// Trusts the holder of this certificate ([`MyProxyServer::certificate_of`]) to know its users.
    pub fn trusted_retriever(mut self, name: &str) -> Self {
        self.policy.trusted_retrievers.push(name.to_owned());
        self
    }

    /// Lets the holder of this certificate ([`MyProxyServer::certificate_of`]) renew a credential that it has.
    pub fn renewer(mut self, name: &str) -> Self {
        self.policy.renewers.push(name.to_owned());
        self
    }

    /// Gives it PAM services by this means, instead of the best that the machine allows.
    pub fn isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = Some(isolation);
        self
    }

    /// Prepares and starts it, on a free port.
    pub fn start(self) -> Result<MyProxyServer> {
        let directory = PrivateDirectory::new("myproxy")?;
        let isolation = self.isolation.map_or_else(Isolation::detect, Ok)?;
        let user = server_user()?;
        let proof = self.accepts.proof(&directory)?;
        let mut setup = ServerSetup {
            directory: directory.join("server"),
            names: self.names,
            port: 0,
            public_port: None,
            listen: Some(Ipv4Addr::LOCALHOST.into()),
            user: user.clone(),
            pam_service: PAM_SERVICE.to_owned(),
            proof,
            base: None,
            host: None,
            key_bits: KEY_BITS,
            authority_days: 30,
            host_days: 30,
            credential_hours: 24,
        };
        let summary = setup.prepare()?;
        let organization = format!("/O={}", setup.names[0]);
        self.accepts.write_pam_services(&directory, &summary)?;
        // PAM wants one, also where it is never used.
        let pam_directory = setup.directory.join("pam.d");
        write_file(
            &pam_directory.join("other"),
            0o644,
            b"auth required pam_deny.so\naccount required pam_deny.so\n",
        )?;
        directory.make_directory("devices", 0o755)?;
        let syslog = Syslog::new(&directory.join("syslog"))?;
        let untrusted = match &self.untrusted {
            Some(files) => Some(readable_by_server(files, &directory, user.as_ref())?),
            None => None,
        };
        let mut server = MyProxyServer {
            running: None,
            isolation,
            user,
            port: 0,
            summary,
            organization,
            policy: self.policy,
            syslog,
            directory,
        };
        let started = server.start_on_free_port(&mut setup, untrusted.as_ref());
        match started {
            Err(_) if is_taken(server.port) => server.start_on_free_port(&mut setup, untrusted.as_ref())?,
            started => started?,
        }
        Ok(server)
    }
}

/// A real `myproxy-server` on 127.0.0.1 with an authority, PAM services and a syslog of its own. Dropped, it is
/// killed and its directory removed.
pub struct MyProxyServer {
    running: Option<Running>,
    isolation: Isolation,
    user: Option<User>,
    port: u16,
    summary: Summary,
    organization: String,
    policy: Policy,
    syslog: Syslog,
    directory: PrivateDirectory,
}

/// In the order in which they end.
struct Running {
    supervisor: Process,
    _end_server: LastWill,
}

impl MyProxyServer {
    /// A server that takes these proofs.
    pub fn builder(accepts: Accepts) -> MyProxyServerBuilder {
        MyProxyServerBuilder {
            accepts,
            names: vec!["localhost".to_owned()],
            untrusted: None,
            isolation: None,
            policy: Policy::default(),
        }
    }

    /// Chooses its port, now that the keys are made and nothing else takes time, and starts it: somebody else may
    /// still have taken that port.
    fn start_on_free_port(
        &mut self,
        setup: &mut ServerSetup,
        untrusted: Option<&CertificateFiles>,
    ) -> Result<()> {
        setup.port = free_port()?;
        self.port = setup.port;
        self.summary = setup.prepare()?;
        let configuration = setup.directory.join("myproxy-server.config");
        self.policy.apply(&configuration, &self.organization)?;
        if let Some(files) = untrusted {
            let environment = &mut self.summary.environment;
            environment.insert("X509_USER_CERT", files.certificate.display().to_string());
            environment.insert("X509_USER_KEY", files.key.display().to_string());
        }
        self.start()
    }

    /// Starts it again, on the same port, after [`MyProxyServer::stop`].
    pub fn start(&mut self) -> Result<()> {
        if self.running.is_some() {
            bail!("the MyProxy server is running already");
        }
        let pid_file = self.directory.join("server/run/myproxy-server.pid");
        let _ = fs::remove_file(&pid_file);
        let environment: Vec<(&str, &str)> = self
            .summary
            .environment
            .iter()
            .map(|(name, value)| (*name, value.as_str()))
            .collect();
        let files = PrivateFiles {
            pam_directory: &self.directory.join("pam.d"),
            devices: &self.directory.join("devices"),
            syslog: self.syslog.path(),
        };
        let mut command = self
            .isolation
            .command(&files, self.user.as_ref(), &environment, "/bin/sh");
        command
            .args(["-c", SUPERVISE, "myproxy-server"])
            .arg(&pid_file)
            .args(&self.summary.command);
        let end_server = LastWill::at_the_latest(END_SERVER, &self.directory.path().to_string_lossy())?;
        let supervisor = Process::start("myproxy-server", &mut command, &self.directory.join("server.log"))?;
        let running = self.running.insert(Running {
            supervisor,
            _end_server: end_server,
        });
        // The server writes this file when it listens already.
        let ready = || fs::metadata(&pid_file).is_ok_and(|file| file.len() > 0);
        let started = running.supervisor.wait_until_ready(START_LIMIT, ready);
        if started.is_err() {
            self.running = None;
        }
        started.with_context(|| format!("its syslog:\n{}", self.syslog.lines().join("\n")))
    }

    /// Stops it: connections to its port are refused from now on.
    pub fn stop(&mut self) {
        self.running = None;
    }

    /// Its port of 127.0.0.1.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `localhost:<port>`, for `MyProxyServer`.
    pub fn address(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// The directory with what clients have to trust.
    pub fn trust_directory(&self) -> &Path {
        Path::new(&self.summary.trust_directory)
    }

    /// The summary of its preparation: names, subjects, paths.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// A new certificate of its own authority for a client, with the subject `/O=<host>/CN=<name>`.
    pub fn certificate_of(&self, name: &str) -> Result<CertificateFiles> {
        let authority = Path::new(&self.summary.ca_directory);
        policy::certificate_of(name, &self.organization, authority, self.directory.path())
    }

    /// By what means it has PAM services of its own.
    pub fn isolation(&self) -> Isolation {
        self.isolation
    }

    /// What it and its PAM modules log; nothing ever comes where the isolation is libpam-wrapper.
    pub fn syslog(&self) -> &Syslog {
        &self.syslog
    }

    /// How many credentials it has issued.
    pub fn issued(&self) -> Result<u64> {
        let path = Path::new(&self.summary.ca_directory).join("serial");
        let next = fs::read_to_string(&path)?;
        if next.is_empty() {
            return Ok(0);
        }
        let next = u64::from_str_radix(next.trim(), 16)
            .with_context(|| format!("{} does not hold a serial number", path.display()))?;
        Ok(next - 1)
    }

    /// Gets a credential into the file `output` with the stock client, `myproxy-logon -S`.
    pub fn stock_logon(&self, user: &str, pass_phrase: &str, output: &Path) -> Result<Output> {
        let mut client = Command::new("timeout")
            .args([
                &LOGON_SECONDS.to_string(),
                "myproxy-logon",
                "-S",
                "-s",
                "localhost",
                "-p",
                &self.port.to_string(),
                "-l",
                user,
                "-o",
            ])
            .arg(output)
            .env("X509_CERT_DIR", self.trust_directory())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start timeout (Debian package coreutils)")?;
        if let Some(mut input) = client.stdin.take() {
            std::io::Write::write_all(&mut input, format!("{pass_phrase}\n").as_bytes())?;
        }
        let output = client.wait_with_output()?;
        ensure!(
            output.status.code() != Some(TIMED_OUT),
            "myproxy-logon did not end within {LOGON_SECONDS} seconds"
        );
        Ok(output)
    }
}

/// A copy of a certificate and its key that belongs to the server's `user`: it demands that of both.
fn readable_by_server(
    files: &CertificateFiles,
    directory: &PrivateDirectory,
    user: Option<&User>,
) -> Result<CertificateFiles> {
    let copy = CertificateFiles {
        certificate: directory.write("hostcert.pem", 0o644, fs::read(&files.certificate)?)?,
        key: directory.write("hostkey.pem", 0o600, fs::read(&files.key)?)?,
    };
    if let Some(user) = user {
        for file in [&copy.certificate, &copy.key] {
            chown(file, Some(user.uid.as_raw()), Some(user.gid.as_raw()))?;
        }
    }
    Ok(copy)
}

/// Whether somebody else has a port of 127.0.0.1.
fn is_taken(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
}

/// Whom root lets the server run as; anybody else runs it under one's own name.
fn server_user() -> Result<Option<User>> {
    if !Uid::effective().is_root() {
        return Ok(None);
    }
    for name in USERS {
        if let Some(user) = User::from_name(name)? {
            return Ok(Some(user));
        }
    }
    bail!(
        "there is neither a user {} nor a user {}: install the package myproxy-server",
        USERS[0],
        USERS[1]
    )
}
