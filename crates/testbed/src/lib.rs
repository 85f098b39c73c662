//! A private httpd, MyProxy server and browser for the tests and the demo.
//!
//! Whatever is started or written here is bounded in time, on 127.0.0.1, in a [`PrivateDirectory`], and gone
//! when its guard is dropped, or when the process that holds the guard dies.
#![forbid(unsafe_code)]

pub mod application;
mod artifact;
pub mod browser;
pub mod httpd;
mod last_will;
pub mod pki;
mod private_directory;
mod process;
pub mod redis;

pub use artifact::artifact;
pub use private_directory::{PrivateDirectory, write_file};
pub use process::{Process, free_port, last_lines, wait_until};
