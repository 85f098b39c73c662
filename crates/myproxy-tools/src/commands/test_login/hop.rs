//! One step of a login: a request, and what kind of answer it got.

use std::fmt;
use std::time::Duration;

use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod};
use pubcookie_protocol::reason::Reason;
use pubcookie_protocol::set_cookie;
use url::Url;

use super::client::{Fate, Request, Response};
use super::page::{Form, Page};

/// One request and its answer.
pub struct Hop {
    pub method: &'static str,
    pub url: Url,
    pub status: u16,
    pub took: Duration,
    pub seconds_ahead: Option<i64>,
    /// The scheme of `WWW-Authenticate`, where the answer has one.
    pub challenge: Option<String>,
    /// Names of cookies.
    pub sent: Vec<String>,
    /// Names of cookies, and what became of them.
    pub cookies: Vec<(String, Fate)>,
    pub heading: String,
    pub alert: String,
    /// Why a login is asked for, or did not count.
    pub reason: Option<Reason>,
    pub kind: Kind,
}

/// What kind of answer it is.
pub enum Kind {
    Redirect {
        to: Url,
    },
    /// A page that sends the browser on.
    MovesOn {
        to: Url,
    },
    /// An application server asks for a login.
    AsksForLogin {
        to: Url,
        method: LoginMethod,
        asked: Result<Box<GrantingRequest>, String>,
    },
    /// The form for user and password.
    LoginForm,
    /// The login server sends the user back with a granting cookie.
    Grants {
        to: Url,
        method: LoginMethod,
    },
    /// Anything else: nothing leads on from it.
    Page,
}

impl Hop {
    /// Of an answer.
    pub fn new(request: &Request, response: &Response, page: &Page, kind: Kind) -> Self {
        let challenge = response.header("WWW-Authenticate");
        Hop {
            method: if request.form.is_some() { "POST" } else { "GET" },
            url: request.url.clone(),
            status: response.status,
            took: response.took,
            seconds_ahead: response.seconds_ahead,
            challenge: challenge
                .and_then(|text| text.split_whitespace().next())
                .map(str::to_owned),
            sent: response.sent.clone(),
            cookies: response
                .cookies
                .iter()
                .map(|cookie| (cookie.name.clone(), cookie.fate.clone()))
                .collect(),
            heading: page.heading.clone(),
            alert: page.alert.clone(),
            reason: match &kind {
                Kind::AsksForLogin { asked: Ok(asked), .. } => asked.reason,
                _ => page.reason,
            },
            kind,
        }
    }

    /// `host` or `host:port`.
    pub fn host(&self) -> String {
        host_of(&self.url)
    }
}

/// `host` or `host:port`.
pub fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port()
        .map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

impl Kind {
    /// What an answer is. A form for a password counts only where the login server is to answer: others are the
    /// application's own.
    pub fn of(url: &Url, response: &Response, page: &Page, is_logging_in: bool) -> Kind {
        let target = |text: &str| url.join(text).ok();
        if let (300..=399, Some(to)) = (response.status, response.header("Location").and_then(target)) {
            return Kind::Redirect { to };
        }
        let only_form = page.forms.first();
        let refresh = page.refresh.as_deref().and_then(target);
        let leads_to = refresh.or_else(|| only_form.and_then(|form| target(&form.action)));
        let form_to = |field| page.form_with(field).and_then(|form| target(&form.action));
        if let (Some(to), Some(value)) = (&leads_to, response.cookie_set(set_cookie::GRANTING_REQUEST)) {
            return Kind::asks_for_login(to.clone(), LoginMethod::Get, value);
        }
        if let Some(to) = form_to(set_cookie::GRANTING_REQUEST) {
            let form = page.form_with(set_cookie::GRANTING_REQUEST);
            let value = form.and_then(|form| form.field(set_cookie::GRANTING_REQUEST));
            return Kind::asks_for_login(to, LoginMethod::Post, value.unwrap_or_default());
        }
        if is_logging_in && page.login_form().is_some() {
            return Kind::LoginForm;
        }
        if let Some(to) = form_to(set_cookie::GRANTING) {
            return Kind::Grants {
                to,
                method: LoginMethod::Post,
            };
        }
        let grants = response.cookie_set(set_cookie::GRANTING).is_some();
        match leads_to {
            Some(to) if grants => Kind::Grants {
                to,
                method: LoginMethod::Get,
            },
            Some(to) if page.refresh.is_some() || page.submits_itself => Kind::MovesOn { to },
            _ => Kind::Page,
        }
    }

    fn asks_for_login(to: Url, method: LoginMethod, encoded: &str) -> Kind {
        let asked = GrantingRequest::decode(encoded.as_bytes(), method);
        Kind::AsksForLogin {
            to,
            method,
            asked: asked.map(Box::new).map_err(|problem| problem.to_string()),
        }
    }

    /// The request that a browser makes next by itself.
    pub fn next(&self, request: &Request, response: &Response, page: &Page) -> Option<Request> {
        match self {
            Kind::Redirect { to } if matches!(response.status, 307 | 308) => Some(Request {
                url: to.clone(),
                ..request.clone()
            }),
            Kind::Redirect { to } => Some(Request {
                page: request.page.clone(),
                ..Request::get(to.clone())
            }),
            Kind::MovesOn { to } | Kind::AsksForLogin { to, .. } | Kind::Grants { to, .. } => {
                Some(match (&page.refresh, page.forms.first()) {
                    (None, Some(form)) => submission(request, response, form, to.clone()),
                    _ => caused_by(request, response, to.clone()),
                })
            }
            Kind::LoginForm | Kind::Page => None,
        }
    }
}

/// The request that sends a form of an answer to `action`.
pub fn submission(request: &Request, response: &Response, form: &Form, action: Url) -> Request {
    let mut next = caused_by(request, response, action);
    if form.post {
        next.form = Some(form.encode());
    } else {
        next.url.set_query(Some(&form.encode()));
    }
    next
}

fn caused_by(request: &Request, response: &Response, url: Url) -> Request {
    let names_itself = response.header("Referrer-Policy") != Some("no-referrer");
    Request {
        page: Some((request.url.clone(), names_itself)),
        ..Request::get(url)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Kind::Redirect { to } => write!(f, "redirects to {}", without_query(to)),
            Kind::MovesOn { to } => write!(f, "a page that moves on to {}", without_query(to)),
            Kind::AsksForLogin { to, method, asked } => {
                write!(
                    f,
                    "asks for a login at {} ({} method): ",
                    without_query(to),
                    name(*method)
                )?;
                match asked {
                    Err(problem) => f.write_str(problem),
                    Ok(asked) => write!(
                        f,
                        "app ID {}, app server ID {}, {}, back to {}",
                        asked.app_id, asked.app_server_id, asked.encryption, asked.host
                    ),
                }
            }
            Kind::LoginForm => f.write_str("the login form"),
            Kind::Grants { to, method } => {
                write!(
                    f,
                    "grants the login, and goes back to {} ({} method)",
                    without_query(to),
                    name(*method)
                )
            }
            Kind::Page => f.write_str("a page"),
        }
    }
}

fn name(method: LoginMethod) -> &'static str {
    match method {
        LoginMethod::Get => "GET",
        LoginMethod::Post => "POST",
    }
}

/// Queries are the application's, and may tell what is nobody's business.
pub fn without_query(url: &Url) -> String {
    let mut shown = url.clone();
    if shown.query().is_some() {
        shown.set_query(Some("..."));
    }
    shown.into()
}
