//! One TLS connection to a keyserver that is the right one, and that has accepted our certificate.

use std::io;
use std::net::{IpAddr, SocketAddr, TcpStream, ToSocketAddrs};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use openssl::error::ErrorStack;
use openssl::ssl::{
    ErrorCode, HandshakeError, MidHandshakeSslStream, Ssl, SslContext, SslMethod, SslSessionCacheMode,
    SslStream, SslVerifyMode, SslVersion,
};
use openssl::x509::X509StoreContextRef;

use super::failure::Failure;
use super::identity;
use super::settings::Settings;
use super::socket::Socket;

/// How long a connect, a handshake, and each read and write may take.
const STEP: Duration = Duration::from_secs(20);

/// How long to wait for the server's word on our certificate, in TLS 1.3.
const ACCEPTANCE: Duration = Duration::from_secs(2);

/// X509_V_ERR_HOSTNAME_MISMATCH and X509_V_ERR_IP_ADDRESS_MISMATCH.
const WRONG_NAME: [i32; 2] = [62, 64];

/// X509_V_ERR_...: UNABLE_TO_GET_ISSUER_CERT, DEPTH_ZERO_SELF_SIGNED_CERT, SELF_SIGNED_CERT_IN_CHAIN,
/// UNABLE_TO_GET_ISSUER_CERT_LOCALLY, UNABLE_TO_VERIFY_LEAF_SIGNATURE.
const UNKNOWN_AUTHORITY: [i32; 5] = [2, 18, 19, 20, 21];

/// A connection.
pub struct Connection<'s> {
    stream: SslStream<Socket>,
    settings: &'s Settings,
}

impl<'s> Connection<'s> {
    /// Connects. Nothing has been sent then but what a handshake takes.
    pub fn open(settings: &'s Settings) -> Result<Self, Failure> {
        let mut wrong_name = None;
        for name in &settings.names {
            match Connection::open_as(settings, name) {
                Err(problem @ Failure::WrongName { .. }) => wrong_name = Some(problem),
                other => return other,
            }
        }
        Err(wrong_name.unwrap_or_else(|| Failure::ended(settings)))
    }

    /// Connects to a server whose certificate has this name.
    fn open_as(settings: &'s Settings, name: &str) -> Result<Self, Failure> {
        let accepted = Arc::new(AtomicBool::new(false));
        let context = context(settings, &accepted)?;
        let mut ssl = Ssl::new(&context)?;
        let refused = Arc::new(OnceLock::new());
        ssl.set_verify_callback(SslVerifyMode::PEER, remember_refused(Arc::clone(&refused)));
        match name.parse::<IpAddr>() {
            Ok(address) => ssl.param_mut().set_ip(address)?,
            Err(_) => ssl.param_mut().set_host(name)?,
        }
        if settings.server.host.parse::<IpAddr>().is_err() {
            ssl.set_hostname(&settings.server.host)?;
        }
        let stream = match ssl.connect(connect(settings)?) {
            Ok(stream) => stream,
            Err(HandshakeError::SetupFailure(errors)) => return Err(errors.into()),
            Err(HandshakeError::Failure(stream) | HandshakeError::WouldBlock(stream)) => {
                return Err(handshake_failure(&stream, refused.get(), settings));
            }
        };
        let mut connection = Connection { stream, settings };
        connection.wait_for_acceptance(accepted)?;
        Ok(connection)
    }

    /// A TLS 1.3 server judges our certificate after the handshake is done for us. What we send before it refuses would
    /// have the system throw its alert away: the server's session ticket says that it did not.
    fn wait_for_acceptance(&mut self, accepted: Arc<AtomicBool>) -> Result<(), Failure> {
        if self.stream.ssl().version2() != Some(SslVersion::TLS1_3) {
            return Ok(());
        }
        let socket = self.stream.get_mut();
        socket.until = Some(accepted);
        socket.deadline = Instant::now() + ACCEPTANCE;
        let peeked = self.stream.ssl_peek(&mut [0]);
        self.stream.get_mut().until = None;
        match peeked {
            Err(error) if error.code() == ErrorCode::WANT_READ => Ok(()),
            // It sends no tickets.
            Err(error) if is_timeout(&error) => Ok(()),
            Err(error) => Err(Failure::of(&error, self.settings)),
            Ok(_) => Ok(()),
        }
    }

    /// Sends all of it.
    pub fn send(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        self.stream.get_mut().deadline = Instant::now() + STEP;
        let mut rest = bytes;
        while !rest.is_empty() {
            let sent = self.stream.ssl_write(rest);
            let sent = sent.map_err(|error| Failure::of(&error, self.settings))?;
            rest = &rest[sent..];
        }
        Ok(())
    }

    /// Receives what there is, at most `buffer` of it; nothing at the end of the connection. `limit` is how long to wait for
    /// it, if that is less than usual.
    pub fn receive(&mut self, buffer: &mut [u8], limit: Option<Duration>) -> Result<usize, Failure> {
        self.stream.get_mut().deadline = Instant::now() + limit.unwrap_or(STEP);
        match self.stream.ssl_read(buffer) {
            Ok(length) => Ok(length),
            Err(error) => match Failure::of(&error, self.settings) {
                Failure::NoReply { .. } => Ok(0),
                failure => Err(failure),
            },
        }
    }
}

fn context(settings: &Settings, accepted: &Arc<AtomicBool>) -> Result<SslContext, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_verify(SslVerifyMode::PEER);
    match (&settings.ca_file, &settings.ca_directory) {
        (None, None) => context.set_default_verify_paths()?,
        (file, directory) => context.load_verify_locations(file.as_deref(), directory.as_deref())?,
    }
    settings.identity.present(&mut context)?;
    context.set_session_cache_mode(SslSessionCacheMode::CLIENT | SslSessionCacheMode::NO_INTERNAL);
    let accepted = Arc::clone(accepted);
    context.set_new_session_callback(move |_, _| accepted.store(true, Ordering::Relaxed));
    Ok(context.build())
}

/// Tries each address of the host.
fn connect(settings: &Settings) -> Result<Socket, Failure> {
    let server = &settings.server;
    let no_connection = |error| Failure::NoConnection {
        server: server.to_string(),
        error,
    };
    let addresses: Vec<SocketAddr> = (server.host.as_str(), server.port)
        .to_socket_addrs()
        .map_err(no_connection)?
        .collect();
    let mut last = io::Error::other("the name has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, STEP) {
            Ok(stream) => return Ok(Socket::new(stream, Instant::now() + STEP)),
            Err(error) => last = error,
        }
    }
    Err(no_connection(last))
}

/// What is told of a certificate that was refused.
struct Refused {
    issuer: String,
    names: String,
}

/// OpenSSL's judgement stands; what it was about is kept for the message.
fn remember_refused(
    refused: Arc<OnceLock<Refused>>,
) -> impl Fn(bool, &mut X509StoreContextRef) -> bool + Send + Sync + 'static {
    move |good, context| {
        if !good && let Some(certificate) = context.current_cert() {
            refused.get_or_init(|| Refused {
                issuer: identity::issuer(certificate),
                names: identity::names(certificate).join(", "),
            });
        }
        good
    }
}

fn handshake_failure(
    stream: &MidHandshakeSslStream<Socket>,
    refused: Option<&Refused>,
    settings: &Settings,
) -> Failure {
    let server = settings.server.to_string();
    let result = stream.ssl().verify_result();
    match (result.as_raw(), refused) {
        (0, _) => Failure::of(stream.error(), settings),
        (reason, Some(refused)) if WRONG_NAME.contains(&reason) => Failure::WrongName {
            server,
            found: refused.names.clone(),
            wanted: settings.names.join(" or "),
        },
        (reason, Some(refused)) if UNKNOWN_AUTHORITY.contains(&reason) => Failure::Untrusted {
            server,
            issuer: refused.issuer.clone(),
        },
        _ => Failure::BadCertificate {
            server,
            reason: result.error_string().to_owned(),
        },
    }
}

fn is_timeout(error: &openssl::ssl::Error) -> bool {
    error
        .io_error()
        .is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}
