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
    pub post_stuff: Vec<u8>,
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
            post_stuff: form.only("post_stuff").unwrap_or_default().to_vec(),
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

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;
    use url::Url;

    const OWN: &str = "app2.example.edu:18445";

    fn parse(fields: &[(&str, &str)]) -> Result<Reply, ReplyError> {
        let spell = |text: &str| percent::encode_form(text.as_bytes());
        let body: Vec<String> = fields
            .iter()
            .map(|(name, value)| format!("{}={}", spell(name), spell(value)))
            .collect();
        Reply::parse(
            &Form::parse(body.join("&").as_bytes(), 1 << 20).unwrap(),
            &OWN.parse().unwrap(),
        )
    }

    fn reply(redirect_url: &str, get_args: &str) -> Result<Reply, ReplyError> {
        parse(&[
            ("pubcookie_g", "AbC+/w=="),
            ("redirect_url", redirect_url),
            ("get_args", get_args),
        ])
    }

    fn reply_to_path(path: &[u8], get_args: &str) -> Result<Reply, ReplyError> {
        reply(&format!("https://{OWN}/{}", STANDARD.encode(path)), get_args)
    }

    #[test]
    fn a_reply_leads_to_a_path_of_ours() {
        let reply = reply("https://app2.example.edu:18445/L3NlY3VyZS94", "a=1&b=2").unwrap();
        assert_eq!(reply.destination.as_str(), "/secure/x?a=1&b=2");
        assert_eq!(*reply.granting_cookie, "AbC+/w==");
        assert!(reply.post_stuff.is_empty());
        for (path, query, destination) in [
            ("/s/a b?c#d", "", "/s/a%20b%3Fc%23d"),
            ("/s/\"<>:;&=", "x=\"<>#", "/s/%22%3C%3E:;&=?x=%22%3C%3E%23"),
            ("/s/a%3Ab", "%20", "/s/a%3Ab?%20"),
            ("/é", "é", "/%C3%A9?%C3%A9"),
            ("/", "", "/"),
            ("", "q", "/?q"),
        ] {
            assert_eq!(
                reply_to_path(path.as_bytes(), query)
                    .unwrap()
                    .destination
                    .as_str(),
                destination,
                "{path}"
            );
        }
    }

    #[test]
    fn plus_may_have_become_a_space() {
        let fields = [
            ("pubcookie_g", "AbC /w=="),
            ("redirect_url", "https://app2.example.edu:18445/Lz8 Pj8/"),
            ("post_stuff", "a=1"),
        ];
        let reply = parse(&fields).unwrap();
        assert_eq!(*reply.granting_cookie, "AbC+/w==");
        assert_eq!(reply.destination.as_str(), "/%3F%3E%3E%3F%3F");
        assert_eq!(reply.post_stuff, b"a=1");
    }

    #[test]
    fn what_is_missing_or_twice_is_refused() {
        let good = [
            ("pubcookie_g", "AbC+/w=="),
            ("redirect_url", "https://app2.example.edu:18445/L3M="),
        ];
        assert!(parse(&good).is_ok());
        assert_eq!(parse(&good[..1]), Err(ReplyError::Missing("redirect_url")));
        assert_eq!(parse(&good[1..]), Err(ReplyError::Missing("pubcookie_g")));
        assert_eq!(
            parse(&[good[0], good[1], good[0]]),
            Err(ReplyError::Missing("pubcookie_g"))
        );
        assert_eq!(
            parse(&[good[0], good[1], good[1]]),
            Err(ReplyError::Missing("redirect_url"))
        );
        for cookie in [
            "",
            "AAA;evil=1",
            "AAAA\n",
            "A\r\nSet-Cookie: x",
            &"A".repeat(4100),
        ] {
            assert_eq!(
                parse(&[("pubcookie_g", cookie), good[1]]),
                Err(ReplyError::NotACookie),
                "{cookie}"
            );
        }
        assert!(matches!(
            reply_to_path(b"/s", &"q".repeat(5701)),
            Err(ReplyError::QueryTooLong(5701))
        ));
    }

    #[test]
    fn a_reply_for_another_server_is_refused() {
        for url in [
            "http://app2.example.edu:18445/L3g=",
            "https://app2.example.edu/L3g=",
            "https://app2.example.edu:443/L3g=",
            "https://app1.example.edu:18445/L3g=",
            "https://evil.example.com:18445/L3g=",
            "https://app2.example.edu.evil.example.com:18445/L3g=",
            "https://xapp2.example.edu:18445/L3g=",
            "ftp://app2.example.edu:18445/L3g=",
        ] {
            assert!(
                matches!(reply(url, ""), Err(ReplyError::OtherServer { .. })),
                "{url}"
            );
        }
        for url in [
            "javascript:alert(1)",
            "//app2.example.edu:18445/L3g=",
            "/L3g=",
            "L3g=",
            "",
            "https:app2.example.edu:18445/L3g=",
            "https:/app2.example.edu:18445/L3g=",
            "https:///L3g=",
            "https://a@app2.example.edu:18445/L3g=",
            "https://app2.example.edu:18445@evil.example.com/L3g=",
            "https://evil.example.com\\@app2.example.edu:18445/L3g=",
            "https://app2.example.edu:18445\\.evil.example.com/L3g=",
            "https://app2.example.edu:18445?L3g=",
            "https://app2.example.edu:18445#/L3g=",
            "https://app2.example.edu:18445/not-base64",
            "https://app2.example.edu:18445 .evil.example.com/L3g=",
            "https://app2.example.edu:18445%2eevil.example.com/L3g=",
            "https://app2.example.edu\t:18445/L3g=",
            "\u{0}https://app2.example.edu:18445/L3g=",
        ] {
            assert!(
                matches!(
                    reply(url, ""),
                    Err(ReplyError::NotAUrl(_) | ReplyError::OtherServer { .. })
                ),
                "{url}"
            );
        }
    }

    /// Ways to write another server where a path should stand, put together from what has fooled readers of URLs.
    fn open_redirects() -> Vec<Vec<u8>> {
        let beginnings = [
            "",
            "/",
            "//",
            "///",
            "////",
            "\\",
            "\\\\",
            "/\\",
            "\\/",
            "/\t/",
            "/\n/",
            "/\r\n/",
            "\t//",
            " //",
            "/ /",
            "/%09/",
            "/%0a/",
            "/%2f",
            "%2f%2f",
            "/%5c",
            "%5c%5c",
            "/.//",
            "/..//",
            "/./\\",
            "/x/..//",
            "/%2e//",
            "/.%2f/",
            "/;//",
            "/?//",
            "/#//",
            "https://",
            "https:",
            "https:/",
            "https:\\\\",
            "http://",
            "ftp://",
            "javascript:",
            "java\tscript:",
            "data:text/html,",
            "vbscript:",
            "/@",
            "@",
            "//app2.example.edu@",
            "//app2.example.edu:18445@",
            "https://app2.example.edu@",
            "/\u{0}/",
            "\u{0}//",
            "\u{feff}//",
            "\u{2028}//",
            "/\u{3002}/",
            "\u{ff0f}\u{ff0f}",
            "/\u{ff0f}",
            "/\u{a0}/",
            "/\u{b}/",
            "/\u{c}/",
            "/\u{7f}/",
            ".//",
            "..//",
            "///\\;@",
        ];
        let servers = [
            "evil.example.com",
            "evil.example.com/",
            "evil.example.com/%2e%2e",
            "evil.example.com:443/x",
            "evil.example.com?x",
            "evil.example.com#x",
            "evil.example.com\\@app2.example.edu",
            "app2.example.edu.evil.example.com",
            "user:pass@evil.example.com/",
            "[::1]/",
            "2130706433/",
            "0x7f.1/",
            "evil%E3%80%82example%E3%80%82com",
            "evil\u{3002}example\u{3002}com",
            "alert(1)//",
        ];
        let join = |beginning: &str| servers.map(|server| format!("{beginning}{server}").into_bytes());
        beginnings.iter().flat_map(|beginning| join(beginning)).collect()
    }

    #[test]
    fn no_reply_leads_off_the_server() {
        let payloads = open_redirects();
        assert!(payloads.len() > 800, "{}", payloads.len());
        let base = Url::parse(&format!("https://{OWN}/PubCookie.reply")).unwrap();
        let mut refused = 0;
        for payload in &payloads {
            for (path, query) in [(&payload[..], ""), (b"/s", std::str::from_utf8(payload).unwrap())] {
                let Ok(reply) = reply_to_path(path, query) else {
                    refused += 1;
                    continue;
                };
                let destination = reply.destination.as_str();
                assert!(
                    destination.starts_with('/') && !destination[1..].starts_with(['/', '\\']),
                    "{destination}"
                );
                assert!(
                    destination.bytes().all(|byte| byte.is_ascii_graphic()),
                    "{destination}"
                );
                let url = base.join(destination).unwrap();
                assert_eq!(url.origin(), base.origin(), "{destination}");
                assert!(!url.path().starts_with("//"), "{destination}");
            }
        }
        assert!(refused > 500, "{refused}");
    }

    proptest! {
        #[test]
        fn no_bytes_lead_off_the_server(path: Vec<u8>, query in "\\PC{0,20}") {
            let base = Url::parse(&format!("https://{OWN}/PubCookie.reply")).unwrap();
            let slashed = [b"/", &path[..]].concat();
            for path in [&path, &slashed] {
                if let Ok(reply) = reply_to_path(path, &query) {
                    let url = base.join(reply.destination.as_str()).unwrap();
                    prop_assert_eq!(url.origin(), base.origin());
                }
            }
        }

        #[test]
        fn no_form_makes_it_panic(body: Vec<u8>) {
            let _ = Reply::parse(&Form::parse(&body, 4096).unwrap_or_default(), &OWN.parse().unwrap());
        }
    }
}
