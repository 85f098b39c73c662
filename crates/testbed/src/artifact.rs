//! What cargo has built beside the running program.

use std::env;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};

/// The path of a product of this workspace: `libmod_myproxy.so`, `libpam_pubcookie.so`, `mod-myproxy`, of the
/// same profile as the running test or program.
///
/// # Errors
/// It has not been built.
pub fn artifact(file: &str) -> Result<PathBuf> {
    let path = profile_directory()?.join(file);
    ensure!(
        path.is_file(),
        "{} is not built: run `cargo build --workspace` first",
        path.display()
    );
    Ok(path)
}

/// Where cargo puts what it builds, `target/<profile>`.
pub fn profile_directory() -> Result<PathBuf> {
    let program = env::current_exe().context("cannot find out where this program lies")?;
    // Tests lie in target/<profile>/deps, programs and products in target/<profile>.
    let profile = program
        .ancestors()
        .skip(1)
        .find(|directory| !directory.ends_with("deps"))
        .context("this program lies nowhere")?;
    Ok(profile.to_owned())
}
