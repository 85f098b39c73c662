//! What a browser got: one response, or the page at the end of a navigation with all that led to it.

use std::time::Duration;

use anyhow::{Context, Result, anyhow};
use url::Url;

use super::html::{Document, Form};
use super::request::Method;

/// One response, with what it took to get it.
#[derive(Clone, Debug)]
pub struct Response {
    /// The method of the request.
    pub method: Method,
    /// The address of the request.
    pub url: Url,
    /// The `Cookie` header that the jar gave to the request.
    pub sent_cookies: Option<String>,
    /// The status.
    pub status: u16,
    /// Names in lower case, in the order of arrival; repeated headers stay apart.
    pub headers: Vec<(String, String)>,
    /// The body; what is no UTF-8 in it is replaced.
    pub body: String,
    /// The body byte for byte: of a download.
    pub bytes: Vec<u8>,
    /// Cookies that came and were refused by the jar, and why.
    pub refused_cookies: Vec<String>,
    /// From the first byte of the request to the last of the body.
    pub took: Duration,
}

impl Response {
    /// The first header called `name` (case does not matter).
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers(name).next()
    }

    /// Every header called `name` (case does not matter).
    pub fn headers<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        let name = name.to_ascii_lowercase();
        self.headers
            .iter()
            .filter(move |(header, _)| *header == name)
            .map(|(_, value)| value.as_str())
    }

    /// The `Set-Cookie` text of this name.
    pub fn set_cookie(&self, name: &str) -> Option<&str> {
        self.headers("set-cookie")
            .find(|text| text.split('=').next() == Some(name))
    }

    /// Its forms, its refresh.
    pub fn document(&self) -> Document {
        Document::parse(&self.body)
    }

    /// Method, address, status, names of the cookies set, and time: one line.
    pub fn summary(&self) -> String {
        let cookies: Vec<&str> = self
            .headers("set-cookie")
            .filter_map(|text| text.split('=').next())
            .collect();
        let set = if cookies.is_empty() {
            String::new()
        } else {
            format!(", sets {}", cookies.join(", "))
        };
        format!(
            "{} {} -> {}{set} ({:.1} ms)",
            self.method.as_str(),
            without_query(&self.url),
            self.status,
            self.took.as_secs_f64() * 1000.0
        )
    }
}

/// The end of a navigation.
#[derive(Clone, Debug)]
pub struct Page {
    /// What the user sees.
    pub response: Response,
    /// What led there: redirects, refreshes, and forms that a script submitted, the oldest first.
    pub hops: Vec<Response>,
}

impl std::ops::Deref for Page {
    type Target = Response;

    fn deref(&self) -> &Response {
        &self.response
    }
}

impl Page {
    /// The first form that has this field.
    ///
    /// # Errors
    /// There is none: with the way here and the page's text.
    pub fn form_with(&self, field: &str) -> Result<Form> {
        let has = |form: &Form| form.field(field).is_some();
        self.document()
            .forms
            .into_iter()
            .find(has)
            .ok_or_else(|| anyhow!("no form with a field {field:?}: {}", self.story()))
    }

    /// The way here, a line a hop, and then the page's body: for error messages.
    pub fn story(&self) -> String {
        let hops: String = self
            .all()
            .map(|response| format!("\n  {}", response.summary()))
            .collect();
        format!("{hops}\n{}", self.body)
    }

    /// Every response of the navigation, this page the last.
    pub fn all(&self) -> impl Iterator<Item = &Response> {
        self.hops.iter().chain(std::iter::once(&self.response))
    }

    /// The first response of the navigation that set a cookie of this name.
    pub fn hop_that_set(&self, cookie: &str) -> Result<&Response> {
        self.all()
            .find(|response| response.set_cookie(cookie).is_some())
            .with_context(|| format!("nobody set {cookie}: {}", self.story()))
    }
}

fn without_query(url: &Url) -> String {
    let mut shown = url.clone();
    if shown.query().is_some() {
        shown.set_query(Some("..."));
    }
    shown.into()
}
