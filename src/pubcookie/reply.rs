//! The reply URL of the POST method: the login server's form delivers a granting cookie there.

use std::fmt::Display;

use granting_cookie::Cookie;
use pubcookie_protocol::app_id::{AppId, AppServerId};
use pubcookie_protocol::app_pages;
use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::error_page::Problem;
use pubcookie_protocol::form::{Carriage, Form};
use pubcookie_protocol::grant::{Grant, GrantPolicy, GrantRefusal};
use pubcookie_protocol::granting_request::{LoginMethod, Reauthentication};
use pubcookie_protocol::host::Host;
use pubcookie_protocol::reason::Reason;
use pubcookie_protocol::reply::Reply;
use pubcookie_protocol::set_cookie;
use pubcookie_protocol::settings::ReplyPath;

use super::keys::AppServer;
use super::{Pubcookie, answer, carried_body, finish_login, place, pre_session, server_name, state};
use crate::httpd::{Outcome, Request, log};

/// In `post_read_request`: marks a request for the reply URL, before anything rewrites its path.
pub fn mark(request: &Request<'_>) -> Outcome {
    if !request.is_internal_redirect() && !request.is_subrequest() && is_reply_url(request) {
        state::mark_reply(request);
    }
    Outcome::Declined
}

/// In `translate_name`: answers it there, where no proxy, rewriting, handler or protected place can come between.
pub fn claim(request: &Request<'_>) -> Outcome {
    if !state::is_reply(request) {
        return Outcome::Declined;
    }
    let app_server = request
        .server_config::<Pubcookie>()
        .and_then(|config| config.app_server.get());
    match app_server {
        Some(app_server) => deliver(request, app_server).unwrap_or_else(|outcome| outcome),
        None => Outcome::Declined,
    }
}

/// Only the POST method has a reply URL.
fn is_reply_url(request: &Request<'_>) -> bool {
    let Some(config) = request.server_config::<Pubcookie>() else {
        return false;
    };
    let is_reply_path = || match &config.reply_path {
        Some(path) => request.path() == path.as_str().as_bytes(),
        None => request.path() == ReplyPath::default().as_str().as_bytes(),
    };
    config.login_method == Some(LoginMethod::Post) && config.app_server.get().is_some() && is_reply_path()
}

fn deliver(request: &Request<'_>, app_server: &AppServer) -> Result<Outcome, Outcome> {
    let refuse =
        |problem: Problem, reason: &dyn Display| answer::send_problem(request, problem, reason, None);
    if request.method() != "POST" || !request.is_https() {
        return Err(refuse(
            Problem::BadReply,
            &"the reply URL takes POST over HTTPS alone",
        ));
    }
    let host = Host::new(server_name::of(request), place::port(request));
    let host = host.map_err(|problem| refuse(Problem::BadReply, &problem))?;
    let form = read_form(request)?;
    let reply = Reply::parse(&form, &host).map_err(|problem| refuse(Problem::from(&problem), &problem))?;
    let carriage = match carriage_of_login(request, app_server, &reply)? {
        Some(carriage) => carriage,
        None => return without_granting_cookie(request, app_server, &reply),
    };
    answer::set_cookies(request, [set_cookie::granting(&reply.granting_cookie)]);
    if reply.post_stuff.is_empty() {
        return Ok(answer::send(request, &app_pages::redirect(&reply.destination)));
    }
    let body = Form::parse(&reply.post_stuff, reply.post_stuff.len());
    let body = body.and_then(|body| body.check_carriable().map(|()| body));
    let body = body.map_err(|problem| refuse(Problem::from(&problem), &problem))?;
    Ok(answer::send_page(request, |nonce| {
        app_pages::carry_on(&reply.destination, &body, carriage, &host, nonce)
    }))
}

/// The form of the login server: a carried body, percent-encoded once more, and the other fields.
fn read_form(request: &Request<'_>) -> Result<Form, Outcome> {
    let post_limit = request
        .server_config::<Pubcookie>()
        .map_or(0, |config| config.post_limit());
    let limit = post_limit.saturating_mul(3).saturating_add(65_536);
    let body = carried_body::body(request, limit)?;
    Form::parse(&body, limit)
        .map_err(|problem| answer::send_problem(request, Problem::BadReply, &problem, None))
}

/// The browser must have begun here the login that the granting cookie ends: nobody can have another user's browser log
/// in for them. The answer is how the body of the first request may go on; `None` where it began other logins only.
fn carriage_of_login(
    request: &Request<'_>,
    app_server: &AppServer,
    reply: &Reply,
) -> Result<Option<Carriage>, Outcome> {
    let refuse = |problem, reason: &dyn Display| {
        answer::send_problem(request, problem, reason, Some(&reply.destination))
    };
    let pre_session = pre_session::of(request, app_server);
    // Anybody can post something here. It is the login server's where this browser awaits its answer.
    let unusable = |reason| match &pre_session {
        Some(begun) if begun.awaits_a_login() => Problem::UnusableReply(reason),
        _ => Problem::BadReply,
    };
    let (_, said) = finish_login::verify(request, app_server, reply.granting_cookie.as_bytes())
        .ok_or_else(|| refuse(unusable(Reason::NoCookie), &"the granting cookie does not verify"))?;
    check_for_this_server(&said, &app_server.id(request), answer::now(request)).map_err(|refusal| {
        match refusal {
            GrantRefusal::LogInAnew(reason) => refuse(unusable(reason), &reason),
            GrantRefusal::NoUser | GrantRefusal::NoReauthentication => refuse(Problem::BadReply, &refusal),
        }
    })?;
    let pre_session = pre_session.ok_or_else(|| refuse(Problem::NoCookiesKept, &Reason::WrongPreSession))?;
    Ok(pre_session.carriage(said.pre_session_token))
}

/// Whether it is a granting cookie for this server, not too old. Which application and flavour it is for is looked at
/// where it is used.
fn check_for_this_server(said: &Cookie, app_server_id: &AppServerId, now: u64) -> Result<(), GrantRefusal> {
    let policy = GrantPolicy {
        app_id: &AppId::from_encoded(said.app_id.as_bytes())
            .map_err(|_| GrantRefusal::LogInAnew(Reason::WrongAppId))?,
        app_server_id,
        creds: Creds::from_digit(said.creds).ok_or(GrantRefusal::LogInAnew(Reason::WrongCreds))?,
        reauthentication: Reauthentication::NotDemanded,
        strict_reauthentication: false,
        blank_user: true,
    };
    Grant::check_unbound(said, &policy, now).map(|_| ())
}

/// Tabs that log in at once, or somebody else's granting cookie: the user goes on without it. At the destination the
/// session of another tab serves, or a login begins.
fn without_granting_cookie(
    request: &Request<'_>,
    app_server: &AppServer,
    reply: &Reply,
) -> Result<Outcome, Outcome> {
    const WHY: Reason = Reason::WrongPreSession;
    let problem = |problem| answer::send_problem(request, problem, &WHY, Some(&reply.destination));
    let mut pre_session = pre_session::of(request, app_server).unwrap_or_default();
    pre_session.count_mismatch(answer::now(request));
    if pre_session.goes_in_circles() {
        return Err(problem(Problem::GoesInCircles(WHY)));
    }
    if !reply.post_stuff.is_empty() {
        return Err(problem(Problem::BadReply));
    }
    log!(
        Pubcookie,
        *request,
        Info,
        "a granting cookie was not taken at the reply URL: {WHY}"
    );
    if let Err(problem) = pre_session::keep(request, app_server, &pre_session) {
        log!(
            Pubcookie,
            *request,
            Error,
            "a pre-session cookie cannot be made: {problem}"
        );
        return Err(Outcome::Status(500));
    }
    Ok(answer::send(request, &app_pages::redirect(&reply.destination)))
}
