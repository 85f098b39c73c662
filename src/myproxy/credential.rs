//! Which credential a request gets: the one that is stored, or the one that its login brings.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use credential_store::{Credential, Lookup};

use super::config::{DirectoryConfig, ServerConfig};
use super::identity::Identity;
use super::logon::{self, Proof};
use super::session::{self, OpenSession};
use super::shortfall::{Class, Shortfall};
use super::start::Running;
use super::{MyProxy, meeting};
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

/// The credential for a request, or why there is none. May fetch one.
pub fn of_request(request: &Request<'_>, place: &DirectoryConfig) -> Result<Credential, Shortfall> {
    let not_ready = || Shortfall::new(Class::Store, "the module was not started for this server");
    let config = request.server_config::<MyProxy>().ok_or_else(not_ready)?;
    let running = config.running.get().ok_or_else(not_ready)?;
    let Some(identity) = Identity::of(request, config, place)? else {
        return Err(Shortfall::new(Class::None, "there is no user"));
    };
    let now = UNIX_EPOCH + Duration::from_micros(request.time_microseconds().unsigned_abs());
    Wanted {
        request,
        config,
        running,
        place,
        identity,
        now,
    }
    .get()
}

impl Wanted<'_> {
    /// A granting cookie in this request leads to a logon; otherwise the stored credential serves; otherwise
    /// a granting cookie that waits in the session is tried again.
    fn get(&self) -> Result<Credential, Shortfall> {
        if let Some(cookie) = meeting::granting_cookie(self.request, self.place.forward()) {
            let session = session::begin(self.request, self.config, self.running, &self.identity, self.now)?;
            return logon::log_on(self, &session, &Proof::of_this_login(cookie)?);
        }
        let idle = self.place.session_idle();
        let session = session::find(
            self.request,
            self.config,
            self.running,
            &self.identity,
            idle,
            self.now,
        )?;
        let shortfall = match self.look_up()? {
            Lookup::Good(credential) => {
                self.join(session)?;
                return Ok(credential);
            }
            Lookup::Expired(_) => Shortfall::new(Class::Expired, "the credential has expired; log in again"),
            Lookup::Missing => Shortfall::new(Class::None, "there is no credential; log in again"),
            Lookup::NotYours => Shortfall::new(
                Class::None,
                "the stored credential belongs to a user of this name who logged in in another way",
            ),
        };
        match session {
            Some(session) => self.try_again(&session, shortfall),
            None => Err(shortfall),
        }
    }

    /// What is stored for the request's user.
    pub fn look_up(&self) -> Result<Lookup, Shortfall> {
        let Identity { name, record, .. } = &self.identity;
        Ok(self
            .running
            .credentials
            .lookup(name, record, self.place.min_lifetime(), self.now)?)
    }

    /// A browser of a user whose credential is there already gets a session of its own, so that its logout
    /// finds one. A client that is no browser would leave a session behind with every request.
    fn join(&self, session: Option<OpenSession>) -> Result<(), Shortfall> {
        let is_browser = self.request.header("Sec-Fetch-Mode") == Some("navigate")
            || self
                .request
                .header("Accept")
                .is_some_and(|types| types.contains("text/html"));
        if session.is_none() && is_browser && !self.request.is_subrequest() {
            session::begin(self.request, self.config, self.running, &self.identity, self.now)?;
        }
        Ok(())
    }

    /// Tries the granting cookie that a failed logon left in the session, if it is young enough.
    fn try_again(&self, session: &OpenSession, shortfall: Shortfall) -> Result<Credential, Shortfall> {
        if let Some(proof) = Proof::that_waits(session, self.now) {
            return logon::log_on(self, session, &proof);
        }
        // What kept the last logon from succeeding says more than that there is nothing.
        let last = session.session.last_failure();
        let last = last.and_then(|failure| Some((Class::from_name(&failure.class)?, &failure.description)));
        Err(last.map_or(shortfall, |(class, description)| {
            Shortfall::new(class, description)
        }))
    }
}
