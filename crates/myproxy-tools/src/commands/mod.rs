//! One file a command: its arguments (clap) and `run`.

pub mod change_passphrase;
pub mod check_config;
pub mod cookie;
pub mod destroy;
pub mod info;
pub mod init;
pub mod keyclient;
pub mod list;
pub mod logon;
pub mod setup_server;
pub mod store;
pub mod sweep;
pub mod test_login;
pub mod trustroots;

use std::io::{self, Write};

use anyhow::Context;

/// A line on standard output.
fn print(text: &str) -> anyhow::Result<()> {
    writeln!(io::stdout(), "{text}").context("it is done, but cannot be printed")
}
