//! A whole site on this machine: it shows one login, page and logout, and then stays up for a browser.
//!
//! `cargo xtask demo` installs and builds what it needs, and runs it.
#![forbid(unsafe_code)]

use std::process::ExitCode;

use clap::Parser;
use testbed::demo::{self, Failure};

/// Set up httpd, a login server and a MyProxy server in private directories, log in once, and stay up.
#[derive(Parser)]
struct Arguments {
    /// End after the login; the last line is "demo: ok" or "demo: FAILED at <step>"
    #[arg(long)]
    once: bool,
}

fn main() -> ExitCode {
    match demo::run(Arguments::parse().once) {
        Ok(()) => {
            println!("demo: ok");
            ExitCode::SUCCESS
        }
        Err(Failure { step, error }) => {
            eprintln!("\n{error:#}");
            println!("demo: FAILED at {step}");
            ExitCode::FAILURE
        }
    }
}
