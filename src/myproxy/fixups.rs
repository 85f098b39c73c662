//! The hook before the handler: the application gets its credential.

use std::cell::{Cell, OnceCell, RefCell};

use credential_store::SessionId;

use super::application::{environment, header};
use super::config::DirectoryConfig;
use super::credential::Verdict;
use super::missing::authorization::KeptOut;
use super::proof::pass_phrase::Checked;
use super::shortfall::{Class, Shortfall};
use super::{MyProxy, log, missing};
use crate::httpd::{Outcome, Request};

/// What the module remembers of a request.
#[derive(Default)]
pub struct RequestState {
    /// What was decided about its credential.
    pub verdict: OnceCell<Verdict>,
    /// The realm that authentication has said, where it said any.
    pub realm: OnceCell<Option<String>>,
    /// The sessions that the client's cookies name.
    pub identifiers: OnceCell<Vec<SessionId>>,
    /// The session that this request began.
    pub session_begun: RefCell<Option<SessionId>>,
    /// Whether its session has been ended.
    pub logged_out: Cell<bool>,
    /// Whether the authorization hooks of other modules are being asked about it.
    pub in_auth_checker: Cell<bool>,
    /// What was found out about the pass phrase that it shows.
    pub checked: RefCell<Option<Checked>>,
    /// Why its pass phrase was refused.
    pub refused: RefCell<Option<Shortfall>>,
    /// Why `Require myproxy-credential` keeps its user out.
    pub kept_out: RefCell<Option<KeptOut>>,
    /// For want of which credential it was refused.
    pub denied: OnceCell<Shortfall>,
}

/// Fetches and exports the credential where this is wanted.
pub fn fixups(request: &Request<'_>) -> Outcome {
    let Some(place) = request.directory_config::<MyProxy>() else {
        return Outcome::Status(500);
    };
    let Some(config) = request.server_config::<MyProxy>() else {
        return Outcome::Status(500);
    };
    header::remove_foreign(request, config);
    if config.asking.get().is_none() {
        return Outcome::Declined;
    }
    // Another provider knew the user.
    if let Some(state) = request.known_state::<MyProxy>() {
        state.refused.take();
    }
    // Also where nothing is wanted: a place before this one may have exported something.
    if place.credential() || request.origin().is_some() {
        environment::remove_foreign(request, place);
    }
    if let Some(shortfall) = missing::told_of(request) {
        // The page that tells of it gets no other credential.
        environment::export(request, place, &Err(shortfall));
        header::export(request, place);
        return Outcome::Declined;
    }
    if !place.credential() {
        return Outcome::Declined;
    }
    let result = &verdict(request, place).result;
    environment::export(request, place, result);
    header::export(request, place);
    match result {
        Ok(_) => Outcome::Declined,
        Err(shortfall) => missing::go_on(request, place, shortfall),
    }
}

/// The decision about a request, made once.
pub fn verdict<'r>(request: &Request<'r>, place: &DirectoryConfig) -> &'r Verdict {
    request.state::<MyProxy>().verdict.get_or_init(|| {
        let verdict = Verdict::on(request, place);
        if let Err(shortfall) = &verdict.result {
            tell(request, shortfall);
        }
        verdict
    })
}

/// That a user has to log in again is no error; that a logon failed is one, once.
pub fn tell(request: &Request<'_>, shortfall: &Shortfall) {
    let user = request.user().ok().flatten().unwrap_or("nobody");
    let (class, words) = (shortfall.class.as_str(), shortfall.description());
    match shortfall.class {
        Class::None | Class::Expired => log!(request, Debug, "no credential for {user}: {class}: {words}"),
        _ if shortfall.told => log!(request, Debug, "no credential for {user}: still {class}: {words}"),
        _ => log!(request, Error, "no credential for {user}: {class}: {words}"),
    }
}
