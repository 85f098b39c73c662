//! What becomes of a request that gets no credential (`MyProxyOnMissing`).

pub mod authorization;
pub mod login_again;

use crate::httpd::{Outcome, Request};
use crate::myproxy::config::{DirectoryConfig, OnMissing};
use crate::myproxy::proof::pass_phrase;
use crate::myproxy::shortfall::{Class, Shortfall};
use crate::myproxy::{MyProxy, log};

/// When a client may ask again where no MyProxy server could be reached, in seconds: the granting cookie of its login
/// still waits then.
const RETRY_AFTER: &str = "30";

/// In `fixups`: whether the request goes on without.
pub fn go_on(request: &Request<'_>, place: &DirectoryConfig, shortfall: &Shortfall) -> Outcome {
    // Who logs out needs no credential for it.
    let logged_out = request.first().state::<MyProxy>().logged_out.get();
    if place.on_missing() == OnMissing::Ignore || logged_out {
        Outcome::Declined
    } else {
        refuse(request, place, shortfall)
    }
}

/// Sends the user to log in again where that is wanted and of use. Everybody else is refused: 403 where it lies with the
/// user, 503 where it lies with a server.
pub fn refuse(request: &Request<'_>, place: &DirectoryConfig, shortfall: &Shortfall) -> Outcome {
    if place.on_missing() == OnMissing::Login
        && let Some(outcome) = login_again::start(request, place, shortfall)
    {
        return outcome;
    }
    // It is refused once.
    let _ = request.state::<MyProxy>().denied.set(shortfall.clone());
    let class = shortfall.class;
    let status = class.status();
    if class == Class::Unreachable {
        request.response_headers_always().set("Retry-After", RETRY_AFTER);
    }
    log!(
        request,
        Info,
        "refused with {status}, because there is no credential: {}",
        class.as_str()
    );
    Outcome::Status(status)
}

/// Why a request that led to this one was refused, where this one is for the page that tells of it (`ErrorDocument`).
pub fn told_of(request: &Request<'_>) -> Option<Shortfall> {
    request
        .origins()
        .find_map(|origin| origin.known_state::<MyProxy>()?.denied.get().cloned())
        .or_else(|| pass_phrase::told_of(request))
}
