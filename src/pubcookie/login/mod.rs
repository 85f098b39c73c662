//! The login server: the content handler `pubcookie-login`.

pub mod guard;
mod password;
mod server;
pub mod settings;

use std::fmt::Display;

use pubcookie_protocol::login::{Answer, Event, Method, Step, VisitInput};
use pubcookie_protocol::page::Nonce;

pub use server::Login;
pub use settings::{Flavours, LoginSettings};

use super::{Pubcookie, answer, state};
use crate::httpd::{BodyError, Outcome, Request, log};
use password::PasswordCheck;

/// What `SetHandler` calls it.
pub const HANDLER: &str = "pubcookie-login";

/// The handler.
pub fn handler(request: &Request<'_>) -> Outcome {
    if request.handler() != Some(HANDLER) {
        return Outcome::Declined;
    }
    let login = request
        .server_config::<Pubcookie>()
        .and_then(|config| config.login_server.get());
    let Some(login) = login else {
        log!(
            Pubcookie,
            *request,
            Error,
            "SetHandler {HANDLER}, but PubcookieGrantingKeyFile is not set for this server"
        );
        return Outcome::Status(500);
    };
    if !request.is_https() {
        log!(
            Pubcookie,
            *request,
            Error,
            "the login server was reached without TLS: redirect to https, or say ServerName https://..."
        );
        return Outcome::Status(403);
    }
    if !shows_a_page(request) {
        // Browsers ask for a favicon by themselves: no warning.
        log!(
            Pubcookie,
            *request,
            Info,
            "login server: refused: a script, a picture or a frame asks (Sec-Fetch-Mode, Sec-Fetch-Dest) [{}]",
            request.client_address()
        );
        return Outcome::Status(403);
    }
    match request.method() {
        "GET" | "HEAD" => visit(request, login, Method::Get, b""),
        "POST" => match request.body(login.server.body_limit()) {
            Ok(form) => visit(request, login, Method::Post, &form),
            Err(problem) => {
                tell_of_refusal(request, &problem);
                match problem {
                    BodyError::TooLarge { .. } => Outcome::Status(413),
                    BodyError::Unreadable { status } => Outcome::Status(status),
                }
            }
        },
        _ => {
            tell_of_refusal(request, &"its method is none of GET, HEAD and POST");
            request.refuse_method(&[c"GET", c"POST"])
        }
    }
}

/// Whether the answer is shown to a user as a page. A page elsewhere could otherwise end a login with a picture whose
/// address is the logout's. Browsers before 2023 may not say.
fn shows_a_page(request: &Request<'_>) -> bool {
    let is = |header, value| request.header(header).is_none_or(|said| said == value);
    is("Sec-Fetch-Mode", "navigate") && is("Sec-Fetch-Dest", "document")
}

fn visit(request: &Request<'_>, login: &Login, method: Method, form: &[u8]) -> Outcome {
    let (Ok(path), Ok(query)) = (
        std::str::from_utf8(request.path()),
        std::str::from_utf8(request.query().unwrap_or_default()),
    ) else {
        tell_of_refusal(request, &"an address that is not UTF-8");
        return Outcome::Status(400);
    };
    let Ok(remote_user) = remote_user(request, login) else {
        return Outcome::Status(403);
    };
    let nonce = match Nonce::random() {
        Ok(nonce) => nonce,
        Err(problem) => {
            log!(
                Pubcookie,
                *request,
                Error,
                "no random bytes for a page: {problem}"
            );
            return Outcome::Status(500);
        }
    };
    let now = answer::now(request);
    let input = VisitInput {
        method,
        path,
        query,
        cookies: state::cookies(request),
        form,
        fetch_site: request.header("Sec-Fetch-Site"),
        origin: request.header("Origin"),
        remote_user,
        nonce: &nonce,
        now,
    };
    let keys = login.keys.now(request);
    let answer = match login.server.visit(&input, &keys) {
        Step::Answer(answer) => answer,
        Step::CheckPassword {
            user,
            password,
            creds,
            continuation,
        } => {
            let check = PasswordCheck {
                request,
                login,
                user,
                creds,
                now,
            };
            check.answer(&password, *continuation, &keys)
        }
    };
    audit(request, &answer.event);
    send(request, &answer)
}

/// The user whom httpd has authenticated, where that counts.
fn remote_user<'r>(request: &Request<'r>, login: &Login) -> Result<Option<&'r str>, ()> {
    if !login.flavours.trusts_remote_user {
        return Ok(None);
    }
    // Authentication modules name the user before they have seen the password, and a page that tells of a failure
    // (ErrorDocument) inherits the name.
    if request.origins().any(|origin| origin.status() >= 400) {
        return Ok(None);
    }
    request.user().map_err(|_| {
        log!(
            Pubcookie,
            *request,
            Error,
            "PubcookieLoginTrustRemoteUser: httpd authenticated a user whose name is not UTF-8 [{}]",
            request.client_address()
        );
    })
}

/// The line for what is refused before anybody has looked at what it asks.
fn tell_of_refusal(request: &Request<'_>, why: &dyn Display) {
    let address = request.client_address();
    log!(
        Pubcookie,
        *request,
        Warning,
        "login server: refused: {why} [{address}]"
    );
}

/// One line for each login, refusal and logout, with user and address; httpd's own prefix has the time.
fn audit(request: &Request<'_>, event: &Event) {
    let address = request.client_address();
    match event {
        Event::FormShown(_) | Event::StatusShown(_) => {
            log!(Pubcookie, *request, Debug, "login server: {event} [{address}]");
        }
        event if event.is_failure() => {
            log!(Pubcookie, *request, Warning, "login server: {event} [{address}]");
        }
        event => log!(Pubcookie, *request, Notice, "login server: {event} [{address}]"),
    }
}

fn send(request: &Request<'_>, answer: &Answer) -> Outcome {
    let headers = request.response_headers_always();
    for cookie in &answer.set_cookies {
        headers.add("Set-Cookie", cookie.as_str());
    }
    answer::with_response(&answer.page, |response| request.respond(response))
}
