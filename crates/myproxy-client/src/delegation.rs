//! A proxy certificate for somebody else's key: how a user hands a credential to the server (RFC 3820).

use openssl::asn1::{Asn1Integer, Asn1Object, Asn1OctetString, Asn1Time, Asn1TimeRef};
use openssl::bn::{BigNum, MsbOption};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::Id;
use openssl::x509::extension::KeyUsage;
use openssl::x509::{X509, X509Extension, X509Name, X509Req};

use crate::chain::system_time;
use crate::client_certificate::ClientCertificate;
use crate::input::Lifetime;
use crate::key::SHORTEST_RSA;
use crate::keyed_chain::to_wire;

/// `id-pe-proxyCertInfo` (RFC 3820, section 3.8).
const PROXY_CERT_INFO: &str = "1.3.6.1.5.5.7.1.14";

/// Its value: no limit of further proxies, and all rights inherited (`id-ppl-inheritAll`).
const INHERIT_ALL: &[u8] = b"\x30\x0c\x30\x0a\x06\x08\x2b\x06\x01\x05\x05\x07\x15\x01";

/// How far back a proxy certificate begins to be valid, in seconds: clocks differ.
const CLOCK_SKEW: i64 = 300;

/// Why no proxy certificate is signed for the server's certificate request.
#[derive(Debug, thiserror::Error)]
pub enum DelegationProblem {
    /// Not signed by its own key.
    #[error("its certificate request is not signed by the key in it")]
    Signature,
    /// A key that is too weak.
    #[error(
        "the key in its certificate request is not RSA with at least {SHORTEST_RSA} bits or on a curve with 256"
    )]
    WeakKey,
    /// A proxy certificate of ours signs nothing here.
    #[error("what would sign is a proxy certificate: take the end-entity certificate")]
    Proxy,
    /// OpenSSL failed in this process, or the request is beyond it.
    #[error(transparent)]
    OpenSsl(#[from] ErrorStack),
}

/// The chain as it is sent: the number of certificates in one byte, the new proxy certificate, and those of
/// `issuer`. It lives for `lifetime`, and no longer than the certificate that signs it.
pub fn delegate(
    request: &[u8],
    issuer: &ClientCertificate,
    lifetime: Lifetime,
) -> Result<Vec<u8>, DelegationProblem> {
    if issuer.subject() != issuer.identity() {
        return Err(DelegationProblem::Proxy);
    }
    let request = X509Req::from_der(request)?;
    let key = request.public_key()?;
    if !request.verify(&key).unwrap_or(false) {
        return Err(DelegationProblem::Signature);
    }
    let strong = match key.id() {
        Id::RSA => key.bits() >= SHORTEST_RSA,
        Id::EC => key.bits() >= 256,
        _ => false,
    };
    if !strong {
        return Err(DelegationProblem::WeakKey);
    }
    let keyed = issuer.keyed();
    let mut serial = BigNum::new()?;
    serial.rand(31, MsbOption::ONE, false)?;
    let mut subject = X509Name::builder()?;
    for entry in keyed.certificate.subject_name().entries() {
        subject.append_entry(entry)?;
    }
    // A name of its own for each proxy certificate: RFC 3820, section 3.4.
    subject.append_entry_by_text("CN", &serial.to_dec_str()?)?;
    let mut proxy = X509::builder()?;
    proxy.set_version(2)?;
    proxy.set_serial_number(&*Asn1Integer::from_bn(&serial)?)?;
    proxy.set_issuer_name(keyed.certificate.subject_name())?;
    proxy.set_subject_name(&subject.build())?;
    proxy.set_pubkey(&key)?;
    let now = unix_time(&*Asn1Time::days_from_now(0)?)?;
    let begin = unix_time(keyed.certificate.not_before())?.max(now - CLOCK_SKEW);
    let end = unix_time(keyed.certificate.not_after())?.min(now + i64::from(lifetime.as_seconds()));
    proxy.set_not_before(&*Asn1Time::from_unix(begin)?)?;
    proxy.set_not_after(&*Asn1Time::from_unix(end)?)?;
    proxy.append_extension(
        KeyUsage::new()
            .critical()
            .digital_signature()
            .key_encipherment()
            .build()?,
    )?;
    let (kind, value) = (
        Asn1Object::from_str(PROXY_CERT_INFO)?,
        Asn1OctetString::new_from_bytes(INHERIT_ALL)?,
    );
    proxy.append_extension(X509Extension::new_from_der(&kind, true, &value)?)?;
    proxy.sign(&keyed.key, MessageDigest::sha256())?;
    let proxy = proxy.build();
    Ok(to_wire(std::iter::once(&proxy).chain(keyed.certificates()))?)
}

fn unix_time(time: &Asn1TimeRef) -> Result<i64, ErrorStack> {
    let since = system_time(time)?.duration_since(std::time::UNIX_EPOCH);
    Ok(since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX)))
}
