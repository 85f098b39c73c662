//! A private httpd, MyProxy server and browser for the tests and the demo.
//!
//! Whatever is started or written here is bounded in time, on 127.0.0.1, in a [`PrivateDirectory`], and gone
//! when its guard is dropped, or when the process that holds the guard dies.
#![forbid(unsafe_code)]

pub mod application;
mod artifact;
pub mod browser;
mod clock;
pub mod container;
pub mod demo;
pub mod httpd;
mod isolation;
pub mod kerberos;
mod last_will;
mod myproxy_server;
pub mod openid_provider;
pub mod pki;
mod private_directory;
mod process;
pub mod redis;
pub mod relay;
pub mod site;
mod syslog;

pub use artifact::{artifact, profile_directory};
pub use clock::Clock;
pub use isolation::{Isolation, PrivateFiles};
pub use myproxy_server::{Accepts, MyProxyServer, MyProxyServerBuilder};
pub use myproxy_server_setup::{EncryptedCookies, GrantingCookies};
pub use private_directory::{PrivateDirectory, write_file};
pub use process::{Process, free_port, last_lines, wait_until};
pub use syslog::Syslog;
