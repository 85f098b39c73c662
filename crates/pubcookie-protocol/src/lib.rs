//! The Pubcookie protocol above the cookie: granting requests, sessions, reasons, pages.
//! No httpd, no I/O and no clock of its own: callers pass the time in Unix seconds.
#![forbid(unsafe_code)]

pub mod app_id;
pub mod auth_type;
pub mod granting_request;
pub mod host;
pub mod login;
pub mod percent;
pub mod reason;

/// How cookies between an app server and the login server are encrypted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// DES
    Des,
    /// AES
    Aes,
    /// AES
    AesDomain,
}
