//! The frame of every page: markup, one small style, and the headers that keep a page from being framed, cached or
//! scripted by others.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use std::fmt;
use zeroize::Zeroizing;

/// A complete answer but for its cookies. The page may hold a granting cookie or a form of the user's: it is wiped from
/// memory when dropped.
pub struct Page {
    /// The HTTP status.
    pub status: u16,
    /// The headers besides Set-Cookie.
    pub headers: Vec<(&'static str, String)>,
    /// The page, in UTF-8.
    pub body: Zeroizing<String>,
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Page")
            .field("status", &self.status)
            .finish_non_exhaustive()
    }
}

/// A number used once: by it a page's policy knows the page's own style and script.
#[derive(Clone, Debug)]
pub struct Nonce(String);

impl Nonce {
    /// 128 random bits.
    pub fn random() -> Result<Nonce, openssl::error::ErrorStack> {
        let mut bits = [0; 16];
        openssl::rand::rand_bytes(&mut bits)?;
        Ok(Nonce(URL_SAFE_NO_PAD.encode(bits)))
    }

    /// One that every page of a trial may have, and no page that is sent.
    pub(crate) fn example() -> Nonce {
        Nonce("example-of-a-nonce".to_owned())
    }

    /// Its text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

/// What distinguishes one page from another.
pub struct Contents<'a> {
    /// The HTTP status.
    pub status: u16,
    /// What the browser's window is called.
    pub title: &'a str,
    /// What goes into the head besides title and style.
    pub head: Markup,
    /// What the user sees.
    pub main: Markup,
    /// Whether the only form submits itself.
    pub submits_itself: bool,
}

/// The whole page with its headers.
pub fn render(contents: Contents<'_>, nonce: &Nonce) -> Page {
    // It may hold what is wiped with the page.
    let main = Zeroizing::new(contents.main.into_string());
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (contents.title) }
                (contents.head)
                style nonce=(nonce.0) { (PreEscaped(STYLE)) }
            }
            body {
                main { (PreEscaped(main.as_str())) }
                (PreEscaped(script(contents.submits_itself, nonce)))
            }
        }
    };
    Page {
        status: contents.status,
        headers: headers(nonce, contents.submits_itself, ""),
        body: Zeroizing::new(markup.into_string()),
    }
}

/// A page that was made from a site's template: it may show pictures, and take fonts and style sheets, of its own host.
pub(crate) fn from_template(
    status: u16,
    body: Zeroizing<String>,
    submits_itself: bool,
    nonce: &Nonce,
) -> Page {
    Page {
        status,
        headers: headers(nonce, submits_itself, OF_ITS_OWN_HOST),
        body,
    }
}

/// The script that submits a page's only form, where it submits itself.
pub(crate) fn script(submits_itself: bool, nonce: &Nonce) -> String {
    html! {
        @if submits_itself {
            script nonce=(nonce.0) { (PreEscaped(SUBMIT)) }
        }
    }
    .into_string()
}

/// What templates may refer to.
const OF_ITS_OWN_HOST: &str = " 'self'; img-src 'self' data:; font-src 'self'";

/// The headers of every page. `of_host` goes on after the sources of style. There is no `form-action`: Chromium applies it
/// to where a form is redirected, too.
fn headers(nonce: &Nonce, submits_itself: bool, of_host: &str) -> Vec<(&'static str, String)> {
    let nonce = &nonce.0;
    let script = if submits_itself {
        format!("script-src 'nonce-{nonce}'; ")
    } else {
        String::new()
    };
    let policy = format!(
        "default-src 'none'; style-src 'nonce-{nonce}'{of_host}; {script}base-uri 'none'; frame-ancestors 'none'"
    );
    let mut headers = uncacheable();
    headers.extend([
        ("Content-Type", "text/html; charset=utf-8".to_owned()),
        ("Content-Security-Policy", policy),
        ("X-Content-Type-Options", "nosniff".to_owned()),
        ("X-Frame-Options", "DENY".to_owned()),
    ]);
    headers
}

/// The headers of every answer of ours, page or redirect: kept nowhere, and its URL told to nobody.
pub(crate) fn uncacheable() -> Vec<(&'static str, String)> {
    [
        ("Cache-Control", "no-store, no-cache, must-revalidate"),
        ("Pragma", "no-cache"),
        ("Expires", "Fri, 11 Jan 1990 00:00:01 GMT"),
        ("Referrer-Policy", "no-referrer"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// Submits the only form, even where one of its fields is called `submit`.
const SUBMIT: &str = "HTMLFormElement.prototype.submit.call(document.forms[0]);";

/// The style of every page.
pub(crate) const STYLE: &str = include_str!("page.css");
