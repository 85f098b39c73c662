//! Our own certificate, which the server asks for in the handshake.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::ssl::SslRef;
use openssl::stack::Stack;
use openssl::x509::store::X509StoreBuilder;
use openssl::x509::verify::X509VerifyFlags;
use openssl::x509::{X509PurposeId, X509Ref, X509StoreContext};
use zeroize::Zeroizing;

use crate::chain::system_time;
use crate::distinguished_name::slash_form;
use crate::error_queue::ErrorQueue;
use crate::keyed_chain::{KeyedChain, PemProblem};
use crate::trust;

/// A certificate for client authentication, its private key, and the certificates that come after it: of a host
/// or service, or of a user (also a proxy certificate).
pub struct ClientCertificate {
    keyed: KeyedChain,
    subject: String,
    identity: String,
    not_after: SystemTime,
    certificate_file: Source,
    key_file: Source,
}

impl ClientCertificate {
    /// Reads PEM files, which may be one and the same. `pass_phrase` is asked for one only where the private key is
    /// encrypted.
    ///
    /// # Errors
    /// Whatever would make the certificate useless: see [`ClientCertificateError`].
    pub fn from_files(
        certificate_file: &Path,
        key_file: &Path,
        pass_phrase: impl FnOnce() -> io::Result<Zeroizing<Vec<u8>>>,
    ) -> Result<Self, ClientCertificateError> {
        let _queue = ErrorQueue::guard();
        let (certificate_file, certificates) = Source::read(certificate_file)?;
        let (key_file, key) = Source::read(key_file)?;
        if key_file.open_to_others {
            return Err(ClientCertificateError::KeyOpenToOthers(key_file.path));
        }
        let keyed = KeyedChain::from_pem(&certificates, &key, pass_phrase).map_err(|problem| {
            ClientCertificateError::from_pem(problem, &certificate_file.path, &key_file.path)
        })?;
        check(&keyed, &certificate_file.path)?;
        let mut not_after = system_time(keyed.certificate.not_after())?;
        for certificate in &keyed.chain {
            not_after = not_after.min(system_time(certificate.not_after())?);
        }
        Ok(ClientCertificate {
            subject: slash_form(keyed.certificate.subject_name()),
            identity: keyed.identity()?,
            keyed,
            not_after,
            certificate_file,
            key_file,
        })
    }

    /// Whether a file is not the one any more that was read: it was replaced, changed or removed since. One that this
    /// process may not look at, because another user read it, is taken for unchanged.
    pub fn files_have_changed(&self) -> bool {
        [&self.certificate_file, &self.key_file]
            .into_iter()
            .any(Source::has_changed)
    }

    /// Its subject, in slash form (`/DC=org/DC=example/CN=portal.example.org`).
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// Whose it is: the subject of the end-entity certificate, in slash form. Other than [`Self::subject`] only for
    /// proxy certificates.
    pub fn identity(&self) -> &str {
        &self.identity
    }

    /// Until when it can be used: the earliest end of any certificate in it.
    pub fn not_after(&self) -> SystemTime {
        self.not_after
    }

    pub(crate) fn keyed(&self) -> &KeyedChain {
        &self.keyed
    }

    /// Puts it into the handshake of a connection.
    pub(crate) fn present(&self, ssl: &mut SslRef) -> Result<(), ErrorStack> {
        ssl.set_certificate(&self.keyed.certificate)?;
        ssl.set_private_key(&self.keyed.key)?;
        for certificate in &self.keyed.chain {
            ssl.add_chain_cert(certificate.clone())?;
        }
        Ok(())
    }
}

impl fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("subject", &self.subject)
            .field("not_after", &self.not_after)
            .finish_non_exhaustive()
    }
}

/// Why a certificate and key cannot be used to authenticate us. Subjects are in slash form.
#[derive(Debug, thiserror::Error)]
pub enum ClientCertificateError {
    /// A file cannot be read.
    #[error("cannot read {path}: {cause}", path = path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's error.
        cause: io::Error,
    },
    /// Everybody on this machine can read or change the private key.
    #[error("the private key {path} is open to every user of this machine: chmod o= it", path = .0.display())]
    KeyOpenToOthers(PathBuf),
    /// No certificate in the file.
    #[error("there is no certificate (PEM) in {path}", path = .0.display())]
    NoCertificate(PathBuf),
    /// No private key in the file.
    #[error("there is no private key (PEM) in {path}", path = .0.display())]
    NoKey(PathBuf),
    /// The private key is encrypted, and its pass phrase could not be got.
    #[error("the private key {path} is encrypted, and there is no pass phrase for it: {cause}", path = path.display())]
    PassPhrase {
        /// The key file.
        path: PathBuf,
        /// Why there is none.
        cause: io::Error,
    },
    /// The private key is encrypted, with another pass phrase.
    #[error("the pass phrase does not open the private key {path}", path = .0.display())]
    WrongPassPhrase(PathBuf),
    /// The private key of another certificate.
    #[error(
        "the private key {key_file} does not belong to the first certificate in {certificate_file}",
        key_file = key_file.display(),
        certificate_file = certificate_file.display()
    )]
    OtherKey {
        /// The key file.
        key_file: PathBuf,
        /// The certificate file.
        certificate_file: PathBuf,
    },
    /// A certificate that is not valid yet.
    #[error("the certificate {subject} in {path} is not valid yet (does the clock go right?)", path = path.display())]
    NotYetValid {
        /// The certificate file.
        path: PathBuf,
        /// Its subject.
        subject: String,
    },
    /// A certificate that is not valid any more.
    #[error("the certificate {subject} in {path} has expired: get a new one", path = path.display())]
    Expired {
        /// The certificate file.
        path: PathBuf,
        /// Its subject.
        subject: String,
    },
    /// A certificate whose extensions do not allow client authentication.
    #[error(
        "the certificate {subject} in {path} is not for client authentication (extended key usage clientAuth, key \
         usage digitalSignature), as public authorities do not issue it any more: get one from a certification \
         authority of your grid or institution",
        path = path.display()
    )]
    NotForClients {
        /// The certificate file.
        path: PathBuf,
        /// Its subject.
        subject: String,
    },
    /// OpenSSL failed in this process.
    #[error(transparent)]
    OpenSsl(#[from] ErrorStack),
}

impl ClientCertificateError {
    /// Whether the file of the private key is to be mended, and not that of the certificate.
    pub fn is_about_key(&self, key_file: &Path) -> bool {
        match self {
            Self::Unreadable { path, .. } => path == key_file,
            Self::KeyOpenToOthers(_)
            | Self::NoKey(_)
            | Self::PassPhrase { .. }
            | Self::WrongPassPhrase(_) => true,
            Self::NoCertificate(_)
            | Self::OtherKey { .. }
            | Self::NotYetValid { .. }
            | Self::Expired { .. }
            | Self::NotForClients { .. }
            | Self::OpenSsl(_) => false,
        }
    }
}

impl ClientCertificateError {
    fn from_pem(problem: PemProblem, certificate_file: &Path, key_file: &Path) -> Self {
        let (certificate_file, key_file) = (certificate_file.to_owned(), key_file.to_owned());
        match problem {
            PemProblem::NoCertificate => Self::NoCertificate(certificate_file),
            PemProblem::NoKey => Self::NoKey(key_file),
            PemProblem::PassPhrase(cause) => Self::PassPhrase {
                path: key_file,
                cause,
            },
            PemProblem::WrongPassPhrase => Self::WrongPassPhrase(key_file),
            PemProblem::OtherKey => Self::OtherKey {
                key_file,
                certificate_file,
            },
        }
    }
}

/// That every certificate is valid now, and that the one of the end entity may authenticate a client.
fn check(keyed: &KeyedChain, path: &Path) -> Result<(), ClientCertificateError> {
    let now = Asn1Time::days_from_now(0)?;
    for certificate in keyed.certificates() {
        let subject = || slash_form(certificate.subject_name());
        if *certificate.not_before() > *now {
            return Err(ClientCertificateError::NotYetValid {
                path: path.to_owned(),
                subject: subject(),
            });
        }
        if *certificate.not_after() < *now {
            return Err(ClientCertificateError::Expired {
                path: path.to_owned(),
                subject: subject(),
            });
        }
    }
    for certificate in keyed.certificates() {
        if !is_for_clients(certificate)? {
            return Err(ClientCertificateError::NotForClients {
                path: path.to_owned(),
                subject: slash_form(certificate.subject_name()),
            });
        }
        if !trust::is_proxy(certificate)? {
            break;
        }
    }
    Ok(())
}

/// What OpenSSL makes of key usage and extended key usage. Where they are absent everything is allowed.
fn is_for_clients(certificate: &X509Ref) -> Result<bool, ErrorStack> {
    let mut store = X509StoreBuilder::new()?;
    store.add_cert(certificate.to_owned())?;
    store.set_flags(
        X509VerifyFlags::PARTIAL_CHAIN | X509VerifyFlags::NO_CHECK_TIME | X509VerifyFlags::ALLOW_PROXY_CERTS,
    )?;
    store.set_purpose(X509PurposeId::SSL_CLIENT)?;
    let none = Stack::new()?;
    X509StoreContext::new()?.init(&store.build(), certificate, &none, |context| {
        context.verify_cert()
    })
}

/// A file as it was when it was read.
struct Source {
    path: PathBuf,
    version: Version,
    open_to_others: bool,
}

/// What a replaced or changed file differs in: device, inode, length, time of the last change.
type Version = (u64, u64, u64, i64, i64);

impl Source {
    fn read(path: &Path) -> Result<(Self, Zeroizing<Vec<u8>>), ClientCertificateError> {
        let unreadable = |cause| ClientCertificateError::Unreadable {
            path: path.to_owned(),
            cause,
        };
        let mut file = File::open(path).map_err(unreadable)?;
        let metadata = file.metadata().map_err(unreadable)?;
        // Room for all of it at once: a vector that grows leaves copies of the key behind.
        let mut content = Zeroizing::new(Vec::with_capacity(metadata.len() as usize + 1));
        file.read_to_end(&mut content).map_err(unreadable)?;
        let source = Source {
            path: path.to_owned(),
            version: version(&metadata),
            open_to_others: metadata.mode() & 0o007 != 0,
        };
        Ok((source, content))
    }

    fn has_changed(&self) -> bool {
        match fs::metadata(&self.path) {
            Ok(metadata) => version(&metadata) != self.version,
            Err(error) => error.kind() != io::ErrorKind::PermissionDenied,
        }
    }
}

fn version(metadata: &Metadata) -> Version {
    (
        metadata.dev(),
        metadata.ino(),
        metadata.len(),
        metadata.mtime(),
        metadata.mtime_nsec(),
    )
}
