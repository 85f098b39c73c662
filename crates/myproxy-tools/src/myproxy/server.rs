//! Which server to ask, and whom to believe that it is the right one.

use std::env;
use std::path::PathBuf;

use anyhow::Result;
use myproxy_client::{Client, ClientOptions, DEFAULT_PORT, Server, ServerIdentity};

/// The options by which every command of MyProxy names its server.
#[derive(clap::Args)]
pub struct ServerOptions {
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

    /// Say on standard error what is done
    #[arg(short, long)]
    verbose: bool,

    /// The same as --help
    #[arg(short, long, action = clap::ArgAction::Help)]
    usage: Option<bool>,
}

impl ServerOptions {
    /// A client of these servers that trusts what grid clients trust.
    pub fn client(&self) -> Result<Client> {
        self.client_trusting(trust_directory())
    }

    /// A client of these servers that trusts the authorities in this directory.
    pub fn client_trusting(&self, trust_directory: PathBuf) -> Result<Client> {
        let options = ClientOptions {
            trust_directory,
            ..ClientOptions::new(self.servers()?)
        };
        for server in &options.servers {
            self.say(|| format!("server {server}"));
        }
        self.say(|| format!("trust directory {}", options.trust_directory.display()));
        Ok(Client::new(options)?)
    }

    /// The servers, each with the identity that is expected of it.
    fn servers(&self) -> Result<Vec<Server>> {
        let mut servers = Vec::new();
        for text in &self.servers {
            let mut server = Server::parse(text.trim(), self.port)?;
            if let Some(name) = &self.server_dn {
                server.identity = ServerIdentity::DistinguishedName(name.clone());
            }
            servers.push(server);
        }
        Ok(servers)
    }

    /// A line on standard error, with -v.
    pub fn say(&self, line: impl FnOnce() -> String) {
        if self.verbose {
            eprintln!("mod-myproxy: {}", line());
        }
    }
}

/// The directory of certification authorities, as the Globus libraries find it.
fn trust_directory() -> PathBuf {
    if let Some(directory) = env::var_os("X509_CERT_DIR") {
        return directory.into();
    }
    let of_user = env::home_dir().map(|home| home.join(".globus/certificates"));
    of_user
        .filter(|directory| directory.is_dir())
        .unwrap_or_else(|| "/etc/grid-security/certificates".into())
}
