//! The client: configured once, used by many threads.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{SslContext, SslMethod, SslOptions, SslSessionCacheMode, SslVerifyMode, SslVersion};

use crate::client_certificate::ClientCertificate;
use crate::connection::{Connection, Limits};
use crate::conversation;
use crate::credential::Credential;
use crate::deadline::Deadline;
use crate::error::{Error, ErrorClass, Step};
use crate::error_queue::ErrorQueue;
use crate::key::Key;
use crate::request::GetRequest;
use crate::resolve::resolve;
use crate::server::Server;
use crate::trust::TrustDirectory;

/// What a [`Client`] is made with.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// The servers, tried in this order, every address of each.
    pub servers: Vec<Server>,
    /// Hashed directory of certification authorities with signing policies and revocation lists. It is read
    /// at each logon, by the user that the process runs as then.
    pub trust_directory: PathBuf,
    /// Limit for each connect, for the handshake and for each whole reply.
    pub reply_timeout: Duration,
    /// Limit for a whole logon.
    pub total_timeout: Duration,
}

impl ClientOptions {
    /// With `/etc/grid-security/certificates`, 10 seconds for a connect or reply, 30 seconds in all.
    pub fn new(servers: Vec<Server>) -> Self {
        ClientOptions {
            servers,
            trust_directory: PathBuf::from("/etc/grid-security/certificates"),
            reply_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(30),
        }
    }
}

/// A client of one or more equivalent MyProxy servers. It holds no connection and may be shared between
/// threads, and made in a process that then forks.
pub struct Client {
    servers: Vec<Server>,
    trust: TrustDirectory,
    reply_timeout: Duration,
    total_timeout: Duration,
    context: SslContext,
}

impl Client {
    /// Sets up TLS. Reads no file and asks no server.
    pub fn new(options: ClientOptions) -> Result<Self, Error> {
        let _queue = ErrorQueue::guard();
        if options.servers.is_empty() {
            return Err(Error::NoServer);
        }
        Ok(Client {
            servers: options.servers,
            trust: TrustDirectory::new(options.trust_directory),
            reply_timeout: options.reply_timeout,
            total_timeout: options.total_timeout,
            context: tls_context()?,
        })
    }

    /// Gets a credential for `key`. Blocks for the total time limit at most.
    ///
    /// A server that cannot be reached or trusted is passed over for the next. The first one that can be gets
    /// the request, and its answer stands: a pass phrase that was refused, or may have been used up, is shown
    /// to no other.
    ///
    /// # Errors
    /// If no server could be asked, the first that was not trusted, or else the first that was not reached.
    pub fn get(&self, request: &GetRequest, key: &Key) -> Result<Credential, Error> {
        let _queue = ErrorQueue::guard();
        let limits = Limits {
            reply: self.reply_timeout,
            total: Deadline::after(self.total_timeout),
        };
        let connection = self.open(limits, request.proof.client_certificate())?;
        conversation::get(connection, request, key, &self.trust)
    }

    /// Has the proof looked at, and asks for no credential: the server's verdict comes before it signs anything. It notes
    /// that the client went away then.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn verify(&self, request: &GetRequest) -> Result<(), Error> {
        let _queue = ErrorQueue::guard();
        let limits = Limits {
            reply: self.reply_timeout,
            total: Deadline::after(self.total_timeout),
        };
        let connection = self.open(limits, request.proof.client_certificate())?;
        conversation::verify(connection, request)
    }

    /// Connects to the first server that is there and trusted, and sends it nothing: whether a logon could begin.
    /// The server never hears of a user.
    ///
    /// # Errors
    /// As [`Self::get`], where no server could be asked.
    pub fn reach(&self) -> Result<(), Error> {
        let _queue = ErrorQueue::guard();
        let limits = Limits {
            reply: self.reply_timeout,
            total: Deadline::after(self.total_timeout),
        };
        self.open(limits, None).map(drop)
    }

    /// A connection to the first server that is there and trusted.
    fn open(&self, limits: Limits, certificate: Option<&ClientCertificate>) -> Result<Connection, Error> {
        first_open(self.servers.iter(), |server| {
            let addresses = addresses(server, limits.step())?;
            first_open(addresses.into_iter(), |address| {
                Connection::open(server, address, certificate, &self.context, &self.trust, limits)
            })
        })
    }
}

fn addresses(server: &Server, deadline: Deadline) -> Result<Vec<SocketAddr>, Error> {
    resolve(&server.host, server.port, deadline).map_err(|cause| match cause.kind() {
        io::ErrorKind::TimedOut => Error::Timeout {
            server: server.to_string(),
            step: Step::Lookup,
            limit: deadline.limit(),
        },
        _ => Error::Lookup {
            server: server.to_string(),
            cause,
        },
    })
}

/// The first connection that opens. Otherwise the first failure of the gravest kind: a server that cannot be
/// trusted needs somebody's care, one that is down comes back.
fn first_open<T>(
    candidates: impl Iterator<Item = T>,
    open: impl Fn(T) -> Result<Connection, Error>,
) -> Result<Connection, Error> {
    let gravity = |error: &Error| match error {
        Error::NoServer => 0,
        error if error.class() == ErrorClass::Unreachable => 1,
        _ => 2,
    };
    let mut failure = Error::NoServer;
    for candidate in candidates {
        match open(candidate) {
            Ok(connection) => return Ok(connection),
            Err(error) if gravity(&error) > gravity(&failure) => failure = error,
            Err(_) => {}
        }
    }
    Err(failure)
}

fn tls_context() -> Result<SslContext, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    context.set_options(SslOptions::NO_TICKET | SslOptions::NO_RENEGOTIATION);
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    context.set_verify(SslVerifyMode::PEER);
    Ok(context.build())
}
