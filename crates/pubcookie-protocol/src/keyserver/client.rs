//! Who asks: the names in a client's certificate.

use std::fmt;

use super::HostName;

/// A client, by the host names in its certificate.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Client {
    names: Vec<HostName>,
    wildcards: Vec<HostName>,
}

impl Client {
    /// The client with these names: the DNS names of the subject alternative name, or the CN where there are none (RFC
    /// 6125, section 6.4.4). What is no host name counts for nothing.
    pub fn new<'n>(names: impl IntoIterator<Item = &'n str>) -> Self {
        let mut client = Client::default();
        for name in names {
            match name.strip_prefix("*.") {
                Some(domain) => client.wildcards.extend(domain.parse().ok()),
                None => client.names.extend(name.parse().ok()),
            }
        }
        client
    }

    /// Whether the certificate names no host at all.
    pub fn is_nobody(&self) -> bool {
        self.names.is_empty() && self.wildcards.is_empty()
    }

    /// The hosts that it names, without wildcards.
    pub fn names(&self) -> &[HostName] {
        &self.names
    }

    /// Whether the client is that host: it is named, or a wildcard stands for its first label.
    pub fn is(&self, host: &HostName) -> bool {
        let covered = || {
            host.parent()
                .is_some_and(|parent| self.wildcards.contains(&parent))
        };
        self.names.contains(host) || covered()
    }
}

/// Its first name.
impl fmt::Display for Client {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.names.first(), self.wildcards.first()) {
            (Some(name), _) => name.fmt(formatter),
            (None, Some(domain)) => write!(formatter, "*.{domain}"),
            (None, None) => formatter.write_str("no host"),
        }
    }
}
