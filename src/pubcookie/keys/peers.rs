//! The keys that a login server shares with application servers.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use granting_cookie::{CryptKey, KeyDirectory, KeyFile, KeyFileError};

use crate::httpd::{Server, log};
use crate::pubcookie::Pubcookie;

/// The keys shared with application servers: read when httpd starts, as its children may not have the right to.
pub struct PeerKeys {
    directory: KeyDirectory,
    known: BTreeMap<String, CryptKey>,
}

impl PeerKeys {
    /// Reads `PubcookieKeyDir`.
    pub fn load(directory: &Path, server: Server<'_>) -> Result<Self, String> {
        const DIRECTIVE: &str = "PubcookieKeyDir";
        let unreadable = |problem| format!("{DIRECTIVE}: {} cannot be read: {problem}", directory.display());
        let mut known = BTreeMap::new();
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            match KeyFile::read(entry.path()) {
                Ok(file) => {
                    if let Some(exposure) = &file.exposure {
                        log!(Pubcookie, server, Warning, "{DIRECTIVE}: {exposure}");
                    }
                    known.insert(name, file.key);
                }
                // Something else that lies there, or the key of one host: the others are served all the same.
                Err(problem) => log!(Pubcookie, server, Warning, "{DIRECTIVE}: {problem}"),
            }
        }
        Ok(PeerKeys {
            directory: KeyDirectory::new(directory),
            known,
        })
    }

    /// The key of a host, else of its parent domain. One that came after the start counts if it can be read.
    pub fn find(&self, host: &str) -> Result<CryptKey, KeyFileError> {
        let parent = host.split_once('.').map_or("", |(_, parent)| parent);
        match self.known.get(host).or_else(|| self.known.get(parent)) {
            Some(key) => Ok(key.clone()),
            None => self.directory.find(host).map(|file| file.key),
        }
    }
    /// The key in the file of exactly this name.
    pub fn named(&self, name: &str) -> Option<CryptKey> {
        self.known.get(name).cloned()
    }
}
