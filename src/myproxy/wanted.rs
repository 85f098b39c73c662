//! What a request asks for: whose credential, of which server, as of when.

use std::cell::OnceCell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use credential_store::{Credential, CredentialName, Error, Lookup, Method, Session};

use super::config::{DirectoryConfig, Scope, ServerConfig};
use super::identity::Identity;
use super::proof::pass_phrase;
use super::running::Running;
use super::shortfall::{Class, Shortfall};
use super::{MyProxy, htaccess, meeting, session};
use crate::httpd::Request;

/// All that a decision needs to know.
pub struct Wanted<'r> {
    pub request: &'r Request<'r>,
    pub config: &'r ServerConfig,
    pub running: &'r Running,
    pub place: &'r DirectoryConfig,
    pub identity: Identity,
    /// Whether a session of this request begins with a credential of its own (`MyProxyCredScope session`).
    pub alone: bool,
    /// The name of the credential that its session uses, once there is one.
    of_session: OnceCell<CredentialName>,
    /// When the request arrived: the one clock that everything about it goes by.
    pub now: SystemTime,
}

impl<'r> Wanted<'r> {
    /// What this request asks for in this place.
    pub fn of(request: &'r Request<'r>, place: &'r DirectoryConfig) -> Result<Self, Shortfall> {
        let not_ready = || Shortfall::new(Class::Store, "the module was not started for this server");
        let config = request.server_config::<MyProxy>().ok_or_else(not_ready)?;
        let running = config.running.get().ok_or_else(not_ready)?;
        let nobody = || Shortfall::new(Class::None, "there is no user");
        let identity = Identity::of(request, config, place)?.ok_or_else(nobody)?;
        let now = UNIX_EPOCH + Duration::from_micros(request.time_microseconds().unsigned_abs());
        Ok(Wanted {
            request,
            config,
            running,
            place,
            identity,
            // A client that keeps no cookies would log on with every request: all of a user share one credential.
            alone: config.scope() == Scope::Session
                && (session::is_kept_by(request) || meeting::brings_granting_cookie(request)),
            of_session: OnceCell::new(),
            now,
        })
    }

    /// Under which name the request's credential is kept: its session says so. `None` where it needs a session first.
    pub fn name(&self) -> Option<&CredentialName> {
        let of_user = || (!self.alone).then_some(&self.identity.name);
        self.of_session.get().or_else(of_user)
    }

    /// Goes by a session from now on.
    pub fn go_by(&self, session: &Session) {
        // A request has one session.
        let _ = self.of_session.set(session.credential().clone());
    }

    /// The stored credential, or why none serves.
    pub fn what_is_there(&self) -> Result<Credential, Shortfall> {
        match self.stored()? {
            Stored::Good(credential) => Ok(credential),
            Stored::Lacking(shortfall) | Stored::Over(shortfall) | Stored::Unsafe(shortfall) => {
                Err(shortfall)
            }
        }
    }

    /// What is stored for the request's user.
    ///
    /// Whoever may write an .htaccess could let anybody be the user there, by passwords of his own. So what a pass phrase
    /// brought serves where the request has shown the pass phrase, or where no such file counts; and what our own
    /// certificate brought, only where none does.
    pub fn stored(&self) -> Result<Stored, Shortfall> {
        let counts = |method: &Method| match method {
            Method::Cookie => true,
            Method::PassPhrase => pass_phrase::counts(self),
            Method::Certificate => !htaccess::could_name_the_user(self.request, self.place),
        };
        let methods = self.place.methods();
        if methods.iter().all(counts) {
            return self.stored_by(methods);
        }
        let some: Vec<Method> = methods.iter().copied().filter(counts).collect();
        self.stored_by(&some)
    }

    /// What is stored, if it was got by one of these methods.
    pub fn stored_by(&self, methods: &[Method]) -> Result<Stored, Shortfall> {
        let Some(name) = self.name() else {
            return Ok(Stored::Lacking(Shortfall::nothing()));
        };
        let Wanted { running, place, .. } = self;
        let origin = &self.identity.origin;
        let found = running
            .credentials
            .lookup(name, origin, methods, place.min_lifetime(), self.now);
        match found {
            Ok(Lookup::Good(credential)) => Ok(Stored::Good(credential)),
            Ok(Lookup::Expired(certificate)) => {
                let shortfall = Shortfall::new(Class::Expired, "the credential has expired; log in again");
                Ok(match certificate.expires <= self.now {
                    true => Stored::Over(shortfall),
                    false => Stored::Lacking(shortfall),
                })
            }
            Ok(Lookup::Missing) => Ok(Stored::Lacking(Shortfall::nothing())),
            Ok(Lookup::NotYours) => Err(Shortfall::new(Class::None, NOT_YOURS)),
            Err(error @ Error::UnsafeFile { .. }) => Ok(Stored::Unsafe(error.into())),
            Err(error) => Err(error.into()),
        }
    }
}

/// What the store has for a request.
pub enum Stored {
    /// This.
    Good(Credential),
    /// Nothing that serves, and a logon may put something there.
    Lacking(Shortfall),
    /// One whose time is over. A logon may put another in its place.
    Over(Shortfall),
    /// A file that somebody opened up or replaced. It serves nobody; a logon puts another in its place.
    Unsafe(Shortfall),
}

/// A credential that may not be replaced before it ends.
const NOT_YOURS: &str = "the credential stored under this name is of another login, MyProxy server or credential name; \
                         it has to be logged out or to expire first";
