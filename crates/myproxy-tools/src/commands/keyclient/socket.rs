//! A TCP stream of which every wait has an end.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A socket with a deadline.
pub struct Socket {
    stream: TcpStream,
    /// When a read or write has to be done with.
    pub deadline: Instant,
    /// While it is set, nothing more is waited for once it is true.
    pub until: Option<Arc<AtomicBool>>,
}

impl Socket {
    /// A socket with a deadline.
    pub fn new(stream: TcpStream, deadline: Instant) -> Self {
        Socket {
            stream,
            deadline,
            until: None,
        }
    }

    fn timed(
        &mut self,
        set: fn(&TcpStream, Option<Duration>) -> io::Result<()>,
        mut operation: impl FnMut(&mut TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(io::ErrorKind::TimedOut.into());
            }
            set(&self.stream, Some(left))?;
            match operation(&mut self.stream) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // The socket's own time-out. Left as it is, OpenSSL would take it for "try again".
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                result => return result,
            }
        }
    }
}

impl Read for Socket {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self
            .until
            .as_ref()
            .is_some_and(|until| until.load(Ordering::Relaxed))
        {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.timed(TcpStream::set_read_timeout, |stream| stream.read(buffer))
    }
}

impl Write for Socket {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.timed(TcpStream::set_write_timeout, |stream| stream.write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
