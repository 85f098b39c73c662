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
        match Wanted::of(request, place) {
            Err(shortfall) => Verdict {
                record: None,
                result: Err(shortfall),
            },
            Ok(wanted) => {
                let before = before(request, &wanted.identity.record);
                Verdict {
                    result: before.unwrap_or_else(|| wanted.get()),
                    record: Some(wanted.identity.record),
                }
            }
        }
    }
}

/// What a request that this one comes from was told about the same.
fn before(request: &Request<'_>, record: &Record) -> Option<Result<Credential, Shortfall>> {
    std::iter::successors(request.origin(), Request::origin)
        .filter_map(|origin| origin.state::<MyProxy>().verdict.get())
        .find(|verdict| verdict.record.as_ref() == Some(record))
        .map(|verdict| verdict.result.clone().map_err(Shortfall::as_told))
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
        if self.request.first().state::<MyProxy>().logged_out.get() {
            return Err(Shortfall::new(Class::None, "this request logged the user out"));
        }
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
        Err(session
            .session
            .last_failure()
            .map_or(shortfall, Shortfall::of_another))
    }
}
