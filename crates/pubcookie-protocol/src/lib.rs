//! The Pubcookie protocol above the cookie: granting requests, sessions, reasons, pages.
//! No httpd, no I/O and no clock of its own: callers pass the time in Unix seconds.
#![forbid(unsafe_code)]

pub mod app_id;
pub mod auth_type;
pub mod cookie_header;
pub mod grant;
pub mod granting_request;
pub mod host;
pub mod login;
pub mod percent;
pub mod pre_session;
pub mod reason;
pub mod sealed;
pub mod session;
pub mod session_cookie;
pub mod set_cookie;
pub mod settings;
