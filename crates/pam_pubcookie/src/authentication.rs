//! One authentication from beginning to end: arguments, files, verification, and last of all the cookie is burnt.

use std::fs;
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

use granting_cookie::{Cookie, KeyDirectory, KeyFile, KeyFileError, RsaKeyError, VerifyingCertificate};

use crate::arguments::{ArgumentError, Arguments, Decryption, Keys};
use crate::replay::{ReplayDirectory, ReplayError};
use crate::verification::{AppServerKey, CLOCK_SKEW, Refusal, Verifier};

/// Why nobody is let in, whatever they show.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    #[error(transparent)]
    Argument(#[from] ArgumentError),
    #[error("cannot read granting_cert {path}: {error}", path = path.display())]
    CertificateFile { path: PathBuf, error: std::io::Error },
    #[error("granting_cert {path}: {error}", path = path.display())]
    Certificate { path: PathBuf, error: RsaKeyError },
    #[error(transparent)]
    CryptKey(#[from] KeyFileError),
    #[error(transparent)]
    Replay(ReplayError),
    #[error("this machine's clock is set before 1970 or after 2106")]
    Clock,
}

/// Why this pass phrase does not let this user in.
#[derive(Debug, thiserror::Error)]
pub enum Denial {
    #[error("{0}")]
    Setup(#[from] SetupError),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("the cookie was used before")]
    UsedBefore,
}

/// Everything that the arguments name, read and ready.
pub struct Authenticator {
    verifier: Verifier,
    replay: Option<ReplayDirectory>,
    /// What works but should be mended.
    pub warnings: Vec<String>,
}

impl Authenticator {
    pub fn new<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<Self, SetupError> {
        let arguments = Arguments::parse(arguments)?;
        let (crypt_keys, warnings) = match &arguments.decryption {
            Some(decryption) => read_crypt_keys(decryption)?,
            None => Default::default(),
        };
        let certificates = arguments.granting_certificates.into_iter().map(read_certificate);
        let replay = arguments
            .replay_directory
            .as_deref()
            .map(ReplayDirectory::open)
            .transpose();
        Ok(Self {
            verifier: Verifier {
                granting_certificates: certificates.collect::<Result<_, _>>()?,
                app_server_ids: arguments.app_server_ids,
                crypt_keys,
                max_age: arguments.max_age,
                creds: arguments.creds,
                realms: arguments.realms,
            },
            replay: replay.map_err(SetupError::Replay)?,
            warnings,
        })
    }

    /// The granting cookie, if the pass phrase is one that proves this user. It is good for nothing afterwards.
    pub fn authenticate(&self, user: &str, pass_phrase: &str) -> Result<Cookie, Denial> {
        let now = unix_time().ok_or(SetupError::Clock)?;
        let cookie = self.verifier.verify(pass_phrase, user, now)?;
        if let Some(replay) = &self.replay {
            replay.burn(&cookie).map_err(|error| match error {
                ReplayError::UsedBefore => Denial::UsedBefore,
                failure => SetupError::Replay(failure).into(),
            })?;
        }
        Ok(cookie)
    }

    /// Forgets cookies that are too old to be shown again.
    pub fn sweep(&self) -> std::io::Result<()> {
        // An entry is made when its cookie is used: at the earliest when the cookie is CLOCK_SKEW from the future.
        let kept = i64::from(self.verifier.max_age) + i64::from(CLOCK_SKEW) + 60;
        match (&self.replay, unix_time()) {
            (Some(replay), Some(now)) => replay.sweep(i64::from(now) - kept).map(|_| ()),
            _ => Ok(()),
        }
    }
}

fn read_certificate(path: PathBuf) -> Result<VerifyingCertificate, SetupError> {
    match fs::read(&path) {
        Ok(pem) => {
            VerifyingCertificate::from_pem(&pem).map_err(|error| SetupError::Certificate { path, error })
        }
        Err(error) => Err(SetupError::CertificateFile { path, error }),
    }
}

/// A key for each application server, and what is to be said about their files.
fn read_crypt_keys(decryption: &Decryption) -> Result<(Vec<AppServerKey>, Vec<String>), KeyFileError> {
    let (mut keys, mut warnings) = (Vec::new(), Vec::new());
    for app_server in &decryption.app_servers {
        let file = match &decryption.keys {
            Keys::File(path) => KeyFile::read(path)?,
            Keys::Directory(directory) => KeyDirectory::new(directory).find(app_server)?,
        };
        warnings.extend(file.exposure.map(|exposure| exposure.to_string()));
        keys.push(AppServerKey {
            app_server: app_server.clone(),
            key: file.key,
        });
    }
    Ok((keys, warnings))
}

fn unix_time() -> Option<u32> {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .ok()?
        .as_secs()
        .try_into()
        .ok()
}
