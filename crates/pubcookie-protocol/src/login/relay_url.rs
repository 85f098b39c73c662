//! The address to which the POST method takes the granting cookie.

use crate::host::Host;
use crate::percent;
use std::fmt;
use std::str::FromStr;

/// An app server's reply URL: `https`, a host and a path, nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RelayUrl {
    host: Host,
    path: String,
}

/// Not a reply URL.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not an https URL of a host and a path", .0.escape_debug())]
pub struct RelayUrlError(String);

impl RelayUrl {
    /// The server that it names.
    pub fn host(&self) -> &Host {
        &self.host
    }
}

impl FromStr for RelayUrl {
    type Err = RelayUrlError;

    fn from_str(text: &str) -> Result<RelayUrl, RelayUrlError> {
        let read = || {
            let (scheme, rest) = text.split_at_checked("https://".len())?;
            let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
            let plain = scheme.eq_ignore_ascii_case("https://") && !path.contains(['?', '#', '\\']);
            let host = host.parse().ok().filter(|_| plain)?;
            Some(RelayUrl {
                host,
                path: percent::url_path(path.as_bytes()),
            })
        };
        read().ok_or_else(|| RelayUrlError(text.chars().take(120).collect()))
    }
}

impl fmt::Display for RelayUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", self.host, self.path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reply_urls_are_read_and_written() {
        for (text, host, shown) in [
            (
                "https://app2.example.edu:18445/PubCookie.reply",
                "app2.example.edu:18445",
                None,
            ),
            (
                "https://app2.example.edu/PubCookie.reply",
                "app2.example.edu",
                None,
            ),
            (
                "HTTPS://APP2.example.edu/a b",
                "app2.example.edu",
                Some("https://app2.example.edu/a%20b"),
            ),
            ("https://app2.example.edu", "app2.example.edu", None),
        ] {
            let url: RelayUrl = text.parse().unwrap();
            assert_eq!(url.host(), &host.parse().unwrap());
            assert_eq!(url.to_string(), shown.unwrap_or(text));
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "/PubCookie.reply",
            "http://app2.example.edu/PubCookie.reply",
            "javascript:alert(1)//",
            "//app2.example.edu/x",
            "https:/app2.example.edu/x",
            "https://user@app2.example.edu/x",
            "https://app2.example.edu:1@evil.example.com/x",
            "https://app2.example.edu\\@evil.example.com/x",
            "https://app2.example.edu/x?y",
            "https://app2.example.edu/x#y",
            "https://app2.example.edu?.evil.example.com/x",
            "https://app2.example.edu:18445.evil.example.com/x",
            "https:// app2.example.edu/x",
            "https://é/x",
            "ééééé",
        ] {
            assert!(text.parse::<RelayUrl>().is_err(), "{text}");
        }
    }
}
