//! The cookies of one browser, kept by the rules of RFC 6265bis as Chromium applies them.

use anyhow::{Context, Result, ensure};
use cookie_store::{CookieDomain, CookieStore, RawCookie};
use url::Url;

/// Name and value together, in bytes: what is longer is not kept.
const LONGEST_COOKIE: usize = 4096;

/// One cookie as the jar holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The host it goes back to, with a leading dot where it also goes to the hosts below.
    pub domain: String,
    /// The path it goes back to.
    pub path: String,
    /// `SameSite`: `Strict`, `Lax`, `None` or nothing.
    pub same_site: Option<String>,
    /// `HttpOnly`.
    pub http_only: bool,
    /// `Secure`.
    pub secure: bool,
}

/// Which page made the browser send a request: it decides about `SameSite` cookies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context_ {
    /// The same site, or nobody: the address was typed.
    SameSite,
    /// Another site, as a navigation by GET: `SameSite=Lax` goes along.
    CrossSiteNavigation,
    /// Another site, by POST or by a script.
    CrossSite,
}
