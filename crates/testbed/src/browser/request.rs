//! What a browser asks for, and in what words: method, headers, and where the wish came from.

use url::{Origin, Url};

/// The methods that a browser uses by itself. Others go through [`super::Browser::raw`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `POST`
    Post,
}

impl Method {
    /// As it stands in a request line.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Head => "HEAD",
            Method::Post => "POST",
        }
    }
}

/// How the page that caused a request stands to the address requested: `Sec-Fetch-Site`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Relation {
    /// Nobody caused it: the user typed the address.
    Typed,
    /// A page of the same scheme, host and port.
    SameOrigin,
    /// A page of the same scheme and registrable domain.
    SameSite,
    /// Any other page.
    CrossSite,
}

impl Relation {
    fn as_str(self) -> &'static str {
        match self {
            Relation::Typed => "none",
            Relation::SameOrigin => "same-origin",
            Relation::SameSite => "same-site",
            Relation::CrossSite => "cross-site",
        }
    }

    fn between(from: &Url, to: &Url) -> Self {
        if from.origin() == to.origin() {
            Relation::SameOrigin
        } else if site(from) == site(to) {
            Relation::SameSite
        } else {
            Relation::CrossSite
        }
    }
}

/// What causes a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Purpose {
    Navigation,
    Script,
}

/// A request before the browser has added cookies and its own headers.
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Option<(String, Vec<u8>)>,
    purpose: Purpose,
    /// The page that caused it, and whether it lets itself be named (`Referrer-Policy: no-referrer`).
    initiator: Option<(Url, bool)>,
    /// Where redirects have led so far: the strangest decides about `Sec-Fetch-Site`.
    strangest: Relation,
}

impl Request {
    /// An address typed into the address bar.
    pub fn get(url: Url) -> Self {
        Request {
            method: Method::Get,
            url,
            headers: Vec::new(),
            body: None,
            purpose: Purpose::Navigation,
            initiator: None,
            strangest: Relation::Typed,
        }
    }

    /// A `HEAD` for this address.
    pub fn head(url: Url) -> Self {
        Request {
            method: Method::Head,
            ..Request::get(url)
        }
    }

    /// A body posted to this address.
    pub fn post(url: Url, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        Request {
            method: Method::Post,
            body: Some((content_type.to_owned(), body.into())),
            ..Request::get(url)
        }
    }

    /// One more header, beside those that a browser sends; a name may come more than once.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Caused by the page at this address.
    pub fn caused_by(mut self, page: &Url) -> Self {
        self.initiator = Some((page.clone(), true));
        self
    }

    /// Made by a script (`fetch`), not by a navigation.
    pub fn by_script(mut self) -> Self {
        self.purpose = Purpose::Script;
        self
    }

    pub(super) fn caused_by_unnamed(mut self, page: &Url) -> Self {
        self.initiator = Some((page.clone(), false));
        self
    }

    /// The request that follows a redirect with `status` to `url`: 307 and 308 keep method and body.
    pub(super) fn redirected(mut self, status: u16, url: Url) -> Self {
        self.strangest = self.relation();
        self.url = url;
        if !matches!(status, 307 | 308) && self.method == Method::Post {
            self.method = Method::Get;
            self.body = None;
        }
        self
    }

    pub(super) fn relation(&self) -> Relation {
        let now = match &self.initiator {
            None => Relation::Typed,
            Some((page, _)) => Relation::between(page, &self.url),
        };
        now.max(self.strangest)
    }

    /// The headers of Chromium that servers decide by.
    pub(super) fn browser_headers(&self) -> Vec<(&'static str, String)> {
        let mut headers = vec![("Sec-Fetch-Site", self.relation().as_str().to_owned())];
        match self.purpose {
            Purpose::Navigation => {
                headers.push(("Accept", "text/html,application/xhtml+xml,*/*;q=0.8".to_owned()));
                headers.push(("Upgrade-Insecure-Requests", "1".to_owned()));
                headers.push(("Sec-Fetch-Mode", "navigate".to_owned()));
                headers.push(("Sec-Fetch-User", "?1".to_owned()));
                headers.push(("Sec-Fetch-Dest", "document".to_owned()));
            }
            Purpose::Script => {
                headers.push(("Accept", "*/*".to_owned()));
                headers.push(("Sec-Fetch-Mode", "cors".to_owned()));
                headers.push(("Sec-Fetch-Dest", "empty".to_owned()));
            }
        }
        if let Some((page, named)) = &self.initiator {
            if self.method == Method::Post {
                let origin = if *named {
                    page.origin().ascii_serialization()
                } else {
                    "null".to_owned()
                };
                headers.push(("Origin", origin));
            }
            if *named {
                headers.push(("Referer", self.referrer(page)));
            }
        }
        headers
    }

    /// By the policy `strict-origin-when-cross-origin`, the default of all browsers.
    fn referrer(&self, page: &Url) -> String {
        if page.origin() != self.url.origin() {
            return format!("{}/", page.origin().ascii_serialization());
        }
        let mut page = page.clone();
        page.set_fragment(None);
        page.into()
    }
}

/// Scheme and registrable domain. The bed lives under `localhost`, which is a public suffix of one label.
fn site(url: &Url) -> (String, String) {
    let Origin::Tuple(scheme, host, _) = url.origin() else {
        return (url.to_string(), String::new());
    };
    let host = host.to_string();
    let labels: Vec<&str> = host.rsplitn(3, '.').collect();
    let domain = match (url.domain(), labels.as_slice()) {
        (Some(_), [top, second, ..]) => format!("{second}.{top}"),
        _ => host.clone(),
    };
    (scheme, domain)
}
