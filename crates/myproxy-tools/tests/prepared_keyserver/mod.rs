//! A server with prepared replies, in the original keyserver's form.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::Duration;

use anyhow::Result;
use openssl::ssl::{SslAcceptor, SslFiletype, SslMethod, SslVerifyMode, SslVersion};
use testbed::pki::{Authority, CertificateFiles};

const LIMIT: Duration = Duration::from_secs(20);

/// How a server treats what it does not understand: what the original does with `OPTIONS` is not recorded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Unknown {
    Refuses,
    Closes,
    Waits,
}

/// A server with prepared replies to requests in the original's form: one line is read, one reply is sent, and that is the
/// connection's end.
pub struct Prepared {
    pub port: u16,
    lines: Receiver<String>,
}

impl Prepared {
    /// One that shows this certificate, and asks for one of the authority's.
    pub fn start(
        certificate: &CertificateFiles,
        authority: &Authority,
        version: SslVersion,
        unknown: Unknown,
        reply: &[u8],
    ) -> Result<Self> {
        let mut acceptor = SslAcceptor::mozilla_intermediate_v5(SslMethod::tls())?;
        acceptor.set_min_proto_version(Some(version))?;
        acceptor.set_max_proto_version(Some(version))?;
        acceptor.set_certificate_file(&certificate.certificate, SslFiletype::PEM)?;
        acceptor.set_private_key_file(&certificate.key, SslFiletype::PEM)?;
        acceptor.set_ca_file(authority.certificate())?;
        acceptor.set_verify(SslVerifyMode::PEER | SslVerifyMode::FAIL_IF_NO_PEER_CERT);
        let acceptor = acceptor.build();
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let port = listener.local_addr()?.port();
        let (sender, lines) = mpsc::channel();
        let reply = reply.to_vec();
        // It ends with the process; each of its connections ends by its time limit.
        thread::spawn(move || {
            for tcp in listener.incoming().flatten() {
                // Whoever goes away early is no concern of the next.
                let _ = serve(&acceptor, tcp, unknown, &reply, &sender);
            }
        });
        Ok(Prepared { port, lines })
    }

    /// The lines that were received so far.
    pub fn received(&self) -> Vec<String> {
        self.lines.try_iter().collect()
    }
}

/// One connection. The line is told before it is answered, so that who has an answer finds it.
fn serve(
    acceptor: &SslAcceptor,
    tcp: TcpStream,
    unknown: Unknown,
    reply: &[u8],
    lines: &Sender<String>,
) -> Result<()> {
    tcp.set_read_timeout(Some(LIMIT))?;
    let mut stream = acceptor.accept(tcp)?;
    let mut line = Vec::new();
    let mut byte = [0];
    while line.last() != Some(&b'\n') && stream.read(&mut byte)? == 1 {
        line.push(byte[0]);
    }
    let line = String::from_utf8_lossy(&line).trim_end().to_owned();
    let is_known = line.starts_with("GET ");
    lines.send(line)?;
    match (is_known, unknown) {
        (true, _) => stream.write_all(reply)?,
        (false, Unknown::Refuses) => stream.write_all(b"\r\nNO bad request\r\n")?,
        (false, Unknown::Closes) => {}
        // Until the client goes away.
        (false, Unknown::Waits) => drop(stream.read_to_end(&mut Vec::new())),
    }
    stream.shutdown()?;
    Ok(())
}
