//! Running cargo in this workspace.

use std::env;
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

/// Runs the very cargo that runs this, and says what it runs.
pub fn run(arguments: &[&str]) -> Result<()> {
    println!("$ cargo {}", arguments.join(" "));
    let status = command(arguments).status().context("cannot run cargo")?;
    ensure!(status.success(), "`cargo {}` failed", arguments.join(" "));
    Ok(())
}

/// Whether cargo knows this subcommand here.
pub fn has(subcommand: &str) -> bool {
    let mut command = command(&[subcommand, "--version"]);
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// Builds all that tests and demo start, in the profile of this program, whose directory it shares.
pub fn build() -> Result<()> {
    run(&["build", "--workspace"])
}

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."))
        .stdin(Stdio::null());
    command
}
