//! Which server to ask, and the name to expect in its certificate.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// The port that IANA assigned to MyProxy.
pub const DEFAULT_PORT: u16 = 7512;

/// A MyProxy server. Written `host[:port][=name]`, an IPv6 address in brackets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    /// Host name or IP address (IPv6 without its brackets).
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Who has to answer there.
    pub identity: ServerIdentity,
}

/// What the server's certificate has to say about whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerIdentity {
    /// The host that we connect to.
    HostName,
    /// Another host name: the server is behind address translation, or known here by an alias.
    Name(String),
    /// Exactly this subject, in slash form (`/DC=org/DC=example/CN=host/myproxy.example.org`), without regard
    /// to case.
    DistinguishedName(String),
}

impl Server {
    /// Reads `host[:port][=name]`, with `default_port` where none is written.
    pub fn parse(text: &str, default_port: u16) -> Result<Self, InvalidServer> {
        let (address, identity) = match text.split_once('=') {
            None => (text, ServerIdentity::HostName),
            Some((address, name)) if is_host(name) => (address, ServerIdentity::Name(name.to_owned())),
            Some((_, name)) => return Err(InvalidServer::Name(name.to_owned())),
        };
        let (host, port) = split_port(address)?;
        let port = port.map_or(Ok(default_port), parse_port)?;
        Ok(Server {
            host: host.to_owned(),
            port,
            identity,
        })
    }

    /// The name to ask for in the TLS handshake (RFC 6066, section 3): never an IP address.
    pub(crate) fn server_name_indication(&self) -> Option<&str> {
        let name = match &self.identity {
            ServerIdentity::Name(name) => name,
            ServerIdentity::HostName | ServerIdentity::DistinguishedName(_) => &self.host,
        };
        if name.parse::<IpAddr>().is_ok() {
            None
        } else {
            Some(name.strip_suffix('.').unwrap_or(name))
        }
    }
}

/// `host:port`, an IPv6 address in brackets: how messages name a server.
impl fmt::Display for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// Why a text does not name a server.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidServer {
    /// No host, or one with characters that no host name has.
    #[error("\"{0}\" is not a host name or IP address (an IPv6 address needs brackets: [2001:db8::1]:7512)")]
    Host(String),
    /// The port is not a number from 1 to 65535.
    #[error("\"{0}\" is not a port: write a number from 1 to 65535")]
    Port(String),
    /// The name after `=` is not a host name.
    #[error("\"{0}\" is not a host name that a server certificate can have")]
    Name(String),
}

/// [`Server::parse`] with the port of MyProxy.
impl FromStr for Server {
    type Err = InvalidServer;

    fn from_str(text: &str) -> Result<Self, InvalidServer> {
        Server::parse(text, DEFAULT_PORT)
    }
}

/// The host, and the text after its colon if there is one.
fn split_port(address: &str) -> Result<(&str, Option<&str>), InvalidServer> {
    let bad_host = || InvalidServer::Host(address.to_owned());
    if let Some(rest) = address.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(bad_host)?;
        host.parse::<Ipv6Addr>().map_err(|_| bad_host())?;
        return match rest.strip_prefix(':') {
            Some(port) => Ok((host, Some(port))),
            None if rest.is_empty() => Ok((host, None)),
            None => Err(bad_host()),
        };
    }
    let (host, port) = match address.split_once(':') {
        Some((host, port)) if !port.contains(':') => (host, Some(port)),
        Some(_) => return Err(bad_host()),
        None => (address, None),
    };
    if is_host(host) {
        Ok((host, port))
    } else {
        Err(bad_host())
    }
}

fn parse_port(digits: &str) -> Result<u16, InvalidServer> {
    let invalid = || InvalidServer::Port(digits.to_owned());
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(invalid());
    }
    digits.parse().ok().filter(|&port| port != 0).ok_or_else(invalid)
}

/// A host name (underscores are seen in private networks) or an IP address.
fn is_host(text: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
    };
    text.len() <= 253 && text.strip_suffix('.').unwrap_or(text).split('.').all(label)
        || text.parse::<IpAddr>().is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(host: &str, port: u16, identity: ServerIdentity) -> Server {
        Server {
            host: host.to_owned(),
            port,
            identity,
        }
    }

    #[test]
    fn every_form_is_read() {
        let name = |name: &str| ServerIdentity::Name(name.to_owned());
        for (text, expected) in [
            (
                "myproxy.example.org",
                server("myproxy.example.org", 7512, ServerIdentity::HostName),
            ),
            (
                "myproxy.example.org:1",
                server("myproxy.example.org", 1, ServerIdentity::HostName),
            ),
            (
                "10.0.0.1:7513=myproxy.example.org",
                server("10.0.0.1", 7513, name("myproxy.example.org")),
            ),
            ("gate=inside", server("gate", 7512, name("inside"))),
            (
                "[2001:db8::1]",
                server("2001:db8::1", 7512, ServerIdentity::HostName),
            ),
            ("[::1]:7513=localhost", server("::1", 7513, name("localhost"))),
        ] {
            assert_eq!(text.parse::<Server>().as_ref(), Ok(&expected), "{text}");
        }
    }

    #[test]
    fn a_wrong_form_is_named() {
        for text in [
            "",
            ":7512",
            "a b",
            "2001:db8::1",
            "[::1",
            "[::1]7512",
            "[host]",
            "a..b",
        ] {
            assert!(
                matches!(text.parse::<Server>(), Err(InvalidServer::Host(_))),
                "{text}"
            );
        }
        for text in [
            "host:",
            "host:0",
            "host:65536",
            "host:+1",
            "host:seven",
            "http://host",
        ] {
            assert!(
                matches!(text.parse::<Server>(), Err(InvalidServer::Port(_))),
                "{text}"
            );
        }
        for text in ["host=", "host=a b", "host=/CN=host"] {
            assert!(
                matches!(text.parse::<Server>(), Err(InvalidServer::Name(_))),
                "{text}"
            );
        }
    }

    #[test]
    fn an_ipv6_address_is_shown_in_brackets() {
        assert_eq!(
            "[::1]:7513"
                .parse::<Server>()
                .map(|server| server.to_string())
                .as_deref(),
            Ok("[::1]:7513")
        );
    }
}
