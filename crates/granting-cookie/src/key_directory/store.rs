//! Writing a key file: the old one or the new one is there, whole, whatever happens meanwhile.

use std::fs::{self, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

use super::{KeyDirectory, is_plain};
use crate::{CryptKey, KeyFileError};

impl KeyDirectory {
    /// Writes the key of a peer, mode 0600, and answers where. It is on the disk when this returns. A key file that
    /// is replaced hands on its owner, where the system allows that.
    ///
    /// Until it is complete, the new file is called `.new-key-` and something random; one that is left of a crash
    /// may be removed.
    pub fn store(&self, peer: &str, key: &CryptKey) -> Result<PathBuf, KeyFileError> {
        if !is_plain(peer) {
            return Err(KeyFileError::BadPeerName {
                peer: peer.to_owned(),
            });
        }
        let path = self.0.join(peer);
        match replace(&self.0, &path, key) {
            Ok(()) => Ok(path),
            Err(error) => Err(KeyFileError::NotStored { path, error }),
        }
    }
}

fn replace(directory: &Path, path: &Path, key: &CryptKey) -> io::Result<()> {
    let mut file = tempfile::Builder::new()
        .prefix(".new-key-")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(directory)?;
    file.write_all(key.as_bytes())?;
    if let Ok(replaced) = fs::symlink_metadata(path) {
        // Only root may give files away. For any other the new file is its own, as if it were the first.
        let _ = fchown(file.as_file(), Some(replaced.uid()), Some(replaced.gid()));
    }
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The rename is on the disk when the directory is.
    File::open(directory)?.sync_all()
}
