//! `cargo xtask lint`: what a reviewer need not look at.

use anyhow::Result;

use crate::{cargo, packages};

/// Checks formatting, warnings and dependencies. A tool that is not installed is named and passed over.
pub fn run() -> Result<()> {
    packages::install()?;
    if installed("fmt", "rustup component add rustfmt") {
        cargo::run(&["fmt", "--all", "--check"])?;
    }
    if installed("clippy", "rustup component add clippy") {
        cargo::run(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    }
    if installed("deny", "cargo install --locked cargo-deny") {
        // Advisories are looked up on the network, and change without us: they are not part of a test.
        cargo::run(&["deny", "check", "bans", "licenses", "sources"])?;
    }
    Ok(())
}

fn installed(subcommand: &str, how_to_install: &str) -> bool {
    let installed = cargo::has(subcommand);
    if !installed {
        println!("skipped: cargo {subcommand} is not installed ({how_to_install})");
    }
    installed
}
