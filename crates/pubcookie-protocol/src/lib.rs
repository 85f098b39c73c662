//! The Pubcookie protocol above the cookie: granting requests, sessions, reasons, pages.
//! No httpd, no I/O and no clock of its own: callers pass the time in Unix seconds.
#![forbid(unsafe_code)]

pub mod login;
