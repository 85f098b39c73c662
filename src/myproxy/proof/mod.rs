//! What a request has to show to the MyProxy server for its user.

pub mod own_certificate;
pub mod pass_phrase;
pub mod proven;

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use credential_store::{Method, ProofDigest};
use granting_cookie::SignedCookie;
use myproxy_client::{ClientCertificate, PassPhrase};
use zeroize::Zeroizing;

use crate::myproxy::identity::Identity;
use crate::myproxy::meeting;
use crate::myproxy::session::OpenSession;
use crate::myproxy::shortfall::{Class, Shortfall};

/// One of the proofs that `MyProxyAuthMethod` names.
pub enum Proof {
    /// A granting cookie of the user's, which works once.
    GrantingCookie(GrantingCookie),
    /// The user's pass phrase.
    PassPhrase(Zeroizing<Vec<u8>>),
    /// Our own certificate: the server trusts us to know the user.
    Certificate(Arc<ClientCertificate>),
}

impl Proof {
    /// What a record calls it.
    pub fn method(&self) -> Method {
        match self {
            Proof::GrantingCookie(_) => Method::Cookie,
            Proof::PassPhrase(_) => Method::PassPhrase,
            Proof::Certificate(_) => Method::Certificate,
        }
    }

    /// The granting cookie, where it is one.
    pub fn cookie(&self) -> Option<&GrantingCookie> {
        match self {
            Proof::GrantingCookie(cookie) => Some(cookie),
            Proof::PassPhrase(_) | Proof::Certificate(_) => None,
        }
    }

    /// The same for the client. Only a certificate that is the proof gets into the handshake.
    pub fn to_show(&self) -> Result<myproxy_client::Proof, Shortfall> {
        let secret = |secret: &[u8]| {
            PassPhrase::new(secret)
                .map(myproxy_client::Proof::PassPhrase)
                .map_err(|problem| Shortfall::new(Class::Refused, problem))
        };
        match self {
            Proof::GrantingCookie(cookie) => secret(cookie.cookie.as_bytes()),
            Proof::PassPhrase(pass_phrase) => secret(pass_phrase),
            Proof::Certificate(certificate) => {
                Ok(myproxy_client::Proof::Certificate(Arc::clone(certificate)))
            }
        }
    }
}

/// A granting cookie to show to the MyProxy server.
pub struct GrantingCookie {
    /// What is shown.
    pub cookie: Zeroizing<String>,
    /// When the login server made it.
    pub created: SystemTime,
}

impl GrantingCookie {
    /// The cookie that this request brought.
    pub fn of_this_login(
        meeting::GrantingCookie { proof, plain }: meeting::GrantingCookie,
    ) -> Result<Self, Shortfall> {
        let signed =
            SignedCookie::from_base64(&plain).map_err(|error| Shortfall::new(Class::Refused, error))?;
        let cookie = signed
            .unverified()
            .ok_or_else(|| Shortfall::new(Class::Refused, "the granting cookie is cut"))?;
        let created = u64::from(cookie.create_time);
        Ok(GrantingCookie {
            cookie: proof,
            created: UNIX_EPOCH + Duration::from_secs(created),
        })
    }

    /// The cookie that an earlier request of the session could not use.
    pub fn that_waits(session: &OpenSession, now: SystemTime) -> Option<Self> {
        let pending = session.session.pending(&session.id, now)?;
        let cookie = Zeroizing::new(std::str::from_utf8(&pending).ok()?.to_owned());
        Some(GrantingCookie {
            cookie,
            created: session.session.pending_since()?,
        })
    }

    /// What tells this attempt from another one of the same session.
    pub fn digest(&self, session: &OpenSession, identity: &Identity) -> ProofDigest {
        let servers = identity.origin.servers.join(" ");
        let name = identity.origin.credential_name.as_deref().unwrap_or_default();
        session.id.proof_digest(&[
            self.cookie.as_bytes(),
            identity.myproxy_user.as_str().as_bytes(),
            servers.as_bytes(),
            name.as_bytes(),
        ])
    }
}
