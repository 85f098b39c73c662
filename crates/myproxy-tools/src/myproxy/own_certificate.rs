//! The user's own certificate, where grid clients look for it.

use std::env;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result};
use myproxy_client::ClientCertificate;

use super::pass_phrase::PassPhrases;

/// A certificate and its private key; a proxy credential is both in one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateFiles {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl CertificateFiles {
    /// What to authenticate with, in the order of the Globus libraries: `X509_USER_CERT` with `X509_USER_KEY`, the
    /// host's certificate where it can be read, a proxy credential, the user's certificate in `~/.globus`.
    pub fn to_authenticate() -> Result<Self> {
        let from_environment = || Some(Self::new(variable("X509_USER_CERT")?, variable("X509_USER_KEY")?));
        from_environment()
            .or_else(of_host)
            .or_else(proxy)
            .or_else(|| Some(Self::of_user()).filter(Self::can_be_read))
            .context(
                "no certificate to authenticate with: there is none in X509_USER_CERT and X509_USER_KEY, \
                 X509_USER_PROXY or ~/.globus/usercert.pem",
            )
    }

    /// The user's long-lived certificate: `X509_USER_CERT`, else `~/.globus/usercert.pem`, and the same for its key.
    pub fn of_user() -> Self {
        let in_home = |name: &str| {
            let home = env::home_dir().unwrap_or_default();
            home.join(".globus").join(name)
        };
        Self::new(
            variable("X509_USER_CERT").unwrap_or_else(|| in_home("usercert.pem")),
            variable("X509_USER_KEY").unwrap_or_else(|| in_home("userkey.pem")),
        )
    }

    /// Those that the command line names, where it names any.
    pub fn replaced_by(self, certificate: Option<&Path>, key: Option<&Path>) -> Self {
        Self::new(
            certificate.map_or(self.certificate, Path::to_owned),
            key.map_or(self.key, Path::to_owned),
        )
    }

    fn new(certificate: PathBuf, key: PathBuf) -> Self {
        CertificateFiles { certificate, key }
    }

    /// Reads both. The pass phrase of the key is asked for where it has one.
    pub fn read(&self, pass_phrases: PassPhrases) -> Result<Arc<ClientCertificate>> {
        let pass_phrase = || {
            pass_phrases
                .ask(&format!(
                    "Pass phrase of the private key {}: ",
                    self.key.display()
                ))
                .map_err(std::io::Error::other)
        };
        let certificate = ClientCertificate::from_files(&self.certificate, &self.key, pass_phrase)?;
        Ok(Arc::new(certificate))
    }

    fn can_be_read(&self) -> bool {
        File::open(&self.certificate).is_ok() && File::open(&self.key).is_ok()
    }
}

/// Where a proxy credential is: `X509_USER_PROXY`, else `/tmp/x509up_u<user number>`.
pub fn proxy_file() -> PathBuf {
    variable("X509_USER_PROXY").unwrap_or_else(default_proxy_file)
}

fn default_proxy_file() -> PathBuf {
    format!("/tmp/x509up_u{}", rustix::process::getuid().as_raw()).into()
}

fn proxy() -> Option<CertificateFiles> {
    // In /tmp anybody may have put a file.
    let is_ours = |path: &PathBuf| {
        fs::metadata(path).is_ok_and(|metadata| metadata.uid() == rustix::process::getuid().as_raw())
    };
    let path = match variable("X509_USER_PROXY") {
        Some(path) => Some(path).filter(|path| path.exists()),
        None => Some(default_proxy_file()).filter(is_ours),
    }?;
    Some(CertificateFiles::new(path.clone(), path))
}

fn of_host() -> Option<CertificateFiles> {
    let directory = Path::new("/etc/grid-security");
    let files = CertificateFiles::new(directory.join("hostcert.pem"), directory.join("hostkey.pem"));
    files.can_be_read().then_some(files)
}

fn variable(name: &str) -> Option<PathBuf> {
    env::var_os(name)
        .filter(|value| !value.is_empty())
        .map(PathBuf::from)
}
