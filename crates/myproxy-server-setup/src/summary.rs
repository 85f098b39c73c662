//! What an administrator wants to know of a prepared server.

use std::collections::BTreeMap;
use std::fmt;
use std::net::Ipv6Addr;

use openssl::x509::X509Ref;
use serde::Serialize;

use crate::{FileReport, Outcome, Proof, ServerSetup, one_line};

/// What was prepared, and what to do with it. Displayed, it is what `SUMMARY.txt` keeps.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// `host:port` for clients.
    pub address: String,
    /// All names of the server.
    pub names: Vec<String>,
    /// The authority's subject, in OpenSSL's one-line form.
    pub ca_dn: String,
    /// Where its certificate and its private key are.
    pub ca_directory: String,
    /// Whether the authority is new; otherwise the one that was there was left alone.
    pub ca_made: bool,
    /// The host certificate's subject.
    pub server_dn: String,
    /// The directory that clients must have: certificates, signing policies, revocation lists.
    pub trust_directory: String,
    /// What a logon has to show.
    pub proof: &'static str,
    /// The PAM module that checks granting cookies.
    pub pam_module: Option<String>,
    /// Name of the PAM service, and the file that has to be `/etc/pam.d/<name>`.
    pub pam_service: String,
    /// That file.
    pub pam_file: String,
    /// The systemd unit.
    pub systemd_unit: String,
    /// The user that the server must run as.
    pub user: Option<String>,
    /// The server's environment.
    pub environment: BTreeMap<&'static str, String>,
    /// The server's command line.
    pub command: Vec<String>,
    /// Lines for httpd's configuration.
    pub httpd: Vec<String>,
    /// Each file, and whether it was made or kept.
    pub files: Vec<FileReport>,
}

impl ServerSetup {
    /// The server's command line. It becomes a daemon and writes its process number to a file in `run`.
    pub(crate) fn command(&self) -> Vec<String> {
        let mut command = vec![
            "/usr/sbin/myproxy-server".to_owned(),
            "-c".to_owned(),
            self.path("myproxy-server.config"),
            "-s".to_owned(),
            self.path("store"),
            "-p".to_owned(),
            self.port.to_string(),
            "-P".to_owned(),
            self.pid_file(),
        ];
        if let Some(address) = self.listen {
            command.extend(["-l".to_owned(), address.to_string()]);
        }
        command
    }

    /// The server's environment.
    pub(crate) fn environment(&self) -> BTreeMap<&'static str, String> {
        BTreeMap::from([
            ("X509_USER_CERT", self.host_certificate_path()),
            ("X509_USER_KEY", self.host_key_path()),
            ("X509_CERT_DIR", self.path("trust")),
        ])
    }

    pub(crate) fn pid_file(&self) -> String {
        self.path("run/myproxy-server.pid")
    }
}

impl Summary {
    pub(crate) fn new(setup: &ServerSetup, ca: &X509Ref, ca_made: bool, host: &X509Ref) -> Self {
        let port = setup.public_port.unwrap_or(setup.port);
        let name = &setup.names[0];
        let address = match name.parse::<Ipv6Addr>() {
            Ok(_) => format!("[{name}]:{port}"),
            Err(_) => format!("{name}:{port}"),
        };
        let server_dn = one_line(host.subject_name());
        let (proof, pam_module) = match &setup.proof {
            Proof::PassPhrases { .. } => ("pass phrase", None),
            Proof::GrantingCookies(cookies) => ("granting cookie", Some(cookies.pam_module.clone())),
        };
        Summary {
            httpd: vec![
                format!("MyProxyServer {address}"),
                format!("MyProxyServerDN \"{server_dn}\""),
                format!("MyProxyTrustDir {}", setup.path("trust")),
            ],
            address,
            names: setup.names.clone(),
            ca_dn: one_line(ca.subject_name()),
            ca_directory: setup.path("ca"),
            ca_made,
            server_dn,
            trust_directory: setup.path("trust"),
            proof,
            pam_module,
            pam_service: setup.pam_service.clone(),
            pam_file: setup.path(&format!("pam.d/{}", setup.pam_service)),
            systemd_unit: setup.path("myproxy-server.service"),
            user: setup.user.as_ref().map(|user| user.name.clone()),
            environment: setup.environment(),
            command: setup.command(),
            files: Vec::new(),
        }
    }

    pub(crate) fn with_files(self, files: Vec<FileReport>) -> Self {
        Summary { files, ..self }
    }

    /// The files that would be written otherwise now, and stayed as they were.
    pub fn differing_files(&self) -> impl Iterator<Item = &FileReport> {
        self.files
            .iter()
            .filter(|file| file.outcome == Outcome::KeptThoughDifferent)
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let as_user = self
            .user
            .as_ref()
            .map(|user| format!("runuser -u {user} -- "))
            .unwrap_or_default();
        let environment: Vec<String> = self
            .environment
            .iter()
            .map(|(name, value)| format!("{name}={value}"))
            .collect();
        writeln!(f, "MyProxy server  {}", self.address)?;
        writeln!(f, "its names       {}", self.names.join(" "))?;
        writeln!(f, "CA DN           {}", self.ca_dn)?;
        writeln!(f, "server DN       {}", self.server_dn)?;
        writeln!(f, "trust directory {}", self.trust_directory)?;
        writeln!(f, "a logon shows   a {}", self.proof)?;
        if let Some(pam_module) = &self.pam_module {
            writeln!(
                f,
                "\nIts PAM module is {pam_module}: a name without a path is looked for in PAM's own directory"
            )?;
            writeln!(
                f,
                "(Debian /usr/lib/<architecture>/security, Fedora /usr/lib64/security)."
            )?;
        }
        writeln!(f, "\nTo start it, as root, with systemd:")?;
        writeln!(f, "  cp {} /etc/pam.d/{}", self.pam_file, self.pam_service)?;
        writeln!(f, "  cp {} /etc/systemd/system/", self.systemd_unit)?;
        writeln!(
            f,
            "  systemctl daemon-reload && systemctl enable myproxy-server && systemctl restart myproxy-server"
        )?;
        writeln!(f, "or by hand:")?;
        writeln!(
            f,
            "  {as_user}env -i {} \\\n    {}",
            environment.join(" \\\n    "),
            self.command.join(" ")
        )?;
        writeln!(
            f,
            "\nFor httpd's configuration, with a copy of the trust directory where httpd runs elsewhere:"
        )?;
        self.httpd.iter().try_for_each(|line| writeln!(f, "  {line}"))?;
        writeln!(
            f,
            "\nKeep a backup of {}: whoever has the key there makes credentials for everybody.",
            self.ca_directory
        )
    }
}
