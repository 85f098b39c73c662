//! A granting cookie comes back from the login server: is it good, and what happens then.

use granting_cookie::{Cookie, CookieError, EncryptedCookie, VerifiedCookie};
use pubcookie_protocol::cookie_header;
use pubcookie_protocol::error_page::Problem;
use pubcookie_protocol::form::Carriage;
use pubcookie_protocol::grant::{Grant, GrantRefusal};
use pubcookie_protocol::granting_request::LoginMethod;
use pubcookie_protocol::pre_session::PreSession;
use pubcookie_protocol::reason::Reason;
use pubcookie_protocol::session::Session;
use pubcookie_protocol::set_cookie;
use zeroize::Zeroizing;

use super::keys::AppServer;
use super::place::Place;
use super::replay::{Binding, Use};
use super::state::{self, GrantingCookie};
use super::{Pubcookie, answer, authenticate, carried_body, pre_session, session};
use crate::httpd::{Outcome, Request, log};

/// What a request shows of the login server.
pub enum Shown {
    /// No granting cookie that is meant for this place.
    Nothing,
    /// None that was not used before.
    UsedBefore,
    /// None that counts, for this reason.
    Insufficient(Reason),
    /// A good one, but no pre-session to belong to.
    WithoutPreSession,
    /// One that ends in a page.
    Refused(Problem),
    /// One that could not be checked, and why.
    Unchecked(String),
    /// A good one.
    Good(Box<GoodLogin>),
}

/// A granting cookie that satisfies the place and was used up for this request.
pub struct GoodLogin {
    grant: Grant,
    cookie: GrantingCookie,
    usage: Use,
    pre_session: PreSession,
}

/// Looks at each granting cookie of the request in turn.
pub fn look_for_granting_cookie(request: &Request<'_>, place: &Place<'_>) -> Shown {
    if granting_cookies(request).next().is_none() {
        return Shown::Nothing;
    }
    let mut shown = Shown::Insufficient(Reason::NoCookie);
    let mut is_spent = false;
    for (cookie, said) in verified_cookies(request, place.app_server) {
        shown = check(request, place, cookie, &said);
        match shown {
            Shown::Nothing => {}
            Shown::UsedBefore | Shown::Insufficient(_) | Shown::WithoutPreSession => is_spent = true,
            Shown::Refused(_) => {
                // Or the same page would come again, while the cookie is fresh.
                answer::set_cookies(request, place.clear_granting());
                return shown;
            }
            Shown::Unchecked(_) | Shown::Good(_) => return shown,
        }
    }
    if is_spent {
        answer::set_cookies(request, place.clear_granting());
    }
    shown
}

fn check(request: &Request<'_>, place: &Place<'_>, cookie: GrantingCookie, said: &Cookie) -> Shown {
    let (now, policy) = (answer::now(request), place.grant_policy());
    let Some(pre_session) = pre_session::of(request, place.app_server) else {
        return match Grant::check_unbound(said, &policy, now) {
            Ok(_) => Shown::WithoutPreSession,
            Err(_) => Shown::Insufficient(Reason::NoCookie),
        };
    };
    let grant = match Grant::check(said, &policy, Some(&pre_session), now) {
        Ok(grant) => grant,
        // It belongs to another application, which takes it.
        Err(GrantRefusal::LogInAnew(Reason::WrongAppId)) => return Shown::Nothing,
        Err(GrantRefusal::LogInAnew(reason)) => {
            log!(
                Pubcookie,
                *request,
                Warning,
                "a granting cookie does not count: {reason}"
            );
            return Shown::Insufficient(reason);
        }
        Err(GrantRefusal::NoUser) => return Shown::Refused(Problem::NoUser),
        Err(GrantRefusal::NoReauthentication) => return Shown::Refused(Problem::NoReauthentication),
    };
    if grant.other_version {
        log!(
            Pubcookie,
            *request,
            Notice,
            "a granting cookie has another version than a5; it counts all the same"
        );
    }
    match place.replay_cache.use_up(
        request,
        &cookie.plain,
        grant.create_time,
        Binding::PreSession,
        now,
    ) {
        Ok(Use::Replay) => {
            log!(
                Pubcookie,
                *request,
                Warning,
                "a granting cookie of user {} was used before; it counts as absent",
                grant.user
            );
            Shown::UsedBefore
        }
        Ok(usage) => Shown::Good(Box::new(GoodLogin {
            grant,
            cookie,
            usage,
            pre_session,
        })),
        Err(problem) => Shown::Unchecked(problem),
    }
}

/// The session begins, and the request is answered at once.
pub fn finish(request: &Request<'_>, place: &Place<'_>, auth_type: &str, good: GoodLogin) -> Outcome {
    let GoodLogin {
        grant,
        cookie,
        usage,
        mut pre_session,
    } = good;
    let (begun, granting_cookie) = match usage {
        Use::Parallel(first) => (first, None),
        _ => (answer::now(request), Some(cookie)),
    };
    let session = grant.session(&place.grant_policy(), begun);
    let carriage = pre_session.carriage(grant.pre_session_token);
    pre_session.finish(grant.pre_session_token);
    let accepted = place.directory.accepts_realm_of(&session.user);
    if let Err(problem) = keep(request, place, &pre_session, accepted.then_some(&session)) {
        log!(
            Pubcookie,
            *request,
            Error,
            "the session of user {} cannot begin: {problem}",
            session.user
        );
        return Outcome::Status(500);
    }
    answer::set_cookies(request, place.clear_granting());
    if !accepted {
        return authenticate::refuse_realm(request, place, &session.user);
    }
    match session.user.as_str() {
        "" => log!(
            Pubcookie,
            *request,
            Info,
            "nobody is logged in to {}",
            place.app_id
        ),
        user => log!(
            Pubcookie,
            *request,
            Info,
            "user {user} logged in to {}",
            place.app_id
        ),
    }
    if request.method() == "POST"
        && place.login_method() == LoginMethod::Get
        && carriage == Some(Carriage::OnClick)
    {
        return carried_body::ask_before_sending(request, place);
    }
    authenticate::accept(request, place, auth_type, session, granting_cookie)
}

/// Gives the browser what is left of its pre-session, and the session, if one begins.
fn keep(
    request: &Request<'_>,
    place: &Place<'_>,
    pre_session: &PreSession,
    session: Option<&Session>,
) -> Result<(), String> {
    pre_session::keep(request, place.app_server, pre_session).map_err(|problem| problem.to_string())?;
    match session {
        Some(session) => session::set(request, place, session).map_err(|problem| problem.to_string()),
        None => Ok(()),
    }
}

/// The granting cookies of the request whose signature holds, with what they say.
pub fn verified_cookies(request: &Request<'_>, app_server: &AppServer) -> Vec<(GrantingCookie, Cookie)> {
    granting_cookies(request)
        .filter_map(|value| verify(request, app_server, value))
        .collect()
}

/// Verifies one granting cookie. What is wrong with it is for the log alone.
pub fn verify(
    request: &Request<'_>,
    app_server: &AppServer,
    value: &[u8],
) -> Option<(GrantingCookie, Cookie)> {
    let encrypted = Zeroizing::new(std::str::from_utf8(value).ok()?.to_owned());
    let opened =
        EncryptedCookie::from_base64(&encrypted).and_then(|cookie| app_server.open(request, &cookie));
    match opened {
        Ok(VerifiedCookie { cookie, signed }) => Some((
            GrantingCookie {
                plain: signed,
                encrypted,
            },
            cookie,
        )),
        Err(problem) => {
            tell_of_unverified(request, app_server, &problem);
            None
        }
    }
}

/// It may be another server's in the domain, or a neighbour's: it is our concern where this browser awaits one of ours.
fn tell_of_unverified(request: &Request<'_>, app_server: &AppServer, problem: &CookieError) {
    if pre_session::of(request, app_server).is_some_and(|begun| begun.awaits_a_login()) {
        log!(
            Pubcookie,
            *request,
            Warning,
            "a granting cookie does not verify: {problem}. If it was meant for this server, compare \
             PubcookieGrantingCertFile, PubcookieCryptKeyFile and PubcookieEncryption with the login server's"
        );
    } else {
        log!(
            Pubcookie,
            *request,
            Info,
            "a granting cookie that no login of this browser awaits does not verify: {problem}"
        );
    }
}

/// What has a granting cookie's size: no cleared ones. No more are tried than a browser has reason to send: a neighbour
/// in the domain may plant as many as it likes.
fn granting_cookies<'r>(request: &Request<'r>) -> impl Iterator<Item = &'r [u8]> {
    cookie_header::values(state::cookies(request), set_cookie::GRANTING)
        .filter(|value| (228..=4096).contains(&value.len()))
        .take(8)
}
