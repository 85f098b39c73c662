//! What a server with credentials works with, from its start on.

use std::sync::Arc;
use std::time::Duration;

use credential_store::{CredentialStore, SessionStore};
use myproxy_client::Client;

use super::key_pool::KeyPool;
use super::limit::Limit;
use super::own_certificate::OwnCertificate;

/// Made when httpd starts; its children share it.
pub struct Running {
    /// Asks the MyProxy servers.
    pub client: Client,
    /// Our own certificate, where there is one.
    pub certificate: Option<OwnCertificate>,
    /// Where credentials are.
    pub credentials: CredentialStore,
    /// Where sessions are.
    pub sessions: SessionStore,
    /// Keys for logons, of the whole httpd.
    pub keys: Arc<KeyPool>,
    /// How many logons may go on at once.
    pub logons: Limit,
    /// How many requests may wait for a logon at once, their own or another one's: each keeps a worker of httpd busy.
    pub waiting: Limit,
    /// How long a request waits for another one's logon.
    pub patience: Duration,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Running")
            .field("credentials", &self.credentials)
            .finish_non_exhaustive()
    }
}
