//! Why a server's certificate is not accepted, found by a handshake that accepts any and sends nothing.

use std::fmt;
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use openssl::nid::Nid;
use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use openssl::x509::{X509, X509NameRef, X509VerifyResult};
use url::Url;

use super::trust::Trust;

/// A certificate that does not do, and why.
#[derive(Debug)]
pub struct CertificateProblem {
    /// OpenSSL's words.
    why: &'static str,
    /// The names of the server that it is for.
    names: Vec<String>,
    issuer: String,
    not_after: String,
}

impl fmt::Display for CertificateProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the certificate is not accepted: {} (it is for {}, issued by {}, good until {})",
            self.why,
            self.names.join(", "),
            self.issuer,
            self.not_after
        )
    }
}

/// What is wrong with the certificate of the server at `url`; `None` where it is good, or the server shows none.
pub fn problem_of(url: &Url, trust: &Trust, timeout: Duration) -> Option<CertificateProblem> {
    let host = url.host_str()?;
    let mut builder = SslConnector::builder(SslMethod::tls_client()).ok()?;
    trust.apply_to(&mut builder).ok()?;
    builder.set_verify(SslVerifyMode::NONE);
    let stream = builder
        .build()
        .connect(host.trim_matches(['[', ']']), connection(url, timeout)?)
        .ok()?;
    let certificate = stream.ssl().peer_certificate()?;
    match stream.ssl().verify_result() {
        X509VerifyResult::OK => None,
        result => Some(CertificateProblem {
            why: result.error_string(),
            names: names(&certificate),
            issuer: text(certificate.issuer_name()),
            not_after: certificate.not_after().to_string(),
        }),
    }
}

fn connection(url: &Url, timeout: Duration) -> Option<TcpStream> {
    let (host, port) = (url.host_str()?, url.port_or_known_default()?);
    let name = if host.ends_with(".localhost") {
        "127.0.0.1"
    } else {
        host
    };
    let mut addresses = (name.trim_matches(['[', ']']), port).to_socket_addrs().ok()?;
    let stream = addresses.find_map(|address| TcpStream::connect_timeout(&address, timeout).ok())?;
    stream.set_read_timeout(Some(timeout)).ok()?;
    stream.set_write_timeout(Some(timeout)).ok()?;
    Some(stream)
}

/// Its alternative names; its common name where it has none.
fn names(certificate: &X509) -> Vec<String> {
    let alternatives: Vec<String> = certificate
        .subject_alt_names()
        .iter()
        .flatten()
        .filter_map(|name| name.dnsname().map(str::to_owned))
        .collect();
    match alternatives.is_empty() {
        true => vec![text(certificate.subject_name())],
        false => alternatives,
    }
}

/// The common name, or all of it.
fn text(name: &X509NameRef) -> String {
    let common_name = name.entries_by_nid(Nid::COMMONNAME).next();
    common_name
        .and_then(|entry| entry.data().to_string().ok())
        .unwrap_or_else(|| format!("{name:?}"))
}
