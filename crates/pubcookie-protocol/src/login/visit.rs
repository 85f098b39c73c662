//! What a browser wants that comes to the login server.

use super::fields::Fields;
use super::login_form::{self, SubmittedForm};
use super::login_request::{CarriedBody, LoginRequest};
use super::refusal::Refusal;
use crate::cookie_header;
use crate::form;
use crate::granting_request::{GrantingRequest, GrantingRequestError, LoginMethod};
use crate::page::Nonce;
use crate::sealed::SealingKeys;
use crate::set_cookie;
use crate::settings::LoginUrl;

/// The HTTP method of a visit. HEAD is answered as GET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// GET or HEAD.
    Get,
    /// POST; `VisitInput::form` holds its body.
    Post,
}

/// What the login server has to know of a request.
#[derive(Clone, Copy)]
pub struct VisitInput<'a> {
    /// GET or POST; others are the caller's to refuse (405).
    pub method: Method,
    /// The decoded path.
    pub path: &'a str,
    /// The query, without the `?`; empty where there is none.
    pub query: &'a str,
    /// The Cookie header; empty where there is none.
    pub cookies: &'a [u8],
    /// The body of a POST, `application/x-www-form-urlencoded`. Nothing else is ever posted here.
    pub form: &'a [u8],
    /// The header `Sec-Fetch-Site`: how the browser says whether another site made it come here.
    pub fetch_site: Option<&'a str>,
    /// The header `Origin`, for browsers that do not send the other.
    pub origin: Option<&'a str>,
    /// The user whom httpd has authenticated, for flavours with [`super::Check::RemoteUser`]; `None` for nobody.
    pub remote_user: Option<&'a str>,
    /// By which the answer's page knows its own style and script; [`Nonce::random`].
    pub nonce: &'a Nonce,
    /// The time in Unix seconds.
    pub now: u64,
}

/// What one visit asks for.
pub(super) enum Visit {
    /// An app server's granting request, by either method.
    Granting(LoginRequest),
    /// The login form comes back, filled in.
    Submitted(SubmittedForm),
    /// To log out, maybe coming from an application.
    Logout(LogoutAction, LoggedOutOf),
    /// Nothing in particular: to see the login, or to log in ahead of need.
    Plain,
}

/// What a logout at an application means for the login server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum LogoutAction {
    /// `0`: nothing; it only tells the user so.
    Keep,
    /// `1`: the login ends, the name stays for the form.
    Expire,
    /// `2`: the login cookie goes.
    Clear,
}

/// The app server ID of the application that a user comes from after a logout (`one`); empty where there is none. Anybody
/// can send it.
pub(super) struct LoggedOutOf(pub String);

impl Visit {
    /// Reads a request.
    pub fn read(
        input: &VisitInput<'_>,
        url: &LoginUrl,
        keys: &SealingKeys,
        post_limit: usize,
    ) -> Result<Visit, Refusal> {
        let query = Fields::read(input.query.as_bytes(), 0)?;
        if let Some(action) = LogoutAction::of(&query, input.path, url)? {
            return Ok(Visit::Logout(action, LoggedOutOf(query.text("one").to_owned())));
        }
        let fields = match input.method {
            Method::Get => Fields::read(b"", post_limit)?,
            Method::Post => Fields::read(input.form, post_limit)?,
        };
        if fields.get(login_form::SUBMITTED).is_some() {
            return login_form::open(&fields, input, keys).map(Visit::Submitted);
        }
        let carried = carried_body(&fields, input, url)?;
        if let Some(field) = fields.get(set_cookie::GRANTING_REQUEST) {
            let granting = GrantingRequest::decode(field.as_bytes(), LoginMethod::Post)?;
            let request = LoginRequest::by_post(granting, fields.text("relay_url"), carried)?;
            return Ok(Visit::Granting(request));
        }
        Ok(match granting_request_cookie(input.cookies)? {
            Some(granting) => Visit::Granting(LoginRequest::by_get(granting, carried)),
            None => Visit::Plain,
        })
    }
}

impl LogoutAction {
    /// The logout that a query asks for, or a path that ends in `/logout` (with the original's `/index.cgi`).
    fn of(query: &Fields, path: &str, url: &LoginUrl) -> Result<Option<LogoutAction>, Refusal> {
        match query.get("logout_action") {
            Some("0") => return Ok(Some(LogoutAction::Keep)),
            Some("1") => return Ok(Some(LogoutAction::Expire)),
            Some("2") => return Ok(Some(LogoutAction::Clear)),
            Some(other) => return Err(Refusal::LogoutAction(other.chars().take(40).collect())),
            None => {}
        }
        let below = path.strip_prefix(url.path().trim_end_matches('/'));
        let clears = matches!(below, Some("/logout" | "/logout/" | "/logout/index.cgi"));
        Ok(clears.then_some(LogoutAction::Clear))
    }
}

/// The most granting requests that are tried; a neighbour in the domain may plant as many as it likes.
const TRIED_LIMIT: usize = 8;

/// The granting request of the GET method: of the cookies that have not been cleared, the first that can be read.
fn granting_request_cookie(cookies: &[u8]) -> Result<Option<GrantingRequest>, GrantingRequestError> {
    let mut requests = cookie_header::values(cookies, set_cookie::GRANTING_REQUEST)
        .filter(|value| !matches!(*value, b"" | b"clear"))
        .take(TRIED_LIMIT)
        .map(|value| GrantingRequest::decode(value, LoginMethod::Get));
    match requests.next() {
        None => Ok(None),
        Some(Ok(first)) => Ok(Some(first)),
        Some(Err(why)) => requests.find_map(Result::ok).map(Some).ok_or(why),
    }
}

/// The body that an app server sent along. It goes on by itself only where the browser says that this site or a
/// sibling sent it: from anywhere else it may be a forgery, which single sign-on would carry out.
fn carried_body(
    form: &Fields,
    input: &VisitInput<'_>,
    url: &LoginUrl,
) -> Result<Option<CarriedBody>, Refusal> {
    let carriage = form::carriage(input.fetch_site, input.origin, &url.origin());
    CarriedBody::new(form.text("post_stuff"), carriage)
}
