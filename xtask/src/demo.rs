//! `cargo xtask demo`: prepare the machine, then become the test bed's `demo`.

use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};

use crate::{cargo, packages};

/// Installs, builds, and hands over; it returns only where one of them failed.
pub fn run(once: bool) -> ExitCode {
    for (step, prepare) in [
        ("packages", packages::install as fn() -> Result<()>),
        ("build", cargo::build),
    ] {
        if let Err(error) = prepare() {
            return failed(step, &error);
        }
    }
    let Err(error) = hand_over(once);
    failed("start", &error)
}

/// The demo takes the place of this process, so that Ctrl-C and the exit status are its own.
fn hand_over(once: bool) -> Result<std::convert::Infallible> {
    let demo = std::env::current_exe()
        .context("cannot find out where this program lies")?
        .with_file_name("demo");
    let error = Command::new(&demo).args(once.then_some("--once")).exec();
    Err(error).with_context(|| format!("cannot run {}", demo.display()))
}

fn failed(step: &str, error: &anyhow::Error) -> ExitCode {
    eprintln!("cargo xtask: {error:#}");
    println!("demo: FAILED at {step}");
    ExitCode::FAILURE
}
