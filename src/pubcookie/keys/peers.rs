//! The keys that a login server shares with application servers.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use granting_cookie::{CryptKey, KeyDirectory, KeyFileError, Look, WatchedKey};

use super::files::about;
use super::own_key::tell_of_no_access;
use crate::httpd::{Request, Server, SharedFlag, log};
use crate::pubcookie::{Pubcookie, answer};

const DIRECTIVE: &str = "PubcookieKeyDir";

/// `PubcookieKeyDir`: read when httpd starts, as its children may not have the right to. Where they have it, a file that
/// comes later counts too, one that changes is read again, and the host of one that goes is not served any more.
pub struct PeerKeys {
    directory: PathBuf,
    /// By the names of the files. There are no more of them than files that were there.
    known: RwLock<BTreeMap<String, Arc<WatchedKey>>>,
    told_of_no_access: SharedFlag,
}

impl PeerKeys {
    /// Reads all of it.
    pub fn load(directory: &Path, server: Server<'_>) -> Result<Self, String> {
        let unreadable = |problem| format!("{DIRECTIVE}: {} cannot be read: {problem}", directory.display());
        let mut known = BTreeMap::new();
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            // What is being written there.
            if name.starts_with('.') {
                continue;
            }
            match WatchedKey::file(entry.path()) {
                Ok((key, file)) => {
                    if let Some(exposure) = &file.exposure {
                        log!(Pubcookie, server, Warning, "{DIRECTIVE}: {exposure}");
                    }
                    known.insert(name, Arc::new(key));
                }
                // Something else that lies there, or the key of one host: the others are served all the same.
                Err(problem) => log!(Pubcookie, server, Warning, "{DIRECTIVE}: {problem}"),
            }
        }
        Ok(PeerKeys {
            directory: directory.to_owned(),
            known: RwLock::new(known),
            told_of_no_access: SharedFlag::new().map_err(|problem| about(DIRECTIVE, problem))?,
        })
    }

    /// The key of a host, else of its parent domain.
    pub fn find(&self, host: &str, request: &Request<'_>) -> Result<CryptKey, KeyFileError> {
        let parent = host.split_once('.').map_or("", |(_, parent)| parent);
        let own = match self.named(host, request) {
            Err(problem) if problem.is_missing() || problem.is_denied() => problem,
            found => return found,
        };
        match self.named(parent, request) {
            Ok(key) => Ok(key),
            Err(_) if own.is_denied() => Err(own),
            Err(_) => Err(KeyFileError::NoCryptKey {
                peer: host.to_owned(),
                directory: self.directory.clone(),
            }),
        }
    }

    /// The key in the file of exactly this name.
    pub fn named(&self, name: &str, request: &Request<'_>) -> Result<CryptKey, KeyFileError> {
        match self.known(name) {
            Some(key) => self.look(name, &key, request),
            None => self.read(name, request),
        }
    }

    fn known(&self, name: &str) -> Option<Arc<WatchedKey>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        known.get(name).map(Arc::clone)
    }

    fn look(&self, name: &str, key: &WatchedKey, request: &Request<'_>) -> Result<CryptKey, KeyFileError> {
        match key.look(answer::now(request)) {
            Some(Look::Failed(problem)) if problem.is_missing() => {
                let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
                known.remove(name);
                log!(
                    Pubcookie,
                    *request,
                    Notice,
                    "{DIRECTIVE}: the key of {name} is gone: it is not served any more"
                );
                return Err(problem);
            }
            Some(Look::Failed(problem)) if problem.is_denied() => {
                tell_of_no_access(request, DIRECTIVE, &problem, &self.told_of_no_access)
            }
            Some(Look::Failed(problem)) => {
                log!(
                    Pubcookie,
                    *request,
                    Warning,
                    "{DIRECTIVE}: {problem}; the key that was read before stays"
                );
            }
            Some(Look::Changed(_)) => {
                log!(
                    Pubcookie,
                    *request,
                    Notice,
                    "{DIRECTIVE}: the key of {name} has changed"
                );
            }
            None => {}
        }
        Ok(key.keys().current().clone())
    }

    /// A file that was not there before.
    fn read(&self, name: &str, request: &Request<'_>) -> Result<CryptKey, KeyFileError> {
        let path = KeyDirectory::new(&self.directory).path_of(name)?;
        let (key, file) = WatchedKey::file(path).inspect_err(|problem| {
            if problem.is_denied() {
                tell_of_no_access(request, DIRECTIVE, problem, &self.told_of_no_access);
            }
        })?;
        log!(
            Pubcookie,
            *request,
            Notice,
            "{DIRECTIVE}: there is a key of {name} now"
        );
        if let Some(exposure) = &file.exposure {
            log!(Pubcookie, *request, Warning, "{DIRECTIVE}: {exposure}");
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.insert(name.to_owned(), Arc::new(key));
        Ok(file.key)
    }
}
