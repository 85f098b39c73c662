//! Addresses of a host, within a time limit that the system's resolver does not know.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;

use crate::deadline::Deadline;

/// Every address of `host`, in the system's order of preference. A look-up that outlasts `deadline` fails
/// with [`io::ErrorKind::TimedOut`]; its thread ends as soon as the system's resolver gives up.
pub fn resolve(host: &str, port: u16, deadline: Deadline) -> io::Result<Vec<SocketAddr>> {
    if let Ok(address) = host.parse::<IpAddr>() {
        return Ok(vec![SocketAddr::new(address, port)]);
    }
    let (sender, receiver) = mpsc::sync_channel(1);
    let target = (host.to_owned(), port);
    thread::Builder::new()
        .name("myproxy-lookup".to_owned())
        .spawn(move || {
            // The receiver is gone if nobody waits any more.
            let _ = sender.send(
                target
                    .to_socket_addrs()
                    .map(|addresses| addresses.collect::<Vec<_>>()),
            );
        })?;
    match receiver.recv_timeout(deadline.remaining().unwrap_or_default()) {
        Ok(Ok(addresses)) if addresses.is_empty() => Err(io::Error::other("the name has no address")),
        Ok(result) => result,
        Err(RecvTimeoutError::Timeout) => Err(io::ErrorKind::TimedOut.into()),
        Err(RecvTimeoutError::Disconnected) => Err(io::Error::other("the look-up ended without an answer")),
    }
}
