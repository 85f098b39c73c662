//! The keys of a Pubcookie site: who signs, who encrypts for whom.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use zeroize::Zeroizing;

use crate::pki::{self, CertificateFiles};
use crate::private_directory::{PrivateDirectory, write_file};

/// All Pubcookie keys of a site.
pub struct Keys {
    /// The login server's granting key.
    pub granting: CertificateFiles,
    /// The keys of every host, by its whole name; the login server is one of them.
    pub hosts: BTreeMap<String, HostKeys>,
}

/// The Pubcookie keys of one host.
#[derive(Clone, Debug)]
pub struct HostKeys {
    /// The session key, with its certificate: the CN is the host's name.
    pub session: CertificateFiles,
    /// The directory with the key files (2048 bytes each) that it knows, named after hosts.
    pub key_directory: PathBuf,
}

impl Keys {
    /// Makes them in `directory`; the login server knows the key files of all `app_servers`, these only their own.
    pub(super) fn make(directory: &PrivateDirectory, login: &str, app_servers: &[String]) -> Result<Self> {
        let granting = pki::self_signed(directory.path(), "granting", login)?;
        let login_keys = HostKeys::make(directory.path(), login)?;
        let mut hosts = BTreeMap::new();
        for host in app_servers {
            let keys = HostKeys::make(directory.path(), host)?;
            copy_key(&keys.key_directory, &login_keys.key_directory, host, 0o600)?;
            hosts.insert(host.clone(), keys);
        }
        hosts.insert(login.to_owned(), login_keys);
        Ok(Keys { granting, hosts })
    }

    /// The keys of a host of this site.
    pub fn of(&self, host: &str) -> &HostKeys {
        &self.hosts[host]
    }

    /// A directory with the key files of these hosts for a server that runs as another user. They are keys of a
    /// test: it is enough that it can read them.
    pub(super) fn copy_for_another_user(
        &self,
        directory: &PrivateDirectory,
        hosts: &[String],
    ) -> Result<PathBuf> {
        let copies = directory.make_directory("keys-for-myproxy", 0o755)?;
        for host in hosts {
            copy_key(&self.of(host).key_directory, &copies, host, 0o644)?;
        }
        Ok(copies)
    }
}

impl HostKeys {
    /// Makes the keys of `host`, in `<directory>/<host>/`.
    pub(super) fn make(directory: &Path, host: &str) -> Result<Self> {
        let own = directory.join(host);
        let key_directory = own.join("keys");
        fs::create_dir_all(&key_directory)?;
        pki::crypt_key(&key_directory, host)?;
        Ok(HostKeys {
            session: pki::self_signed(&own, "session", host)?,
            key_directory,
        })
    }

    pub(super) fn directives(&self) -> String {
        format!(
            "PubcookieSessionKeyFile \"{}\"\n\
             PubcookieSessionCertFile \"{}\"\n\
             PubcookieKeyDir \"{}\"\n",
            self.session.key.display(),
            self.session.certificate.display(),
            self.key_directory.display()
        )
    }
}

fn copy_key(from: &Path, to: &Path, host: &str, mode: u32) -> Result<()> {
    write_file(&to.join(host), mode, &Zeroizing::new(fs::read(from.join(host))?))
}

/// The text of a password file for `AuthUserFile`.
pub(super) fn password_file(users: &[(String, String)]) -> String {
    users
        .iter()
        .map(|(user, password)| {
            let digest = openssl::sha::sha1(password.as_bytes());
            format!("{user}:{{SHA}}{}\n", openssl::base64::encode_block(&digest))
        })
        .collect()
}
