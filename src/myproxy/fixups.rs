//! The hook before the handler: the application gets its credential.

use std::cell::{Cell, OnceCell};

use credential_store::Credential;

use super::credential;
use super::shortfall::{Class, Shortfall};
use super::{MyProxy, environment, log, session};
use crate::httpd::{Outcome, Request};

/// What the module remembers of a request.
#[derive(Default)]
pub struct RequestState {
    /// What was decided about its credential.
    verdict: OnceCell<Result<Credential, Shortfall>>,
    /// Whether its session has been ended.
    pub logged_out: Cell<bool>,
}

/// Fetches and exports the credential where this is wanted.
pub fn fixups(request: &Request<'_>) -> Outcome {
    let Some(place) = request.directory_config::<MyProxy>() else {
        return Outcome::Status(500);
    };
    let Some(config) = request.server_config::<MyProxy>() else {
        return Outcome::Status(500);
    };
    if config.running.get().is_none() {
        return Outcome::Declined;
    }
    // Also where nothing is wanted: a place before this one may have exported something, and the session
    // cookie is no application's.
    environment::remove_foreign(request, place);
    if place.credential() {
        environment::export(request, place, verdict(request));
    }
    session::hide_cookie(request, config);
    Outcome::Declined
}

/// The decision about a request. A subrequest or internal redirect of the same user in a place that wants
/// the same takes over what the first request was told.
fn verdict<'r>(request: &Request<'r>) -> &'r Result<Credential, Shortfall> {
    request.state::<MyProxy>().verdict.get_or_init(|| {
        let verdict = if request.first().state::<MyProxy>().logged_out.get() {
            Err(Shortfall::new(Class::None, "this request logged the user out"))
        } else {
            match request.directory_config::<MyProxy>() {
                Some(place) => credential::of_request(request, place),
                None => Err(Shortfall::new(Class::Store, "the configuration was not made")),
            }
        };
        if let Err(shortfall) = &verdict {
            let class = shortfall.class.as_str();
            log!(
                request,
                Debug,
                "no credential: {class}: {}",
                shortfall.description()
            );
        }
        verdict
    })
}
