//! The MyProxy servers' answer: names, connection, handshake, identity.

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::Duration;

use myproxy_client::{Client, ClientOptions, Error, Server as MyProxyServer, ServerIdentity, TrustProblem};

use super::PATIENCE;
use super::finding::{Finding, Severity};
use super::settings::{Server, trust_directory};

const DIRECTIVE: &str = "MyProxyServer";

/// Every address of every server. Nothing is sent to any of them.
pub fn check(server: &Server) -> Vec<Finding> {
    let names = server.names();
    names.iter().flat_map(|name| check_one(server, name)).collect()
}

fn check_one(server: &Server, name: &str) -> Vec<Finding> {
    let fails = |problem: String, advice: &str| server.finding(Severity::Fails, DIRECTIVE, problem, advice);
    let mut myproxy = match MyProxyServer::parse(name, server.port()) {
        Ok(myproxy) => myproxy,
        Err(error) => return vec![fails(format!("{error}"), "")],
    };
    if myproxy.identity == ServerIdentity::HostName {
        myproxy.identity = expected_of_all(server, &myproxy.host);
    }
    let addresses: Vec<SocketAddr> = match (myproxy.host.as_str(), myproxy.port).to_socket_addrs() {
        Ok(addresses) => addresses.collect(),
        Err(error) => {
            let problem = format!("cannot find the address of {}: {error}", myproxy.host);
            return vec![fails(problem, "correct the name, or this machine's name service")];
        }
    };
    let failures: Vec<_> = addresses
        .iter()
        .filter_map(|address| Some((address, reach(server, &myproxy, address).err()?)))
        .collect();
    // The next address is tried: users wait, but get what they want.
    let severity = if failures.len() < addresses.len() {
        Severity::Doubtful
    } else {
        Severity::Fails
    };
    let findings = failures.into_iter().map(|(address, error)| {
        let problem = format!("{name} at {}: {error}", address.ip());
        server.finding(severity, DIRECTIVE, problem, advice(&error))
    });
    findings.collect()
}

/// `MyProxyServerDN` and `MyProxyServerName` count for servers without a name of their own.
fn expected_of_all(server: &Server, host: &str) -> ServerIdentity {
    match (server.value("MyProxyServerDN"), server.value("MyProxyServerName")) {
        (Some(subject), _) => ServerIdentity::DistinguishedName(subject.to_owned()),
        (None, name) => ServerIdentity::Name(name.unwrap_or(host).to_owned()),
    }
}

fn reach(server: &Server, myproxy: &MyProxyServer, address: &SocketAddr) -> Result<(), Error> {
    let patience = server
        .value("MyProxyTimeout")
        .and_then(|seconds| seconds.parse().ok())
        .map_or(PATIENCE, Duration::from_secs);
    let at_address = MyProxyServer {
        host: address.ip().to_string(),
        ..myproxy.clone()
    };
    let client = Client::new(ClientOptions {
        trust_directory: trust_directory(server),
        reply_timeout: patience,
        total_timeout: patience,
        ..ClientOptions::new(vec![at_address])
    })?;
    client.reach()
}

/// What to do, where the error does not say it.
fn advice(error: &Error) -> &'static str {
    match error {
        Error::Connect { .. } | Error::Timeout { .. } => {
            "see whether the server runs and no firewall is between"
        }
        Error::PlainText { .. } | Error::ConnectionLost { .. } => "see the MyProxy server's log",
        Error::Untrusted {
            cause: TrustProblem::Verification { .. },
            ..
        } => "see that its authority is in MyProxyTrustDir, and the clocks are right",
        Error::Tls { .. } => "see whether it is a MyProxy server, and one of this century",
        _ => "",
    }
}
