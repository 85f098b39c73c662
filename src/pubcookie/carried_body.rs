//! The body of a POST that is carried through a login.

use pubcookie_protocol::app_pages;
use pubcookie_protocol::error_page::Problem;
use pubcookie_protocol::form::{self, Carriage, Form, FormError};
use pubcookie_protocol::granting_request::LoginMethod;
use pubcookie_protocol::reply::Destination;
use zeroize::Zeroizing;

use super::answer;
use super::place::Place;
use super::target::Target;
use crate::httpd::{BodyError, Outcome, Request};

/// Reads the form that the request carries, or answers why it cannot be carried through a login.
pub fn read(request: &Request<'_>, place: &Place<'_>) -> Result<Form, Outcome> {
    let limit = place.config.post_limit();
    let form = match form::check_content_type(request.header("Content-Type")) {
        Ok(()) => Form::parse(&body(request, limit)?, limit),
        Err(problem) => Err(problem),
    };
    form.and_then(carriable)
        .map_err(|problem| refuse(request, &problem))
}

fn carriable(form: Form) -> Result<Form, FormError> {
    if form.fields().next().is_none() {
        return Err(FormError::Empty);
    }
    form.check_carriable()?;
    Ok(form)
}

/// The whole body of a request.
pub fn body(request: &Request<'_>, limit: usize) -> Result<Zeroizing<Vec<u8>>, Outcome> {
    request.body(limit).map_err(|problem| match problem {
        BodyError::TooLarge { limit } => refuse(request, &FormError::TooLarge { limit }),
        BodyError::Unreadable { status } => Outcome::Status(status),
    })
}

fn refuse(request: &Request<'_>, problem: &FormError) -> Outcome {
    answer::send_problem(request, Problem::from(problem), problem, None)
}

/// How the body may go on: by itself only where a page of ours sent it.
pub fn carriage(request: &Request<'_>, place: &Place<'_>) -> Carriage {
    let own_origin = place
        .host()
        .map(|host| format!("https://{host}"))
        .unwrap_or_default();
    form::carriage(
        request.header("Sec-Fetch-Site"),
        request.header("Origin"),
        &own_origin,
    )
}

/// Whether the login server's page sent the body (GET method). It does so by itself, whoever sent the body there.
pub fn comes_from_login_server(request: &Request<'_>, place: &Place<'_>) -> bool {
    if request.method() != "POST" || place.login_method() != LoginMethod::Get {
        return false;
    }
    let site = request.header("Sec-Fetch-Site");
    // Ours lets itself not be named (Referrer-Policy: no-referrer).
    let from_login = |origin: &str| {
        origin.eq_ignore_ascii_case(&place.login.origin()) || (origin == "null" && site.is_some())
    };
    !matches!(site, Some("same-origin" | "none")) && request.header("Origin").is_some_and(from_login)
}

/// The body has come back with the login (GET method), and a page of another site may have sent it at first: the user
/// is asked before it counts.
pub fn ask_before_sending(request: &Request<'_>, place: &Place<'_>) -> Outcome {
    let form = match read(request, place) {
        Ok(form) => form,
        Err(outcome) => return outcome,
    };
    let target = Target::of(request);
    let destination = Destination::new(target.path.as_bytes(), target.query.as_bytes());
    match (destination, place.host()) {
        (Ok(destination), Ok(host)) => answer::send_page(request, |nonce| {
            app_pages::carry_on(&destination, &form, Carriage::OnClick, &host, nonce)
        }),
        _ => answer::send_problem(
            request,
            Problem::BadBody,
            &"the path is none that a form can be sent to",
            None,
        ),
    }
}
