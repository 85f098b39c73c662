//! Prepares a MyProxy server with a certification authority of its own: [`ServerSetup::prepare`] fills one
//! directory with all that an unmodified `myproxy-server` needs, and answers what an administrator does next.
//!
//! | in the directory | what it is |
//! | --- | --- |
//! | `ca/` | the authority: `ca-certificate.pem`, `ca-key.pem`, and the server's `serial` |
//! | `host/` | `hostcert.pem`, `hostkey.pem` |
//! | `trust/` | for clients: certificate, signing policy and revocation list of the authority |
//! | `store/`, `run/` | the server's storage (empty) and its process number |
//! | `granting/`, `replay/` | for granting cookies: the certificates that sign them, and which were used |
//! | `map-user` | from user names to distinguished names |
//! | `myproxy-server.config`, `myproxy-server.service`, `pam.d/` | configuration |
//! | `SUMMARY.txt` | the summary |
#![forbid(unsafe_code)]

mod authority;
mod check;
mod configuration;
mod distinguished_name;
mod error;
mod host_certificate;
mod key_pair_files;
mod pam_service;
mod safe_directory;
mod setup;
mod summary;
mod systemd_unit;
mod target;
mod trust_directory;
mod user_map;

pub use authority::{CertificationAuthority, HostCertificate, KeyPair};
pub use distinguished_name::{DistinguishedName, InvalidDistinguishedName, one_line};
pub use error::SetupError;
pub use setup::{EncryptedCookies, ExistingHostCertificate, GrantingCookies, Proof, ServerSetup};
pub use summary::Summary;
pub use target::{FileReport, Outcome};
