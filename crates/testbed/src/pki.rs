//! Keys and certificates for tests: good ones, and ones that have to be refused.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use myproxy_server_setup::{CertificationAuthority, DistinguishedName, HostCertificate, KeyPair};
use openssl::rand::rand_bytes;
use zeroize::Zeroizing;

use crate::private_directory::write_file;

/// Bits of the RSA keys made here: what Pubcookie login servers and MyProxy clients use by default.
const KEY_BITS: u32 = 2048;
const DAY: u32 = 86_400;
/// Bytes of the key file that a Pubcookie application server shares with its login server.
const CRYPT_KEY_SIZE: usize = 2048;

/// A certificate and its key in PEM files.
#[derive(Clone, Debug)]
pub struct CertificateFiles {
    /// The certificate, mode 0644.
    pub certificate: PathBuf,
    /// The private key (PKCS#8), mode 0600.
    pub key: PathBuf,
}

/// A certification authority for tests, with its certificate in `<directory>/<name>-ca.pem`.
pub struct Authority {
    authority: CertificationAuthority,
    directory: PathBuf,
    certificate: PathBuf,
}

impl Authority {
    /// Makes one with the subject `/O=Test/CN=<name>`; its files, and those that it signs, go to `directory`.
    pub fn new(directory: &Path, name: &str) -> Result<Self> {
        let authority = CertificationAuthority::create(&subject(name)?, KEY_BITS, 30 * DAY)?;
        let certificate = directory.join(format!("{name}-ca.pem"));
        write_file(&certificate, 0o644, &authority.certificate().to_pem()?)?;
        Ok(Authority {
            authority,
            directory: directory.to_owned(),
            certificate,
        })
    }

    /// The file with its certificate: what a TLS client has to trust.
    pub fn certificate(&self) -> &Path {
        &self.certificate
    }

    /// A certificate for a server that is called `names`, in `<file>.pem` and `<file>.key`. The first is also
    /// its CN.
    pub fn server_certificate(&self, file: &str, names: &[&str]) -> Result<CertificateFiles> {
        self.issue(
            file,
            HostCertificate::new(subject(first(names)?)?, names, 30 * DAY),
        )
    }

    /// The same, expired an hour ago.
    pub fn expired_certificate(&self, file: &str, names: &[&str]) -> Result<CertificateFiles> {
        let mut contents = HostCertificate::new(subject(first(names)?)?, names, 30 * DAY);
        contents.not_after = contents.not_before - 3600;
        contents.not_before -= i64::from(DAY);
        self.issue(file, contents)
    }

    fn issue(&self, file: &str, contents: HostCertificate) -> Result<CertificateFiles> {
        let pair = self.authority.issue_with_new_key(&contents, KEY_BITS)?;
        write_key_pair(&self.directory, file, &pair)
    }
}

/// A self-signed certificate with the CN `common_name`, in `<file>.pem` and `<file>.key`: what Pubcookie uses
/// as granting key (of a login server) and as session key (of an application server).
pub fn self_signed(directory: &Path, file: &str, common_name: &str) -> Result<CertificateFiles> {
    let contents = HostCertificate::new(subject(common_name)?, &[], 30 * DAY);
    write_key_pair(directory, file, &KeyPair::self_signed(&contents, KEY_BITS)?)
}

/// A new Pubcookie key file: 2048 random bytes in `<directory>/<host>`, mode 0600.
pub fn crypt_key(directory: &Path, host: &str) -> Result<PathBuf> {
    let mut key = Zeroizing::new(vec![0; CRYPT_KEY_SIZE]);
    rand_bytes(&mut key)?;
    let path = directory.join(host);
    write_file(&path, 0o600, &key)?;
    Ok(path)
}

pub(crate) fn write_key_pair(directory: &Path, file: &str, pair: &KeyPair) -> Result<CertificateFiles> {
    let files = CertificateFiles {
        certificate: directory.join(format!("{file}.pem")),
        key: directory.join(format!("{file}.key")),
    };
    write_file(&files.certificate, 0o644, &pair.certificate.to_pem()?)?;
    write_file(
        &files.key,
        0o600,
        &Zeroizing::new(pair.key.private_key_to_pem_pkcs8()?),
    )?;
    Ok(files)
}

fn subject(common_name: &str) -> Result<DistinguishedName> {
    Ok("/O=Test".parse::<DistinguishedName>()?.with("CN", common_name)?)
}

fn first<'a>(names: &[&'a str]) -> Result<&'a str> {
    names
        .first()
        .copied()
        .context("a server certificate needs a name")
}
