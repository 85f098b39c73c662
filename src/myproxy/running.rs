//! What a server with credentials works with, from its start on.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use credential_store::{CredentialStore, SessionStore};
use myproxy_client::Client;

/// Made when httpd starts; its children share it.
pub struct Running {
    /// Asks the MyProxy servers.
    pub client: Client,
    /// Where credentials are.
    pub credentials: CredentialStore,
    /// Where sessions are.
    pub sessions: SessionStore,
    /// How many logons may go on in one child.
    pub logons: Limiter,
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

/// How many logons go on in this process, at most (`MyProxyMaxConcurrent`).
#[derive(Debug)]
pub struct Limiter {
    most: usize,
    now: AtomicUsize,
}

/// The right to one logon, until it is dropped.
pub struct Slot<'l>(&'l Limiter);

impl Limiter {
    /// Lets so many in at once.
    pub fn new(most: usize) -> Self {
        Limiter {
            most,
            now: AtomicUsize::new(0),
        }
    }

    /// One more, if there is room.
    pub fn enter(&self) -> Option<Slot<'_>> {
        let one_more = |now: usize| (now < self.most).then_some(now + 1);
        self.now
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more)
            .ok()
            .map(|_| Slot(self))
    }
}

impl Drop for Slot<'_> {
    fn drop(&mut self) {
        self.0.now.fetch_sub(1, Ordering::AcqRel);
    }
}
