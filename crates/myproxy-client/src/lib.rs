//! A client of MyProxy servers. It fetches a grid credential: a key of ours, signed by the server's certification
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
//! | command | |
//! | --- | --- |
//! | [`Client::get`] | a credential, for a [`Proof`]; [`Client::get_with_trust_roots`] with trust roots besides |
//! | [`Client::verify`] | whether a proof is good |
//! | [`Client::info`] | what is stored for a user |
//! | [`Client::put`] | delegate a proxy certificate to the server (`myproxy-init`) |
//! | [`Client::store`], [`Client::retrieve`] | store a credential as it is, and get it back |
//! | [`Client::destroy`] | remove a stored credential |
//! | [`Client::change_pass_phrase`] | of a stored credential |
//! | [`Client::trust_roots`], [`Client::first_trust_roots`] | the server's trust directory |
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
mod delegation;
mod distinguished_name;
mod end_entity_credential;
mod error;
mod error_queue;
mod fingerprint;
mod identity;
mod input;
mod key;
mod key_generator;
mod keyed_chain;
mod message;
mod old_credential;
mod outages;
mod owner;
mod proof;
mod refusal;
mod renewal;
mod request;
mod resolve;
mod response;
mod server;
mod servers;
mod signing_policy;
mod stored_credential;
mod timed_stream;
#[cfg(test)]
mod transcripts;
mod trust;
mod trust_roots;

pub use chain::ChainProblem;
pub use client::{Client, ClientOptions};
pub use client_certificate::{ClientCertificate, ClientCertificateError};
pub use credential::{Credential, InvalidKeyFormat, KeyFormat};
pub use delegation::DelegationProblem;
pub use end_entity_credential::{EndEntityCredential, EndEntityCredentialError};
pub use error::{Error, ErrorClass, Step};
pub use fingerprint::{InvalidFingerprint, ServerFingerprint};
pub use identity::WrongName;
pub use input::{
    CredentialName, Description, DnPattern, Input, InvalidInput, Lifetime, PassPhrase, UserName, VoName,
    VomsesLine,
};
pub use key::{Key, KeyError, KeySpec};
pub use key_generator::GenerationError;
pub use old_credential::{OldCredential, OldCredentialError};
pub use outages::OutageMemory;
pub use owner::Storage;
pub use proof::Proof;
pub use refusal::{Refusal, ServerWords};
pub use request::GetRequest;
pub use response::MalformedAnswer;
pub use server::{DEFAULT_PORT, InvalidServer, Server, ServerIdentity};
pub use signing_policy::SigningPolicyError;
pub use stored_credential::StoredCredential;
pub use trust::TrustProblem;
pub use trust_roots::{InstallError, Installed, TrustRoots};
