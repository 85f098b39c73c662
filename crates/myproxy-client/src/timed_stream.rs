//! A TCP stream whose reads and writes end at a deadline, however slowly the bytes drip.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use crate::deadline::Deadline;
use crate::refusal::ServerWords;
use crate::response::{self, Response};

/// How many bytes of an answer that is not TLS are kept.
const LONGEST_PLAIN_TEXT: u64 = 1024;

/// How long to wait for the rest of it.
const PLAIN_TEXT_WAIT: Duration = Duration::from_secs(1);

pub struct TimedStream {
    stream: TcpStream,
    deadline: Deadline,
    /// The first bytes received: they tell whether the other side speaks TLS at all.
    beginning: Vec<u8>,
}

impl TimedStream {
    pub fn new(stream: TcpStream, deadline: Deadline) -> Self {
        TimedStream {
            stream,
            deadline,
            beginning: Vec::new(),
        }
    }

    pub fn deadline(&self) -> Deadline {
        self.deadline
    }

    pub fn set_deadline(&mut self, deadline: Deadline) {
        self.deadline = deadline;
    }

    /// What was received instead of TLS, if it is text.
    pub fn plain_text(&mut self) -> Option<ServerWords> {
        let is_text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
        if self.beginning.is_empty() || !self.beginning.iter().all(is_text) {
            return None;
        }
        self.deadline = self.deadline.or_earlier(Deadline::after(PLAIN_TEXT_WAIT));
        let mut text = self.beginning.clone();
        // An error ends the text as well as the end of the stream does.
        let _ = self.take(LONGEST_PLAIN_TEXT).read_to_end(&mut text);
        text.push(0);
        // The real server's text is a response, as it would be inside TLS.
        match response::response(&text) {
            Ok(Some((Response::Refused(words), _))) => Some(words),
            _ => {
                let lines = text
                    .split(|&byte| byte == 0)
                    .next()
                    .unwrap_or_default()
                    .trim_ascii_end();
                Some(ServerWords::from_lines(lines.split(|&byte| byte == b'\n')))
            }
        }
    }

    /// Runs `operation` with the socket's time-out set to the time left.
    fn timed(
        &mut self,
        set_timeout: fn(&TcpStream, Option<Duration>) -> io::Result<()>,
        mut operation: impl FnMut(&mut TcpStream) -> io::Result<usize>,
    ) -> io::Result<usize> {
        loop {
            let remaining = self.deadline.remaining().ok_or(io::ErrorKind::TimedOut)?;
            set_timeout(&self.stream, Some(remaining))?;
            match operation(&mut self.stream) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // A time-out of the socket. Left as it is, the TLS layer would take it for "try again".
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Err(error) if error.kind() == io::ErrorKind::NotConnected => {
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                result => return result,
            }
        }
    }
}

impl Read for TimedStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.timed(TcpStream::set_read_timeout, |stream| stream.read(buffer))?;
        if self.beginning.is_empty() {
            self.beginning.extend_from_slice(&buffer[..length]);
        }
        Ok(length)
    }
}

impl Write for TimedStream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.timed(TcpStream::set_write_timeout, |stream| stream.write(buffer))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
