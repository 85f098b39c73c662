//! A client that behaves in front of servers as Chromium does: cookies, redirects, refreshes, forms.
//!
//! It trusts one certification authority, and takes every `*.localhost` name for 127.0.0.1.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::{Context, Result, bail};
use ureq::http::{self, HeaderName, HeaderValue};
use ureq::{Agent, Body};
use url::Url;

mod connection;
mod cookie_jar;
mod html;
mod page;
mod request;

use cookie_jar::CookieJar;

pub use cookie_jar::Cookie;
pub use html::{Document, Form};
pub use page::{Page, Response};
pub use request::{Method, Relation, Request};

/// As many as Chromium follows before it says that there are too many redirects.
const MOST_HOPS: usize = 20;
/// Bytes of the longest body that is read.
const LONGEST_BODY: u64 = 64 << 20;

/// A browser. A clone of it is another tab: it shares the cookies.
#[derive(Clone)]
pub struct Browser {
    jar: Arc<Mutex<CookieJar>>,
    agent: Agent,
    authority: PathBuf,
    javascript: bool,
    refuses_cookies_of: fn(&Url) -> bool,
}

impl Browser {
    /// One without cookies, that trusts the certification authority in this PEM file and no other.
    pub fn new(authority: &Path) -> Result<Self> {
        Ok(Browser {
            jar: Arc::default(),
            agent: connection::agent(authority)?,
            authority: authority.to_owned(),
            javascript: true,
            refuses_cookies_of: |_| false,
        })
    }

    /// The same browser where no form is submitted by a script.
    pub fn without_javascript(&self) -> Self {
        Browser {
            javascript: false,
            ..self.clone()
        }
    }

    /// The same browser where the user allows no cookies of these addresses.
    pub fn refusing_cookies_of(&self, addresses: fn(&Url) -> bool) -> Self {
        Browser {
            refuses_cookies_of: addresses,
            ..self.clone()
        }
    }

    /// Another browser that got hold of a copy of all cookies.
    pub fn with_stolen_cookies(&self) -> Self {
        Browser {
            jar: Arc::new(Mutex::new(self.jar().clone())),
            ..self.clone()
        }
    }

    /// Type an address and wait for the page it leads to.
    pub fn get(&self, url: &str) -> Result<Page> {
        self.navigate(Request::get(parse(url)?))
    }

    /// Press the first button of a form of `page`, and wait for the page it leads to.
    pub fn submit(&self, page: &Page, form: &Form) -> Result<Page> {
        self.navigate(submission(page, form)?)
    }

    /// Follow a link of `page`, and wait for the page it leads to.
    pub fn follow(&self, page: &Page, link: &str) -> Result<Page> {
        self.navigate(caused_by(page, Request::get(page.url.join(link)?)))
    }

    /// Send a request and follow redirects, refreshes, and (with JavaScript) forms that submit themselves.
    ///
    /// # Errors
    /// No answer, or more than 20 hops: with the way so far.
    pub fn navigate(&self, mut request: Request) -> Result<Page> {
        let mut hops = Vec::new();
        loop {
            let response = self.exchange(&request)?;
            let next = self.next_hop(request, &response)?;
            let Some(next) = next else {
                return Ok(Page { response, hops });
            };
            hops.push(response);
            if hops.len() > MOST_HOPS {
                let way: Vec<String> = hops.iter().map(Response::summary).collect();
                bail!("too many redirects:\n  {}", way.join("\n  "));
            }
            request = next;
        }
    }

    /// Send one request, and keep the cookies of its response; whatever it says, nothing is followed.
    pub fn exchange(&self, request: &Request) -> Result<Response> {
        let cookies = self
            .jar()
            .header(&request.url, request.method, request.relation());
        let began = Instant::now();
        let received = self
            .send(request, cookies.as_deref())
            .with_context(|| format!("no answer from {}", request.url))?;
        let (parts, mut body) = received.into_parts();
        let body = body.with_config().limit(LONGEST_BODY).read_to_vec()?;
        let took = began.elapsed();

        let headers: Vec<(String, String)> = parts
            .headers
            .iter()
            .map(|(name, value)| {
                (
                    name.to_string(),
                    String::from_utf8_lossy(value.as_bytes()).into_owned(),
                )
            })
            .collect();
        let mut jar = self.jar();
        let refused_cookies = headers
            .iter()
            .filter(|(name, _)| name == "set-cookie")
            .filter_map(|(_, text)| match (self.refuses_cookies_of)(&request.url) {
                true => Some(format!("not allowed: {text}")),
                false => jar
                    .store(text, &request.url)
                    .err()
                    .map(|error| format!("{error:#}")),
            })
            .collect();
        Ok(Response {
            method: request.method,
            url: request.url.clone(),
            sent_cookies: cookies,
            status: parts.status.as_u16(),
            headers,
            body: String::from_utf8_lossy(&body).into_owned(),
            bytes: body,
            refused_cookies,
            took,
        })
    }

    /// Send these bytes to the host of `url`, without cookies, and read until the server closes.
    pub fn raw(&self, url: &str, request: &[u8]) -> Result<String> {
        let answer = connection::exchange_bytes(&self.authority, &parse(url)?, request)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Every cookie that has not expired.
    pub fn cookies(&self) -> Vec<Cookie> {
        self.jar().cookies()
    }

    /// The cookie of this name, if there is one.
    pub fn cookie(&self, name: &str) -> Option<Cookie> {
        self.cookies().into_iter().find(|cookie| cookie.name == name)
    }

    /// Keep a cookie as if the page at `url` had set it with this `Set-Cookie` text.
    ///
    /// # Errors
    /// A browser would have refused it.
    pub fn set_cookie(&self, url: &str, text: &str) -> Result<()> {
        self.jar().store(text, &parse(url)?)
    }

    /// Forget a cookie.
    pub fn remove_cookie(&self, cookie: &Cookie) {
        self.jar().remove(cookie);
    }

    fn next_hop(&self, request: Request, response: &Response) -> Result<Option<Request>> {
        if let (300..=399, Some(location)) = (response.status, response.header("location")) {
            let target = response
                .url
                .join(location)
                .with_context(|| format!("Location: {location}"))?;
            return Ok(Some(request.redirected(response.status, target)));
        }
        let document = response.document();
        if let Some(refresh) = &document.refresh {
            let target = response
                .url
                .join(refresh)
                .with_context(|| format!("refresh to {refresh}"))?;
            return Ok(Some(caused_by(response, Request::get(target))));
        }
        match document.forms.first() {
            Some(form) if self.javascript && document.submits_itself => submission(response, form).map(Some),
            _ => Ok(None),
        }
    }

    /// Send it over a connection kept alive, or over a new one where the server has closed that by now.
    fn send(&self, request: &Request, cookies: Option<&str>) -> Result<http::Response<Body>> {
        match Self::send_with(&self.agent, request, cookies) {
            Err(error) if connection::was_closed(&error) => {
                Self::send_with(&connection::agent(&self.authority)?, request, cookies)
            }
            answer => answer,
        }
    }

    fn send_with(agent: &Agent, request: &Request, cookies: Option<&str>) -> Result<http::Response<Body>> {
        let mut head = http::Request::builder()
            .method(request.method.as_str())
            .uri(request.url.as_str());
        let own = request.browser_headers();
        let own = own.iter().map(|(name, value)| (*name, value.as_str()));
        let added = request
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        let cookies = cookies.map(|cookies| ("Cookie", cookies));
        for (name, value) in own.chain(cookies).chain(added) {
            head = head.header(
                HeaderName::try_from(name)?,
                HeaderValue::from_bytes(value.as_bytes())?,
            );
        }
        Ok(match &request.body {
            None => agent.run(head.body(())?)?,
            Some((content_type, body)) => {
                agent.run(head.header("Content-Type", content_type).body(body.as_slice())?)?
            }
        })
    }

    fn jar(&self) -> MutexGuard<'_, CookieJar> {
        self.jar.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn submission(page: &Response, form: &Form) -> Result<Request> {
    let mut target = page
        .url
        .join(&form.action)
        .with_context(|| format!("form action {}", form.action))?;
    let request = if form.post {
        Request::post(target, "application/x-www-form-urlencoded", form.encode())
    } else {
        target.set_query(Some(&form.encode()));
        Request::get(target)
    };
    Ok(caused_by(page, request))
}

fn caused_by(page: &Response, request: Request) -> Request {
    match page.header("referrer-policy") {
        Some("no-referrer") => request.caused_by_unnamed(&page.url),
        _ => request.caused_by(&page.url),
    }
}

fn parse(url: &str) -> Result<Url> {
    Url::parse(url).with_context(|| format!("{url:?} is no address"))
}
