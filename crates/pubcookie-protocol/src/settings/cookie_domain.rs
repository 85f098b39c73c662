//! `PubcookieDomain`: the domain that servers share.

use super::{SettingError, refuse};
use std::fmt;
use std::str::FromStr;

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

#[cfg(test)]
mod tests {
    use super::*;

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
}
