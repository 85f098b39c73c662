//! A private Kerberos realm, `EXAMPLE.TEST`: for users whom httpd knows by their tickets.

use std::fmt::Write as _;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::httpd::give_to_children;
use crate::private_directory::PrivateDirectory;
use crate::process::{Process, free_port};

const START_LIMIT: Duration = Duration::from_secs(20);
const REALM: &str = "EXAMPLE.TEST";

/// A running key distribution centre of MIT Kerberos on 127.0.0.1. Dropped, it is gone.
pub struct Kerberos {
    // Before the directory, so that it is dropped first.
    process: Option<Process>,
    directory: PrivateDirectory,
}

impl Kerberos {
    /// A realm with this web server and these users, by name and password.
    pub fn start(host: &str, users: &[(&str, &str)]) -> Result<Self> {
        let mut realm = Kerberos {
            process: None,
            directory: PrivateDirectory::new("kerberos")?,
        };
        let port = free_port()?;
        realm.configure(port)?;
        let master_key = "only-for-this-realm";
        realm.run("kdb5_util", &["create", "-s", "-r", REALM, "-P", master_key])?;
        for (user, password) in users {
            realm.run("kadmin.local", &["addprinc", "-pw", password, user])?;
        }
        let service = format!("HTTP/{host}");
        let keytab = realm.keytab().display().to_string();
        realm.run("kadmin.local", &["addprinc", "-randkey", &service])?;
        realm.run("kadmin.local", &["ktadd", "-k", &keytab, &service])?;
        give_to_children(&realm.keytab())?;
        give_to_children(&realm.directory.make_directory("used-tickets", 0o700)?)?;

        let mut centre = realm.command("krb5kdc");
        let mut process = Process::start("krb5kdc", centre.arg("-n"), &realm.directory.join("krb5kdc.out"))?;
        process.wait_until_listening(START_LIMIT, (Ipv4Addr::LOCALHOST, port).into())?;
        realm.process = Some(process);
        Ok(realm)
    }

    /// The file with the web server's key, readable for httpd's children.
    pub fn keytab(&self) -> PathBuf {
        self.directory.join("http.keytab")
    }

    /// What a program of this realm has to find in its environment.
    pub fn environment(&self) -> [(&'static str, String); 3] {
        let file = |name| self.directory.join(name).display().to_string();
        [
            ("KRB5_CONFIG", file("krb5.conf")),
            ("KRB5_KDC_PROFILE", file("kdc.conf")),
            ("KRB5RCACHEDIR", file("used-tickets")),
        ]
    }

    /// Gets a ticket for a user with the password: the file that `KRB5CCNAME` has to name.
    pub fn log_in(&self, user: &str, password: &str) -> Result<PathBuf> {
        let tickets = self.directory.join(format!("tickets-of-{user}"));
        let mut client = self
            .command("kinit")
            .arg("-c")
            .arg(&tickets)
            .arg(user)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start kinit (Debian package krb5-user)")?;
        if let Some(mut input) = client.stdin.take() {
            writeln!(input, "{password}")?;
        }
        let output = client.wait_with_output()?;
        ensure!(
            output.status.success(),
            "kinit: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(tickets)
    }

    /// Nothing is looked up in the DNS, and all goes over TCP.
    fn configure(&self, port: u16) -> Result<()> {
        let directory = self.directory.path().display();
        let mut client =
            format!("[libdefaults]\ndefault_realm = {REALM}\nudp_preference_limit = 1\nrdns = false\n");
        for name in ["dns_lookup_kdc", "dns_lookup_realm", "dns_canonicalize_hostname"] {
            writeln!(client, "{name} = false")?;
        }
        write!(
            client,
            "[realms]\n{REALM} = {{\nkdc = 127.0.0.1:{port}\n}}\n[domain_realm]\n.localhost = {REALM}\n"
        )?;
        self.directory.write("krb5.conf", 0o644, client)?;
        let server = format!(
            "[kdcdefaults]\nkdc_listen = \"\"\nkdc_tcp_listen = 127.0.0.1:{port}\n\
             [realms]\n{REALM} = {{\n\
             database_name = {directory}/principals\nkey_stash_file = {directory}/stash\nacl_file = {directory}/acl\n}}\n\
             [logging]\nkdc = FILE:{directory}/krb5kdc.log\nadmin_server = FILE:{directory}/kadmin.log\n"
        );
        self.directory.write("kdc.conf", 0o644, server)?;
        Ok(())
    }

    fn run(&self, program: &str, arguments: &[&str]) -> Result<()> {
        let output = self.command(program).args(arguments).output().with_context(|| {
            format!("cannot start {program} (Debian packages krb5-kdc and krb5-admin-server)")
        })?;
        ensure!(
            output.status.success(),
            "{program}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        Ok(())
    }

    /// A program with this realm for its own, wherever the distribution keeps it.
    fn command(&self, program: &str) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment());
        command.env(
            "PATH",
            "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        );
        command
    }
}
