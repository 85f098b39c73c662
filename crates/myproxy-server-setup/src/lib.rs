//! Prepares a MyProxy server with a certification authority of its own.
#![forbid(unsafe_code)]

mod authority;
mod distinguished_name;

pub use authority::{CertificationAuthority, HostCertificate, KeyPair};
pub use distinguished_name::{DistinguishedName, InvalidDistinguishedName, one_line};
