//! One file a command: its arguments (clap) and `run`.

pub mod check_config;
pub mod cookie;
pub mod keyclient;
pub mod list;
pub mod logon;
pub mod setup_server;
pub mod sweep;
pub mod test_login;
