//! A certification authority: one RSA key, its self-signed certificate, and what it signs.

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::{HasPublic, PKey, PKeyRef, Private};
use openssl::rsa::Rsa;
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName,
    SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Ref};

use crate::DistinguishedName;

/// Seconds by which a certificate starts in the past, for clocks that lag behind ours.
const CLOCK_SKEW: i64 = 5 * 60;

/// A certificate and the private key that belongs to it.
pub struct KeyPair {
    /// The certificate.
    pub certificate: X509,
    /// Its private key.
    pub key: PKey<Private>,
}

impl KeyPair {
    /// Makes an RSA key of `key_bits` and a certificate that it signs itself.
    ///
    /// # Errors
    /// Those of OpenSSL.
    pub fn self_signed(contents: &HostCertificate, key_bits: u32) -> Result<Self, ErrorStack> {
        let key = PKey::from_rsa(Rsa::generate(key_bits)?)?;
        let mut builder = start_certificate(contents, &key)?;
        builder.set_issuer_name(contents.subject.to_x509_name()?.as_ref())?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(KeyPair {
            certificate: builder.build(),
            key,
        })
    }
}

/// A certification authority: signs certificates for hosts.
pub struct CertificationAuthority(KeyPair);

/// What a host certificate says.
#[derive(Clone, Debug)]
pub struct HostCertificate {
    /// The subject.
    pub subject: DistinguishedName,
    /// DNS names or IP addresses for the subject alternative name, in order; none leaves the extension out.
    pub names: Vec<String>,
    /// Begin of the validity, Unix seconds.
    pub not_before: i64,
    /// End of the validity, Unix seconds.
    pub not_after: i64,
}

impl HostCertificate {
    /// A certificate for `names`, good from five minutes ago for `lifetime` seconds.
    pub fn new(subject: DistinguishedName, names: &[&str], lifetime: u32) -> Self {
        let now = unix_now();
        HostCertificate {
            subject,
            names: names.iter().map(|name| name.to_string()).collect(),
            not_before: now - CLOCK_SKEW,
            not_after: now + i64::from(lifetime),
        }
    }
}

impl CertificationAuthority {
    /// Makes a new authority with an RSA key of `key_bits` and a self-signed certificate good for `lifetime`
    /// seconds.
    ///
    /// # Errors
    /// Those of OpenSSL.
    pub fn create(subject: &DistinguishedName, key_bits: u32, lifetime: u32) -> Result<Self, ErrorStack> {
        let key = PKey::from_rsa(Rsa::generate(key_bits)?)?;
        let mut builder = start_certificate(&HostCertificate::new(subject.clone(), &[], lifetime), &key)?;
        builder.set_issuer_name(subject.to_x509_name()?.as_ref())?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        let identifier = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(identifier)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Self(KeyPair {
            certificate: builder.build(),
            key,
        }))
    }

    /// An authority that exists.
    pub fn from_key_pair(pair: KeyPair) -> Self {
        Self(pair)
    }

    /// Its certificate.
    pub fn certificate(&self) -> &X509Ref {
        &self.0.certificate
    }

    /// Its private key.
    pub fn key(&self) -> &PKeyRef<Private> {
        &self.0.key
    }

    /// Signs a certificate for the holder of `key`, fit for TLS servers and clients.
    ///
    /// # Errors
    /// Those of OpenSSL.
    pub fn issue<K: HasPublic>(
        &self,
        contents: &HostCertificate,
        key: &PKeyRef<K>,
    ) -> Result<X509, ErrorStack> {
        let issuer = self.certificate();
        let mut builder = start_certificate(contents, key)?;
        builder.set_issuer_name(issuer.subject_name())?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        let usage = KeyUsage::new()
            .critical()
            .digital_signature()
            .key_encipherment()
            .build()?;
        builder.append_extension(usage)?;
        builder.append_extension(ExtendedKeyUsage::new().server_auth().client_auth().build()?)?;
        let context = builder.x509v3_context(Some(issuer), None);
        let mut extensions = vec![
            SubjectKeyIdentifier::new().build(&context)?,
            AuthorityKeyIdentifier::new().keyid(true).build(&context)?,
        ];
        if !contents.names.is_empty() {
            let mut alternatives = SubjectAlternativeName::new();
            for name in &contents.names {
                match name.parse::<std::net::IpAddr>() {
                    Ok(_) => alternatives.ip(name),
                    Err(_) => alternatives.dns(name),
                };
            }
            extensions.push(alternatives.build(&context)?);
        }
        for extension in extensions {
            builder.append_extension(extension)?;
        }
        builder.sign(self.key(), MessageDigest::sha256())?;
        Ok(builder.build())
    }

    /// Makes an RSA key of `key_bits` and signs a certificate for it.
    ///
    /// # Errors
    /// Those of OpenSSL.
    pub fn issue_with_new_key(
        &self,
        contents: &HostCertificate,
        key_bits: u32,
    ) -> Result<KeyPair, ErrorStack> {
        let key = PKey::from_rsa(Rsa::generate(key_bits)?)?;
        Ok(KeyPair {
            certificate: self.issue(contents, &key)?,
            key,
        })
    }
}

/// Version, random serial number, subject, validity and public key: what every certificate begins with.
fn start_certificate<K: HasPublic>(
    contents: &HostCertificate,
    key: &PKeyRef<K>,
) -> Result<X509Builder, ErrorStack> {
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    let serial = Asn1Integer::from_bn(&serial)?;
    builder.set_serial_number(&serial)?;
    builder.set_subject_name(contents.subject.to_x509_name()?.as_ref())?;
    builder.set_not_before(Asn1Time::from_unix(contents.not_before)?.as_ref())?;
    builder.set_not_after(Asn1Time::from_unix(contents.not_after)?.as_ref())?;
    builder.set_pubkey(key)?;
    Ok(builder)
}

fn unix_now() -> i64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |since| since.as_secs() as i64)
}
