//! Key files on disk: one for each peer, named after it.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{fmt, fs};

use zeroize::Zeroizing;

use crate::crypt_key::CRYPT_KEY_SIZE;
use crate::{CryptKey, KeyFileError};

mod store;

/// A directory with a key file for each peer (`PubcookieKeyDir`).
#[derive(Debug, Clone)]
pub struct KeyDirectory(PathBuf);

impl KeyDirectory {
    /// Nothing is read yet.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self(directory.into())
    }

    /// Where the file of exactly this name lies, or would lie.
    pub fn path_of(&self, name: &str) -> Result<PathBuf, KeyFileError> {
        if is_plain(name) {
            Ok(self.0.join(name))
        } else {
            Err(KeyFileError::BadPeerName {
                peer: name.to_owned(),
            })
        }
    }

    /// The key of a peer: its own file, else that of its parent domain (the name without its first label). Case
    /// counts, because file names have it.
    pub fn find(&self, peer: &str) -> Result<KeyFile, KeyFileError> {
        if !is_plain(peer) {
            return Err(KeyFileError::BadPeerName {
                peer: peer.to_owned(),
            });
        }
        let parent = peer
            .split_once('.')
            .map(|(_, parent)| parent)
            .filter(|parent| is_plain(parent));
        for name in [Some(peer), parent].into_iter().flatten() {
            match KeyFile::read(self.0.join(name)) {
                Err(KeyFileError::Unreadable { error, .. }) if error.kind() == io::ErrorKind::NotFound => {}
                found => return found,
            }
        }
        Err(KeyFileError::NoCryptKey {
            peer: peer.to_owned(),
            directory: self.0.clone(),
        })
    }
}

/// A name that stays within the directory and hides nothing.
fn is_plain(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\0'])
}

/// A key file that was read.
#[derive(Debug)]
pub struct KeyFile {
    /// Its key.
    pub key: CryptKey,
    /// Where it lies.
    pub path: PathBuf,
    /// Who besides its owner has access to it. The key works all the same; whoever loads it should say so in a log.
    pub exposure: Option<Exposure>,
    /// When the file came to be as it is (written, renamed or made readable), in Unix seconds.
    pub changed_at: u64,
}

impl KeyFile {
    /// Reads a key file. Its first 2048 bytes count; a shorter one is refused.
    pub fn read(path: impl Into<PathBuf>) -> Result<Self, KeyFileError> {
        let path = path.into();
        let (bytes, metadata) = read_start(&path).map_err(|error| KeyFileError::Unreadable {
            path: path.clone(),
            error,
        })?;
        match CryptKey::from_bytes(&bytes) {
            Some(key) => Ok(Self {
                key,
                exposure: Exposure::of(&path, metadata.permissions().mode()),
                changed_at: u64::try_from(metadata.ctime()).unwrap_or(0),
                path,
            }),
            None => Err(KeyFileError::ShortCryptKey {
                bytes: bytes.len(),
                path,
            }),
        }
    }
}

/// The first 2048 bytes of a regular file, and what the system knows of it.
fn read_start(path: &Path) -> io::Result<(Zeroizing<Vec<u8>>, Metadata)> {
    // Looked at first, because opening a named pipe would wait for its writer.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    // Room for all of it from the start: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(CRYPT_KEY_SIZE));
    file.take(CRYPT_KEY_SIZE as u64).read_to_end(&mut bytes)?;
    Ok((bytes, metadata))
}

/// A key file that others than its owner can read, or its group can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exposure {
    path: PathBuf,
    mode: u32,
}

impl Exposure {
    fn of(path: &Path, mode: u32) -> Option<Self> {
        let exposed = mode & 0o027 != 0;
        exposed.then(|| Self {
            path: path.to_owned(),
            mode: mode & 0o7777,
        })
    }
}

impl fmt::Display for Exposure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, mode } = self;
        write!(
            formatter,
            "the key file {} has mode {mode:04o}: others can read or change it; chmod 0600 it",
            path.display()
        )
    }
}
