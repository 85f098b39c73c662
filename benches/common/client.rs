//! The client: HTTP/1.1 over TLS on connections that stay open, with as little work of its own as possible.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use openssl::ssl::{SslConnector, SslMethod, SslStream};
use openssl::x509::store::X509StoreBuilder;

/// Bytes of each file that is asked for.
pub const FILE_SIZE: usize = 1024;
/// The same, as answers say it.
const FILE_LENGTH: &str = "\r\nContent-Length: 1024\r\n";
const TIMEOUT: Duration = Duration::from_secs(60);

/// TLS that trusts one certification authority.
pub struct Connector(SslConnector);

impl Connector {
    /// The authority's certificate lies in this file.
    pub fn new(authority: &Path) -> Result<Self> {
        let mut connector = SslConnector::builder(SslMethod::tls_client())?;
        // In place of the machine's own authorities, which the builder has loaded.
        connector.set_cert_store(X509StoreBuilder::new()?.build());
        connector.set_ca_file(authority)?;
        Ok(Connector(connector.build()))
    }
}

/// A file on the server, and what to bring there.
pub struct Target<'a> {
    /// How to get there.
    pub connector: &'a Connector,
    /// The virtual host.
    pub host: &'static str,
    /// Its port.
    pub port: u16,
    /// The file.
    pub path: &'static str,
    /// A header with its end of line, or nothing.
    pub header: String,
    /// A cookie to begin with, `name=value`.
    pub cookie: Option<String>,
    /// Whether the client sends the cookies that it is given, as browsers do.
    pub keeps_cookies: bool,
}

impl Target<'_> {
    fn request(&self, cookie: Option<&str>) -> Vec<u8> {
        let Target {
            host,
            port,
            path,
            header,
            ..
        } = self;
        let cookie = cookie.map_or_else(String::new, |cookie| format!("Cookie: {cookie}\r\n"));
        format!(
            "GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: bench\r\nAccept: */*\r\n{header}{cookie}\r\n"
        )
        .into_bytes()
    }
}

/// An open connection.
pub struct Connection<'a> {
    target: &'a Target<'a>,
    request: Vec<u8>,
    stream: SslStream<TcpStream>,
    buffer: [u8; 16 * 1024],
}

impl<'a> Connection<'a> {
    /// Opens it.
    pub fn open(target: &'a Target<'a>) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, target.port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
        Ok(Connection {
            target,
            request: target.request(target.cookie.as_deref()),
            stream: target.connector.0.connect(target.host, stream)?,
            buffer: [0; 16 * 1024],
        })
    }

    /// Asks for the file.
    ///
    /// # Errors
    /// The answer is not the whole file.
    pub fn ask(&mut self) -> Result<()> {
        self.stream.write_all(&self.request)?;
        let head = receive_file(&mut self.stream, &mut self.buffer)?;
        if self.target.keeps_cookies
            && let Some((_, given)) = head.split_once("\r\nSet-Cookie: ")
        {
            let cookie = given.split(';').next().unwrap_or_default();
            self.request = self.target.request(Some(cookie));
        }
        Ok(())
    }

    /// The cookie that it sends.
    pub fn cookie(&self) -> Option<&str> {
        let request = std::str::from_utf8(&self.request).ok()?;
        let (_, cookie) = request.split_once("\r\nCookie: ")?;
        cookie.split("\r\n").next()
    }

    /// Asks for another file once, over the same connection.
    pub fn ask_other(&mut self, other: &Target<'_>) -> Result<()> {
        self.stream.write_all(&other.request(other.cookie.as_deref()))?;
        receive_file(&mut self.stream, &mut self.buffer).map(drop)
    }
}

/// Reads one whole answer, which has to be a file: its head.
fn receive_file<'b>(stream: &mut SslStream<TcpStream>, buffer: &'b mut [u8]) -> Result<&'b str> {
    let (mut received, mut head_length) = (0, None);
    loop {
        let read = stream.read(&mut buffer[received..])?;
        ensure!(read > 0, "the server closed the connection");
        received += read;
        if head_length.is_none() {
            let end = buffer[..received]
                .windows(4)
                .position(|bytes| bytes == b"\r\n\r\n");
            head_length = end.map(|end| end + 4);
        }
        let Some(head_length) = head_length else { continue };
        let head = std::str::from_utf8(&buffer[..head_length])?;
        ensure!(
            head.starts_with("HTTP/1.1 200 ") && head.contains(FILE_LENGTH),
            "an unexpected answer: {head}"
        );
        if received >= head_length + FILE_SIZE {
            return Ok(std::str::from_utf8(&buffer[..head_length])?);
        }
    }
}
