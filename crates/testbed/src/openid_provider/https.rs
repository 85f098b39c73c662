//! As much of HTTP over TLS as the provider needs: one request a connection, each in a thread of its own.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod};
use serde_json::Value;
use url::form_urlencoded;

use crate::pki::CertificateFiles;

/// Longer than a client under load takes for its next bytes.
const TIMEOUT: Duration = Duration::from_secs(20);
const LONGEST_REQUEST: usize = 64 << 10;
const MOST_HEADERS: usize = 64;

/// A port of 127.0.0.1 that is listened on, before anybody answers.
pub(super) struct Listener {
    socket: TcpListener,
    tls: SslAcceptor,
}

impl Listener {
    pub(super) fn bind(files: &CertificateFiles) -> Result<Self> {
        let mut tls = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server())?;
        tls.set_certificate_chain_file(&files.certificate)?;
        tls.set_private_key_file(&files.key, SslFiletype::PEM)?;
        let socket =
            TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot bind a port of 127.0.0.1")?;
        Ok(Listener {
            socket,
            tls: tls.build(),
        })
    }

    pub(super) fn port(&self) -> Result<u16> {
        Ok(self.socket.local_addr()?.port())
    }

    /// Answers requests from now on.
    pub(super) fn serve(
        self,
        answer: impl Fn(&Request) -> Result<Response> + Send + Sync + 'static,
    ) -> Result<HttpsServer> {
        let address = self.socket.local_addr()?;
        let ending = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&ending);
        let shared = Arc::new((self.tls, answer));
        let socket = self.socket;
        let thread = thread::spawn(move || {
            for stream in socket.incoming() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let shared = Arc::clone(&shared);
                // A browser connects before it knows what to ask; it must hold up nobody. One that goes away without a
                // word is no failure.
                thread::spawn(move || {
                    let (tls, answer) = &*shared;
                    let _ = stream
                        .map_err(Into::into)
                        .and_then(|stream| exchange(tls, stream, answer));
                });
            }
        });
        Ok(HttpsServer {
            address,
            ending,
            thread: Some(thread),
        })
    }
}

fn exchange(
    tls: &SslAcceptor,
    stream: TcpStream,
    answer: &impl Fn(&Request) -> Result<Response>,
) -> Result<()> {
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut stream = tls.accept(stream)?;
    let request = Request::read(&mut stream)?;
    let response = answer(&request).unwrap_or_else(|error| Response::text(500, &format!("{error:#}")));
    stream.write_all(&response.encode())?;
    stream.shutdown()?;
    Ok(())
}

/// A thread that takes connections, ended when this is dropped.
pub(super) struct HttpsServer {
    address: SocketAddr,
    ending: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for HttpsServer {
    fn drop(&mut self) {
        self.ending.store(true, Ordering::SeqCst);
        // It waits for a connection: here is one.
        let woken = TcpStream::connect_timeout(&self.address, TIMEOUT);
        if let (Ok(_), Some(thread)) = (woken, self.thread.take()) {
            let _ = thread.join();
        }
    }
}

/// A request.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    headers: Vec<(String, String)>,
    body: String,
}

impl Request {
    fn read(stream: &mut impl Read) -> Result<Self> {
        let mut bytes = Vec::new();
        loop {
            if let Some(request) = Self::parse(&bytes)? {
                return Ok(request);
            }
            let mut part = [0; 4096];
            let length = stream.read(&mut part)?;
            if length == 0 || bytes.len() > LONGEST_REQUEST {
                bail!("a request that is cut, or too long");
            }
            bytes.extend_from_slice(&part[..length]);
        }
    }

    /// The request in these bytes; none while it is not whole.
    fn parse(bytes: &[u8]) -> Result<Option<Self>> {
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut head = httparse::Request::new(&mut headers);
        let httparse::Status::Complete(length) = head.parse(bytes)? else {
            return Ok(None);
        };
        let headers: Vec<(String, String)> = head
            .headers
            .iter()
            .map(|header| {
                (
                    header.name.to_lowercase(),
                    String::from_utf8_lossy(header.value).into_owned(),
                )
            })
            .collect();
        let content_length = headers.iter().find(|(name, _)| name == "content-length");
        let content_length = content_length.map_or(Ok(0), |(_, value)| value.parse())?;
        let body = &bytes[length..];
        if body.len() < content_length {
            return Ok(None);
        }
        let target = head.path.unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        Ok(Some(Request {
            method: head.method.unwrap_or_default().to_owned(),
            path: path.to_owned(),
            query: query.to_owned(),
            body: String::from_utf8_lossy(&body[..content_length]).into_owned(),
            headers,
        }))
    }

    /// A header, by its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    /// A parameter of the address.
    pub(super) fn parameter(&self, name: &str) -> Option<String> {
        value(&self.query, name)
    }

    /// A field of a form.
    pub(super) fn field(&self, name: &str) -> Option<String> {
        value(&self.body, name)
    }
}

fn value(pairs: &str, name: &str) -> Option<String> {
    form_urlencoded::parse(pairs.as_bytes())
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.into_owned())
}

/// A response.
pub(super) struct Response {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: String,
}

impl Response {
    pub(super) fn html(body: &str) -> Self {
        Self::new(200, "text/html; charset=utf-8", body)
    }

    pub(super) fn text(status: u16, body: &str) -> Self {
        Self::new(status, "text/plain; charset=utf-8", body)
    }

    pub(super) fn json(status: u16, body: &Value) -> Self {
        Self::new(status, "application/json", &body.to_string())
    }

    pub(super) fn redirect(target: &str) -> Self {
        let mut response = Self::text(302, "");
        response.headers.push(("Location", target.to_owned()));
        response
    }

    fn new(status: u16, content_type: &str, body: &str) -> Self {
        Response {
            status,
            headers: vec![("Content-Type", content_type.to_owned())],
            body: body.to_owned(),
        }
    }

    fn encode(&self) -> Vec<u8> {
        let headers: String = self
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {value}\r\n"))
            .collect();
        format!(
            "HTTP/1.1 {} \r\n{headers}Content-Length: {}\r\nCache-Control: no-store\r\nConnection: close\r\n\r\n{}",
            self.status,
            self.body.len(),
            self.body
        )
        .into_bytes()
    }
}
