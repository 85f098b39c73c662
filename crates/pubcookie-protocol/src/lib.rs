//! The Pubcookie protocol above the cookie: granting requests, sessions, reasons, pages.
//! No httpd, no I/O and no clock of its own: callers pass the time in Unix seconds.
#![forbid(unsafe_code)]

pub mod app_id;
pub mod app_pages;
pub mod auth_type;
pub mod config_file;
pub mod cookie_header;
pub mod end_session;
pub mod error_page;
pub mod form;
pub mod grant;
pub mod granting_request;
pub mod host;
pub mod keyserver;
pub mod legacy_cookie;
pub mod login;
pub mod on_demand;
pub mod page;
pub mod percent;
pub mod pre_session;
pub mod realm;
pub mod reason;
pub mod reply;
pub mod script_request;
pub mod sealed;
pub mod session;
pub mod session_cookie;
pub mod set_cookie;
pub mod settings;
