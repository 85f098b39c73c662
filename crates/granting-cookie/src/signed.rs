//! A signed cookie: the signature, then the block. In base64 this is the plain granting cookie, which anybody with the
//! granting certificate can verify.

use std::fmt;

use zeroize::Zeroizing;

use crate::cookie::BLOCK_SIZE;
use crate::{Cookie, CookieError, SignError, SigningKey, VerifyingCertificate, base64};

/// Signature then block. Whoever holds it can use it: it is wiped from memory when dropped, and not shown.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedCookie(Zeroizing<Vec<u8>>);

impl SignedCookie {
    /// Signs a cookie. Refuses one whose text fields are not printable ASCII.
    pub fn sign(cookie: &Cookie, key: &SigningKey) -> Result<Self, SignError> {
        if !cookie.is_printable_ascii() {
            return Err(SignError::NotPrintableAscii);
        }
        let block = cookie.to_block();
        let signature = Zeroizing::new(key.sign(&block)?);
        Ok(Self(Zeroizing::new([signature.as_slice(), &block].concat())))
    }

    /// What the cookie says, if one of the certificates' keys signed it. Several are tried in turn, for the time of a
    /// key change; if none fits, the error is the last one's.
    ///
    /// Type, version, time and printable text are left to the caller.
    pub fn verify<'a>(
        &self,
        certificates: impl IntoIterator<Item = &'a VerifyingCertificate>,
    ) -> Result<Cookie, CookieError> {
        first_good(certificates, |certificate| self.verify_with(certificate))
    }

    fn verify_with(&self, certificate: &VerifyingCertificate) -> Result<Cookie, CookieError> {
        let (signature, signed) = self
            .0
            .split_at_checked(certificate.signature_length())
            .ok_or(CookieError::TooShort)?;
        if !certificate.verifies(signed, signature) {
            return Err(CookieError::BadSignature);
        }
        let block: &[u8; BLOCK_SIZE] = signed
            .try_into()
            .map_err(|_| CookieError::WrongPlainSize { bytes: signed.len() })?;
        Ok(Cookie::from_block(block))
    }

    /// What the cookie says of itself, for a caller who knows from elsewhere that it was verified; `None` where there
    /// is no room for a block.
    pub fn unverified(&self) -> Option<Cookie> {
        self.0.last_chunk().map(Cookie::from_block)
    }

    /// Reads the plain form. Nothing is believed before [`SignedCookie::verify`].
    pub fn from_base64(text: &str) -> Result<Self, CookieError> {
        base64::decode(text).map(Self)
    }

    /// The plain form: 648 characters with a 2048-bit key.
    pub fn to_base64(&self) -> Zeroizing<String> {
        base64::encode(&self.0)
    }

    pub(crate) fn from_bytes(bytes: Zeroizing<Vec<u8>>) -> Self {
        Self(bytes)
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// The first certificate's success, or the last one's error.
pub(crate) fn first_good<'a, T>(
    certificates: impl IntoIterator<Item = &'a VerifyingCertificate>,
    mut attempt: impl FnMut(&VerifyingCertificate) -> Result<T, CookieError>,
) -> Result<T, CookieError> {
    let mut error = CookieError::BadSignature;
    for certificate in certificates {
        match attempt(certificate) {
            Ok(success) => return Ok(success),
            Err(failure) => error = failure,
        }
    }
    Err(error)
}

impl fmt::Debug for SignedCookie {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SignedCookie({} bytes)", self.0.len())
    }
}
