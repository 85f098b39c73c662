//! The way of a login, hop by hop, as a browser goes it.

use std::fmt;
use std::time::Duration;

use anyhow::Result;
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod};
use pubcookie_protocol::set_cookie;
use url::Url;

use super::client::{Client, Failure, Fate, Request, Response};
use super::credentials::Credentials;
use super::page::{Form, Page};

/// More than any login needs; browsers stop at about as many redirects.
const MOST_HOPS: usize = 20;

/// All that happened.
pub struct Journey {
    pub url: Url,
    pub hops: Vec<Hop>,
    pub end: End,
    /// Whether a second request, made only with what the browser now has, was let in without a login.
    pub session_serves: Option<bool>,
}

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

/// Why the journey ended.
pub enum End {
    NoAnswer {
        url: Url,
        failure: Failure,
    },
    TooManyHops,
    /// The browser would not send this cookie where the page before leads.
    CookieStaysBehind {
        name: &'static str,
        to: Url,
    },
    /// The same application asks for a login for the second time.
    AskedAgain,
    /// The login form comes again after it was filled in.
    PasswordRefused,
    /// A login form that is no place for a password.
    UnsafeForm {
        action: String,
    },
    Arrived,
}

/// Visits `url` and logs in where that is asked for.
pub fn travel(client: &mut Client, url: &Url, credentials: &Credentials) -> Result<Journey> {
    let mut traveller = Traveller {
        client,
        credentials,
        hops: Vec::new(),
        has_logged_in: false,
    };
    let end = traveller.go(Request::get(url.clone()))?;
    let session_serves = match (&end, traveller.hops.last()) {
        (End::Arrived, Some(last)) if last.status < 400 && traveller.has_session() => {
            let again = Request::get(last.url.clone());
            Some(traveller.is_let_in(&again))
        }
        _ => None,
    };
    Ok(Journey {
        url: url.clone(),
        hops: traveller.hops,
        end,
        session_serves,
    })
}

impl Journey {
    /// Whether the page was reached by a login whose session serves.
    pub fn is_good(&self) -> bool {
        self.session_serves == Some(true)
    }

    /// The hops at which an application server asked for a login.
    pub fn logins(&self) -> impl DoubleEndedIterator<Item = (&Hop, &GrantingRequest)> {
        self.hops.iter().filter_map(|hop| match &hop.kind {
            Kind::AsksForLogin { asked: Ok(asked), .. } => Some((hop, &**asked)),
            _ => None,
        })
    }
}

struct Traveller<'a> {
    client: &'a mut Client,
    credentials: &'a Credentials,
    hops: Vec<Hop>,
    has_logged_in: bool,
}

impl Traveller<'_> {
    fn go(&mut self, mut request: Request) -> Result<End> {
        loop {
            if self.hops.len() == MOST_HOPS {
                return Ok(End::TooManyHops);
            }
            let response = match self.client.exchange(&request) {
                Ok(response) => response,
                Err(failure) => {
                    return Ok(End::NoAnswer {
                        url: request.url,
                        failure,
                    });
                }
            };
            let page = Page::read(&response.body);
            let kind = Kind::of(&request.url, &response, &page);
            let asked_before = self.asked_before(&kind);
            let mut next = kind.next(&request, &response, &page);
            self.hops.push(Hop::new(&request, &response, &page, kind));
            if asked_before {
                return Ok(End::AskedAgain);
            }
            if let (None, Some(form)) = (&next, page.login_form()) {
                match self.fill(&request, &response, form.clone())? {
                    Ok(filled) => next = Some(filled),
                    Err(end) => return Ok(end),
                }
            }
            let Some(next) = next else {
                return Ok(End::Arrived);
            };
            if let Some(end) = self.cookie_left_behind(&next) {
                return Ok(end);
            }
            request = next;
        }
    }

    fn asked_before(&self, kind: &Kind) -> bool {
        let Kind::AsksForLogin { asked: Ok(asked), .. } = kind else {
            return false;
        };
        self.hops.iter().any(|hop| match &hop.kind {
            Kind::AsksForLogin {
                asked: Ok(earlier), ..
            } => {
                (&earlier.host, &earlier.app_id, &earlier.app_server_id)
                    == (&asked.host, &asked.app_id, &asked.app_server_id)
            }
            _ => false,
        })
    }

    /// Fills in the login form: once, and never one that anybody on the way could read.
    fn fill(&mut self, request: &Request, response: &Response, form: Form) -> Result<Result<Request, End>> {
        if self.has_logged_in {
            return Ok(Err(End::PasswordRefused));
        }
        let Ok(action) = request.url.join(&form.action) else {
            return Ok(Err(End::UnsafeForm { action: form.action }));
        };
        if action.scheme() != "https" || !form.post {
            return Ok(Err(End::UnsafeForm {
                action: action.into(),
            }));
        }
        self.has_logged_in = true;
        let (user, password) = self.credentials.for_login_at(&action)?;
        let filled = form.fill(&user, &password);
        Ok(submission(request, response, &filled).map_or_else(|| Err(End::Arrived), Ok))
    }

    fn cookie_left_behind(&self, next: &Request) -> Option<End> {
        let (name, method) = match &self.hops.last()?.kind {
            Kind::AsksForLogin { method, .. } => (set_cookie::GRANTING_REQUEST, *method),
            Kind::Grants { method, .. } => (set_cookie::GRANTING, *method),
            _ => return None,
        };
        let is_missing = method == LoginMethod::Get && !self.client.would_send(name, &next.url);
        is_missing.then(|| End::CookieStaysBehind {
            name,
            to: next.url.clone(),
        })
    }

    /// Whether an answer gave a session that the browser keeps.
    fn has_session(&self) -> bool {
        let mut cookies = self.hops.iter().flat_map(|hop| &hop.cookies);
        cookies.any(|(name, fate)| *fate == Fate::Kept && is_session(name))
    }

    fn is_let_in(&mut self, again: &Request) -> bool {
        self.client.exchange(again).is_ok_and(|response| {
            let kind = Kind::of(&again.url, &response, &Page::read(&response.body));
            response.status < 400 && !matches!(kind, Kind::AsksForLogin { .. })
        })
    }
}

fn is_session(name: &str) -> bool {
    name.strip_prefix("__Host-")
        .unwrap_or(name)
        .starts_with("pubcookie_s_")
}

impl Hop {
    fn new(request: &Request, response: &Response, page: &Page, kind: Kind) -> Self {
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
    fn of(url: &Url, response: &Response, page: &Page) -> Kind {
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
        if page.login_form().is_some() {
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
    fn next(&self, request: &Request, response: &Response, page: &Page) -> Option<Request> {
        match self {
            Kind::Redirect { to } => Some(Request {
                url: to.clone(),
                form: request
                    .form
                    .clone()
                    .filter(|_| matches!(response.status, 307 | 308)),
                page: request.page.clone(),
            }),
            Kind::MovesOn { to } | Kind::AsksForLogin { to, .. } | Kind::Grants { to, .. } => {
                match (&page.refresh, page.forms.first()) {
                    (None, Some(form)) => submission(request, response, form),
                    _ => Some(caused_by(request, response, to.clone())),
                }
            }
            Kind::LoginForm | Kind::Page => None,
        }
    }
}

fn submission(request: &Request, response: &Response, form: &Form) -> Option<Request> {
    let action = request.url.join(&form.action).ok()?;
    let mut next = caused_by(request, response, action);
    if form.post {
        next.form = Some(form.encode());
    } else {
        next.url.set_query(Some(&form.encode()));
    }
    Some(next)
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
