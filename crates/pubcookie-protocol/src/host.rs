//! The server that a URL names: a host, and a port where it is not the usual one.

use std::fmt;
use std::str::FromStr;

/// A host name or address with a port, as field `six` of a granting request has it.
///
/// The name holds letters, digits, `-`, `_` and `.` (or is an IPv6 address in brackets) and is kept in lower case,
/// so it is safe in URLs and pages; two of them are equal where a browser would reach the same server over HTTPS.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Host {
    name: String,
    port: u16,
}

/// Not a host with an optional port.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` is not a host name with an optional port", .0.escape_debug())]
pub struct HostError(String);

impl Host {
    /// A host and its port.
    pub fn new(name: &str, port: u16) -> Result<Host, HostError> {
        let refused = || HostError(name.chars().take(80).collect());
        let inside = name.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
        let plausible = match inside {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => {
                !name.is_empty()
                    && name.len() <= 255
                    && name
                        .bytes()
                        .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
                    && !name.starts_with(['.', '-'])
                    && !name.contains("..")
            }
        };
        if !plausible || port == 0 {
            return Err(refused());
        }
        Ok(Host {
            name: name.to_ascii_lowercase(),
            port,
        })
    }

    /// The host name, in lower case, without the port.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The port; 443 where none was named.
    pub fn port(&self) -> u16 {
        self.port
    }
}

/// `host` or `host:port`; the port is left out where it is 80 or 443, as the original does.
impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.port {
            80 | 443 => f.write_str(&self.name),
            port => write!(f, "{}:{port}", self.name),
        }
    }
}

impl FromStr for Host {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Host, HostError> {
        let refused = || HostError(text.chars().take(80).collect());
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) if !port.contains(']') => {
                let digits = !port.is_empty() && port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
                (
                    name,
                    if digits {
                        port.parse().map_err(|_| refused())?
                    } else {
                        return Err(refused());
                    },
                )
            }
            _ => (text, 443),
        };
        Host::new(name, port).map_err(|_| refused())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_and_without_a_port() {
        for (text, shown) in [
            ("app1.example.edu", "app1.example.edu"),
            ("APP1.example.edu:18444", "app1.example.edu:18444"),
            ("app1.example.edu:443", "app1.example.edu"),
            ("[::1]:8443", "[::1]:8443"),
            ("[::1]", "[::1]"),
            ("localhost", "localhost"),
        ] {
            assert_eq!(text.parse::<Host>().unwrap().to_string(), shown);
        }
    }

    #[test]
    fn what_is_no_host_is_refused() {
        for text in [
            "",
            ":443",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "a:1:2",
            "../keys/app1",
            "a/b",
            "a@b",
            "a b",
            "a\\b",
            ".a",
            "a..b",
            "-a",
            "a%2e",
            "[::1",
            "::1",
            "[x]",
            "é.example",
            "a\n",
            "a?b",
            "a#b",
        ] {
            assert!(text.parse::<Host>().is_err(), "{text}");
        }
    }
}
