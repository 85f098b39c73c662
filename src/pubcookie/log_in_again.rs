//! Offered to other modules: the user of a request is sent to log in once more, for a fresh granting cookie.

use pubcookie_protocol::form;
use pubcookie_protocol::reason::Reason;

use super::place::{Place, Protection};
use super::start_login::Trip;
use super::{Pubcookie, answer, start_login, state};
use crate::httpd::{Outcome, Request, log};

/// Answers as `check_authn` does where there is no session: the login page, 401 for a script, or a page that says why a
/// login cannot begin; 401 also for a body that no login can carry. Declines where a login would be of no use: where the
/// user is none of ours, and where this very request comes from a login.
///
/// The session goes on: who comes back without a granting cookie is still logged in, and not in a loop.
pub fn log_in_again(request: &Request<'_>) -> Outcome {
    if request.is_subrequest() || state::session_has_ended(request) || !request.is_https() {
        return Outcome::Declined;
    }
    let Ok(Protection::Flavour(name, creds)) = Protection::of(request) else {
        return Outcome::Declined;
    };
    let user = request.user().ok().flatten().unwrap_or_default();
    let mut logins = state::logins_of(request, user).peekable();
    let is_ours = !user.is_empty() && logins.peek().is_some();
    if !is_ours || logins.any(|login| login.granting_cookie.is_some()) {
        return Outcome::Declined;
    }
    match Place::of(request, creds) {
        Ok(place) if request.method() == "POST" && !is_form(request) => {
            answer::refuse_with_challenge(request, place.realm_of_challenge(request))
        }
        Ok(place) => start_login::start(request, &place, Reason::NoCookie, Trip::None),
        Err(problem) => {
            log!(
                Pubcookie,
                *request,
                Error,
                "this place is protected by AuthType {name}, but {problem}"
            );
            Outcome::Status(500)
        }
    }
}

fn is_form(request: &Request<'_>) -> bool {
    form::check_content_type(request.header("Content-Type")).is_ok()
}
