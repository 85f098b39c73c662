//! `mod-myproxy`: what an administrator does from the command line.
#![forbid(unsafe_code)]

use std::path::Path;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

mod commands;
mod myproxy;

/// The command line of mod_myproxy, the Apache httpd module that gives web applications the grid
/// credential of their user.
#[derive(Parser)]
#[command(name = "mod-myproxy", version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Decode and encode Pubcookie cookies
    Cookie(commands::cookie::Arguments),
    /// Fetch a credential from a MyProxy server
    #[command(version, args_override_self = true, infer_long_args = true)]
    Logon(commands::logon::Arguments),
    /// Let a MyProxy server keep a credential: a proxy certificate of the own one
    #[command(version, infer_long_args = true)]
    Init(commands::init::Arguments),
    /// Let a MyProxy server keep a certificate and its private key
    #[command(version, infer_long_args = true)]
    Store(commands::store::Arguments),
    /// Show what a MyProxy server keeps for a user
    #[command(version, args_override_self = true, infer_long_args = true)]
    Info(commands::info::Arguments),
    /// Change the pass phrase of a credential that a MyProxy server keeps
    #[command(
        version,
        args_override_self = true,
        infer_long_args = true,
        alias = "change-pass-phrase"
    )]
    ChangePassphrase(commands::change_passphrase::Arguments),
    /// Remove a credential that a MyProxy server keeps
    #[command(version, args_override_self = true, infer_long_args = true)]
    Destroy(commands::destroy::Arguments),
    /// Get the certification authorities that a MyProxy server hands out
    #[command(
        version,
        args_override_self = true,
        infer_long_args = true,
        alias = "get-trustroots"
    )]
    Trustroots(commands::trustroots::Arguments),
    /// Show the credentials in a store directory
    List(commands::list::Arguments),
    /// Erase what has expired, is idle or orphaned from a store directory
    Sweep(commands::sweep::Arguments),
    /// Log in at a page that Pubcookie protects, and say what is wrong where
    TestLogin(commands::test_login::Arguments),
    /// Get the key that this host shares with the Pubcookie login server
    Keyclient(commands::keyclient::Arguments),
    /// Say what of an httpd configuration's MyProxy part would fail
    CheckConfig(commands::check_config::Arguments),
    /// Prepare a MyProxy server with a certification authority of its own
    SetupServer(commands::setup_server::Arguments),
}

/// The original's name for one of the commands: called by it, the program is that command.
#[derive(Parser)]
#[command(name = KEYCLIENT, version, about = "Get the key that this host shares with the Pubcookie login server")]
struct KeyclientArguments {
    #[command(flatten)]
    keyclient: commands::keyclient::Arguments,
}

const KEYCLIENT: &str = "keyclient";

fn main() -> ExitCode {
    let program = std::env::args_os().next().unwrap_or_default();
    if Path::new(&program).file_name() == Some(KEYCLIENT.as_ref()) {
        return commands::keyclient::run(KEYCLIENT, &KeyclientArguments::parse().keyclient);
    }
    let result = match Arguments::parse().command {
        Command::Cookie(arguments) => commands::cookie::run(arguments),
        Command::Keyclient(arguments) => {
            return commands::keyclient::run("mod-myproxy keyclient", &arguments);
        }
        Command::Logon(arguments) => commands::logon::run(arguments),
        Command::Init(arguments) => commands::init::run(arguments),
        Command::Store(arguments) => commands::store::run(arguments),
        Command::Info(arguments) => commands::info::run(arguments),
        Command::ChangePassphrase(arguments) => commands::change_passphrase::run(arguments),
        Command::Destroy(arguments) => commands::destroy::run(arguments),
        Command::Trustroots(arguments) => commands::trustroots::run(arguments),
        Command::List(arguments) => commands::list::run(arguments),
        Command::Sweep(arguments) => commands::sweep::run(arguments),
        Command::TestLogin(arguments) => commands::test_login::run(arguments),
        Command::CheckConfig(arguments) => commands::check_config::run(arguments),
        Command::SetupServer(arguments) => commands::setup_server::run(arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("mod-myproxy: {error:#}");
            ExitCode::FAILURE
        }
    }
}
