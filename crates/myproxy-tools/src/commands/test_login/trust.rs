//! Whose certificates are trusted: the machine's authorities, or those of a file and a directory.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use openssl::ssl::SslConnectorBuilder;
use openssl::x509::X509;
use openssl::x509::store::X509StoreBuilder;
use ureq::tls::{Certificate, RootCerts};

/// The authorities that a server's certificate may come from.
pub enum Trust {
    /// Those that the machine's OpenSSL trusts.
    Machine,
    /// These alone.
    These(Vec<X509>),
}

impl Trust {
    /// Reads what the options `--ca` and `--ca-dir` name; without either it is what the machine trusts.
    pub fn read(file: Option<&Path>, directory: Option<&Path>) -> Result<Self> {
        if file.is_none() && directory.is_none() {
            return Ok(Trust::Machine);
        }
        let mut authorities = Vec::new();
        if let Some(file) = file {
            authorities.extend(certificates(file)?);
        }
        for file in directory.map(certificate_files).transpose()?.unwrap_or_default() {
            authorities.extend(certificates(&file)?);
        }
        if authorities.is_empty() {
            bail!("--ca and --ca-dir name no certificate (PEM): no server would be trusted");
        }
        Ok(Trust::These(authorities))
    }

    /// For requests.
    pub fn for_requests(&self) -> RootCerts {
        match self {
            Trust::Machine => RootCerts::PlatformVerifier,
            Trust::These(authorities) => {
                let der = authorities.iter().filter_map(|authority| authority.to_der().ok());
                der.map(|der| Certificate::from_der(&der).to_owned()).into()
            }
        }
    }

    /// For a handshake of our own, whose builder trusts what the machine trusts.
    pub fn apply_to(&self, builder: &mut SslConnectorBuilder) -> Result<(), openssl::error::ErrorStack> {
        if let Trust::These(authorities) = self {
            let mut store = X509StoreBuilder::new()?;
            for authority in authorities {
                store.add_cert(authority.clone())?;
            }
            builder.set_cert_store(store.build());
        }
        Ok(())
    }
}

fn certificates(file: &Path) -> Result<Vec<X509>> {
    let pem = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
    X509::stack_from_pem(&pem).with_context(|| format!("{} is no certificate in PEM", file.display()))
}

/// The files of a hashed directory, and those that are called certificates.
fn certificate_files(directory: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(directory).with_context(|| format!("cannot read {}", directory.display()))?;
    let mut files = Vec::new();
    for entry in entries {
        let path = entry
            .with_context(|| format!("cannot read {}", directory.display()))?
            .path();
        let ending = path
            .extension()
            .and_then(|ending| ending.to_str())
            .unwrap_or_default();
        let is_hash = !ending.is_empty() && ending.bytes().all(|byte| byte.is_ascii_digit());
        if is_hash || matches!(ending, "pem" | "crt") {
            files.push(path);
        }
    }
    Ok(files)
}
