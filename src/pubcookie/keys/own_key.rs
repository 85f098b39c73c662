//! The key file that a server shares with its login server.

use std::sync::Arc;

use granting_cookie::{CryptKeys, KeyDirectory, KeyFile, KeyFileError, Look, WatchedKey};

use super::files::about;
use super::session_key::SessionKey;
use crate::httpd::{Request, Server, SharedFlag, log};
use crate::pubcookie::config::KeyFiles;
use crate::pubcookie::{Pubcookie, answer};

const KEY_DIRECTORY: &str = "PubcookieKeyDir";
const KEY_FILE: &str = "PubcookieCryptKeyFile";

/// A server's own key. Its file is looked at again when it is used.
pub struct OwnKey {
    /// The directive that names it.
    directive: &'static str,
    watched: Arc<WatchedKey>,
    told_of_no_access: SharedFlag,
}

impl OwnKey {
    /// Reads it.
    pub fn load(files: &KeyFiles, session: &SessionKey, server: Server<'_>) -> Result<Self, String> {
        let (directive, found) = find(files, session, server.name())?;
        let (watched, file) = found.map_err(|problem| about(directive, problem))?;
        if let Some(exposure) = &file.exposure {
            log!(Pubcookie, server, Warning, "{directive}: {exposure}");
        }
        Ok(OwnKey {
            directive,
            watched: Arc::new(watched),
            told_of_no_access: SharedFlag::new().map_err(|problem| about(directive, problem))?,
        })
    }

    /// The keys that count now.
    pub fn keys(&self, request: &Request<'_>) -> Arc<CryptKeys> {
        self.look(request);
        self.watched.keys()
    }

    /// Looks at the file again, once a second at most.
    pub fn look(&self, request: &Request<'_>) {
        let directive = self.directive;
        match self.watched.look(answer::now(request)) {
            None => {}
            Some(Look::Changed(path)) => {
                let path = path.display();
                log!(
                    Pubcookie,
                    *request,
                    Notice,
                    "{directive}: {path} has changed: the new key counts from now on"
                );
            }
            Some(Look::Failed(problem)) if problem.is_denied() => {
                tell_of_no_access(request, directive, &problem, &self.told_of_no_access);
            }
            Some(Look::Failed(problem)) => {
                log!(
                    Pubcookie,
                    *request,
                    Warning,
                    "{directive}: {problem}; the key that was read before stays"
                );
            }
        }
    }

    /// What follows the changes of the file.
    pub fn watched(&self) -> Arc<WatchedKey> {
        Arc::clone(&self.watched)
    }
}

/// A child has no right to look at key files: one line for the whole httpd says what follows of that.
pub fn tell_of_no_access(request: &Request<'_>, directive: &str, problem: &KeyFileError, told: &SharedFlag) {
    if told.set() {
        log!(
            Pubcookie,
            *request,
            Notice,
            "{directive}: {problem}. The keys that were read when httpd started stay: after a change of keys restart \
             it (gracefully is enough)"
        );
    }
}

type Found = Result<(WatchedKey, KeyFile), KeyFileError>;

/// The key file of a server, and the directive that names it. As with the original: a server that is called as its
/// session certificate says uses `PubcookieCryptKeyFile`, else the certificate's name in the key directory. One of
/// another name uses that name there, else that of its parent domain.
fn find(files: &KeyFiles, session: &SessionKey, name: &str) -> Result<(&'static str, Found), String> {
    let directory = files.key_directory.as_ref().map(KeyDirectory::new);
    let common_name = session.certificate.common_name().unwrap_or(name);
    if let Some(directory) = &directory
        && !common_name.eq_ignore_ascii_case(name)
    {
        let found = WatchedKey::find(directory.clone(), name);
        if !found.as_ref().is_err_and(KeyFileError::is_missing) {
            return Ok((KEY_DIRECTORY, found));
        }
    }
    match (&files.crypt_key, directory) {
        (Some(file), _) => Ok((KEY_FILE, WatchedKey::file(file.clone()))),
        (None, Some(directory)) => Ok((KEY_DIRECTORY, WatchedKey::find(directory, common_name))),
        (None, None) => Err(format!(
            "{KEY_FILE}: neither this nor {KEY_DIRECTORY} is set; they name the key shared with the login server"
        )),
    }
}
