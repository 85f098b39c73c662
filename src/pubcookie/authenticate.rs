//! Who is the user? `check_authn` of the places that a login flavour of Pubcookie protects, and what the application
//! sees of the answer.

use pubcookie_protocol::session::Session;

use super::config::ServerConfig;
use super::finish_login::{self, Shown};
use super::place::{Place, Protection};
use super::start_login::Trip;
use super::state::{self, GrantingCookie, Login};
use super::{Pubcookie, answer, carried_body, realms, session, start_login};
use crate::httpd::{Outcome, Request, log};

/// The hook.
pub fn check_authn(request: &Request<'_>) -> Outcome {
    if state::is_answered(request) {
        return Outcome::Done;
    }
    let (name, creds) = match Protection::of(request) {
        Ok(Protection::Flavour(name, creds)) => (name, creds),
        Ok(Protection::Other) => return Outcome::Declined,
        Err(problem) => {
            log!(Pubcookie, *request, Error, "{problem}");
            return Outcome::Status(500);
        }
    };
    if state::ends_session(request) {
        return go_on_without_user(request);
    }
    if is_favicon(request) {
        state::mark_favicon(request);
        return go_on_without_user(request);
    }
    if state::session_has_ended(request) {
        return refuse(request, "the session ended on the way here");
    }
    let place = match Place::of(request, creds) {
        Ok(place) => place,
        Err(problem) => {
            log!(
                Pubcookie,
                *request,
                Error,
                "this place is protected by AuthType {name}, but {problem}"
            );
            return Outcome::Status(500);
        }
    };
    identify(request, &place, name)
}

fn identify(request: &Request<'_>, place: &Place<'_>, name: &str) -> Outcome {
    if let Some(session) = session_of_origin(request, place) {
        return accept(request, place, name, session, None);
    }
    if request.is_subrequest() {
        log!(
            Pubcookie,
            *request,
            Info,
            "refused a subrequest for {}: it has no user",
            place.app_id
        );
        return Outcome::Status(401);
    }
    if !request.is_https() {
        return answer::refuse_plain_http(request);
    }
    let shown = finish_login::look_for_granting_cookie(request, place);
    let trip = match shown {
        Shown::Good(good) => return finish_login::finish(request, place, name, *good),
        Shown::Refused(problem) => {
            return answer::send_problem(request, problem, &"the granting cookie was refused", None);
        }
        Shown::Unchecked(problem) => {
            log!(
                Pubcookie,
                *request,
                Error,
                "a login was refused, because it could not be checked: {problem}"
            );
            return Outcome::Status(500);
        }
        Shown::Insufficient(reason) => Trip::Fruitless(reason),
        Shown::WithoutPreSession => Trip::WithoutPreSession,
        Shown::Nothing | Shown::UsedBefore => Trip::None,
    };
    match session::look_for(request, place) {
        // What another tab has begun to carry is not let through by the session that yet another has begun.
        Ok(_) if carried_body::comes_from_login_server(request, place) => {
            carried_body::ask_before_sending(request, place)
        }
        Ok(session) => accept(request, place, name, session, None),
        Err(reason) => start_login::start(request, place, reason, trip),
    }
}

/// The request goes on with the user of a session, or without one where the session is a blank user's.
pub fn accept(
    request: &Request<'_>,
    place: &Place<'_>,
    auth_type: &str,
    session: Session,
    granting_cookie: Option<GrantingCookie>,
) -> Outcome {
    if !place.directory.accepts_realm_of(&session.user) {
        return refuse_realm(request, place, &session.user);
    }
    answer::keep_from_shared_caches(request);
    let user = place.directory.shown_name(&session.user).to_owned();
    request.set_user(Some(&user));
    if !user.is_empty() {
        request.set_authentication_type(auth_type);
    }
    state::remember(
        request,
        Login {
            user,
            session,
            granting_cookie,
        },
    );
    realms::remove_headers(request);
    realms::show(request);
    Outcome::Ok
}

/// Another login would end the same.
pub fn refuse_realm(request: &Request<'_>, place: &Place<'_>, user: &str) -> Outcome {
    log!(
        Pubcookie,
        *request,
        Info,
        "user {user} is of no realm that PubcookieAcceptRealm names for {}",
        place.app_id
    );
    answer::refuse_with_challenge(request, place.realm_of_challenge(request))
}

/// httpd takes no answer without a user from an authentication hook: the request carries a blank one until
/// [`fixups`]. It satisfies `Require valid-user` and no other.
fn go_on_without_user(request: &Request<'_>) -> Outcome {
    request.set_user(Some(""));
    Outcome::Ok
}

/// The hook, for every request: the application sees no user rather than a blank one.
pub fn fixups(request: &Request<'_>) -> Outcome {
    if state::is_answered(request) {
        return Outcome::Done;
    }
    let is_ours = || matches!(Protection::of(request), Ok(Protection::Flavour(..)));
    if state::login(request).is_some() || is_ours() {
        // httpd authenticates nobody anew where the place is the same as before the redirect.
        if state::comes_of_favicon(request) && state::login(request).is_none() {
            return refuse(request, "only the favicon itself needs no login");
        }
        if request.user() == Ok(Some("")) {
            request.set_user(None);
        }
        realms::remove_headers(request);
        realms::show(request);
    }
    Outcome::Declined
}

/// The hook, for every request: no application sees a cookie of ours, whoever protects its place, and no module that an
/// .htaccess file configures.
pub fn hide_cookies(request: &Request<'_>) -> Outcome {
    let hides = request
        .server_config::<Pubcookie>()
        .is_some_and(ServerConfig::hides_cookies);
    if hides {
        answer::hide_cookies(request);
    }
    Outcome::Declined
}

/// Where an internal redirect leads to and nobody can be logged in.
fn refuse(request: &Request<'_>, reason: &str) -> Outcome {
    log!(
        Pubcookie,
        *request,
        Info,
        "refused an internal redirect to {}: {reason}",
        String::from_utf8_lossy(request.path())
    );
    Outcome::Status(403)
}

/// The session of the request before an internal redirect, or of the one that a subrequest belongs to, where it
/// satisfies this place too.
fn session_of_origin(request: &Request<'_>, place: &Place<'_>) -> Option<Session> {
    let mut origin = request.origin();
    while let Some(earlier) = origin {
        if let Some(login) = state::login(&earlier) {
            let good = login
                .session
                .check(&place.session_policy(), answer::now(request))
                .is_ok();
            return good.then(|| login.session.clone());
        }
        origin = earlier.origin();
    }
    None
}

/// Browsers ask for exactly this by themselves; a login page would help nobody. Not what is redirected here, nor where
/// it is redirected to.
fn is_favicon(request: &Request<'_>) -> bool {
    request.origin().is_none()
        && request.path() == b"/favicon.ico"
        && request.query().is_none()
        && matches!(request.method(), "GET" | "HEAD")
}
