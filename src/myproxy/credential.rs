//! Which credential a request gets: the one that is stored, or the one that its login brings.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use credential_store::{Credential, Lookup, Record};

use super::config::{DirectoryConfig, ServerConfig};
use super::identity::Identity;
use super::logon::{self, Proof};
use super::session::{self, OpenSession};
use super::shortfall::{Class, Shortfall};
use super::start::Running;
use super::{MyProxy, meeting};
use crate::httpd::Request;

/// What was decided about a request.
pub struct Verdict {
    /// Whose credential it was about, where there was anybody.
    record: Option<Record>,
    /// The credential, or why there is none.
    pub result: Result<Credential, Shortfall>,
}

impl Verdict {
    /// Decides about a request. May fetch a credential.
    ///
    /// A subrequest, or an internal redirect, that is about the same takes over what was decided before it: a
    /// granting cookie is shown to the MyProxy server once.
    pub fn on(request: &Request<'_>, place: &DirectoryConfig) -> Self {
        let logged_out = request.first().state::<MyProxy>().logged_out.get();
        let wanted = if logged_out {
            Err(Shortfall::new(Class::None, "this request logged the user out"))
        } else {
            Wanted::of(request, place)
        };
        match wanted {
            Err(shortfall) => Verdict {
                record: None,
                result: Err(shortfall),
            },
            Ok(wanted) => Verdict {
                result: before(request, &wanted.identity.record).unwrap_or_else(|| wanted.get()),
                record: Some(wanted.identity.record),
            },
        }
    }
}

/// What a request that this one comes from was told about the same.
fn before(request: &Request<'_>, record: &Record) -> Option<Result<Credential, Shortfall>> {
    std::iter::successors(request.origin(), Request::origin)
        .filter_map(|origin| origin.state::<MyProxy>().verdict.get())
        .find(|verdict| verdict.record.as_ref() == Some(record))
        .map(|verdict| verdict.result.clone().map_err(Shortfall::told_before))
}

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
    fn of(request: &'r Request<'r>, place: &'r DirectoryConfig) -> Result<Self, Shortfall> {
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
}

impl Wanted<'_> {
    /// A granting cookie in this request leads to a logon; otherwise the stored credential serves; otherwise
    /// a granting cookie that waits in the session is tried again.
    fn get(&self) -> Result<Credential, Shortfall> {
        if let Some(cookie) = meeting::granting_cookie(self.request, self.place.forward()) {
            let session = session::begin(self)?;
            return logon::log_on(self, &session, &Proof::of_this_login(cookie)?);
        }
        let session = session::find(self)?;
        let shortfall = match self.stored()? {
            Stored::Good(credential) => {
                self.join(session)?;
                return Ok(credential);
            }
            Stored::Lacking(shortfall) => shortfall,
        };
        if let Some(session) = &session {
            if let Some(proof) = Proof::that_waits(session, self.now) {
                return logon::log_on(self, session, &proof);
            }
            // What kept the last logon from succeeding says more than that there is nothing.
            return Err(session
                .session
                .last_failure()
                .map_or(shortfall, Shortfall::of_another));
        }
        // The first request of this login may be at it.
        let turn = logon::wait_for_turn(self)?;
        match self.stored()? {
            Stored::Good(credential) => {
                drop(turn);
                self.join(session)?;
                Ok(credential)
            }
            Stored::Lacking(shortfall) => Err(shortfall),
        }
    }

    /// What is stored for the request's user.
    pub fn stored(&self) -> Result<Stored, Shortfall> {
        let Identity { name, record, .. } = &self.identity;
        let lacking = |class, words: &str| Ok(Stored::Lacking(Shortfall::new(class, words)));
        match self
            .running
            .credentials
            .lookup(name, record, self.place.min_lifetime(), self.now)?
        {
            Lookup::Good(credential) => Ok(Stored::Good(credential)),
            Lookup::Expired(_) => lacking(Class::Expired, "the credential has expired; log in again"),
            Lookup::Missing => lacking(Class::None, "there is no credential; log in again"),
            Lookup::NotYours => Err(Shortfall::new(Class::None, NOT_YOURS)),
        }
    }

    /// A browser of a user whose credential is there already gets a session of its own, so that its logout
    /// finds one. A client that keeps no cookies would leave a session behind with every request.
    fn join(&self, session: Option<OpenSession>) -> Result<(), Shortfall> {
        let keeps_cookies =
            self.request.header("Sec-Fetch-Mode") == Some("navigate") && self.request.is_https();
        if session.is_none() && keeps_cookies && !self.request.is_subrequest() {
            session::begin(self)?;
        }
        Ok(())
    }
}

/// What the store has for a request.
pub enum Stored {
    /// This.
    Good(Credential),
    /// Nothing that serves, and a logon may put something there.
    Lacking(Shortfall),
}

/// A credential that may not be replaced before it ends.
const NOT_YOURS: &str = "the credential stored under this name is of another login, MyProxy server or credential name; \
                         it has to be logged out or to expire first";
