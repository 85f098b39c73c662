//! Who asks: the client certificate that mod_ssl has verified.

use pubcookie_protocol::keyserver::Client;
use thiserror::Error;

use crate::httpd::Request;

/// Why nobody is known to ask.
#[derive(Debug, Error)]
pub enum Unverified {
    /// No TLS, or not by mod_ssl.
    #[error("this connection has no TLS of mod_ssl's; a keyserver cannot stand behind another server")]
    NoTls,
    /// No certificate was asked for or shown.
    #[error("no client certificate; say SSLVerifyClient require for this virtual host")]
    NoCertificate,
    /// mod_ssl was told to go on all the same.
    #[error(
        "the client's certificate was not verified ({0}); say SSLVerifyClient require for this virtual host"
    )]
    NotTrusted(String),
}

/// The client of a request.
pub fn of(request: &Request<'_>) -> Result<Client, Unverified> {
    match request.tls_variable("SSL_CLIENT_VERIFY") {
        Some("SUCCESS") => Ok(Client::new(names(request))),
        Some("NONE") => Err(Unverified::NoCertificate),
        Some(other) => Err(Unverified::NotTrusted(other.to_owned())),
        None => Err(Unverified::NoTls),
    }
}

/// The DNS names of the subject alternative name; the CN only where there are none, and only where there is one CN.
fn names<'r>(request: &Request<'r>) -> Vec<&'r str> {
    let alternative = |number: usize| request.tls_variable(&format!("SSL_CLIENT_SAN_DNS_{number}"));
    let names: Vec<_> = (0..).map_while(alternative).collect();
    if !names.is_empty() || request.tls_variable("SSL_CLIENT_S_DN_CN_1").is_some() {
        return names;
    }
    request.tls_variable("SSL_CLIENT_S_DN_CN").into_iter().collect()
}
