//! Answers of ours: pages, cookies, and the headers that go with them.

use pubcookie_protocol::cookie_header;
use pubcookie_protocol::error_page::{Problem, error_page};
use pubcookie_protocol::page::{Nonce, Page};
use pubcookie_protocol::reply::Destination;
use pubcookie_protocol::script_request;
use zeroize::Zeroize;

use super::{Pubcookie, place, state};
use crate::httpd::{Outcome, Request, Response, log};

/// How far httpd has come with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Not to its content handlers yet.
    Early,
    /// To them.
    Handler,
}

/// Sends a page before httpd has come to its content handlers, and ends the request.
pub fn send(request: &Request<'_>, page: &Page) -> Outcome {
    // Otherwise the connection would read the rest of it as the next request.
    request.discard_body();
    let outcome = with_response(page, |response| request.respond_early(response));
    if outcome == Outcome::Done {
        state::mark_answered(request);
    }
    outcome
}

/// Hands a page to httpd, and wipes the copy that this takes.
pub fn with_response(page: &Page, send: impl FnOnce(&Response) -> Outcome) -> Outcome {
    let mut response = Response {
        status: page.status,
        body: page.body.as_bytes().to_vec(),
        ..Response::default()
    };
    for (name, value) in &page.headers {
        if name.eq_ignore_ascii_case("content-type") {
            response.content_type.clone_from(value);
        } else {
            response.headers.push(((*name).to_owned(), value.clone()));
        }
    }
    let outcome = send(&response);
    response.body.zeroize();
    outcome
}

/// Makes a page with a nonce of its own and sends it, before httpd has come to its content handlers.
pub fn send_page(request: &Request<'_>, page: impl FnOnce(&Nonce) -> Page) -> Outcome {
    send_page_at(request, Stage::Early, page)
}

/// The same at any stage.
pub fn send_page_at(request: &Request<'_>, stage: Stage, page: impl FnOnce(&Nonce) -> Page) -> Outcome {
    match Nonce::random() {
        Ok(nonce) => match stage {
            Stage::Early => send(request, &page(&nonce)),
            Stage::Handler => with_response(&page(&nonce), |response| request.respond(response)),
        },
        Err(problem) => {
            log!(
                Pubcookie,
                *request,
                Error,
                "no random bytes for a page: {problem}"
            );
            Outcome::Status(500)
        }
    }
}

/// Sends the page that explains a problem, and logs the same with the reason.
pub fn send_problem(
    request: &Request<'_>,
    problem: Problem,
    reason: &dyn std::fmt::Display,
    again: Option<&Destination>,
) -> Outcome {
    let reference = format!("{:x}", request.time_microseconds());
    let message = problem.message();
    let hint = problem.hint().map_or(String::new(), |hint| format!(". {hint}"));
    match problem {
        // Anybody can send these; nothing is out of order here.
        Problem::QueryTooLong
        | Problem::Multipart
        | Problem::EmptyBody
        | Problem::BadBody
        | Problem::BodyTooLarge
        | Problem::BadReply
        | Problem::PlainHttp => {
            log!(
                Pubcookie,
                *request,
                Info,
                "{message}: {reason} (reference {reference})"
            );
        }
        _ => log!(
            Pubcookie,
            *request,
            Error,
            "{message}: {reason}{hint} (reference {reference})"
        ),
    }
    send_page(request, |nonce| error_page(problem, &reference, again, nonce))
}

/// Over plain HTTP no cookie of ours would be kept or sent, so that neither login nor logout could come to its end.
pub fn refuse_plain_http(request: &Request<'_>) -> Outcome {
    let reason = format!(
        "{} was reached without TLS. Redirect to https first; where a terminator of TLS stands in front, say so: \
         ServerName https://{}",
        place::app_id(request),
        request.server().name()
    );
    send_problem(request, Problem::PlainHttp, &reason, None)
}

/// Answers a request for which a login page would be of no use: JavaScript made it, or another login would end the same.
pub fn refuse_with_challenge(request: &Request<'_>, realm: &str) -> Outcome {
    request
        .response_headers_always()
        .set("WWW-Authenticate", script_request::challenge(realm));
    Outcome::Status(401)
}

/// Sets cookies with this answer, whatever it will be. No shared cache may keep it.
pub fn set_cookies(request: &Request<'_>, values: impl IntoIterator<Item = impl AsRef<str>>) {
    let mut values = values.into_iter().peekable();
    if values.peek().is_some() {
        keep_from_shared_caches(request);
    }
    for value in values {
        request
            .response_headers_always()
            .add("Set-Cookie", value.as_ref());
    }
}

/// The answer is for this user alone. mod_cache, which by default answers before anybody is asked for a login, would
/// otherwise give it to everybody.
pub fn keep_from_shared_caches(request: &Request<'_>) {
    let headers = request.response_headers_always();
    if headers.get("Cache-Control").is_none() {
        headers.set("Cache-Control", "private");
    }
}

/// Replaces the values of our cookies by X's, so that no application sees them. [`state::cookies`] keeps them.
pub fn hide_cookies(request: &Request<'_>) {
    if state::cookies(request).is_empty() {
        return;
    }
    let headers = request.headers();
    let shown = headers.get("Cookie").unwrap_or_default();
    if let Some(hidden) = cookie_header::obscured(shown.to_bytes(), cookie_header::is_pubcookie) {
        headers.set("Cookie", hidden);
    }
}

/// The time in Unix seconds.
pub fn now(request: &Request<'_>) -> u64 {
    u64::try_from(request.time()).unwrap_or(0)
}
