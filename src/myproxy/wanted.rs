//! What a request asks for: whose credential, of which server, as of when.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use credential_store::{Credential, Error, Lookup};

use super::MyProxy;
use super::config::{DirectoryConfig, ServerConfig};
use super::identity::Identity;
use super::running::Running;
use super::shortfall::{Class, Shortfall};
use crate::httpd::Request;

/// All that a decision needs to know.
pub struct Wanted<'r> {
    pub request: &'r Request<'r>,
    pub config: &'r ServerConfig,
    pub running: &'r Running,
    pub place: &'r DirectoryConfig,
    pub identity: Identity,
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
            now,
        })
    }

    /// The stored credential, or why none serves.
    pub fn what_is_there(&self) -> Result<Credential, Shortfall> {
        match self.stored()? {
            Stored::Good(credential) => Ok(credential),
            Stored::Lacking(shortfall) | Stored::Unsafe(shortfall) => Err(shortfall),
        }
    }

    /// What is stored for the request's user.
    pub fn stored(&self) -> Result<Stored, Shortfall> {
        let Identity { name, origin, .. } = &self.identity;
        let Wanted { running, place, .. } = self;
        let found = running
            .credentials
            .lookup(name, origin, place.methods(), place.min_lifetime(), self.now);
        let lacking = |class, words: &str| Ok(Stored::Lacking(Shortfall::new(class, words)));
        match found {
            Ok(Lookup::Good(credential)) => Ok(Stored::Good(credential)),
            Ok(Lookup::Expired(_)) => lacking(Class::Expired, "the credential has expired; log in again"),
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
    /// A file that somebody opened up or replaced. It serves nobody; a logon puts another in its place.
    Unsafe(Shortfall),
}

/// A credential that may not be replaced before it ends.
const NOT_YOURS: &str = "the credential stored under this name is of another login, MyProxy server or credential name; \
                         it has to be logged out or to expire first";
