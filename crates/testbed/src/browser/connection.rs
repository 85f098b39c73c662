//! The way to the servers: TLS that trusts the test authority alone, and every name is this machine.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use openssl::ssl::{SslConnector, SslMethod};
use openssl::x509::store::X509StoreBuilder;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::tls::{Certificate, RootCerts, TlsConfig, TlsProvider};
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::{DefaultConnector, NextTimeout};
use ureq::{Agent, Error};
use url::Url;

/// A page that takes longer is a failure.
pub(super) const TIMEOUT: Duration = Duration::from_secs(60);

/// An HTTP/1.1 client with keep-alive that reports every response as it is.
pub(super) fn agent(authority: &Path) -> Result<Agent> {
    let pem = std::fs::read(authority).with_context(|| format!("cannot read {}", authority.display()))?;
    let roots = RootCerts::new_with_certs(&[Certificate::from_pem(&pem)?]);
    let tls = TlsConfig::builder()
        .provider(TlsProvider::NativeTls)
        .root_certs(roots)
        .build();
    let config = Config::builder()
        .tls_config(tls)
        .proxy(None)
        .max_redirects(0)
        .http_status_as_error(false)
        .timeout_global(Some(TIMEOUT))
        .user_agent("Mozilla/5.0 (mod_myproxy test bed)")
        .accept("")
        .build();
    Ok(Agent::with_parts(
        config,
        DefaultConnector::default(),
        ThisMachine,
    ))
}

/// Whether a request failed because the connection had been closed before its response began.
pub(super) fn was_closed(error: &anyhow::Error) -> bool {
    let Some(Error::Io(error)) = error.downcast_ref() else {
        return false;
    };
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

/// Bytes as they are over a new TLS connection, and all that comes back until the server closes it.
pub(super) fn exchange_bytes(authority: &Path, url: &Url, request: &[u8]) -> Result<Vec<u8>> {
    let host = url.host_str().context("an address without a host")?;
    let port = url.port_or_known_default().context("an address without a port")?;
    let mut connector = SslConnector::builder(SslMethod::tls_client())?;
    // In place of the machine's own authorities, which the builder has loaded.
    connector.set_cert_store(X509StoreBuilder::new()?.build());
    connector.set_ca_file(authority)?;
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let mut stream = connector
        .build()
        .connect(host, stream)
        .context("the TLS handshake failed")?;
    stream.write_all(request)?;

    let mut answer = Vec::new();
    match stream.read_to_end(&mut answer) {
        Ok(_) => Ok(answer),
        Err(error) if answer.is_empty() => Err(error).context("no answer"),
        Err(error) if error.kind() == ErrorKind::WouldBlock => {
            bail!("the server kept the connection open: ask it to close")
        }
        // A server that does not read all of a request may reset the connection after its answer.
        Err(_) => Ok(answer),
    }
}

/// `*.localhost` is 127.0.0.1 in every browser, but not in glibc. No other name is looked up at all.
#[derive(Debug)]
struct ThisMachine;

impl Resolver for ThisMachine {
    fn resolve(&self, uri: &Uri, _: &Config, _: NextTimeout) -> Result<ResolvedSocketAddrs, Error> {
        let host = uri.host().unwrap_or_default();
        if host != "localhost" && host != "127.0.0.1" && !host.ends_with(".localhost") {
            return Err(Error::HostNotFound);
        }
        let default = if uri.scheme_str() == Some("https") {
            443
        } else {
            80
        };
        let mut addresses = self.empty();
        addresses.push(SocketAddr::from((
            Ipv4Addr::LOCALHOST,
            uri.port_u16().unwrap_or(default),
        )));
        Ok(addresses)
    }
}
