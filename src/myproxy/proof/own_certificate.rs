//! Our own certificate (`MyProxyCertificateFile`), with which a MyProxy server trusts us.

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use credential_store::Method;
use myproxy_client::{ClientCertificate, ClientCertificateError};
use zeroize::Zeroizing;

use crate::httpd::Log;
use crate::myproxy::config::{ServerConfig, Settings};
use crate::myproxy::log;

/// The log is told again after so long that a new certificate cannot be used.
const TOLD_AGAIN_AFTER: Duration = Duration::from_secs(3600);

/// Where its private key is (`MyProxyCertificateKeyFile`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CertificateKey {
    /// The file.
    pub file: PathBuf,
    /// The program that prints the pass phrase of an encrypted key, where one was named.
    pub program: Option<Program>,
}

/// A program and its arguments (`exec:`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its file.
    pub path: PathBuf,
    /// What it is given.
    pub arguments: Vec<String>,
}

/// Our certificate, read when httpd starts, and again when its files are replaced.
pub struct OwnCertificate {
    certificate_file: PathBuf,
    key_file: PathBuf,
    /// What opened the key at httpd's start. A renewed key has the same.
    pass_phrase: Option<Zeroizing<Vec<u8>>>,
    current: Mutex<Current>,
}

struct Current {
    certificate: Arc<ClientCertificate>,
    /// Why the files that came after it cannot be used, as the log was told, and when.
    told: Option<(String, Instant)>,
}

impl OwnCertificate {
    /// What the directives of a server name; refused where it cannot be used, or where a place needs one and there is
    /// none.
    pub fn configured(config: &ServerConfig) -> Result<Option<Self>, String> {
        let Settings {
            certificate_file,
            certificate_key,
            ..
        } = &config.settings;
        let needed = config
            .methods
            .get()
            .filter(|(methods, _)| methods.contains(&Method::Certificate));
        match (certificate_file, needed) {
            (Some(file), _) => Self::load(file, certificate_key.as_ref())
                .map(Some)
                .map_err(|error| match certificate_key {
                    Some(key) if error.is_about_key(&key.file) => {
                        format!("MyProxyCertificateKeyFile: {error}")
                    }
                    _ => format!("MyProxyCertificateFile: {error}"),
                }),
            (None, Some((_, position))) => Err(format!(
                "MyProxyAuthMethod certificate ({position}) needs MyProxyCertificateFile, which is not given"
            )),
            (None, None) if certificate_key.is_some() => {
                Err("MyProxyCertificateKeyFile needs MyProxyCertificateFile, which is not given".to_owned())
            }
            (None, None) => Ok(None),
        }
    }

    /// Reads it, as the user that httpd starts as.
    ///
    /// # Errors
    /// It cannot be used: what is wrong, and what to do.
    fn load(certificate_file: &Path, key: Option<&CertificateKey>) -> Result<Self, ClientCertificateError> {
        let key_file = key.map_or(certificate_file, |key| &key.file);
        let program = key.and_then(|key| key.program.as_ref());
        let mut pass_phrase = None;
        let certificate = ClientCertificate::from_files(certificate_file, key_file, || {
            let none = "name a program that prints it: MyProxyCertificateKeyFile file exec:/path/to/program";
            let printed = program.ok_or_else(|| io::Error::other(none))?.first_line()?;
            pass_phrase = Some(printed.clone());
            Ok(printed)
        })?;
        Ok(OwnCertificate {
            certificate_file: certificate_file.to_owned(),
            key_file: key_file.to_owned(),
            pass_phrase,
            current: Mutex::new(Current::new(certificate)),
        })
    }

    /// The certificate as it is now. Files that were replaced but cannot be used, or are only half replaced, do not
    /// count: the log says why, once an hour.
    pub fn current(&self, log: &impl Log) -> Arc<ClientCertificate> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if current.certificate.files_have_changed() {
            match self.read_again() {
                Ok(certificate) => *current = Current::new(certificate),
                Err(problem) => current.tell(problem.to_string(), log),
            }
        }
        Arc::clone(&current.certificate)
    }

    fn read_again(&self) -> Result<ClientCertificate, ClientCertificateError> {
        ClientCertificate::from_files(&self.certificate_file, &self.key_file, || {
            let none = || io::Error::other("it was not encrypted when httpd started; restart httpd");
            self.pass_phrase.clone().ok_or_else(none)
        })
    }
}

impl Current {
    fn new(certificate: ClientCertificate) -> Self {
        Current {
            certificate: Arc::new(certificate),
            told: None,
        }
    }

    fn tell(&mut self, problem: String, log: &impl Log) {
        if let Some((told, when)) = &self.told
            && *told == problem
            && when.elapsed() < TOLD_AGAIN_AFTER
        {
            return;
        }
        log!(
            log,
            Warning,
            "MyProxyCertificateFile was replaced, and cannot be used; the old one still serves: {problem}"
        );
        self.told = Some((problem, Instant::now()));
    }
}

impl Program {
    /// The first line that it prints.
    fn first_line(&self) -> io::Result<Zeroizing<Vec<u8>>> {
        let failed = |problem: String| io::Error::other(format!("{} {problem}", self.path.display()));
        let output = Command::new(&self.path)
            .args(&self.arguments)
            .stdin(Stdio::null())
            .stderr(Stdio::inherit())
            .output()
            .map_err(|error| failed(format!("cannot be run: {error}")))?;
        let printed = Zeroizing::new(output.stdout);
        if !output.status.success() {
            return Err(failed(format!("failed ({})", output.status)));
        }
        match printed.split(|byte| *byte == b'\n').next() {
            None | Some([]) => Err(failed("printed nothing".to_owned())),
            Some(line) => Ok(Zeroizing::new(line.to_vec())),
        }
    }
}
