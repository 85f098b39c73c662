//! One TLS connection, of which every wait has an end.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use openssl::ssl::{
    self, HandshakeError, MidHandshakeSslStream, Ssl, SslContext, SslRef, SslStream, SslVerifyMode,
    SslVersion,
};
use openssl::x509::X509VerifyResult;
use openssl::x509::verify::X509VerifyFlags;
use zeroize::Zeroizing;

use crate::client_certificate::ClientCertificate;
use crate::deadline::Deadline;
use crate::error::{Error, Step};
use crate::fingerprint::ServerFingerprint;
use crate::identity;
use crate::response::{self, Parsed};
use crate::server::Server;
use crate::timed_stream::TimedStream;
use crate::trust::{TrustDirectory, TrustProblem};

/// What one TLS record holds, in bytes.
const LONGEST_RECORD: usize = 1 << 14;

/// How long to wait: for each connect and each reply, and in all.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one connect, and for one whole handshake.
    pub connect: Duration,
    /// For one whole reply.
    pub reply: Duration,
    /// For everything.
    pub total: Deadline,
}

impl Limits {
    /// The end of a step before the conversation that begins now.
    pub fn connect(&self) -> Deadline {
        Deadline::after(self.connect).or_earlier(self.total)
    }

    /// The end of a step of the conversation that begins now.
    fn reply(&self) -> Deadline {
        Deadline::after(self.reply).or_earlier(self.total)
    }
}

/// What a connection is secured with.
#[derive(Clone, Copy)]
pub struct Security<'a> {
    pub context: &'a SslContext,
    /// Which servers are trusted.
    pub trust: Trust<'a>,
    /// What we show of ourselves, if the server asks for it.
    pub certificate: Option<&'a ClientCertificate>,
}

/// Which servers are trusted.
#[derive(Clone, Copy)]
pub enum Trust<'a> {
    /// Those whose certificate the directory's authorities signed, and which names the server that is meant.
    Directory(&'a TrustDirectory),
    /// The one with this certificate.
    Fingerprint(&'a ServerFingerprint),
}

/// A connection to a server that is trusted, is the one that was meant, and listens.
pub struct Connection {
    stream: SslStream<TimedStream>,
    /// What has been received and not yet taken.
    received: Zeroizing<Vec<u8>>,
    server: String,
    limits: Limits,
}

impl Connection {
    /// Connects, and checks the server's certificate. Nothing has been sent then.
    pub fn open(
        server: &Server,
        address: SocketAddr,
        security: Security<'_>,
        limits: Limits,
    ) -> Result<Self, Error> {
        let stream = connect(server, address, limits)?;
        let name = server.to_string();
        let ssl = prepare(server, security)?;
        let stream = ssl
            .connect(stream)
            .map_err(|error| handshake_failure(&name, security, error))?;
        check_server(server, stream.ssl(), security.trust)?;
        let tls13 = stream.ssl().version2() == Some(SslVersion::TLS1_3);
        let mut connection = Connection {
            stream,
            received: Zeroizing::new(Vec::with_capacity(LONGEST_RECORD)),
            server: name,
            limits,
        };
        if tls13 {
            connection
                .receive_until(limits.connect(), Step::Handshake, response::greeting)
                .map_err(|error| of_our_certificate(error, security))?;
        }
        Ok(connection)
    }

    /// How messages name the server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Sends one message in one TLS record: the server takes each for a whole message.
    pub fn send(&mut self, step: Step, message: &[u8]) -> Result<(), Error> {
        self.stream.get_mut().set_deadline(self.limits.reply());
        self.stream
            .ssl_write(message)
            .map(drop)
            .map_err(|error| self.failure(step, error))
    }

    /// Receives until `parser` has found what it looks for; what comes after that is kept for the next call.
    pub fn receive<T>(&mut self, step: Step, parser: impl Fn(&[u8]) -> Parsed<T>) -> Result<T, Error> {
        self.receive_until(self.limits.reply(), step, parser)
    }

    fn receive_until<T>(
        &mut self,
        deadline: Deadline,
        step: Step,
        parser: impl Fn(&[u8]) -> Parsed<T>,
    ) -> Result<T, Error> {
        self.stream.get_mut().set_deadline(deadline);
        loop {
            let parsed = parser(&self.received);
            match parsed.map_err(|cause| Error::Malformed {
                server: self.server.clone(),
                cause,
            })? {
                Some((found, length)) => {
                    self.received.drain(..length);
                    return Ok(found);
                }
                None => self.receive_more(step)?,
            }
        }
    }

    fn receive_more(&mut self, step: Step) -> Result<(), Error> {
        let mut record = Zeroizing::new([0; LONGEST_RECORD]);
        let length = self
            .stream
            .ssl_read(&mut *record)
            .map_err(|error| self.failure(step, error))?;
        self.received.extend_from_slice(&record[..length]);
        Ok(())
    }

    fn failure(&self, step: Step, error: ssl::Error) -> Error {
        transport_failure(&self.server, step, self.stream.get_ref().deadline(), error)
    }
}

fn prepare(server: &Server, security: Security<'_>) -> Result<Ssl, Error> {
    let mut ssl = Ssl::new(security.context)?;
    match security.trust {
        Trust::Directory(directory) => {
            let store = directory
                .store(X509VerifyFlags::empty())
                .map_err(|cause| untrusted(server, cause))?;
            ssl.set_verify_cert_store(store)?;
        }
        Trust::Fingerprint(_) => ssl.set_verify_callback(SslVerifyMode::PEER, |_, _| true),
    }
    if let Some(host) = server.server_name_indication() {
        ssl.set_hostname(host)?;
    }
    if let Some(certificate) = security.certificate {
        certificate.present(&mut ssl)?;
    }
    Ok(ssl)
}

/// What OpenSSL has not checked in the handshake.
fn check_server(server: &Server, tls: &SslRef, trust: Trust<'_>) -> Result<(), Error> {
    let certificate = tls
        .peer_certificate()
        .ok_or_else(|| untrusted(server, no_certificate()))?;
    match trust {
        Trust::Directory(directory) => {
            let chain = tls
                .verified_chain()
                .ok_or_else(|| untrusted(server, no_certificate()))?;
            directory
                .check_issuers(chain)
                .map_err(|cause| untrusted(server, cause))?;
            identity::check(&certificate, server).map_err(|cause| Error::WrongName {
                server: server.to_string(),
                cause,
            })
        }
        Trust::Fingerprint(expected) => {
            let presented = ServerFingerprint::of(&certificate)?;
            if presented == *expected {
                Ok(())
            } else {
                Err(Error::WrongFingerprint {
                    server: server.to_string(),
                    presented,
                })
            }
        }
    }
}

fn untrusted(server: &Server, cause: TrustProblem) -> Error {
    Error::Untrusted {
        server: server.to_string(),
        cause,
    }
}

fn connect(server: &Server, address: SocketAddr, limits: Limits) -> Result<TimedStream, Error> {
    let deadline = limits.connect();
    let named = if server.host.parse::<IpAddr>().is_ok() {
        server.to_string()
    } else {
        format!("{server} ({address})")
    };
    let timeout = |server| Error::Timeout {
        server,
        step: Step::Connect,
        limit: deadline.limit(),
    };
    let Some(remaining) = deadline.remaining() else {
        return Err(timeout(named));
    };
    let result = TcpStream::connect_timeout(&address, remaining).and_then(|stream| {
        // Nagle's algorithm would hold back each message until the last one is acknowledged: 40 ms each.
        stream.set_nodelay(true)?;
        Ok(TimedStream::new(stream, limits.connect()))
    });
    result.map_err(|cause| match cause.kind() {
        io::ErrorKind::TimedOut => timeout(named),
        _ => Error::Connect { server: named, cause },
    })
}

fn handshake_failure(server: &str, security: Security<'_>, error: HandshakeError<TimedStream>) -> Error {
    match error {
        HandshakeError::SetupFailure(errors) => Error::OpenSsl(errors),
        HandshakeError::Failure(stream) | HandshakeError::WouldBlock(stream) => {
            let result = stream.ssl().verify_result();
            if result != X509VerifyResult::OK && matches!(security.trust, Trust::Directory(_)) {
                let cause = TrustProblem::Verification {
                    subject: None,
                    result,
                };
                return Error::Untrusted {
                    server: server.to_owned(),
                    cause,
                };
            }
            of_our_certificate(not_tls(server, stream), security)
        }
    }
}

/// A handshake that did not fail for the certificate. A MyProxy server whose own set-up is broken says so in
/// plain text; OpenSSL has then read five bytes for a record header and refused them.
fn not_tls(server: &str, mut stream: MidHandshakeSslStream<TimedStream>) -> Error {
    if let Some(words) = stream.get_mut().plain_text() {
        return Error::PlainText {
            server: server.to_owned(),
            words,
        };
    }
    let deadline = stream.get_ref().deadline();
    transport_failure(server, Step::Handshake, deadline, stream.into_error())
}

fn transport_failure(server: &str, step: Step, deadline: Deadline, error: ssl::Error) -> Error {
    let server = server.to_owned();
    let first = error
        .ssl_error()
        .and_then(|stack| stack.errors().first()?.reason());
    let reason = first.map_or_else(|| error.to_string(), str::to_owned);
    let ended_early = error.code() == ssl::ErrorCode::ZERO_RETURN
        || error.ssl_error().is_some_and(|stack| {
            stack
                .errors()
                .iter()
                .any(|error| error.reason() == Some("unexpected eof while reading"))
        });
    match error.into_io_error() {
        Ok(cause) if cause.kind() == io::ErrorKind::TimedOut => Error::Timeout {
            server,
            step,
            limit: deadline.limit(),
        },
        Ok(cause) => Error::ConnectionLost { server, step, cause },
        Err(error) if ended_early || error.code() == ssl::ErrorCode::SYSCALL => Error::ConnectionLost {
            server,
            step,
            cause: io::ErrorKind::UnexpectedEof.into(),
        },
        Err(_) => Error::Tls { server, reason },
    }
}

/// A server that does not take our certificate says so by a TLS alert, in TLS 1.3 only after the handshake.
fn of_our_certificate(error: Error, security: Security<'_>) -> Error {
    /// The alerts that are about a certificate (RFC 8446, section 6.2), as OpenSSL names them.
    const ALERTS: [&str; 8] = [
        "bad certificate",
        "unsupported certificate",
        "certificate revoked",
        "certificate expired",
        "certificate unknown",
        "unknown ca",
        "access denied",
        "certificate required",
    ];
    let (Error::Tls { server, reason }, Some(certificate)) = (&error, security.certificate) else {
        return error;
    };
    let alert = reason.split_once(" alert ").map(|(_, alert)| alert);
    match alert.and_then(|alert| ALERTS.into_iter().find(|known| alert == *known)) {
        Some(alert) => Error::ClientCertificate {
            server: server.clone(),
            subject: certificate.subject().to_owned(),
            alert,
        },
        None => error,
    }
}

fn no_certificate() -> TrustProblem {
    TrustProblem::Verification {
        subject: None,
        result: X509VerifyResult::APPLICATION_VERIFICATION,
    }
}
