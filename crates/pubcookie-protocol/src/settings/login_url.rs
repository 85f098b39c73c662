//! `PubcookieLogin`: where the login server is.

use super::{SettingError, refuse};
use crate::host::Host;
use std::fmt;
use std::str::FromStr;

/// `PubcookieLogin`: where the login server is. Always HTTPS, always with a path, never with a query or fragment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoginUrl {
    host: Host,
    path: String,
}

impl LoginUrl {
    /// The server.
    pub fn host(&self) -> &Host {
        &self.host
    }

    /// The path, beginning with `/`.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// `scheme://host[:port]`, as a browser spells it in an Origin header.
    pub fn origin(&self) -> String {
        format!("https://{}", explicit(&self.host))
    }
}

impl FromStr for LoginUrl {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<LoginUrl, SettingError> {
        let Some((scheme, rest)) = text.split_once("://") else {
            return refuse(text, "is not a URL; it begins with https://");
        };
        if !scheme.eq_ignore_ascii_case("https") {
            return refuse(text, "is not an https:// URL: passwords and cookies travel there");
        }
        let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let Ok(host) = host.parse() else {
            return refuse(text, "names no host with an optional port after https://");
        };
        if !path
            .bytes()
            .all(|byte| byte.is_ascii_graphic() && !b"?#\"<>\\^`{|}".contains(&byte))
        {
            return refuse(
                text,
                "has a path with characters that do not belong there (a query is none of its parts)",
            );
        }
        Ok(LoginUrl {
            host,
            path: if path.is_empty() { "/".into() } else { path.into() },
        })
    }
}

impl fmt::Display for LoginUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "https://{}{}", explicit(&self.host), self.path)
    }
}

/// The host of an `https://` URL; port 80 must be named there.
pub(crate) fn explicit(host: &Host) -> String {
    if host.port() == 80 {
        format!("{host}:80")
    } else {
        host.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_login_url_is_https_and_has_a_path() {
        for (text, url) in [
            ("https://login.example.edu", "https://login.example.edu/"),
            (
                "HTTPS://Login.Example.edu:18443/",
                "https://login.example.edu:18443/",
            ),
            (
                "https://login.example.edu/cgi/index.cgi",
                "https://login.example.edu/cgi/index.cgi",
            ),
            ("https://login.example.edu:443/", "https://login.example.edu/"),
            ("https://login.example.edu:80/", "https://login.example.edu:80/"),
        ] {
            assert_eq!(text.parse::<LoginUrl>().unwrap().to_string(), url);
        }
        for text in [
            "http://login.example.edu/",
            "login.example.edu",
            "https://",
            "https:///x",
            "https://a@b/",
            "https://a/?q",
            "https://a/ b",
        ] {
            assert!(
                text.parse::<LoginUrl>().unwrap_err().to_string().contains(text),
                "{text}"
            );
        }
    }
}
