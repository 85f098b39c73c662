//! Where `pubcookie_module` and other modules meet: optional functions, by names that both sides spell alike.

use granting_cookie::Cookie;
use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::grant::{Grant, GrantPolicy, GrantRefusal};
use pubcookie_protocol::granting_request::Reauthentication;
use pubcookie_protocol::reason::Reason;
use zeroize::Zeroizing;

use super::keys::AppServer;
use super::place::Protection;
use super::replay::{Binding, Use};
use super::state::{self, GrantingCookie};
use super::{Pubcookie, answer, finish_login, log_in_again, place, server_name};
use crate::httpd::{Hooks, OptionalCookie, OptionalHook, OptionalNotice, Request, log};

/// Offered: the granting cookie that was verified and accepted for this request, in its plain form, still signed.
pub const GRANTING_COOKIE: OptionalCookie = OptionalCookie::named(c"pubcookie_granting_cookie");

/// Offered: the same cookie as it came, encrypted for this server.
pub const ENCRYPTED_GRANTING_COOKIE: OptionalCookie =
    OptionalCookie::named(c"pubcookie_encrypted_granting_cookie");

/// Offered: sends the user to log in once more, for a fresh granting cookie.
pub const LOG_IN_AGAIN: OptionalHook = OptionalHook::named(c"pubcookie_log_in_again");

/// Called, where `myproxy_module` offers it: the session of this request ends, and the credential with it.
pub const END_SESSION: OptionalNotice = OptionalNotice::named(c"myproxy_end_session");

/// Offers what is offered.
pub fn offer(hooks: &mut Hooks<'_>) {
    GRANTING_COOKIE.offer(hooks, |request| {
        granting_cookie(request, |cookie| cookie.plain.to_base64())
    });
    ENCRYPTED_GRANTING_COOKIE.offer(hooks, |request| {
        granting_cookie(request, |cookie| cookie.encrypted.clone())
    });
    LOG_IN_AGAIN.offer(hooks, log_in_again::log_in_again);
}

fn granting_cookie(
    request: &Request<'_>,
    form: impl FnOnce(&GrantingCookie) -> Zeroizing<String>,
) -> Option<Zeroizing<String>> {
    if state::session_has_ended(request) {
        return None;
    }
    let user = request.user().ok().flatten().filter(|user| !user.is_empty())?;
    let protection = Protection::of(request).ok()?;
    if matches!(protection, Protection::Flavour(..)) {
        return of_login(request, user).map(form);
    }
    of_login(request, user)
        .or_else(|| state::beside(request, || verify_beside(request, user)))
        .map(form)
}

/// The granting cookie with which this user logged in, in this request or the one before its internal redirect.
fn of_login<'r>(request: &Request<'r>, user: &str) -> Option<&'r GrantingCookie> {
    state::logins_of(request, user).find_map(|login| login.granting_cookie.as_ref())
}

/// Where another module has authenticated the user, a granting cookie that the request brings counts if it is that
/// user's. It answers no login that began here, so that there is no pre-session.
fn verify_beside(request: &Request<'_>, user: &str) -> Option<GrantingCookie> {
    let config = request.server_config::<Pubcookie>()?;
    let app_server = config.app_server.get()?;
    let found = finish_login::verified_cookies(request, app_server)
        .into_iter()
        .find_map(|(cookie, said)| Some((cookie, grant_beside(request, app_server, &said, user)?)));
    let (cookie, grant) = found?;
    answer::set_cookies(
        request,
        place::clear_granting(config.domain(server_name::of(request)).as_ref()),
    );
    let used = config.replay_cache.get()?.use_up(
        request,
        &cookie.plain,
        grant.create_time,
        Binding::Unbound,
        answer::now(request),
    );
    match used {
        Ok(Use::First) => Some(cookie),
        Ok(_) => {
            log!(
                Pubcookie,
                *request,
                Warning,
                "the granting cookie of user {user} was used before; it counts as absent"
            );
            None
        }
        Err(problem) => {
            log!(
                Pubcookie,
                *request,
                Error,
                "the granting cookie of user {user} cannot be used: {problem}"
            );
            None
        }
    }
}

/// What the cookie grants, if that is something here and for this user. Any flavour of login serves.
fn grant_beside(request: &Request<'_>, app_server: &AppServer, said: &Cookie, user: &str) -> Option<Grant> {
    let policy = GrantPolicy {
        app_id: &place::app_id(request),
        app_server_id: &app_server.id(request),
        creds: Creds::from_digit(said.creds).filter(|creds| *creds != Creds::NONE)?,
        reauthentication: Reauthentication::NotDemanded,
        strict_reauthentication: false,
        blank_user: false,
    };
    let refused = match Grant::check_unbound(said, &policy, answer::now(request)) {
        Ok(grant) if grant.user == user => return Some(grant),
        Ok(grant) => format!("it is user {}'s", grant.user),
        // It belongs to another application, which takes it.
        Err(refusal @ GrantRefusal::LogInAnew(Reason::WrongAppId)) => {
            log!(
                Pubcookie,
                *request,
                Info,
                "a granting cookie is not for this place: {refusal}"
            );
            return None;
        }
        Err(refusal) => refusal.to_string(),
    };
    log!(
        Pubcookie,
        *request,
        Warning,
        "a granting cookie beside the authenticated user {user} does not count: {refused}"
    );
    None
}
