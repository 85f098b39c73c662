//! Several servers with several addresses each, and the one that is asked.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use crate::connection::{Connection, Limits, Security};
use crate::deadline::Deadline;
use crate::error::{Error, ErrorClass, Step};
use crate::outages::{Outage, OutageMemory, Outages, Place};
use crate::resolve::resolve;
use crate::server::Server;

/// Equivalent servers in the order of the configuration.
pub struct Servers {
    servers: Vec<Server>,
    outages: Outages,
}

impl Servers {
    pub fn new(servers: Vec<Server>) -> Self {
        Servers {
            servers,
            outages: Outages::of_this_process(),
        }
    }

    pub fn remember_outages_in(&mut self, memory: OutageMemory) {
        self.outages = Outages::in_memory(memory);
    }

    /// Talks to the first server that is there and trusted. From then on whatever happens is final: it may have seen
    /// a pass phrase that is good for one use.
    pub fn converse<T>(
        &self,
        security: Security<'_>,
        limits: Limits,
        talk: impl FnOnce(&mut Connection) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let search = Search {
            servers: self,
            security,
            limits,
            failure: Error::NoServer,
        };
        let (mut connection, place) = search.open()?;
        let result = talk(&mut connection);
        match &result {
            Err(error) => self.note(place, error),
            Ok(_) => self.outages.end(place),
        }
        result
    }

    fn note(&self, place: Place, error: &Error) {
        match error {
            Error::Timeout { .. } => self.outages.begin(place, Outage::Slow),
            error if error.class() == ErrorClass::Unreachable => self.outages.begin(place, Outage::Quick),
            _ => self.outages.end(place),
        }
    }
}

/// The search for a server that is there and trusted.
struct Search<'a> {
    servers: &'a Servers,
    security: Security<'a>,
    limits: Limits,
    /// The first failure of the gravest kind: a server that cannot be trusted needs somebody's care, one that is down
    /// comes back.
    failure: Error,
}

impl Search<'_> {
    /// Tries every address of every server, those that failed lately last.
    fn open(mut self) -> Result<(Connection, Place), Error> {
        let numbers = 0..self.servers.servers.len();
        let (down, up): (Vec<usize>, Vec<usize>) =
            numbers.partition(|&number| self.servers.outages.of((number, None)).is_some());
        let mut later = Vec::new();
        for number in up.into_iter().chain(down) {
            for address in self.look_up(number) {
                if self.servers.outages.of((number, Some(address))).is_some() {
                    later.push((number, address));
                } else if let Some(found) = self.connect(number, address) {
                    return Ok(found);
                }
            }
        }
        for (number, address) in later {
            if let Some(found) = self.connect(number, address) {
                return Ok(found);
            }
        }
        Err(self.failure)
    }

    fn look_up(&mut self, number: usize) -> Vec<SocketAddr> {
        let server = &self.servers.servers[number];
        let place = (number, None);
        match addresses(server, self.limits_at(place).connect()) {
            Ok(addresses) => {
                self.servers.outages.end(place);
                addresses
            }
            Err(error) => {
                self.failed(place, error);
                Vec::new()
            }
        }
    }

    fn connect(&mut self, number: usize, address: SocketAddr) -> Option<(Connection, Place)> {
        let server = &self.servers.servers[number];
        let place = (number, Some(address));
        match Connection::open(server, address, self.security, self.limits_at(place)) {
            Ok(connection) => Some((connection, place)),
            Err(error) => {
                self.failed(place, error);
                None
            }
        }
    }

    /// A server that let us wait lately gets a quarter of the time, or two seconds, to show that it is well again.
    fn limits_at(&self, place: Place) -> Limits {
        let mut limits = self.limits;
        if self.servers.outages.of(place) == Some(Outage::Slow) {
            limits.connect = (limits.connect / 4)
                .max(Duration::from_secs(2))
                .min(limits.connect);
        }
        limits
    }

    fn failed(&mut self, place: Place, error: Error) {
        self.servers.note(place, &error);
        if gravity(&error) > gravity(&self.failure) {
            self.failure = error;
        }
    }
}

fn gravity(error: &Error) -> u8 {
    match error {
        Error::NoServer => 0,
        error if error.class() == ErrorClass::Unreachable => 1,
        _ => 2,
    }
}

fn addresses(server: &Server, deadline: Deadline) -> Result<Vec<SocketAddr>, Error> {
    resolve(&server.host, server.port, deadline).map_err(|cause| match cause.kind() {
        io::ErrorKind::TimedOut => Error::Timeout {
            server: server.to_string(),
            step: Step::Lookup,
            limit: deadline.limit(),
        },
        _ => Error::Lookup {
            server: server.to_string(),
            cause,
        },
    })
}
