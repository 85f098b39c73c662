//! Where trust roots from a server are installed, and the first trust in one.

use std::env;
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use myproxy_client::{Client, Installed, ServerFingerprint, TrustRoots};

/// `X509_CERT_DIR`, else `/etc/grid-security/certificates` for root and `~/.globus/certificates` for others: as the
/// stock clients choose.
pub fn installation_directory() -> PathBuf {
    if let Some(directory) = env::var_os("X509_CERT_DIR") {
        return directory.into();
    }
    if rustix::process::geteuid().is_root() {
        return "/etc/grid-security/certificates".into();
    }
    env::home_dir().unwrap_or_default().join(".globus/certificates")
}

/// Installs them. The directory is made where it is missing.
pub fn install(trust_roots: &TrustRoots, directory: &Path) -> Result<Installed> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(directory)
        .with_context(|| format!("cannot make {}", directory.display()))?;
    Ok(trust_roots.install(directory)?)
}

/// Trusts a server for its certificate's fingerprint, gets its trust roots, and sees that with them it is trusted
/// without.
pub fn trust_first(
    untrusting: &Client,
    fingerprint: &ServerFingerprint,
    directory: &Path,
    trusting: impl FnOnce() -> Result<Client>,
) -> Result<Installed> {
    let installed = install(&untrusting.first_trust_roots(fingerprint)?, directory)?;
    trusting()?.reach().with_context(|| {
        format!(
            "the trust roots of the server are in {}, but it is not trusted with them",
            directory.display()
        )
    })?;
    Ok(installed)
}
