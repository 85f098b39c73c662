//! Who may do what (`PubcookieKeyPermit`).

use super::{Client, HostName, HostNameError, Request};

/// One `PubcookieKeyPermit client [host ...] [+permit] [+put]`.
///
/// A client that is named so may have the key of its own host, and of every other host that is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permit {
    clients: Clients,
    hosts: Vec<HostName>,
    /// It may permit and deny hosts, and add certificates to be trusted.
    permits: bool,
    /// It may store keys for any host.
    puts: bool,
}

/// Which clients an entry is for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Clients {
    /// `*`
    All,
    /// `*.domain`
    In(HostName),
    /// `host`
    Only(HostName),
}

/// Why an entry is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PermitError {
    /// Not a name.
    #[error(transparent)]
    BadHost(#[from] HostNameError),
    /// Neither `+permit` nor `+put`.
    #[error("`{}`: a right is +permit or +put", .0.escape_debug())]
    UnknownRight(String),
    /// No client.
    #[error("names no client")]
    NoClient,
}

/// All of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Permits(Vec<Permit>);

/// Why a client may not do what it asks. The words go back to it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its certificate names no host.
    #[error("your certificate names no host")]
    Nobody,
    /// Not this host's key.
    #[error("you ({client}) are not authorized for host {host}")]
    OtherHost {
        /// Who asked.
        client: String,
        /// For whom.
        host: HostName,
    },
    /// Not one of those with the right.
    #[error("you ({client}) are not authorized to {what}")]
    NoRight {
        /// Who asked.
        client: String,
        /// For what.
        what: &'static str,
    },
}

impl Permit {
    /// Reads the arguments of the directive.
    pub fn parse<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Result<Self, PermitError> {
        let mut arguments = arguments.into_iter();
        let client = arguments.next().ok_or(PermitError::NoClient)?;
        let clients = match (client, client.strip_prefix("*.")) {
            ("*", _) => Clients::All,
            (_, Some(domain)) => Clients::In(domain.parse()?),
            (name, None) => Clients::Only(name.parse()?),
        };
        let mut permit = Permit {
            clients,
            hosts: Vec::new(),
            permits: false,
            puts: false,
        };
        for argument in arguments {
            match argument {
                "+permit" => permit.permits = true,
                "+put" => permit.puts = true,
                right if right.starts_with('+') => return Err(PermitError::UnknownRight(right.to_owned())),
                host => permit.hosts.push(host.parse()?),
            }
        }
        Ok(permit)
    }

    fn is_for(&self, name: &HostName) -> bool {
        match &self.clients {
            Clients::All => true,
            Clients::In(domain) => name.is_in(domain),
            Clients::Only(only) => only == name,
        }
    }

    /// For one of the client's own names. What a wildcard certificate might stand for does not count here: others are
    /// called so.
    fn is_for_client(&self, client: &Client) -> bool {
        client.names().iter().any(|name| self.is_for(name))
    }
}

impl Permits {
    /// Adds an entry.
    pub fn push(&mut self, permit: Permit) {
        self.0.push(permit);
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether somebody may have a host's key by what is listed here: the host itself, or another.
    pub fn permit_anybody(&self, host: &HostName) -> bool {
        self.permit_itself(host) || self.0.iter().any(|permit| permit.hosts.contains(host))
    }

    /// Whether a host may have its own key.
    fn permit_itself(&self, host: &HostName) -> bool {
        self.0.iter().any(|permit| permit.is_for(host))
    }

    /// Whether the client may do what it asks; `permitted_since` tells of hosts that were permitted by a request.
    pub fn check(
        &self,
        client: &Client,
        request: &Request,
        permitted_since: impl Fn(&HostName) -> bool,
    ) -> Result<(), Refusal> {
        if client.is_nobody() {
            return Err(Refusal::Nobody);
        }
        let no_right = |what| Refusal::NoRight {
            client: client.to_string(),
            what,
        };
        let has_right = |right: fn(&Permit) -> bool| {
            self.0
                .iter()
                .any(|permit| right(permit) && permit.is_for_client(client))
        };
        let refusal = match request {
            Request::GrantingCertificate => return Ok(()),
            Request::Fetch(host) | Request::Make(host) => {
                let own = client.is(host) && (self.permit_itself(host) || permitted_since(host));
                let of_another = || {
                    self.0
                        .iter()
                        .any(|permit| permit.hosts.contains(host) && permit.is_for_client(client))
                };
                if own || of_another() {
                    return Ok(());
                }
                Refusal::OtherHost {
                    client: client.to_string(),
                    host: host.clone(),
                }
            }
            Request::Put(..) if has_right(|permit| permit.puts) => return Ok(()),
            Request::Put(..) => no_right("store keys"),
            _ if has_right(|permit| permit.permits) => return Ok(()),
            Request::Permit(_) | Request::Deny(_) => no_right("permit or deny hosts"),
            Request::Trust(_) => no_right("add certificates to be trusted"),
        };
        Err(refusal)
    }
}
