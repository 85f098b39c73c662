//! Who may do what with keys, and where that is kept: what the directives say.

use std::path::PathBuf;

use pubcookie_protocol::keyserver::Permits;

/// Who may have keys from the keyserver.
#[derive(Clone, Default)]
pub struct KeyPermits {
    /// `PubcookieKeyPermit`, each of them.
    pub permits: Permits,
    /// `PubcookieKeyPermitDir`.
    pub permit_directory: Option<PathBuf>,
    /// `PubcookieKeyTrustDir`.
    pub trust_directory: Option<PathBuf>,
}

impl KeyPermits {
    /// Whether anything is said of a keyserver.
    pub fn is_configured(&self) -> bool {
        !self.permits.is_empty() || self.permit_directory.is_some()
    }

    /// What holds in a virtual host that says `self`, in a server that says `outer`.
    pub fn merged(&self, outer: &Self) -> Self {
        let permits = if self.permits.is_empty() { outer } else { self };
        KeyPermits {
            permits: permits.permits.clone(),
            permit_directory: self
                .permit_directory
                .as_ref()
                .or(outer.permit_directory.as_ref())
                .cloned(),
            trust_directory: self
                .trust_directory
                .as_ref()
                .or(outer.trust_directory.as_ref())
                .cloned(),
        }
    }
}
