//! The keys of a Pubcookie site: who signs, who encrypts for whom.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::pki::{self, CertificateFiles};
use crate::private_directory::write_file;

/// The Pubcookie keys of one host.
#[derive(Clone, Debug)]
pub struct HostKeys {
    /// The session key, with its certificate: the CN is the host's name.
    pub session: CertificateFiles,
    /// The directory with the key files (2048 bytes each) that it knows, named after hosts.
    pub key_directory: PathBuf,
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

    /// Lets these keys' owner, a login server, encrypt for `host`, whose own keys are `other`.
    pub(super) fn learn(&self, host: &str, other: &HostKeys) -> Result<()> {
        let key = zeroize::Zeroizing::new(fs::read(other.key_directory.join(host))?);
        write_file(&self.key_directory.join(host), 0o600, &key)
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
