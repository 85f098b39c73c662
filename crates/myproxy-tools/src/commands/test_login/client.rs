//! HTTP as a browser speaks it: verified TLS, cookies, one request at a time.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cookie_store::{CookieError, CookieStore, RawCookie, StoreAction};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc2822;
use ureq::config::Config;
use ureq::http::{HeaderMap, Request as HttpRequest, Uri};
use ureq::tls::{TlsConfig, TlsProvider};
use ureq::unversioned::resolver::{DefaultResolver, ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};
use url::Url;
use zeroize::Zeroizing;

use super::certificate::{self, CertificateProblem};
use super::trust::Trust;

/// Bytes of the longest page that is read.
const LONGEST_BODY: u64 = 4 << 20;

/// Name and value of a cookie together, in bytes: browsers keep no longer ones.
const LONGEST_COOKIE: usize = 4096;

/// A browser's way to servers, with the cookies that they gave.
pub struct Client {
    agent: Agent,
    cookies: CookieStore,
    trust: Trust,
    timeout: Duration,
}

/// What a browser asks for.
#[derive(Clone)]
pub struct Request {
    pub url: Url,
    /// The form to post, encoded; without one it is a GET.
    pub form: Option<Zeroizing<String>>,
    /// Whether that form holds the password.
    pub holds_password: bool,
    /// The page that led here, and whether it lets itself be named.
    pub page: Option<(Url, bool)>,
}

/// An answer.
pub struct Response {
    pub status: u16,
    pub body: Zeroizing<String>,
    /// Names of the cookies that went with the request.
    pub sent: Vec<String>,
    /// What the answer did to cookies, in its order.
    pub cookies: Vec<Cookie>,
    pub took: Duration,
    /// By how many seconds the server's clock is ahead of ours, where it says the time.
    pub seconds_ahead: Option<i64>,
    headers: HeaderMap,
}

/// A cookie that an answer sets.
pub struct Cookie {
    pub name: String,
    pub value: Zeroizing<String>,
    pub fate: Fate,
}

/// What becomes of a cookie in a browser.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    Kept,
    Cleared,
    /// A browser would not keep it, for this reason.
    Refused(String),
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    #[error("there is no host of this name")]
    HostNotFound,
    #[error("no answer within {} s", .0.as_secs())]
    Timeout(Duration),
    #[error("no connection: {0}")]
    NotConnected(io::Error),
    #[error("{0}")]
    Certificate(CertificateProblem),
    #[error("{0}")]
    Broken(String),
}

impl Client {
    /// One that gives up a request after `timeout`.
    pub fn new(trust: Trust, timeout: Duration) -> Self {
        let tls = TlsConfig::builder()
            .provider(TlsProvider::NativeTls)
            .root_certs(trust.for_requests())
            .build();
        let config = Config::builder()
            .tls_config(tls)
            .proxy(None)
            .max_redirects(0)
            .http_status_as_error(false)
            .timeout_global(Some(timeout))
            .user_agent(concat!(
                "mod-myproxy/",
                env!("CARGO_PKG_VERSION"),
                " (test-login)"
            ))
            .accept("text/html,application/xhtml+xml,*/*;q=0.8")
            .build();
        Client {
            agent: Agent::with_parts(config, DefaultConnector::default(), LocalhostIsHere::default()),
            cookies: CookieStore::default(),
            trust,
            timeout,
        }
    }

    /// Sends one request and keeps the cookies of its answer.
    pub fn exchange(&mut self, request: &Request) -> Result<Response, Failure> {
        let (sent, header) = self.cookies_for(&request.url);
        let (began, began_at) = (Instant::now(), SystemTime::now());
        let answer = self.send(request, &header).and_then(|answer| {
            let (head, mut body) = answer.into_parts();
            let body = body.with_config().limit(LONGEST_BODY).lossy_utf8(true);
            Ok((head, Zeroizing::new(body.read_to_string()?)))
        });
        let (head, body) = answer.map_err(|error| self.failure(error, &request.url))?;
        let took = began.elapsed();
        Ok(Response {
            status: head.status.as_u16(),
            body,
            sent,
            cookies: self.keep_cookies(&head.headers, &request.url),
            took,
            seconds_ahead: date(&head.headers).and_then(|date| seconds_between(began_at + took / 2, date)),
            headers: head.headers,
        })
    }

    /// Whether a cookie of this name would go with a request to `url`.
    pub fn would_send(&self, name: &str, url: &Url) -> bool {
        self.cookies
            .matches(url)
            .iter()
            .any(|cookie| cookie.name() == name)
    }

    fn send(&self, request: &Request, cookies: &str) -> Result<ureq::http::Response<ureq::Body>, Error> {
        let method = if request.form.is_some() { "POST" } else { "GET" };
        let mut head = HttpRequest::builder()
            .method(method)
            .uri(request.url.as_str())
            .header("Sec-Fetch-Mode", "navigate")
            .header("Sec-Fetch-Dest", "document")
            .header("Sec-Fetch-Site", request.relation());
        if !cookies.is_empty() {
            head = head.header("Cookie", cookies);
        }
        match &request.form {
            None => self.agent.run(head.body(())?),
            Some(form) => {
                let head = head
                    .header("Content-Type", "application/x-www-form-urlencoded")
                    .header("Origin", request.origin());
                self.agent.run(head.body(form.as_bytes())?)
            }
        }
    }

    /// The names of the cookies for `url`, and the header that they make; longer paths come first.
    fn cookies_for(&self, url: &Url) -> (Vec<String>, Zeroizing<String>) {
        let mut cookies = self.cookies.matches(url);
        cookies.sort_by_key(|cookie| (usize::MAX - cookie.path.len(), cookie.name().to_owned()));
        let pairs: Vec<Zeroizing<String>> = cookies
            .iter()
            .map(|cookie| Zeroizing::new(format!("{}={}", cookie.name(), cookie.value())))
            .collect();
        let header = pairs
            .iter()
            .map(|pair| pair.as_str())
            .collect::<Vec<_>>()
            .join("; ");
        let names = cookies.iter().map(|cookie| cookie.name().to_owned()).collect();
        (names, Zeroizing::new(header))
    }

    fn keep_cookies(&mut self, headers: &HeaderMap, url: &Url) -> Vec<Cookie> {
        let texts = headers.get_all("Set-Cookie").iter();
        let cookies = texts.filter_map(|text| RawCookie::parse(text.to_str().ok()?.to_owned()).ok());
        cookies.map(|cookie| self.keep(&cookie, url)).collect()
    }

    fn keep(&mut self, cookie: &RawCookie<'static>, url: &Url) -> Cookie {
        let fate = match reason_to_refuse(cookie, url) {
            Some(reason) => Fate::Refused(reason),
            None => match self.cookies.insert_raw(cookie, url) {
                Ok(StoreAction::ExpiredExisting) | Err(CookieError::Expired) => Fate::Cleared,
                Ok(StoreAction::Inserted | StoreAction::UpdatedExisting) => Fate::Kept,
                Err(CookieError::DomainMismatch) => Fate::Refused(format!(
                    "{} is not in the domain {}",
                    url.host_str().unwrap_or_default(),
                    cookie.domain().unwrap_or_default()
                )),
                Err(error) => Fate::Refused(error.to_string()),
            },
        };
        Cookie {
            name: cookie.name().to_owned(),
            value: Zeroizing::new(cookie.value().to_owned()),
            fate,
        }
    }

    fn failure(&self, error: Error, url: &Url) -> Failure {
        match error {
            Error::HostNotFound => Failure::HostNotFound,
            Error::Timeout(_) => Failure::Timeout(self.timeout),
            Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                Failure::NotConnected(error)
            }
            error if url.scheme() == "https" => match certificate::problem_of(url, &self.trust, self.timeout)
            {
                Some(problem) => Failure::Certificate(problem),
                None => Failure::Broken(error.to_string()),
            },
            error => Failure::Broken(error.to_string()),
        }
    }
}

/// What RFC 6265bis (sections 4.1.3 and 5.7) and browsers demand beyond what the store looks at.
fn reason_to_refuse(cookie: &RawCookie<'_>, url: &Url) -> Option<String> {
    let secure = cookie.secure() == Some(true);
    let size = cookie.name().len() + cookie.value().len();
    if size > LONGEST_COOKIE {
        return Some(format!("it has {size} bytes; browsers keep {LONGEST_COOKIE}"));
    }
    if secure && url.scheme() != "https" {
        return Some("it is Secure and came without TLS".to_owned());
    }
    if cookie.name().starts_with("__Host-")
        && !(secure && cookie.domain().is_none() && cookie.path() == Some("/"))
    {
        return Some("a __Host- cookie is Secure, without Domain, and has the path /".to_owned());
    }
    let domain = cookie.domain().map(|domain| domain.trim_start_matches('.'));
    domain
        .filter(|domain| !domain.contains('.') && url.host_str() != Some(*domain))
        .map(|domain| format!("{domain} is a top-level domain"))
}

impl Request {
    /// An address that is typed.
    pub fn get(url: Url) -> Self {
        Request {
            url,
            form: None,
            holds_password: false,
            page: None,
        }
    }

    /// How the page that led here stands to this address, as `Sec-Fetch-Site` says it. What is on the same site but
    /// not of the same origin is called cross-site: no answer that this command gets depends on it.
    fn relation(&self) -> &'static str {
        match &self.page {
            None => "none",
            Some((page, _)) if page.origin() == self.url.origin() => "same-origin",
            Some(_) => "cross-site",
        }
    }

    fn origin(&self) -> String {
        match &self.page {
            Some((page, true)) => page.origin().ascii_serialization(),
            _ => "null".to_owned(),
        }
    }
}

impl Response {
    /// The first header of this name, where it is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// The value of a cookie that this answer sets, whether or not a browser would keep it.
    pub fn cookie_set(&self, name: &str) -> Option<&str> {
        self.cookies
            .iter()
            .find(|cookie| cookie.name == name && cookie.fate != Fate::Cleared)
            .map(|cookie| cookie.value.as_str())
            .filter(|value| !value.is_empty())
    }
}

fn date(headers: &HeaderMap) -> Option<SystemTime> {
    let text = headers.get("Date")?.to_str().ok()?;
    OffsetDateTime::parse(text, &Rfc2822).ok().map(SystemTime::from)
}

/// Whole seconds. `Date` has no parts of them: it is on average half a second behind.
fn seconds_between(ours: SystemTime, theirs: SystemTime) -> Option<i64> {
    let milliseconds =
        |time: SystemTime| i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_millis()).ok();
    Some((milliseconds(theirs)? + 500 - milliseconds(ours)?) / 1000)
}

/// `localhost` and every name below it is this machine (RFC 6761, section 6.3), as in browsers; the system's own
/// resolver need not know that.
#[derive(Default)]
struct LocalhostIsHere(DefaultResolver);

impl fmt::Debug for LocalhostIsHere {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalhostIsHere")
    }
}

impl Resolver for LocalhostIsHere {
    fn resolve(
        &self,
        uri: &Uri,
        config: &Config,
        timeout: NextTimeout,
    ) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().unwrap_or_default();
        if host != "localhost" && !host.ends_with(".localhost") {
            return self.0.resolve(uri, config, timeout).map_err(|error| match error {
                Error::Io(_) => Error::HostNotFound,
                other => other,
            });
        }
        let usual = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        let mut addresses = self.empty();
        addresses.push(SocketAddr::from((
            [127, 0, 0, 1],
            uri.port_u16().unwrap_or(usual),
        )));
        Ok(addresses)
    }
}
