//! One TLS connection, of which every wait has an end.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::time::Duration;

use openssl::ssl::{self, HandshakeError, MidHandshakeSslStream, Ssl, SslContext, SslStream, SslVersion};
use openssl::x509::X509VerifyResult;
use openssl::x509::verify::X509VerifyFlags;

use crate::client_certificate::ClientCertificate;
use crate::deadline::Deadline;
use crate::error::{Error, Step};
use crate::identity;
use crate::response::{self, Parsed};
use crate::server::Server;
use crate::timed_stream::TimedStream;
use crate::trust::{TrustDirectory, TrustProblem};

/// How long to wait: for each connect and each reply, and in all.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// For one connect, and for one whole reply.
    pub reply: Duration,
    /// For everything.
    pub total: Deadline,
}

impl Limits {
    /// The end of a step that begins now.
    pub fn step(&self) -> Deadline {
        Deadline::after(self.reply).or_earlier(self.total)
    }
}

/// A connection to a server that is trusted, is the one that was meant, and listens.
pub struct Connection {
    stream: SslStream<TimedStream>,
    /// What has been received and not yet taken.
    received: Vec<u8>,
    server: String,
    limits: Limits,
}

impl Connection {
    /// Connects, and checks the server's certificate. Nothing has been sent then.
    pub fn open(
        server: &Server,
        address: SocketAddr,
        certificate: Option<&ClientCertificate>,
        context: &SslContext,
        trust: &TrustDirectory,
        limits: Limits,
    ) -> Result<Self, Error> {
        let stream = connect(server, address, limits)?;
        let name = server.to_string();
        let untrusted = |cause| Error::Untrusted {
            server: name.clone(),
            cause,
        };
        let mut ssl = Ssl::new(context)?;
        ssl.set_verify_cert_store(trust.store(X509VerifyFlags::empty()).map_err(untrusted)?)?;
        if let Some(host) = server.server_name_indication() {
            ssl.set_hostname(host)?;
        }
        if let Some(certificate) = certificate {
            certificate.present(&mut ssl)?;
        }
        let stream = ssl
            .connect(stream)
            .map_err(|error| handshake_failure(&name, error))?;
        let tls = stream.ssl();
        let chain = tls.verified_chain().ok_or_else(|| untrusted(no_certificate()))?;
        trust.check_issuers(chain).map_err(untrusted)?;
        let certificate = tls
            .peer_certificate()
            .ok_or_else(|| untrusted(no_certificate()))?;
        identity::check(&certificate, server).map_err(|cause| Error::WrongName {
            server: name.clone(),
            cause,
        })?;
        let tls13 = tls.version2() == Some(SslVersion::TLS1_3);
        let mut connection = Connection {
            stream,
            received: Vec::new(),
            server: name,
            limits,
        };
        if tls13 {
            connection.receive(Step::Handshake, response::greeting)?;
        }
        Ok(connection)
    }

    /// How messages name the server.
    pub fn server(&self) -> &str {
        &self.server
    }

    /// Sends one message in one TLS record: the server takes each for a whole message.
    pub fn send(&mut self, step: Step, message: &[u8]) -> Result<(), Error> {
        self.stream.get_mut().set_deadline(self.limits.step());
        self.stream
            .ssl_write(message)
            .map(drop)
            .map_err(|error| self.failure(step, error))
    }

    /// Receives until `parser` has found what it looks for; what comes after that is kept for the next call.
    pub fn receive<T>(&mut self, step: Step, parser: impl Fn(&[u8]) -> Parsed<T>) -> Result<T, Error> {
        self.stream.get_mut().set_deadline(self.limits.step());
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
        let mut record = [0; 1 << 14];
        let length = self
            .stream
            .ssl_read(&mut record)
            .map_err(|error| self.failure(step, error))?;
        self.received.extend_from_slice(&record[..length]);
        Ok(())
    }

    fn failure(&self, step: Step, error: ssl::Error) -> Error {
        transport_failure(&self.server, step, self.stream.get_ref().deadline(), error)
    }
}

fn connect(server: &Server, address: SocketAddr, limits: Limits) -> Result<TimedStream, Error> {
    let deadline = limits.step();
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
        Ok(TimedStream::new(stream, limits.step()))
    });
    result.map_err(|cause| match cause.kind() {
        io::ErrorKind::TimedOut => timeout(named),
        _ => Error::Connect { server: named, cause },
    })
}

fn handshake_failure(server: &str, error: HandshakeError<TimedStream>) -> Error {
    match error {
        HandshakeError::SetupFailure(errors) => Error::OpenSsl(errors),
        HandshakeError::Failure(stream) | HandshakeError::WouldBlock(stream) => {
            let result = stream.ssl().verify_result();
            if result != X509VerifyResult::OK {
                let cause = TrustProblem::Verification {
                    subject: None,
                    result,
                };
                return Error::Untrusted {
                    server: server.to_owned(),
                    cause,
                };
            }
            not_tls(server, stream)
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
    let reason = error.to_string();
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

fn no_certificate() -> TrustProblem {
    TrustProblem::Verification {
        subject: None,
        result: X509VerifyResult::APPLICATION_VERIFICATION,
    }
}
