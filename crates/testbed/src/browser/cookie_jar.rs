//! The cookies of one browser, kept by the rules of RFC 6265bis as Chromium applies them.

use anyhow::{Context, Result, ensure};
use cookie_store::{CookieDomain, CookieError, CookieStore, RawCookie};
use url::Url;

use super::request::{Method, Relation};

/// Name and value together, in bytes: Chromium does not keep what is longer.
const LONGEST_COOKIE: usize = 4096;

/// One cookie as the jar holds it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cookie {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// The host that it goes back to, with a leading dot where it also goes to the hosts below.
    pub domain: String,
    /// The path that it goes back to.
    pub path: String,
    /// `SameSite`: `Strict`, `Lax` or `None`, where the server said so.
    pub same_site: Option<String>,
    /// `HttpOnly`.
    pub http_only: bool,
    /// `Secure`.
    pub secure: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct CookieJar(CookieStore);

impl CookieJar {
    /// Keep a cookie that `url` set with this `Set-Cookie` text, or forget one that it expires.
    ///
    /// # Errors
    /// Chromium would refuse it, and why.
    pub(super) fn store(&mut self, text: &str, url: &Url) -> Result<()> {
        let cookie = RawCookie::parse(text.to_owned()).context("no cookie at all")?;
        let size = cookie.name().len() + cookie.value().len();
        ensure!(size <= LONGEST_COOKIE, "{} is {size} bytes long", cookie.name());

        let secure = cookie.secure().unwrap_or(false);
        let name = cookie.name().to_ascii_lowercase();
        ensure!(
            !secure || url.scheme() == "https",
            "{name} is Secure and came over http"
        );
        if name.starts_with("__secure-") || name.starts_with("__host-") {
            ensure!(secure, "{name} is not Secure");
        }
        if name.starts_with("__host-") {
            ensure!(cookie.domain().is_none(), "{name} has a Domain");
            ensure!(cookie.path() == Some("/"), "the path of {name} is not /");
        }
        if cookie.same_site().is_some_and(|same_site| same_site.is_none()) {
            ensure!(secure, "{name} is SameSite=None and not Secure");
        }
        if let Some(domain) = cookie.domain() {
            // `localhost` is on no list of public suffixes, and the rule for those is: one label is public.
            ensure!(
                domain.trim_start_matches('.').contains('.'),
                "{domain} is a public suffix"
            );
        }
        match self.0.insert_raw(&cookie, url) {
            Ok(_) | Err(CookieError::Expired) => Ok(()),
            Err(error) => Err(error).with_context(|| format!("{name} of {url}")),
        }
    }

    /// The value of the `Cookie` header of a request to `url`, longest path first.
    pub(super) fn header(&self, url: &Url, method: Method, relation: Relation) -> Option<String> {
        let mut cookies = self.0.matches(url);
        cookies.retain(|cookie| {
            relation != Relation::CrossSite
                || match cookie.same_site() {
                    Some(same_site) if same_site.is_none() => true,
                    Some(same_site) if same_site.is_strict() => false,
                    _ => method == Method::Get,
                }
        });
        cookies.sort_by_key(|cookie| (usize::MAX - cookie.path.len(), cookie.name().to_owned()));
        let pairs: Vec<String> = cookies
            .iter()
            .map(|cookie| format!("{}={}", cookie.name(), cookie.value()))
            .collect();
        (!pairs.is_empty()).then(|| pairs.join("; "))
    }

    /// Every cookie that has not expired.
    pub(super) fn cookies(&self) -> Vec<Cookie> {
        let mut cookies: Vec<Cookie> = self.0.iter_unexpired().map(describe).collect();
        cookies.sort_by(|a, b| (&a.name, &a.domain, &a.path).cmp(&(&b.name, &b.domain, &b.path)));
        cookies
    }

    pub(super) fn remove(&mut self, cookie: &Cookie) {
        self.0
            .remove(cookie.domain.trim_start_matches('.'), &cookie.path, &cookie.name);
    }
}

fn describe(cookie: &cookie_store::Cookie<'static>) -> Cookie {
    Cookie {
        name: cookie.name().to_owned(),
        value: cookie.value().to_owned(),
        domain: match &cookie.domain {
            CookieDomain::Suffix(domain) => format!(".{domain}"),
            CookieDomain::HostOnly(host) => host.clone(),
            CookieDomain::NotPresent | CookieDomain::Empty => String::new(),
        },
        path: String::from(&cookie.path),
        same_site: cookie.same_site().map(|same_site| same_site.to_string()),
        http_only: cookie.http_only().unwrap_or(false),
        secure: cookie.secure().unwrap_or(false),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn app() -> Url {
        url("https://app.demo.localhost:8443/app/page")
    }

    #[test]
    fn a_domain_cookie_goes_to_the_neighbours_and_a_host_cookie_does_not() {
        let mut jar = CookieJar::default();
        jar.store("shared=1; domain=.demo.localhost; path=/; secure", &app())
            .unwrap();
        jar.store("__Host-own=2; path=/; secure", &app()).unwrap();
        jar.store("deep=3; path=/app", &app()).unwrap();
        let header = |to: &str| jar.header(&url(to), Method::Get, Relation::Typed);
        assert_eq!(
            header("https://login.demo.localhost/").as_deref(),
            Some("shared=1")
        );
        assert_eq!(
            header("https://app.demo.localhost:9/app/").as_deref(),
            Some("deep=3; __Host-own=2; shared=1")
        );
        assert_eq!(header("http://app.demo.localhost/"), None);
        assert_eq!(header("https://demo.localhost.example/"), None);
    }

    #[test]
    fn an_old_date_removes_a_cookie() {
        let mut jar = CookieJar::default();
        jar.store("s=1; domain=.demo.localhost; path=/; secure", &app())
            .unwrap();
        jar.store(
            "s=clear; domain=.demo.localhost; path=/; secure; expires=Fri, 11-Jan-1990 00:00:01 GMT",
            &app(),
        )
        .unwrap();
        assert_eq!(jar.cookies(), []);
    }

    #[test]
    fn refuses_what_chromium_refuses() {
        for text in [
            "__Host-a=1; path=/; secure; domain=.demo.localhost",
            "__Host-a=1; path=/app; secure",
            "__Host-a=1; path=/",
            "__Secure-a=1",
            "a=1; samesite=none",
            "a=1; domain=.localhost",
            "a=1; domain=login.demo.localhost",
            &format!("a={}", "x".repeat(LONGEST_COOKIE)),
        ] {
            let mut jar = CookieJar::default();
            assert!(jar.store(text, &app()).is_err(), "{text}");
            assert_eq!(jar.cookies(), [], "{text}");
        }
        assert!(
            CookieJar::default()
                .store("a=1; secure", &url("http://app.demo.localhost/"))
                .is_err()
        );
    }

    #[test]
    fn another_site_gets_only_what_same_site_lets_through() {
        let mut jar = CookieJar::default();
        for text in [
            "strict=1; samesite=strict",
            "lax=1; samesite=lax",
            "none=1; samesite=none; secure",
            "unsaid=1",
        ] {
            jar.store(text, &app()).unwrap();
        }
        let header = |method, relation| jar.header(&app(), method, relation).unwrap();
        assert_eq!(
            header(Method::Post, Relation::SameSite),
            "lax=1; none=1; strict=1; unsaid=1"
        );
        assert_eq!(
            header(Method::Get, Relation::CrossSite),
            "lax=1; none=1; unsaid=1"
        );
        assert_eq!(header(Method::Post, Relation::CrossSite), "none=1");
    }
}
