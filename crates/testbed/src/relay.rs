//! A way to a server that is slower than the server.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anyhow::Result;

/// Takes connections on a port of 127.0.0.1 and passes on what comes, either way, as late as it is told to.
pub struct Relay {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    target: AtomicU16,
    delay_milliseconds: AtomicU64,
    taken: AtomicU64,
    ended: AtomicBool,
}

impl Relay {
    /// One that leads nowhere yet: what connects is turned away.
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                if of_thread.ended.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(client) = client {
                    of_thread.taken.fetch_add(1, Ordering::Relaxed);
                    let shared = Arc::clone(&of_thread);
                    thread::spawn(move || pass_on(client, &shared));
                }
            }
        });
        Ok(Relay { address, shared })
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections it has taken.
    pub fn taken(&self) -> u64 {
        self.shared.taken.load(Ordering::Relaxed)
    }

    /// Leads to that port of 127.0.0.1 from now on.
    pub fn lead_to(&self, port: u16) {
        self.shared.target.store(port, Ordering::Relaxed);
    }

    /// Holds back for so long, from now on, each piece that comes.
    pub fn delay(&self, delay: Duration) {
        let milliseconds = u64::try_from(delay.as_millis()).unwrap_or(u64::MAX);
        self.shared
            .delay_milliseconds
            .store(milliseconds, Ordering::Relaxed);
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.ended.store(true, Ordering::Relaxed);
        // The thread looks up once somebody comes.
        let _ = TcpStream::connect(self.address);
    }
}

/// Whatever fails here looks to both sides like a connection that was lost, which is what a test wants.
fn pass_on(client: TcpStream, shared: &Arc<Shared>) {
    let target = shared.target.load(Ordering::Relaxed);
    let Ok(server) = TcpStream::connect((Ipv4Addr::LOCALHOST, target)) else {
        return;
    };
    let (Ok(client_too), Ok(server_too)) = (client.try_clone(), server.try_clone()) else {
        return;
    };
    let shared_too = Arc::clone(shared);
    thread::spawn(move || copy(client_too, server_too, &shared_too));
    copy(server, client, shared);
}

fn copy(mut from: TcpStream, mut to: TcpStream, shared: &Shared) {
    let mut piece = [0; 1 << 14];
    let _ = to.set_nodelay(true);
    let mut one = || -> io::Result<usize> {
        let length = from.read(&mut piece)?;
        thread::sleep(Duration::from_millis(
            shared.delay_milliseconds.load(Ordering::Relaxed),
        ));
        to.write_all(&piece[..length])?;
        Ok(length)
    };
    while one().is_ok_and(|length| length > 0) {}
    let _ = to.shutdown(Shutdown::Write);
}
