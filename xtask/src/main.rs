//! `cargo xtask`: what a fresh machine needs one command for.
//!
//! This program itself needs nothing but Rust and a linker: it installs what the rest needs before it builds it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::lint::MissingTools;

mod cargo;
mod demo;
mod lint;
mod packages;
mod test;

/// Show, test and check mod_myproxy on this machine.
///
/// Missing packages are installed first, with a word about which. No service is started, and nothing is written
/// outside of private directories under $TMPDIR.
#[derive(Parser)]
#[command(name = "xtask", bin_name = "cargo xtask")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Set up httpd, a login server and a MyProxy server, log in once, and stay up for a browser
    Demo {
        /// End after the login; the last line is "demo: ok" or "demo: FAILED at <step>"
        #[arg(long)]
        once: bool,
    },
    /// Run every test, then what "lint" runs
    Test(MissingTools),
    /// Check the formatting, clippy's warnings, and the dependencies (cargo-deny)
    Lint(MissingTools),
}

fn main() -> ExitCode {
    let result = match Arguments::parse().command {
        Command::Demo { once } => return demo::run(once),
        Command::Test(missing_tools) => test::run(missing_tools),
        Command::Lint(missing_tools) => lint::run(missing_tools),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cargo xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}
