//! What the options and the configuration file say.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use pubcookie_protocol::config_file::ConfigFile;
use url::{Host, Url};

use super::Arguments;
use super::identity::Identity;

/// Where the original programs look for their configuration.
pub const CONFIG_FILE: &str = "/usr/local/pubcookie/config";

/// Where the original programs keep key files.
const KEY_DIRECTORY: &str = "/usr/local/pubcookie/keys";

/// The port of a keyserver whose address is not given.
const PORT: u16 = 2222;

/// All that is needed to talk to the keyserver.
pub struct Settings {
    /// The keyserver.
    pub server: Address,
    /// The names that its certificate may have, the likelier first.
    pub names: Vec<String>,
    /// Who we are.
    pub identity: Identity,
    /// Authorities in a file.
    pub ca_file: Option<PathBuf>,
    /// Authorities in a directory.
    pub ca_directory: Option<PathBuf>,
    /// The host that the key is for, as it was given: also the name of its file here.
    pub host: String,
    /// Where key files are.
    pub key_directory: PathBuf,
}

/// Where the keyserver is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Begins with `/`.
    pub path: String,
}

impl Settings {
    /// Options first, then the file, then the original's defaults.
    pub fn gather(arguments: &Arguments) -> Result<Self> {
        let file = read(&arguments.config)?;
        let path =
            |option: &Option<PathBuf>, key: &str| option.clone().or_else(|| file.get(key).map(PathBuf::from));
        let needed = |option: &Option<PathBuf>, key: &str, letter: char| {
            let config = arguments.config.display();
            path(option, key).with_context(|| format!("neither -{letter} nor {key} in {config} is given"))
        };
        let login_host = file.get("login_host");
        let server = match (arguments.server.as_deref().or(file.get("keymgt_uri")), login_host) {
            (Some(uri), _) => Address::parse(uri)?,
            (None, Some(host)) => Address::parse(&format!("https://{host}:{PORT}"))?,
            (None, None) => bail!(
                "neither -K nor keymgt_uri in {} is given: where is the keyserver?",
                arguments.config.display()
            ),
        };
        let identity = Identity::read(
            &needed(&arguments.certificate, "ssl_cert_file", 'c')?,
            &needed(&arguments.key, "ssl_key_file", 'k')?,
            arguments.asn1,
        )?;
        let mut names = vec![server.host.clone()];
        names.extend(login_host.filter(|name| *name != server.host).map(str::to_owned));
        Ok(Settings {
            server,
            names,
            host: arguments.host.clone().unwrap_or_else(|| own_name(&identity)),
            identity,
            ca_file: path(&arguments.ca_file, "ssl_ca_file"),
            ca_directory: path(&arguments.ca_directory, "ssl_ca_path"),
            key_directory: file.get("keydir").unwrap_or(KEY_DIRECTORY).into(),
        })
    }
}

/// Without the file of the default all can be said by options.
fn read(path: &Path) -> Result<ConfigFile> {
    match std::fs::read_to_string(path) {
        Ok(text) => ConfigFile::parse(&text).with_context(|| path.display().to_string()),
        Err(error) if error.kind() == io::ErrorKind::NotFound && path == Path::new(CONFIG_FILE) => {
            Ok(ConfigFile::default())
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

/// The system's name. Where that is not the whole name, the certificate may have it.
fn own_name(identity: &Identity) -> String {
    let system = rustix::system::uname().nodename().to_string_lossy().into_owned();
    let is_whole = |name: &&String| name.split('.').next() == Some(&system) && **name != system;
    let completed = identity.names.iter().find(is_whole).cloned();
    completed.unwrap_or(system)
}

impl Address {
    fn parse(uri: &str) -> Result<Self> {
        let wrong = || format!("{uri:?} is not a keyserver's address: https://host[:port][/path]");
        let url = Url::parse(uri).with_context(wrong)?;
        let host = match url.host() {
            Some(Host::Ipv6(address)) => address.to_string(),
            Some(host) => host.to_string(),
            None => bail!(wrong()),
        };
        if url.scheme() != "https" || url.query().is_some() || !url.username().is_empty() {
            bail!(wrong());
        }
        Ok(Address {
            host,
            port: url.port_or_known_default().unwrap_or(443),
            path: url.path().to_owned(),
        })
    }

    /// Host and port, as the header `Host` has them.
    pub fn authority(&self) -> String {
        let Address { host, port, .. } = self;
        match host.contains(':') {
            true => format!("[{host}]:{port}"),
            false => format!("{host}:{port}"),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "https://{}{}", self.authority(), self.path)
    }
}
