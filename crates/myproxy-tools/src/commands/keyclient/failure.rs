//! What can go wrong between here and the keyserver, in words that say what to do.

use std::io;

use openssl::error::ErrorStack;
use openssl::ssl::{self, ErrorCode};
use thiserror::Error;

use super::settings::Settings;

/// What went wrong.
#[derive(Debug, Error)]
pub enum Failure {
    #[error("{server}: no connection: {error}")]
    NoConnection { server: String, error: io::Error },
    #[error("{server}: no answer in time")]
    Timeout { server: String },
    #[error(
        "{server}: its certificate is from an authority that is not trusted here ({issuer}); if it should be, name the \
         authority's certificate: -C FILE or ssl_ca_file, -D DIR or ssl_ca_path"
    )]
    Untrusted { server: String, issuer: String },
    #[error("{server}: its certificate is not good: {reason}")]
    BadCertificate { server: String, reason: String },
    #[error(
        "{server}: its certificate is for {found}, not for {wanted}; say keymgt_uri (-K) by the name in the certificate, or \
         set login_host to it"
    )]
    WrongName {
        server: String,
        found: String,
        wanted: String,
    },
    #[error(
        "{server}: it does not trust our certificate {certificate}, or its authority {issuer} ({alert}); have an \
         administrator of the keyserver add the authority's certificate to those that it trusts (keyclient -U there, or \
         SSLCACertificateFile), or use a certificate of an authority that it trusts already"
    )]
    NotTrustedThere {
        server: String,
        certificate: String,
        issuer: String,
        alert: String,
    },
    #[error("{server}: it broke the handshake off: {alert}")]
    Alert { server: String, alert: String },
    #[error("{server}: TLS failed: {reason}")]
    Tls { server: String, reason: String },
    #[error(
        "{server}: it ended the connection without a reply; where it does so at once, it may not trust our certificate (its \
         authority is {issuer})"
    )]
    NoReply { server: String, issuer: String },
    #[error("{server}: the reply was cut off")]
    CutOff { server: String },
    #[error(
        "{server}: this is no keyserver, it answers as a web server does (HTTP status {status}); is the address right?"
    )]
    NotAKeyserver { server: String, status: u16 },
    #[error("{server}: HTTP status {status}; the keyserver's error log says why")]
    Status { server: String, status: u16 },
    #[error("{server}: {problem}")]
    Reply {
        server: String,
        problem: pubcookie_protocol::keyserver::ReplyError,
    },
    #[error(transparent)]
    OpenSsl(#[from] ErrorStack),
}

impl Failure {
    /// What a failed read, write or handshake means, where our own checks found nothing wrong.
    pub fn of(error: &ssl::Error, settings: &Settings) -> Self {
        let server = settings.server.to_string();
        if let Some(io) = error.io_error() {
            return match io.kind() {
                io::ErrorKind::TimedOut => Failure::Timeout { server },
                _ => Failure::ended(settings),
            };
        }
        let reasons = error.ssl_error().map_or(&[][..], ErrorStack::errors);
        let reason = reasons
            .iter()
            .find_map(|error| error.reason())
            .unwrap_or_default();
        if reason.contains("unexpected eof")
            || matches!(error.code(), ErrorCode::ZERO_RETURN | ErrorCode::SYSCALL)
        {
            return Failure::ended(settings);
        }
        let Some((_, alert)) = reason.split_once("alert ") else {
            return Failure::Tls {
                server,
                reason: error.to_string(),
            };
        };
        // RFC 8446, section 6.2: what is said of a certificate.
        let alert = alert.to_owned();
        match alert.as_str() {
            "unknown ca"
            | "bad certificate"
            | "certificate unknown"
            | "unsupported certificate"
            | "access denied" => Failure::NotTrustedThere {
                server,
                certificate: settings.identity.path.display().to_string(),
                issuer: settings.identity.issuer(),
                alert,
            },
            "certificate expired" | "certificate revoked" => Failure::Alert {
                server,
                alert: format!(
                    "{alert}; renew our certificate {}",
                    settings.identity.path.display()
                ),
            },
            _ => Failure::Alert { server, alert },
        }
    }

    /// The connection is gone, and nothing was said.
    pub fn ended(settings: &Settings) -> Self {
        Failure::NoReply {
            server: settings.server.to_string(),
            issuer: settings.identity.issuer(),
        }
    }
}
