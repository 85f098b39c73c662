//! The client: configured once, used by many threads.

use std::path::PathBuf;
use std::time::Duration;

use openssl::error::ErrorStack;
use openssl::ssl::{SslContext, SslMethod, SslOptions, SslSessionCacheMode, SslVerifyMode, SslVersion};

use crate::client_certificate::ClientCertificate;
use crate::connection::{Connection, Limits, Security, Trust};
use crate::conversation;
use crate::credential::Credential;
use crate::deadline::Deadline;
use crate::error::Error;
use crate::error_queue::ErrorQueue;
use crate::key::{Key, KeyError};
use crate::outages::OutageMemory;
use crate::request::GetRequest;
use crate::server::Server;
use crate::servers::Servers;
use crate::trust::TrustDirectory;

/// What a [`Client`] is made with.
#[derive(Clone, Debug)]
pub struct ClientOptions {
    /// The servers, tried in this order, every address of each.
    pub servers: Vec<Server>,
    /// Hashed directory of certification authorities with signing policies and revocation lists. It is read
    /// at each logon, by the user that the process runs as then.
    pub trust_directory: PathBuf,
    /// Limit for each look-up, connect, handshake and whole reply.
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
    servers: Servers,
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
            servers: Servers::new(options.servers),
            trust: TrustDirectory::new(options.trust_directory),
            reply_timeout: options.reply_timeout,
            total_timeout: options.total_timeout,
            context: tls_context()?,
        })
    }

    /// Remembers in numbers that other processes share which servers did not answer lately: what one has waited for, the
    /// others need not find out. All numbers are zero at first; a few dozen are plenty.
    #[must_use]
    pub fn remembering_outages_in(mut self, memory: OutageMemory) -> Self {
        self.servers.remember_outages_in(memory);
        self
    }

    /// Gets a credential for `key`. Blocks for the total time limit at most.
    ///
    /// A server that cannot be reached or trusted is passed over for the next; one that did not answer lately is asked
    /// last, and given less time to begin with. The first one that can be asked gets the request, and its answer
    /// stands: a pass phrase that was refused, or may have been used up, is shown to no other.
    ///
    /// # Errors
    /// If no server could be asked, the first that was not trusted, or else the first that was not reached.
    pub fn get(&self, request: &GetRequest, key: &Key) -> Result<Credential, Error> {
        self.get_with(request, || Ok(key.clone()))
    }

    /// Gets a credential for a key that `make_key` makes when a server has accepted the proof: one that is refused, or
    /// that nobody can be asked about, costs no key.
    ///
    /// # Errors
    /// As [`Self::get`], and [`Error::Key`].
    pub fn get_with(
        &self,
        request: &GetRequest,
        make_key: impl FnOnce() -> Result<Key, KeyError>,
    ) -> Result<Credential, Error> {
        self.converse(request.proof.client_certificate(), |connection| {
            conversation::get(connection, request, make_key, &self.trust)
        })
    }

    /// Has the proof looked at, and asks for no credential: the server's verdict comes before it signs anything. It notes
    /// that the client went away then.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn verify(&self, request: &GetRequest) -> Result<(), Error> {
        self.converse(request.proof.client_certificate(), |connection| {
            conversation::verify(connection, request.message(), &request.proof).map(drop)
        })
    }

    /// Connects to the first server that is there and trusted, and sends it nothing: whether a logon could begin.
    /// The server never hears of a user.
    ///
    /// # Errors
    /// As [`Self::get`], where no server could be asked.
    pub fn reach(&self) -> Result<(), Error> {
        self.converse(None, |_| Ok(()))
    }

    pub(crate) fn trust(&self) -> &TrustDirectory {
        &self.trust
    }

    /// Talks to the first server that is there and trusted.
    pub(crate) fn converse<T>(
        &self,
        certificate: Option<&ClientCertificate>,
        talk: impl FnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        self.converse_with(Trust::Directory(&self.trust), certificate, talk)
    }

    /// The same, with servers that are trusted for another reason.
    pub(crate) fn converse_with<T>(
        &self,
        trust: Trust<'_>,
        certificate: Option<&ClientCertificate>,
        talk: impl FnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let _queue = ErrorQueue::guard();
        let limits = Limits {
            connect: self.reply_timeout,
            reply: self.reply_timeout,
            total: Deadline::after(self.total_timeout),
        };
        let security = Security {
            context: &self.context,
            trust,
            certificate,
        };
        self.servers.converse(security, limits, talk)
    }
}

fn tls_context() -> Result<SslContext, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls_client())?;
    context.set_min_proto_version(Some(SslVersion::TLS1_2))?;
    context.set_options(SslOptions::NO_TICKET | SslOptions::NO_RENEGOTIATION);
    context.set_session_cache_mode(SslSessionCacheMode::OFF);
    context.set_verify(SslVerifyMode::PEER);
    Ok(context.build())
}
