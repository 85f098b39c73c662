//! `mod-myproxy setup-server`: a MyProxy server with a certification authority of its own.

use std::io::{self, Write as _, stdout};
use std::net::IpAddr;
use std::path::{PathBuf, absolute};

use anyhow::{Context, Result, bail};
use clap::{ArgGroup, value_parser};
use myproxy_server_setup::{
    DistinguishedName, EncryptedCookies, ExistingHostCertificate, GrantingCookies, Proof, ServerSetup,
    Summary,
};
use nix::unistd::{Uid, User};

/// What the command line says.
#[derive(clap::Args)]
#[command(after_long_help = MORE_HELP)]
#[command(group = ArgGroup::new("proof").required(true).args(["granting_cookies", "pass_phrases"]))]
pub struct Arguments {
    /// The directory; made where it is missing
    #[arg(value_name = "DIR")]
    directory: PathBuf,

    /// A name under which clients know the server, the main one first; behind NAT: the public name
    #[arg(long = "name", value_name = "HOST", required = true)]
    names: Vec<String>,
    /// The port that the server listens on
    #[arg(long, default_value_t = 7512)]
    port: u16,
    /// The port that clients connect to, where that is another
    #[arg(long, value_name = "PORT")]
    public_port: Option<u16>,
    /// The address that the server listens on; without it: every one of the machine
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<IpAddr>,
    /// The user that the server runs as, and that owns its files (root only) [default: myproxy]
    #[arg(long)]
    user: Option<String>,

    #[command(flatten)]
    cookies: Box<CookieArguments>,
    /// A logon shows a pass phrase, which this PAM module checks, with its arguments: pam_sss.so, pam_krb5.so
    #[arg(long, value_name = "PAM MODULE")]
    pass_phrases: Option<String>,
    /// Name of the PAM service
    #[arg(long, value_name = "NAME", default_value = "myproxy")]
    pam_service: String,

    #[command(flatten)]
    certificates: Box<CertificateArguments>,

    /// Print the summary as one JSON object
    #[arg(long)]
    json: bool,
}

/// Which granting cookies are accepted.
#[derive(clap::Args)]
struct CookieArguments {
    /// A logon shows a granting cookie of a Pubcookie login server (through our PAM module)
    #[arg(long, requires_all = ["granting_certificates", "app_server_ids"])]
    granting_cookies: bool,
    /// The certificate of the login server's granting key; both, while the key is being changed
    #[arg(
        long = "granting-certificate",
        value_name = "PEM",
        requires = "granting_cookies"
    )]
    granting_certificates: Vec<PathBuf>,
    /// An application server whose cookies are accepted; '*' is any application server of that login server
    #[arg(long = "app-server-id", value_name = "ID", requires = "granting_cookies")]
    app_server_ids: Vec<String>,
    /// A realm that the cookie's user may carry (user@REALM), while the MyProxy user does not
    #[arg(long = "realm", requires = "granting_cookies")]
    realms: Vec<String>,
    /// For cookies that are still encrypted: the directory with the key files of the application servers
    #[arg(long, value_name = "DIR", requires = "app_servers")]
    key_directory: Option<PathBuf>,
    /// For cookies that are still encrypted: an application server, by the name of its key file
    #[arg(long = "app-server", value_name = "HOST", requires = "key_directory")]
    app_servers: Vec<String>,
    /// Seconds that a cookie may be old [default: that of the PAM module]
    #[arg(long, value_name = "SECONDS", requires = "granting_cookies")]
    max_age: Option<u32>,
    /// Our PAM module: its name in PAM's own directory, or its absolute path
    #[arg(
        long,
        value_name = "FILE",
        default_value = "pam_pubcookie.so",
        requires = "granting_cookies"
    )]
    pam_pubcookie: String,
}

/// The authority and the host certificate.
#[derive(clap::Args)]
struct CertificateArguments {
    /// What the distinguished names begin with; users are BASE/OU=People/CN=<user> [default: /O=<HOST>]
    #[arg(long, value_name = "DN")]
    base_dn: Option<DistinguishedName>,
    /// A host certificate that exists, instead of a new one
    #[arg(long, value_name = "PEM", requires = "host_key")]
    host_certificate: Option<PathBuf>,
    /// Its private key, not encrypted
    #[arg(long, value_name = "PEM", requires = "host_certificate")]
    host_key: Option<PathBuf>,
    /// The authority that signed it, for the trust directory
    #[arg(long, value_name = "PEM", requires = "host_certificate")]
    host_ca: Option<PathBuf>,
    /// Bits of the RSA keys of authority and host, at least 3072
    #[arg(long, value_name = "BITS", default_value_t = 3072)]
    key_bits: u32,
    /// Days for which the authority is good
    #[arg(long, value_name = "DAYS", default_value_t = 3650, value_parser = value_parser!(u32).range(1..))]
    ca_days: u32,
    /// Days for which a host certificate made here is good
    #[arg(long, value_name = "DAYS", default_value_t = 825, value_parser = value_parser!(u32).range(1..))]
    host_days: u32,
    /// Hours for which a credential is good at most
    #[arg(long, value_name = "HOURS", default_value_t = 24, value_parser = value_parser!(u32).range(1..))]
    max_hours: u32,
}

const MORE_HELP: &str = "\
Fills DIR with what an unmodified myproxy-server needs: authority, host certificate, the trust directory for its \
clients, configuration, the map from user names to distinguished names, PAM service file and systemd unit. Then \
prints, and keeps in DIR/SUMMARY.txt, what to do next. Nothing outside DIR is touched.

What is in DIR already stays as it is, the authority above all: run again, this only completes what is missing.

For the granting cookies of a Pubcookie login server:
  mod-myproxy setup-server /srv/myproxy --name myproxy.example.org --granting-cookies \\
      --granting-certificate granting.pem --app-server-id app.example.org

For pass phrases that PAM checks:
  mod-myproxy setup-server /srv/myproxy --name myproxy.example.org --pass-phrases pam_sss.so";

/// Run the command.
pub fn run(arguments: Arguments) -> Result<()> {
    let json = arguments.json;
    let summary = arguments.into_setup()?.prepare()?;
    let written = if json {
        let object = serde_json::to_string(&summary)?;
        writeln!(stdout(), "{object}")
    } else {
        print_for_people(&summary)
    };
    written.context("all is set up, but cannot print the summary")
}

fn print_for_people(summary: &Summary) -> io::Result<()> {
    let mut output = stdout().lock();
    if !summary.ca_made {
        writeln!(
            output,
            "The certification authority in {} was there already: not overwritten.",
            summary.ca_directory
        )?;
    }
    for file in summary.differing_files() {
        writeln!(
            output,
            "{} was there already, and these options would make it otherwise: kept. Remove it to have it made anew.",
            file.path.display()
        )?;
    }
    write!(output, "{summary}")?;
    output.flush()
}

impl Arguments {
    fn into_setup(self) -> Result<ServerSetup> {
        let certificates = *self.certificates;
        let host = match (certificates.host_certificate, certificates.host_key) {
            (Some(certificate), Some(key)) => Some(ExistingHostCertificate {
                certificate,
                key,
                authority: certificates.host_ca,
            }),
            _ => None,
        };
        Ok(ServerSetup {
            directory: absolute(self.directory)?,
            names: self.names,
            port: self.port,
            public_port: self.public_port,
            listen: self.listen,
            user: server_user(self.user)?,
            pam_service: self.pam_service,
            proof: match self.pass_phrases {
                Some(pam_module) => Proof::PassPhrases { pam_module },
                None => Proof::GrantingCookies(self.cookies.into_granting_cookies()?),
            },
            base: certificates.base_dn,
            host,
            key_bits: certificates.key_bits,
            authority_days: certificates.ca_days,
            host_days: certificates.host_days,
            credential_hours: certificates.max_hours,
        })
    }
}

impl CookieArguments {
    fn into_granting_cookies(self) -> Result<GrantingCookies> {
        let encrypted = match self.key_directory {
            Some(directory) => Some(EncryptedCookies {
                key_directory: absolute(directory)?,
                app_servers: self.app_servers,
            }),
            None => None,
        };
        Ok(GrantingCookies {
            granting_certificates: self.granting_certificates,
            app_server_ids: self.app_server_ids,
            realms: self.realms,
            encrypted,
            max_age: self.max_age,
            pam_module: self.pam_pubcookie,
        })
    }
}

/// Root gives the files to the named user, or to `myproxy`; anybody else keeps them.
fn server_user(name: Option<String>) -> Result<Option<User>> {
    if !Uid::effective().is_root() {
        if name.is_some() {
            bail!("--user needs root: another user's files cannot be given away");
        }
        return Ok(None);
    }
    let name = name.as_deref().unwrap_or("myproxy");
    let user = User::from_name(name)?.with_context(|| {
        format!("there is no user {name}: install the package myproxy-server, or name another with --user")
    })?;
    Ok(Some(user))
}
