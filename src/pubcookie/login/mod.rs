//! The login server: the content handler `pubcookie-login`.

pub mod guard;
pub mod settings;

use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::login::{
    Answer, Continuation, Event, GuessingLimits, LoginKeys, Method, Step, UserName, VisitInput,
};
use pubcookie_protocol::page::Nonce;

pub use settings::{Flavours, LoginSettings};

use super::keys::Login;
use super::{Pubcookie, answer, state};
use crate::httpd::{BodyError, Outcome, PasswordProvider, PasswordVerdict, Request, log};
use guard::{Admission, Verdict};

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

/// A password that somebody typed.
struct PasswordCheck<'c, 'r> {
    request: &'c Request<'r>,
    login: &'c Login,
    user: UserName,
    creds: Creds,
    now: u64,
}

impl PasswordCheck<'_, '_> {
    fn answer(&self, password: &str, continuation: Continuation<'_>, keys: &impl LoginKeys) -> Answer {
        let now = self.now;
        let attempt = match self.admit() {
            Ok(Some(Admission::TooEarly(wait))) => return continuation.delayed(wait, now, keys),
            Ok(Some(Admission::Admitted(attempt))) => Some(attempt),
            Ok(None) => None,
            Err(problem) => {
                log!(
                    Pubcookie,
                    *self.request,
                    Error,
                    "no password is looked at while wrong ones cannot be counted ({problem}): see \
                     PubcookieLoginDelayCache, or say PubcookieLoginDelay Off"
                );
                return continuation.unavailable(now, keys);
            }
        };
        let verdict = self.ask_providers(password);
        let taken_back = match (attempt, verdict) {
            (Some(attempt), PasswordVerdict::Granted) => attempt.take_back(self.request, Verdict::Right, now),
            (Some(attempt), PasswordVerdict::Error) => attempt.take_back(self.request, Verdict::Unknown, now),
            _ => Ok(()),
        };
        if let Err(problem) = taken_back {
            log!(
                Pubcookie,
                *self.request,
                Error,
                "PubcookieLoginDelayCache: a password goes on counting as a wrong one: {problem}"
            );
        }
        match verdict {
            PasswordVerdict::Granted => continuation.granted(now, keys),
            PasswordVerdict::Denied | PasswordVerdict::NotFound => continuation.denied(now, keys),
            PasswordVerdict::Error => continuation.unavailable(now, keys),
        }
    }

    /// Counts it; `None` where nothing is counted.
    fn admit(&self) -> Result<Option<Admission<'_>>, String> {
        if self.login.delay == GuessingLimits::Off {
            return Ok(None);
        }
        let cache = self
            .request
            .server_config::<Pubcookie>()
            .and_then(|config| config.login_delay_cache.get())
            .ok_or("there is no cache")?;
        guard::admit(
            cache,
            self.request,
            self.login.delay,
            &self.user,
            self.creds,
            self.now,
        )
        .map(Some)
    }

    /// Asks one provider of the flavour after the other, until one knows the user.
    fn ask_providers(&self, password: &str) -> PasswordVerdict {
        let providers: &[PasswordProvider] = self
            .login
            .flavours
            .providers
            .get(&self.creds)
            .map_or(&[], |providers| providers);
        let verdicts = providers
            .iter()
            .map(|provider| provider.check(self.request, self.user.as_str(), password));
        let mut verdicts = verdicts.skip_while(|verdict| *verdict == PasswordVerdict::NotFound);
        verdicts.next().unwrap_or(PasswordVerdict::NotFound)
    }
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
