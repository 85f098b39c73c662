//! The name of a host, which is also the name of its key file.

use std::fmt;
use std::str::FromStr;

/// The name of a host that has a key, in lower case: letters, digits, `-`, `_` and single dots between, at most 253 bytes
/// (RFC 1035, section 2.3.4). It is safe as the name of a file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HostName(String);

/// Not the name of a host.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a host name", .0.escape_debug())]
pub struct HostNameError(String);

impl HostName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether this host is in a domain, at whatever depth; the domain itself is not.
    pub fn is_in(&self, domain: &HostName) -> bool {
        let below = self.0.strip_suffix(domain.as_str());
        below.is_some_and(|below| below.ends_with('.'))
    }

    /// The name without its first label; none where that is all of it.
    pub fn parent(&self) -> Option<HostName> {
        let (_, parent) = self.0.split_once('.')?;
        Some(HostName(parent.to_owned()))
    }
}

impl FromStr for HostName {
    type Err = HostNameError;

    fn from_str(text: &str) -> Result<Self, HostNameError> {
        let is_label = |label: &str| {
            let of_a_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
            !label.is_empty() && !label.starts_with('-') && label.bytes().all(of_a_name)
        };
        if text.len() <= 253 && text.split('.').all(is_label) {
            Ok(HostName(text.to_ascii_lowercase()))
        } else {
            Err(HostNameError(text.chars().take(80).collect()))
        }
    }
}

impl fmt::Display for HostName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_hosts_and_never_paths() {
        for name in ["app.example.edu", "localhost", "a_b-1.example", "1.2.3.4"] {
            assert_eq!(name.parse::<HostName>().unwrap().as_str(), name);
        }
        assert_eq!(
            "APP.Example.EDU".parse::<HostName>().unwrap().as_str(),
            "app.example.edu"
        );
        let long = "a".repeat(254);
        for name in [
            "", ".", "..", "...", ".app", "app.", "a..b", "../app", "a/b", "a b", "a\0b", "a%2f", "é", "-a",
            "a.-b", "*.a", "[::1]", "a:1", "a;b", "a\r\nb", &long,
        ] {
            assert!(name.parse::<HostName>().is_err(), "{name:?}");
        }
    }

    #[test]
    fn a_domain_has_the_hosts_below_it() {
        let name = |text: &str| text.parse::<HostName>().unwrap();
        assert!(name("a.b.example.edu").is_in(&name("example.edu")));
        for other in ["example.edu", "badexample.edu", "example.edu.evil"] {
            assert!(!name(other).is_in(&name("example.edu")), "{other}");
        }
        assert_eq!(name("a.b.c").parent(), Some(name("b.c")));
        assert_eq!(name("localhost").parent(), None);
    }
}
