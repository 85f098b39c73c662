//! `MyProxyFilePermissions`: who may read a credential file.

use crate::Error;

/// Mode, owner and group of credential files (`MyProxyFilePermissions`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePermissions {
    pub(crate) mode: u32,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
}

impl FilePermissions {
    /// `mode` as in `chmod`; `None` leaves user and group as the process has them.
    ///
    /// # Errors
    /// [`Error::FileMode`] for a mode with which the owner cannot read, others can, or anybody can execute or
    /// the group write.
    pub fn new(mode: u32, uid: Option<u32>, gid: Option<u32>) -> Result<Self, Error> {
        if mode & 0o400 == 0 || mode & !0o640 != 0 {
            return Err(Error::FileMode { mode });
        }
        Ok(Self { mode, uid, gid })
    }

    /// The user that files are to belong to, where it is not the directory's.
    pub fn user(&self) -> Option<u32> {
        self.uid
    }

    /// The group that files are to belong to, where it is not the process's.
    pub fn group(&self) -> Option<u32> {
        self.gid
    }
}

impl Default for FilePermissions {
    /// 0600, for the directory's owner.
    fn default() -> Self {
        Self {
            mode: 0o600,
            uid: None,
            gid: None,
        }
    }
}
