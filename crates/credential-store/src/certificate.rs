//! What a request must know of a credential: whose it is, and until when.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openssl::asn1::Asn1Time;
use openssl::error::ErrorStack;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::{X509, X509NameRef};
use serde::Serialize;

/// What the certificates of a credential file say.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Certificate {
    /// Subject of the first certificate, in the grid's spelling: `/DC=org/CN=alice`.
    pub subject: String,
    /// When the first of all its certificates expires.
    #[serde(skip)]
    pub expires: SystemTime,
}

impl Certificate {
    /// Reads the certificates among PEM blocks.
    pub(crate) fn read(pem: &[u8]) -> Result<Self, String> {
        let chain = X509::stack_from_pem(pem).map_err(first_line)?;
        let first = chain.first().ok_or("there is no certificate in it")?;
        let mut expires = expiry(first).map_err(first_line)?;
        for certificate in &chain[1..] {
            expires = expires.min(expiry(certificate).map_err(first_line)?);
        }
        Ok(Self {
            subject: grid_name(first.subject_name()),
            expires,
        })
    }

    /// As [`Certificate::read`], for a credential that is about to be stored: the private key must be there,
    /// and be that of the first certificate.
    pub(crate) fn read_with_key(pem: &[u8]) -> Result<Self, String> {
        let certificate = Self::read(pem)?;
        let mut encrypted = false;
        // OpenSSL would ask for a pass phrase at the terminal.
        let key = PKey::private_key_from_pem_callback(pem, |_| {
            encrypted = true;
            Ok(0)
        });
        if encrypted {
            return Err("its private key is encrypted".into());
        }
        let key = key.map_err(|_| "there is no private key in it")?;
        let of_certificate = X509::from_pem(pem)
            .and_then(|certificate| certificate.public_key())
            .map_err(first_line)?;
        if !of_certificate.public_eq(&key) {
            return Err("the private key is not that of the first certificate".into());
        }
        Ok(certificate)
    }

    /// Whether it is good for at least `least` more.
    pub fn lasts(&self, least: Duration, now: SystemTime) -> bool {
        now.checked_add(least).is_some_and(|until| until < self.expires)
    }
}

fn expiry(certificate: &X509) -> Result<SystemTime, ErrorStack> {
    let since_epoch = Asn1Time::from_unix(0)?.diff(certificate.not_after())?;
    let seconds = i64::from(since_epoch.days) * 86_400 + i64::from(since_epoch.secs);
    Ok(UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}

/// A name as grid software writes it, with anything that could break a log line escaped.
fn grid_name(name: &X509NameRef) -> String {
    let mut text = String::new();
    for entry in name.entries() {
        let kind = match entry.object().nid() {
            Nid::UNDEF => entry.object().to_string(),
            nid => nid
                .short_name()
                .map(str::to_owned)
                .unwrap_or_else(|_| entry.object().to_string()),
        };
        let value = entry.data().to_string().unwrap_or_default();
        text.push_str(&format!("/{kind}={}", value.escape_debug()));
    }
    text
}

fn first_line(error: ErrorStack) -> String {
    let reason = error.errors().first().and_then(|error| error.reason());
    reason.unwrap_or("it is not in PEM form").to_owned()
}
