//! `cargo xtask lint`: what a reviewer need not look at.

use anyhow::{Result, bail};

use crate::{cargo, packages};

/// What becomes of a check whose tool is not installed.
#[derive(Clone, Copy, clap::Args)]
pub struct MissingTools {
    /// A tool that is not installed is an error; otherwise it is named and passed over
    #[arg(long)]
    strict: bool,
}

/// Checks formatting, warnings and dependencies.
pub fn run(missing_tools: MissingTools) -> Result<()> {
    packages::install()?;
    if missing_tools.can_run("fmt", "rustup component add rustfmt")? {
        cargo::run(&["fmt", "--all", "--check"])?;
    }
    if missing_tools.can_run("clippy", "rustup component add clippy")? {
        cargo::run(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])?;
    }
    if missing_tools.can_run("deny", "cargo install --locked cargo-deny")? {
        // Advisories are looked up on the network, and change without us: they are not part of a test.
        cargo::run(&["deny", "check", "bans", "licenses", "sources"])?;
    }
    Ok(())
}

impl MissingTools {
    /// Whether the subcommand is there to be run.
    fn can_run(self, subcommand: &str, how_to_install: &str) -> Result<bool> {
        let installed = cargo::has(subcommand);
        if !installed {
            let missing = format!("cargo {subcommand} is not installed ({how_to_install})");
            if self.strict {
                bail!(missing);
            }
            println!("skipped: {missing}");
        }
        Ok(installed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_is_passed_over_unless_it_must_be_there() {
        let can_run = |strict| MissingTools { strict }.can_run("no-such-subcommand", "nowhere");
        assert!(!can_run(false).expect("it is tolerated"));
        assert!(can_run(true).is_err());
    }
}
