//! The keyserver: how an application server gets the key that it shares with the login server.
//!
//! A client is known by its TLS certificate and makes one [`Request`]; a [`Permits`] list says who may do what; the
//! answer is a [`Reply`]. Two forms carry the same:
//!
//! | | the original's | ours |
//! | --- | --- | --- |
//! | request | one line, `GET /?genkey=...&setkey=...`, with or without an HTTP version | HTTP/1.1, `POST` of a form |
//! | reply | CRLF, `OK` or `NO` and more, CRLF: no status line | HTTP/1.1, the same line as its body |
//! | a key that is uploaded | stands in the request line | stands in the body |
//!
//! A server that knows our form says so when it is asked by `OPTIONS` ([`ACCEPT_POST`]). The original does not, and does
//! nothing for being asked: so its form comes second, and no key is made twice.

mod certificate;
mod client;
mod form;
mod host_name;
mod permit;
mod query;
mod reply;
mod request;

pub use certificate::{CertificateError, TrustedCertificate};
pub use client::Client;
pub use host_name::{HostName, HostNameError};
pub use permit::{Permit, PermitError, Permits, Refusal};
pub use query::{asks_for_keys, without_secrets};
pub use reply::{Reply, ReplyError};
pub use request::{Request, RequestError};

/// What `OPTIONS` answers in the header `Accept-Post` (Linked Data Platform 1.0, section 7.1): the media type of our form.
pub const ACCEPT_POST: &str = "application/x-www-form-urlencoded";

/// The largest request, in bytes: a certificate with room to spare.
pub const REQUEST_LIMIT: usize = 1 << 16;
