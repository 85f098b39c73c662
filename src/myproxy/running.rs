//! What a server works with, from its start on.

use std::sync::Arc;
use std::time::Duration;

use credential_store::{CredentialStore, SessionStore};
use myproxy_client::{Client, Credential, GetRequest, KeyFormat, KeySpec};
use zeroize::Zeroizing;

use super::logon::key_pool::KeyPool;
use super::logon::limit::{Limit, Place};
use super::logon::renewal::Renewals;
use super::proof::own_certificate::OwnCertificate;
use super::proof::proven::ProvenPassPhrases;
use super::shortfall::{Class, Shortfall};

/// What it takes to ask a MyProxy server, and all that a server needs which only checks pass phrases. Made when httpd
/// starts; its children share it.
pub struct Asking {
    /// Asks the MyProxy servers.
    pub client: Client,
    /// They, as records name them.
    pub servers: Vec<String>,
    /// How many logons may go on at once.
    pub logons: Limit,
    /// How many requests of the whole httpd may wait for a logon at once, their own or another one's: each keeps a worker
    /// busy.
    pub waiting: Limit,
    /// The pass phrases that sessions have proved.
    pub proven: ProvenPassPhrases,
}

impl Asking {
    /// One more logon, if there is room.
    pub fn enter(&self) -> Result<Place, Shortfall> {
        let too_many = || Shortfall::not_asked("too many logons at once (MyProxyMaxConcurrent)");
        self.logons.enter().ok_or_else(too_many)
    }

    /// One more request that waits, if there is room.
    pub fn wait(&self) -> Result<Place, Shortfall> {
        let too_many = || Shortfall::not_asked("too many requests wait for a logon; try again");
        self.waiting.enter().ok_or_else(too_many)
    }
}

impl std::fmt::Debug for Asking {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Asking").finish_non_exhaustive()
    }
}

/// What a server with credentials works with. Made when httpd starts; its children share it.
pub struct Running {
    /// Asks the MyProxy servers.
    pub asking: Arc<Asking>,
    /// Our own certificate, where there is one.
    pub certificate: Option<OwnCertificate>,
    /// Where credentials are.
    pub credentials: CredentialStore,
    /// Where sessions are.
    pub sessions: SessionStore,
    /// What kind of key a credential gets.
    pub key: KeySpec,
    /// How it is written.
    pub key_format: KeyFormat,
    /// Keys for logons, of the whole httpd.
    pub keys: Arc<KeyPool>,
    /// The credentials that this process is to renew.
    pub renewals: Arc<Renewals>,
    /// How long a request waits for another one's logon.
    pub patience: Duration,
}

impl Running {
    /// Asks the MyProxy servers for a credential.
    pub fn get(&self, request: &GetRequest) -> Result<Credential, Shortfall> {
        let key = || self.keys.key(self.key);
        let credential = self.asking.client.get_with(request, key);
        credential.map_err(|error| Shortfall::from(&error))
    }

    /// The content of a credential's file.
    pub fn file_of(&self, credential: &Credential) -> Result<Zeroizing<Vec<u8>>, Shortfall> {
        let pem = credential.to_pem(self.key_format);
        pem.map_err(|error| Shortfall::new(Class::Store, error))
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Running")
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
