//! The way of a login, hop by hop, as a browser goes it.

use anyhow::Result;
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod};
use pubcookie_protocol::set_cookie;
use url::Url;

use super::client::{Client, Failure, Fate, Request, Response};
use super::credentials::Credentials;
use super::hop::{Hop, Kind, submission};
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
    /// What an application server asks for cannot be read.
    UnreadableRequest {
        problem: String,
    },
    /// The same application asks for a login for the second time.
    AskedAgain,
    /// The login form comes again after it was filled in.
    PasswordRefused,
    /// A login form that is no place for a password.
    UnsafeForm {
        action: String,
    },
    /// The login server would have the password sent on to another server.
    PasswordSentOn {
        to: Url,
    },
    Arrived,
}

/// Visits `url` and logs in where that is asked for.
pub fn travel(client: &mut Client, url: &Url, credentials: &Credentials) -> Result<Journey> {
    let mut traveller = Traveller {
        client,
        credentials,
        hops: Vec::new(),
        has_filled_in: false,
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

    /// Whether the login server has granted a login.
    pub fn has_granted(&self) -> bool {
        let mut hops = self.hops.iter();
        hops.any(|hop| matches!(hop.kind, Kind::Grants { .. }))
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
    has_filled_in: bool,
}

impl Traveller<'_> {
    fn go(&mut self, mut request: Request) -> Result<End> {
        while self.hops.len() < MOST_HOPS {
            let response = match self.client.exchange(&request) {
                Ok(response) => response,
                Err(failure) => {
                    let url = request.url;
                    return Ok(End::NoAnswer { url, failure });
                }
            };
            let page = Page::read(&response.body);
            let kind = Kind::of(&request.url, &response, &page, self.is_logging_in());
            let asked_before = self.asked_before(&kind);
            let unreadable = match &kind {
                Kind::AsksForLogin { asked, .. } => asked.as_ref().err().cloned(),
                _ => None,
            };
            let by_itself = kind.next(&request, &response, &page);
            let form = page.login_form().filter(|_| matches!(kind, Kind::LoginForm));
            self.hops.push(Hop::new(&request, &response, &page, kind));
            if let Some(problem) = unreadable {
                return Ok(End::UnreadableRequest { problem });
            }
            if asked_before {
                return Ok(End::AskedAgain);
            }
            request = match (by_itself, form) {
                (Some(next), _) if next.holds_password && next.url.origin() != request.url.origin() => {
                    return Ok(End::PasswordSentOn { to: next.url });
                }
                (Some(next), _) => next,
                (None, None) => return Ok(End::Arrived),
                (None, Some(_)) if self.has_filled_in => return Ok(End::PasswordRefused),
                (None, Some(form)) => match action_for_password(&request.url, form) {
                    Ok(action) => self.fill_in(&request, &response, form.clone(), action)?,
                    Err(action) => return Ok(End::UnsafeForm { action }),
                },
            };
            if let Some(end) = self.cookie_left_behind(&request) {
                return Ok(end);
            }
        }
        Ok(End::TooManyHops)
    }

    /// Whether an application server has asked for a login that has not been granted yet.
    fn is_logging_in(&self) -> bool {
        let last = self.hops.iter().rev().find_map(|hop| match hop.kind {
            Kind::AsksForLogin { .. } => Some(true),
            Kind::Grants { .. } => Some(false),
            _ => None,
        });
        last.unwrap_or(false)
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

    fn fill_in(
        &mut self,
        request: &Request,
        response: &Response,
        form: Form,
        action: Url,
    ) -> Result<Request> {
        self.has_filled_in = true;
        let (user, password) = self.credentials.for_login_at(&action)?;
        Ok(Request {
            holds_password: true,
            ..submission(request, response, &form.fill(&user, &password), action)
        })
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
            let kind = Kind::of(&again.url, &response, &Page::read(&response.body), false);
            response.status < 400 && !matches!(kind, Kind::AsksForLogin { .. })
        })
    }
}

/// Where a login form goes, unless anybody on the way could read it, or it would stand in a log.
fn action_for_password(page: &Url, form: &Form) -> std::result::Result<Url, String> {
    match page.join(&form.action) {
        Ok(action) if action.scheme() == "https" && form.post => Ok(action),
        _ => Err(form.action.clone()),
    }
}

fn is_session(name: &str) -> bool {
    name.strip_prefix("__Host-")
        .unwrap_or(name)
        .starts_with("pubcookie_s_")
}
