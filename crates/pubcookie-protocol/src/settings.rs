//! Values of directives, with their limits.

use crate::host::Host;
use std::fmt;
use std::str::FromStr;

/// A directive's value that was refused; the message names the value and the limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {why}", .value.escape_debug())]
pub struct SettingError {
    value: String,
    why: &'static str,
}

fn refuse<T>(value: &str, why: &'static str) -> Result<T, SettingError> {
    Err(SettingError {
        value: value.chars().take(120).collect(),
        why,
    })
}

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

/// `PubcookieDomain`: the domain that app servers and login server share, with its leading dot, in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CookieDomain(String);

impl FromStr for CookieDomain {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<CookieDomain, SettingError> {
        let name = text.strip_prefix('.').unwrap_or(text).to_ascii_lowercase();
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && label
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
        };
        if name.len() > 253 || !name.split('.').all(label) {
            return refuse(text, "is not a domain name such as .example.edu");
        }
        if !name.contains('.') {
            return refuse(
                text,
                "has no dot inside; browsers keep no cookies for a top-level domain",
            );
        }
        Ok(CookieDomain(format!(".{name}")))
    }
}

impl CookieDomain {
    /// The domain of a server whose configuration names none: its name without the first label.
    pub fn of_server(server_name: &str) -> Result<CookieDomain, SettingError> {
        match server_name.split_once('.') {
            Some((_, rest)) if server_name.parse::<std::net::IpAddr>().is_err() => rest.parse(),
            _ => refuse(server_name, "is not in a domain; say PubcookieDomain"),
        }
    }

    /// Whether a browser sends a cookie of this domain to the host.
    pub fn covers(&self, host: &str) -> bool {
        let host = host.to_ascii_lowercase();
        host.ends_with(&self.0) || host == self.0[1..]
    }
}

impl fmt::Display for CookieDomain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `PubcookieInactiveExpire`: after how many seconds without a request a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InactiveExpire {
    /// `-1`: inactivity ends no session.
    Off,
    /// Seconds, at least 300.
    After(u32),
}

impl Default for InactiveExpire {
    fn default() -> InactiveExpire {
        InactiveExpire::After(1800)
    }
}

impl FromStr for InactiveExpire {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<InactiveExpire, SettingError> {
        match text.parse::<i64>() {
            Ok(-1) => Ok(InactiveExpire::Off),
            Ok(seconds @ 300..=0x7fff_ffff) => Ok(InactiveExpire::After(seconds as u32)),
            Ok(_) => refuse(text, "is out of range: at least 300 seconds, or -1 for no limit"),
            Err(_) => refuse(
                text,
                "is not a number of seconds (at least 300, or -1 for no limit)",
            ),
        }
    }
}

/// `PubcookieHardExpire`: how many seconds after its login a session ends, 3600 to 43200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HardExpire(u32);

impl HardExpire {
    /// Seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl Default for HardExpire {
    fn default() -> HardExpire {
        HardExpire(28800)
    }
}

impl FromStr for HardExpire {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<HardExpire, SettingError> {
        match text.parse::<i64>() {
            Ok(seconds @ 3600..=43200) => Ok(HardExpire(seconds as u32)),
            Ok(_) => refuse(text, "is out of range: 3600 to 43200 seconds"),
            Err(_) => refuse(text, "is not a number of seconds (3600 to 43200)"),
        }
    }
}

/// `PubcookieEndSession`: what a request for a place does to the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndSession {
    /// Nothing.
    #[default]
    Off,
    /// Clears the session cookie and answers the request without a user.
    On,
    /// Clears all our cookies and sends the browser to the login server.
    Redirect,
    /// As [`EndSession::Redirect`], and the login server forgets its login too.
    ClearLogin,
}

impl FromStr for EndSession {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<EndSession, SettingError> {
        match text.to_ascii_lowercase().as_str() {
            "off" => Ok(EndSession::Off),
            "on" => Ok(EndSession::On),
            "redirect" => Ok(EndSession::Redirect),
            "clearlogin" => Ok(EndSession::ClearLogin),
            _ => refuse(text, "is not one of on, redirect, clearLogin, off"),
        }
    }
}

impl FromStr for crate::granting_request::LoginMethod {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        match text.to_ascii_uppercase().as_str() {
            "GET" => Ok(Self::Get),
            "POST" => Ok(Self::Post),
            _ => refuse(text, "is not one of GET, POST"),
        }
    }
}

/// `PubcookiePostURL`: the path of the reply URL of the POST method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyPath(String);

impl ReplyPath {
    /// The path, beginning with one `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ReplyPath {
    fn default() -> ReplyPath {
        ReplyPath("/PubCookie.reply".into())
    }
}

impl FromStr for ReplyPath {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<ReplyPath, SettingError> {
        let path = format!("/{}", text.trim_start_matches('/'));
        if path == "/"
            || !path
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte))
        {
            return refuse(text, "is not a path of letters, digits and /-._~");
        }
        Ok(ReplyPath(path))
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

    #[test]
    fn a_domain_has_its_dot() {
        assert_eq!(
            "Example.EDU".parse::<CookieDomain>().unwrap().to_string(),
            ".example.edu"
        );
        assert_eq!(
            ".example.edu".parse::<CookieDomain>().unwrap().to_string(),
            ".example.edu"
        );
        assert_eq!(
            CookieDomain::of_server("app.example.edu").unwrap().to_string(),
            ".example.edu"
        );
        for text in ["", ".", "edu", "..edu", "a b.edu", "a.edu; x=y", "a..edu"] {
            assert!(text.parse::<CookieDomain>().is_err(), "{text}");
        }
        for name in ["localhost", "10.1.2.3", "example.edu"] {
            assert!(CookieDomain::of_server(name).is_err(), "{name}");
        }
        let domain = ".example.edu".parse::<CookieDomain>().unwrap();
        assert!(domain.covers("APP.example.edu") && domain.covers("example.edu"));
        assert!(!domain.covers("badexample.edu") && !domain.covers("edu"));
    }

    #[test]
    fn expiries_keep_their_limits() {
        assert_eq!("-1".parse(), Ok(InactiveExpire::Off));
        assert_eq!("300".parse(), Ok(InactiveExpire::After(300)));
        assert_eq!("43200".parse(), Ok(HardExpire(43200)));
        for text in ["299", "0", "-2", "", "300s", "99999999999"] {
            assert!(text.parse::<InactiveExpire>().is_err(), "{text}");
        }
        for (text, limit) in [
            ("3599", "3600 to 43200"),
            ("43201", "3600 to 43200"),
            ("x", "not a number"),
        ] {
            let error = text.parse::<HardExpire>().unwrap_err().to_string();
            assert!(error.contains(limit) && error.contains(text), "{error}");
        }
    }

    #[test]
    fn words_are_read_in_any_case() {
        assert_eq!("ClearLogin".parse(), Ok(EndSession::ClearLogin));
        assert!("maybe".parse::<EndSession>().is_err());
        assert_eq!("post".parse(), Ok(crate::granting_request::LoginMethod::Post));
        assert!("PUT".parse::<crate::granting_request::LoginMethod>().is_err());
        assert_eq!("reply".parse::<ReplyPath>().unwrap().as_str(), "/reply");
        assert_eq!("//reply".parse::<ReplyPath>().unwrap().as_str(), "/reply");
        assert!("/a?b".parse::<ReplyPath>().is_err());
    }
}
