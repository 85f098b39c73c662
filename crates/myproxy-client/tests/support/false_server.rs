//! A server that does what no real one should: for faults only.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{JoinHandle, sleep, spawn};
use std::time::Duration;

use myproxy_client::{ClientOptions, ServerIdentity};
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslMethod, SslStream, SslVersion};
use openssl::x509::X509;
use tempfile::TempDir;

use super::authority::{Authority, Wanted, new_key};

/// The name in a false server's certificate.
pub const NAME: &str = "myproxy.mptest.org";

pub const OK: &[u8] = b"VERSION=MYPROXYv2\nRESPONSE=0\n\0";

/// A listener with a thread that serves one connection after the other.
pub struct FalseServer {
    port: u16,
    thread: Option<JoinHandle<()>>,
    stop: Arc<AtomicBool>,
}

impl FalseServer {
    /// `serve` gets each connection with its number, from 0.
    pub fn start(serve: impl Fn(usize, TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = stop.clone();
        let thread = spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                if stopped.load(Ordering::SeqCst) {
                    return;
                }
                let stream = stream.unwrap();
                stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                stream.set_nodelay(true).unwrap();
                serve(number, stream);
            }
        });
        FalseServer {
            port,
            thread: Some(thread),
            stop,
        }
    }

    pub fn options(&self, world: &World) -> ClientOptions {
        let mut server: myproxy_client::Server = format!("127.0.0.1:{}", self.port).parse().unwrap();
        server.identity = ServerIdentity::Name(NAME.to_owned());
        ClientOptions {
            trust_directory: world.trust.path().to_owned(),
            reply_timeout: Duration::from_secs(5),
            ..ClientOptions::new(vec![server])
        }
    }
}

impl Drop for FalseServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::SeqCst);
        // Wakes it from waiting for the next connection.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join)
            && !std::thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }
}

/// An authority, the directory that trusts it, and a server's key and certificate.
pub struct World {
    pub authority: Authority,
    pub trust: TempDir,
    pub certificate: X509,
    pub key: PKey<Private>,
}

impl World {
    pub fn new() -> Self {
        let authority = Authority::new("Test CA");
        let trust = tempfile::tempdir().unwrap();
        authority.install(trust.path());
        let key = new_key();
        let certificate = authority.issue(&Wanted::server(&[NAME]), &key);
        World {
            authority,
            trust,
            certificate,
            key,
        }
    }

    pub fn acceptor(&self) -> SslAcceptor {
        acceptor(&self.certificate, &self.key, SslVersion::TLS1_3)
    }
}

pub fn acceptor(certificate: &X509, key: &PKey<Private>, version: SslVersion) -> SslAcceptor {
    acceptor_with_chain(certificate, &[], key, version)
}

/// One that sends the certificates of issuers, too.
pub fn acceptor_with_chain(
    certificate: &X509,
    issuers: &[X509],
    key: &PKey<Private>,
    version: SslVersion,
) -> SslAcceptor {
    let mut builder = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls_server()).unwrap();
    builder.set_certificate(certificate).unwrap();
    builder.set_private_key(key).unwrap();
    for issuer in issuers {
        builder.add_extra_chain_cert(issuer.clone()).unwrap();
    }
    builder.set_min_proto_version(None).unwrap();
    builder.set_max_proto_version(Some(version)).unwrap();
    builder.set_num_tickets(0).unwrap();
    builder.build()
}

/// What a server says: the greeting, the verdict, the chain and the confirmation.
#[derive(Clone)]
pub struct Script(pub [Vec<u8>; 4]);

impl Script {
    pub fn good(certificates: &[X509]) -> Self {
        let mut chain = vec![u8::try_from(certificates.len()).unwrap()];
        certificates
            .iter()
            .for_each(|certificate| chain.extend(certificate.to_der().unwrap()));
        Script([vec![0], OK.to_vec(), chain, OK.to_vec()])
    }

    pub fn with(mut self, part: usize, bytes: &[u8]) -> Self {
        self.0[part] = bytes.to_vec();
        self
    }

    pub fn length(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Says the first `limit` bytes of it, each part when it is due.
    pub fn play<S: Read + Write>(&self, stream: &mut SslStream<S>, mut limit: usize) -> io::Result<()> {
        for (number, part) in self.0.iter().enumerate() {
            match number {
                1 => read_until_nul(stream)?,
                2 => drop(stream.read(&mut [0; 4096])?),
                _ => {}
            }
            let length = part.len().min(limit);
            if length > 0 {
                stream.write_all(&part[..length])?;
            }
            limit -= length;
            if length < part.len() {
                return Ok(());
            }
        }
        Ok(())
    }
}

/// How a server ends a connection.
#[derive(Clone, Copy, Debug)]
pub enum End {
    /// TCP's FIN, as the real server does.
    Fin,
    /// TCP's RST.
    Reset,
    /// TLS's `close_notify`.
    CloseNotify,
}

impl End {
    pub fn of(self, mut stream: SslStream<TcpStream>) {
        match self {
            End::Fin => {}
            End::Reset => {
                let now = Some(Duration::ZERO);
                rustix::net::sockopt::set_socket_linger(stream.get_ref(), now).unwrap();
            }
            End::CloseNotify => drop(stream.shutdown()),
        }
    }
}

/// A conversation of any command: the greeting, then an answer to each message.
#[derive(Clone)]
pub struct Dialogue(pub Vec<Vec<u8>>);

impl Dialogue {
    pub fn new(answers: &[&[u8]]) -> Self {
        let greeting = vec![0];
        Dialogue(
            std::iter::once(greeting)
                .chain(answers.iter().map(|answer| answer.to_vec()))
                .collect(),
        )
    }

    pub fn length(&self) -> usize {
        self.0.iter().map(Vec::len).sum()
    }

    /// Says the first `limit` bytes of it, each part when it is due.
    pub fn play(&self, stream: &mut SslStream<TcpStream>, mut limit: usize) -> io::Result<()> {
        for (number, part) in self.0.iter().enumerate() {
            match number {
                0 => {}
                1 => read_until_nul(stream)?,
                _ => drop(stream.read(&mut [0; 1 << 14])?),
            }
            let length = part.len().min(limit);
            stream.write_all(&part[..length])?;
            limit -= length;
            if length < part.len() {
                break;
            }
        }
        Ok(())
    }
}

/// Flag and request.
fn read_until_nul(stream: &mut impl Read) -> io::Result<()> {
    let mut byte = [0];
    while stream.read(&mut byte)? > 0 && byte[0] != 0 {}
    Ok(())
}

/// A stream that ends after so many bytes written.
pub struct Cut {
    pub stream: TcpStream,
    pub left: usize,
}

impl Read for Cut {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

impl Write for Cut {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let length = buffer.len().min(self.left);
        self.left -= length;
        if length == 0 {
            self.stream.shutdown(Shutdown::Both)?;
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        self.stream.write(&buffer[..length])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream that lets one byte through every 20 ms.
pub struct Drip(pub TcpStream);

impl Read for Drip {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl Write for Drip {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        sleep(Duration::from_millis(20));
        self.0.write(&buffer[..1])
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
