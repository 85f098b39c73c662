//! What a keyserver does once it is clear that the client may ask it.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use granting_cookie::{CryptKey, KeyDirectory, KeyFile, KeyFileError};
use openssl::error::ErrorStack;
use pubcookie_protocol::keyserver::{Client, HostName, Refusal, Reply, Request, TrustedCertificate};
use thiserror::Error;

use super::KeyPermits;

/// A keyserver.
pub struct Keyserver {
    permits: KeyPermits,
    directory: PathBuf,
    granting_certificate: Option<String>,
}

/// Why something is not done that the client may ask.
#[derive(Debug, Error)]
pub enum ServeError {
    /// A key could not be read or written.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// OpenSSL has no random bytes, or no memory.
    #[error(transparent)]
    OpenSsl(#[from] ErrorStack),
    /// There is nothing to give.
    #[error("PubcookieGrantingCertFile is not set")]
    NoGrantingCertificate,
    /// There is no place for it.
    #[error("{0} is not set")]
    NoDirectory(&'static str),
    /// The configuration has the last word.
    #[error("PubcookieKeyPermit names it; take it out there, and reload httpd")]
    Configured,
    /// The name is taken.
    #[error("{0} has too many certificates of this subject")]
    TooMany(PathBuf),
    /// A file could not be written or removed.
    #[error("{path}: {error}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What the system said.
        error: io::Error,
    },
}

impl ServeError {
    /// What the client reads: no paths of this host.
    pub fn for_client(&self, asked: &Request) -> String {
        match (self, asked.host()) {
            (ServeError::Key(KeyFileError::Unreadable { error, .. }), Some(host))
                if error.kind() == io::ErrorKind::NotFound =>
            {
                format!("there is no key for {host} yet: make one")
            }
            (ServeError::Configured, Some(host)) => {
                format!("{host} is permitted by the keyserver's own configuration: take it out there")
            }
            (ServeError::NoDirectory(directive), _) => format!("{directive} is not set at the keyserver"),
            (ServeError::NoGrantingCertificate, _) => "the keyserver has no granting certificate".to_owned(),
            _ => "the keyserver cannot do it; its error log says why".to_owned(),
        }
    }
}

impl Keyserver {
    /// One with its keys in `directory`.
    pub fn new(permits: KeyPermits, directory: &Path, granting_certificate: Option<String>) -> Self {
        Keyserver {
            permits,
            directory: directory.to_owned(),
            granting_certificate,
        }
    }

    /// Whether the client may ask this.
    pub fn check(&self, client: &Client, asked: &Request) -> Result<(), Refusal> {
        let since = |host: &HostName| self.permit_file(host).is_ok_and(|file| file.is_file());
        self.permits.permits.check(client, asked, since)
    }

    /// Does it.
    pub fn serve(&self, asked: &Request) -> Result<Reply, ServeError> {
        match asked {
            Request::Fetch(host) => Ok(Reply::Key(KeyFile::read(self.directory.join(host.as_str()))?.key)),
            Request::Make(host) => {
                let key = CryptKey::random()?;
                self.store(host, &key)?;
                Ok(Reply::Key(key))
            }
            Request::Put(host, key) => {
                self.store(host, key)?;
                Ok(Reply::Done("key set".to_owned()))
            }
            Request::Permit(host) => self.permit(host),
            Request::Deny(host) => self.deny(host),
            Request::GrantingCertificate => match &self.granting_certificate {
                Some(pem) => Ok(Reply::GrantingCertificate(pem.clone())),
                None => Err(ServeError::NoGrantingCertificate),
            },
            Request::Trust(certificate) => self.trust(certificate),
        }
    }

    fn store(&self, host: &HostName, key: &CryptKey) -> Result<(), KeyFileError> {
        KeyDirectory::new(&self.directory)
            .store(host.as_str(), key)
            .map(drop)
    }

    /// The file whose being there permits a host.
    fn permit_file(&self, host: &HostName) -> Result<PathBuf, ServeError> {
        let directory = self.permits.permit_directory.as_ref();
        let directory = directory.ok_or(ServeError::NoDirectory("PubcookieKeyPermitDir"))?;
        Ok(directory.join(host.as_str()))
    }

    fn permit(&self, host: &HostName) -> Result<Reply, ServeError> {
        let path = self.permit_file(host)?;
        let mut options = OpenOptions::new();
        match options.create(true).append(true).open(&path) {
            Ok(_) => Ok(Reply::Done(format!("{host} is permitted"))),
            Err(error) => Err(ServeError::File { path, error }),
        }
    }

    fn deny(&self, host: &HostName) -> Result<Reply, ServeError> {
        let path = self.permit_file(host)?;
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ServeError::File { path, error }),
            _ if self.permits.permits.permit_anybody(host) => Err(ServeError::Configured),
            _ => Ok(Reply::Done(format!("{host} is not permitted"))),
        }
    }

    /// Puts a certificate where mod_ssl finds it, as `c_rehash` would.
    fn trust(&self, certificate: &TrustedCertificate) -> Result<Reply, ServeError> {
        let directory = self.permits.trust_directory.as_ref();
        let directory = directory.ok_or(ServeError::NoDirectory("PubcookieKeyTrustDir"))?;
        let pem = certificate.to_pem()?;
        let stem = certificate.file_stem();
        for number in 0..100 {
            let path = directory.join(format!("{stem}.{number}"));
            match write_new(directory, &path, &pem) {
                Ok(()) => return Ok(Reply::Done(format!("{certificate} is trusted"))),
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => {
                    return Err(ServeError::File { path, error });
                }
                // One of the same subject: this very one, or another that was trusted before.
                Err(_) if fs::read(&path).is_ok_and(|there| there == pem) => {
                    return Ok(Reply::Done(format!("{certificate} is trusted already")));
                }
                Err(_) => {}
            }
        }
        Err(ServeError::TooMany(directory.clone()))
    }
}

/// Writes a file that is not there yet: whole, or not at all.
fn write_new(directory: &Path, path: &Path, contents: &[u8]) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(directory)?;
    file.write_all(contents)?;
    file.as_file().sync_all()?;
    file.persist_noclobber(path)?;
    File::open(directory)?.sync_all()
}
