//! Is the credential that a server sent one to use?

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::x509::{X509, X509Ref, X509VerifyResult};

use crate::distinguished_name::slash_form;
use crate::key::Key;
use crate::trust::{TrustDirectory, TrustProblem};

/// Which check of a credential failed. Certificates are named by their subject, in slash form.
#[derive(Debug, thiserror::Error)]
pub enum ChainProblem {
    /// The first certificate is for another key.
    #[error("the certificate of {0} is not for the key that was sent")]
    OtherKey(String),
    /// A certificate is not signed by the one after it.
    #[error("the certificate of {subject} is not signed by the next one in the chain, {issuer}")]
    NotSignedByNext {
        /// The certificate.
        subject: String,
        /// The one after it.
        issuer: String,
    },
    /// A certificate is not valid yet: the clocks differ.
    #[error("the certificate of {0} is not valid yet (do the clocks agree?)")]
    NotYetValid(String),
    /// A certificate is not valid any more.
    #[error("the certificate of {0} has expired")]
    Expired(String),
    /// No way from the chain to a trust root.
    #[error(transparent)]
    Untrusted(#[from] TrustProblem),
    /// OpenSSL failed in this process, or the certificate is beyond it.
    #[error(transparent)]
    OpenSsl(#[from] ErrorStack),
}

/// Every check, in the order of [`ChainProblem`]. `others` are the certificates after the first.
pub fn check(
    certificate: &X509Ref,
    others: &[X509],
    key: &Key,
    trust: &TrustDirectory,
) -> Result<(), ChainProblem> {
    if !certificate.public_key()?.public_eq(key.pkey()) {
        return Err(ChainProblem::OtherKey(slash_form(certificate.subject_name())));
    }
    let mut signed = certificate;
    for next in others {
        if next.issued(signed) != X509VerifyResult::OK || !signed.verify(&*next.public_key()?)? {
            return Err(ChainProblem::NotSignedByNext {
                subject: slash_form(signed.subject_name()),
                issuer: slash_form(next.subject_name()),
            });
        }
        signed = next;
    }
    let now = Asn1Time::days_from_now(0)?;
    for certificate in std::iter::once(certificate).chain(others.iter().map(AsRef::as_ref)) {
        if *certificate.not_before() > *now {
            return Err(ChainProblem::NotYetValid(slash_form(certificate.subject_name())));
        }
        if *certificate.not_after() < *now {
            return Err(ChainProblem::Expired(slash_form(certificate.subject_name())));
        }
    }
    Ok(trust.verify(certificate, others)?)
}

/// A certificate's time as the system's. A time before 1970 is 1970.
pub fn system_time(time: &Asn1TimeRef) -> Result<SystemTime, ErrorStack> {
    let since = Asn1Time::from_unix(0)?.diff(time)?;
    let seconds = i64::from(since.days) * 24 * 3600 + i64::from(since.secs);
    Ok(UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap_or(0)))
}
