//! The login server: the content handler `pubcookie-login`.

use pubcookie_protocol::login::{Answer, Event, Method, Step, UserName, VisitInput};
use pubcookie_protocol::page::Nonce;

use super::keys::Login;
use super::{Pubcookie, answer, state};
use crate::httpd::{BodyError, Outcome, PasswordProvider, PasswordVerdict, Request, log};

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
    match request.method() {
        "GET" | "HEAD" => visit(request, login, Method::Get, b""),
        "POST" => match request.body(login.server.body_limit()) {
            Ok(form) => visit(request, login, Method::Post, &form),
            Err(BodyError::TooLarge { .. }) => Outcome::Status(413),
            Err(BodyError::Unreadable { status }) => Outcome::Status(status),
        },
        _ => Outcome::Status(405),
    }
}

fn visit(request: &Request<'_>, login: &Login, method: Method, form: &[u8]) -> Outcome {
    let (Ok(path), Ok(query)) = (
        std::str::from_utf8(request.path()),
        std::str::from_utf8(request.query().unwrap_or_default()),
    ) else {
        return Outcome::Status(400);
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
        remote_user: None,
        nonce: &nonce,
        now,
    };
    let keys = login.keys.now(request);
    let answer = match login.server.visit(&input, &keys) {
        Step::Answer(answer) => answer,
        Step::CheckPassword {
            user,
            password,
            continuation,
            ..
        } => match ask_providers(request, &user, &password) {
            PasswordVerdict::Granted => continuation.granted(now, &keys),
            PasswordVerdict::Denied | PasswordVerdict::NotFound => continuation.denied(now, &keys),
            PasswordVerdict::Error => continuation.unavailable(now, &keys),
        },
    };
    audit(request, &answer.event);
    send(request, &answer)
}

/// Asks one provider after the other, until one knows the user.
fn ask_providers(request: &Request<'_>, user: &UserName, password: &str) -> PasswordVerdict {
    let providers: &[PasswordProvider] = request
        .server_config::<Pubcookie>()
        .map_or(&[], |config| &config.login_providers);
    let verdicts = providers
        .iter()
        .map(|provider| provider.check(request, user.as_str(), password));
    let mut verdicts = verdicts.skip_while(|verdict| *verdict == PasswordVerdict::NotFound);
    verdicts.next().unwrap_or(PasswordVerdict::NotFound)
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
