//! Our own certificate and its key.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::ssl::SslContextBuilder;
use openssl::x509::{X509, X509Ref};
use zeroize::Zeroizing;

/// What this host shows to the keyserver.
pub struct Identity {
    /// The file with the certificate, for messages.
    pub path: PathBuf,
    /// The host names that it says.
    pub names: Vec<String>,
    chain: Vec<X509>,
    key: PKey<Private>,
}

impl Identity {
    /// Reads both. The certificate may be in either format; the key is in ASN.1 where `asn1` says so.
    pub fn read(certificate: &Path, key: &Path, asn1: bool) -> Result<Self> {
        let chain = read_chain(certificate)?;
        let bytes = fs::read(key)
            .map(Zeroizing::new)
            .with_context(|| format!("cannot read the private key {}", key.display()))?;
        let read = match asn1 {
            true => PKey::private_key_from_der(&bytes),
            // The callback keeps OpenSSL from asking for a pass phrase at the terminal.
            false => PKey::private_key_from_pem_callback(&bytes, |_| Ok(0)),
        };
        let format = if asn1 { "ASN.1" } else { "PEM" };
        let private = read.with_context(|| {
            format!(
                "{} is no private key in {format} format without a pass phrase",
                key.display()
            )
        })?;
        if !chain[0].public_key()?.public_eq(&private) {
            bail!(
                "the private key {} does not belong to the certificate {}",
                key.display(),
                certificate.display()
            );
        }
        Ok(Identity {
            path: certificate.to_owned(),
            names: names(&chain[0]),
            chain,
            key: private,
        })
    }

    /// Who issued the certificate: the authority that the keyserver has to trust.
    pub fn issuer(&self) -> String {
        issuer(&self.chain[0])
    }

    /// Has connections show it.
    pub fn present(&self, context: &mut SslContextBuilder) -> Result<(), ErrorStack> {
        context.set_certificate(&self.chain[0])?;
        for certificate in &self.chain[1..] {
            context.add_extra_chain_cert(certificate.clone())?;
        }
        context.set_private_key(&self.key)
    }
}

/// At least one certificate, our own first.
fn read_chain(path: &Path) -> Result<Vec<X509>> {
    let bytes = fs::read(path).with_context(|| format!("cannot read the certificate {}", path.display()))?;
    let chain = match X509::stack_from_pem(&bytes) {
        Ok(chain) if !chain.is_empty() => Ok(chain),
        _ => X509::from_der(&bytes).map(|certificate| vec![certificate]),
    };
    chain.with_context(|| format!("{} is no certificate", path.display()))
}

/// The names of a certificate: those of its subject alternative name, then its CN where that is another.
pub fn names(certificate: &X509Ref) -> Vec<String> {
    let alternatives = certificate.subject_alt_names().into_iter().flatten();
    let mut names: Vec<String> = alternatives
        .filter_map(|name| name.dnsname().map(str::to_owned))
        .collect();
    for entry in certificate.subject_name().entries_by_nid(Nid::COMMONNAME) {
        names.extend(entry.data().to_string().ok().filter(|name| !names.contains(name)));
    }
    names
}

/// The issuer's name on one line.
pub fn issuer(certificate: &X509Ref) -> String {
    let entries = certificate.issuer_name().entries().map(|entry| {
        let name = entry.object().nid().short_name().unwrap_or("?");
        format!(
            "/{name}={}",
            String::from_utf8_lossy(entry.data().as_slice()).escape_default()
        )
    });
    entries.collect()
}
