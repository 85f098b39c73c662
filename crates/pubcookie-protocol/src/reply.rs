//! The reply URL of the POST method: where the login server's form delivers the granting cookie.
//!
//! The original redirects to whatever the form says and lets any page plant a granting cookie. Here the form must name
//! our own server, only a path is taken from it, and the caller requires the browser's pre-session to hold the granting
//! cookie's token before it sets anything.

use crate::form::Form;
use crate::granting_request::{QUERY_LIMIT, lenient_base64};
use crate::host::Host;
use crate::percent;
use std::fmt;
use zeroize::Zeroizing;

/// A login server's reply, as far as its form goes.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// Where the user goes on.
    pub destination: Destination,
    /// The granting cookie in base64, still unverified.
    pub granting_cookie: Zeroizing<String>,
    /// The body of the request that began the login; empty where it had none.
    pub post_stuff: Zeroizing<Vec<u8>>,
}

/// A path on our own server with its query: printable ASCII, beginning with exactly one `/`. A browser that is sent
/// there stays with us.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Destination(String);

/// Why a reply was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// A field that must be there once is not.
    #[error("no granting reply: the form has no single field `{0}`")]
    Missing(&'static str),
    /// `redirect_url` is not `https://host[:port]/base64`.
    #[error("invalid relay URL: `{}`", .0.escape_debug())]
    NotAUrl(String),
    /// `redirect_url` names another server.
    #[error("the reply is for `{}`, not for this server, {own}", .named.escape_debug())]
    OtherServer {
        /// The server that it names.
        named: String,
        /// Our own.
        own: Host,
    },
    /// The path would leave our server, or is none.
    #[error("the reply's path is not one of this server: `{}`", .0.escape_debug())]
    NotAPath(String),
    /// The granting cookie is no base64 of a plausible length.
    #[error("the reply's granting cookie is not base64")]
    NotACookie,
    /// The query is longer than [`QUERY_LIMIT`] (times three, as it may have been percent-encoded on the way).
    #[error("GET arguments longer than supported ({0} bytes)")]
    QueryTooLong(usize),
}

impl Reply {
    /// Reads the form that the login server posts to us. `own` is our own host and port, which are always HTTPS.
    pub fn parse(form: &Form, own: &Host) -> Result<Reply, ReplyError> {
        let required = |name| form.only(name).ok_or(ReplyError::Missing(name));
        let granting_cookie = granting_cookie(required("pubcookie_g")?)?;
        let path = own_path(required("redirect_url")?, own)?;
        let query = form.only("get_args").unwrap_or_default();
        Ok(Reply {
            destination: Destination::new(&path, query)?,
            granting_cookie,
            post_stuff: Zeroizing::new(form.only("post_stuff").unwrap_or_default().to_vec()),
        })
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("destination", &self.destination)
            .finish_non_exhaustive()
    }
}

impl Destination {
    /// A path and a query (empty for none) as a destination. Refused are paths that a browser could read as another
    /// server: beginning with anything but one `/`, or with a `\`, a tab or a line end near it.
    pub fn new(path: &[u8], query: &[u8]) -> Result<Destination, ReplyError> {
        let refused = || ReplyError::NotAPath(String::from_utf8_lossy(path).chars().take(80).collect());
        let begins_once = path.first() == Some(&b'/') && !matches!(path.get(1), Some(b'/' | b'\\'));
        // Browsers drop tabs and line ends from a URL before they look at it.
        if !begins_once || path.iter().chain(query).any(u8::is_ascii_control) {
            return Err(refused());
        }
        if leaves_after_dots(path) {
            return Err(refused());
        }
        if query.len() > 3 * QUERY_LIMIT {
            return Err(ReplyError::QueryTooLong(query.len()));
        }
        let mut destination = percent::url_path(path);
        if !query.is_empty() {
            destination.push('?');
            destination.push_str(&percent::url_query(query));
        }
        Ok(Destination(destination))
    }

    /// The path and query, for a Location header or a form's action.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Whether the path, once a browser or an RFC 3986 reader has taken `.` and `..` out, would begin with `//` or `/\` (or
/// might, for a path that no browser sends).
fn leaves_after_dots(path: &[u8]) -> bool {
    let plain = percent::decode(path);
    let mut segments: Vec<&[u8]> = Vec::new();
    for segment in plain[1..].split(|&byte| byte == b'/' || byte == b'\\') {
        match segment {
            b"." => {}
            b".." => drop(segments.pop()),
            _ => segments.push(segment),
        }
    }
    plain != b"/" && segments.first().is_some_and(|first| first.is_empty())
}

/// The path in `redirect_url`, which is `https://<six>/<base64 of the path>`.
fn own_path(redirect_url: &[u8], own: &Host) -> Result<Vec<u8>, ReplyError> {
    let not_a_url = || ReplyError::NotAUrl(String::from_utf8_lossy(redirect_url).chars().take(120).collect());
    let url = std::str::from_utf8(redirect_url).map_err(|_| not_a_url())?;
    let (scheme, rest) = url.split_once("://").ok_or_else(not_a_url)?;
    let (authority, base64) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let other = || ReplyError::OtherServer {
        named: format!("{scheme}://{authority}").chars().take(120).collect(),
        own: own.clone(),
    };
    let named: Host = authority.parse().map_err(|_| not_a_url())?;
    if !scheme.eq_ignore_ascii_case("https") || named != *own {
        return Err(other());
    }
    let base64 = base64.strip_prefix('/').unwrap_or(base64);
    let path = lenient_base64(base64.as_bytes()).ok_or_else(not_a_url)?;
    Ok(if path.is_empty() { b"/".to_vec() } else { path })
}

/// The granting cookie's base64, with what may have become a space put right. Whether it holds anything is for its
/// verification to say; nothing that could end a cookie's value passes.
fn granting_cookie(value: &[u8]) -> Result<Zeroizing<String>, ReplyError> {
    let plus = |&byte: &u8| if byte == b' ' { '+' } else { char::from(byte) };
    let base64 = Zeroizing::new(value.iter().map(plus).collect::<String>());
    let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=');
    if (1..=4096).contains(&base64.len()) && base64.bytes().all(is_base64) {
        Ok(base64)
    } else {
        Err(ReplyError::NotACookie)
    }
}
