//! Fetches a grid credential from a MyProxy server: a key of ours, signed by the server's certification
//! authority, or a proxy certificate delegated from a credential that its owner stored there.
//!
//! ```no_run
//! use myproxy_client::{Client, ClientOptions, GetRequest, Key, KeyFormat, KeySpec};
//! use myproxy_client::{PassPhrase, Proof, UserName};
//!
//! let client = Client::new(ClientOptions::new(vec!["myproxy.example.org".parse()?]))?;
//! let key = Key::generate(KeySpec::Rsa2048)?;
//! let credential = client.get(
//!     &GetRequest::new(
//!         UserName::new("alice")?,
//!         Proof::PassPhrase(PassPhrase::new("correct horse")?),
//!     ),
//!     &key,
//! )?;
//! println!("{} until {:?}", credential.identity(), credential.not_after());
//! let pem = credential.to_pem(KeyFormat::Pkcs1)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The protocol is that of the Grid Community Toolkit's MyProxy 2 (its document `PROTOCOL`) as the server
//! really speaks it: over TLS 1.2 or 1.3, without framing, one message a write.
//!
//! Nothing here logs; what happened is in the [`Error`]. Calls block, for at most the time limits of
//! [`ClientOptions`], and leave OpenSSL's error queue empty.
#![forbid(unsafe_code)]

mod chain;
mod client;
mod client_certificate;
mod connection;
mod conversation;
mod credential;
mod deadline;
mod distinguished_name;
mod error;
mod error_queue;
mod identity;
mod key;
mod key_generator;
mod keyed_chain;
mod old_credential;
mod proof;
mod renewal;
mod request;
mod resolve;
mod response;
mod server;
mod signing_policy;
mod timed_stream;
#[cfg(test)]
mod transcripts;
mod trust;

pub use chain::ChainProblem;
pub use client::{Client, ClientOptions};
pub use client_certificate::{ClientCertificate, ClientCertificateError};
pub use credential::{Credential, KeyFormat};
pub use error::{Error, ErrorClass, Refusal, ServerWords, Step};
pub use identity::WrongName;
pub use key::{Key, KeyError, KeySpec};
pub use key_generator::GenerationError;
pub use old_credential::{OldCredential, OldCredentialError};
pub use proof::Proof;
pub use request::{CredentialName, GetRequest, Input, InvalidInput, Lifetime, PassPhrase, UserName};
pub use response::MalformedAnswer;
pub use server::{DEFAULT_PORT, InvalidServer, Server, ServerIdentity};
pub use signing_policy::SigningPolicyError;
pub use trust::TrustProblem;
