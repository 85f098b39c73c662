//! A certificate that the keyserver is asked to trust.

use std::cmp::Ordering;
use std::fmt;

use openssl::error::ErrorStack;
use openssl::x509::X509;

/// A certificate of an authority, or of a client that signed its own, to be trusted from now on.
#[derive(Clone)]
pub struct TrustedCertificate(X509);

/// Why a certificate cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CertificateError {
    /// No certificate, or several.
    #[error("not one certificate in PEM format")]
    NotOne,
    /// TLS ends a chain with a certificate that signed itself; no other counts for anything, and it may stand in the way of
    /// one with the same subject.
    #[error("a certificate that another one signed: take that of the authority")]
    NotSelfSigned,
}

const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

impl TrustedCertificate {
    /// Reads one certificate in PEM format. White space may have been lost, or turned to `+` in the first and last line,
    /// on a way through a request line.
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        let text = text.replace("BEGIN+CERTIFICATE", "BEGIN CERTIFICATE");
        let text = text.replace("END+CERTIFICATE", "END CERTIFICATE");
        let (_, rest) = text.split_once(BEGIN).ok_or(CertificateError::NotOne)?;
        let (body, rest) = rest.split_once(END).ok_or(CertificateError::NotOne)?;
        if rest.contains(BEGIN) {
            return Err(CertificateError::NotOne);
        }
        let body: String = body.split_ascii_whitespace().collect();
        let der = openssl::base64::decode_block(&body);
        let certificate = der.and_then(|der| X509::from_der(&der));
        let certificate = certificate.map_err(|_| CertificateError::NotOne)?;
        match certificate.issuer_name().try_cmp(certificate.subject_name()) {
            Ok(Ordering::Equal) => Ok(TrustedCertificate(certificate)),
            _ => Err(CertificateError::NotSelfSigned),
        }
    }

    /// In PEM format.
    pub fn to_pem(&self) -> Result<Vec<u8>, ErrorStack> {
        self.0.to_pem()
    }

    /// What OpenSSL calls files with this subject in a directory of authorities, without the number behind the dot
    /// (`c_rehash`).
    pub fn file_stem(&self) -> String {
        format!("{:08x}", self.0.subject_name_hash())
    }
}

/// Its subject, on one line and in printable ASCII.
impl fmt::Display for TrustedCertificate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for entry in self.0.subject_name().entries() {
            let name = entry.object().nid().short_name().unwrap_or("?");
            let value = String::from_utf8_lossy(entry.data().as_slice()).into_owned();
            write!(formatter, "/{name}={}", value.escape_default())?;
        }
        Ok(())
    }
}
