//! A certificate with its private key and the certificates after it, from PEM.

use std::io;

use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::x509::X509;
use zeroize::Zeroizing;

use crate::distinguished_name::slash_form;
use crate::trust;

pub struct KeyedChain {
    pub certificate: X509,
    /// The certificates behind it, in the order of the file.
    pub chain: Vec<X509>,
    pub key: PKey<Private>,
}

/// What is wrong with the PEM.
#[derive(Debug)]
pub enum PemProblem {
    NoCertificate,
    NoKey,
    /// The private key is encrypted, and there is no pass phrase for it.
    PassPhrase(io::Error),
    WrongPassPhrase,
    OtherKey,
}

impl KeyedChain {
    /// Takes every certificate in `certificates` and the first private key in `key`, which may be the same PEM.
    /// `pass_phrase` is asked for one only where that key is encrypted.
    pub fn from_pem(
        certificates: &[u8],
        key: &[u8],
        pass_phrase: impl FnOnce() -> io::Result<Zeroizing<Vec<u8>>>,
    ) -> Result<Self, PemProblem> {
        let mut certificates = X509::stack_from_pem(certificates)
            .map_err(|_| PemProblem::NoCertificate)?
            .into_iter();
        let certificate = certificates.next().ok_or(PemProblem::NoCertificate)?;
        let key = private_key(key, pass_phrase)?;
        if !certificate
            .public_key()
            .is_ok_and(|public| public.public_eq(&key))
        {
            return Err(PemProblem::OtherKey);
        }
        Ok(KeyedChain {
            certificate,
            chain: certificates.collect(),
            key,
        })
    }

    /// The certificate, then those after it.
    pub fn certificates(&self) -> impl Iterator<Item = &X509> {
        std::iter::once(&self.certificate).chain(&self.chain)
    }

    /// Whose it is: the subject of the end-entity certificate, in slash form. Other than that of the first
    /// certificate only for proxy certificates.
    pub fn identity(&self) -> Result<String, ErrorStack> {
        let mut identity = String::new();
        for certificate in self.certificates() {
            identity = slash_form(certificate.subject_name());
            if !trust::is_proxy(certificate)? {
                break;
            }
        }
        Ok(identity)
    }
}

/// Certificates as a message holds them: their number in one byte, then each in DER.
pub fn to_wire<'a>(certificates: impl Iterator<Item = &'a X509>) -> Result<Vec<u8>, ErrorStack> {
    let mut wire = vec![0];
    for certificate in certificates {
        // More of them than any server reads: what it makes of a number that is cut is its own refusal.
        wire[0] = u8::saturating_add(wire[0], 1);
        wire.extend(certificate.to_der()?);
    }
    Ok(wire)
}

fn private_key(
    pem: &[u8],
    pass_phrase: impl FnOnce() -> io::Result<Zeroizing<Vec<u8>>>,
) -> Result<PKey<Private>, PemProblem> {
    let mut asked = None;
    let key = PKey::private_key_from_pem_callback(pem, |room| {
        let written = pass_phrase().and_then(|pass_phrase| {
            let place = room
                .get_mut(..pass_phrase.len())
                .ok_or_else(|| io::Error::other("it is longer than OpenSSL's room for it"))?;
            place.copy_from_slice(&pass_phrase);
            Ok(pass_phrase.len())
        });
        // The error is kept here: OpenSSL's own would say nothing of it.
        asked
            .insert(written)
            .as_ref()
            .copied()
            .map_err(|_| ErrorStack::get())
    });
    match (key, asked) {
        (Ok(key), _) => Ok(key),
        (Err(_), None) => Err(PemProblem::NoKey),
        (Err(_), Some(Ok(_))) => Err(PemProblem::WrongPassPhrase),
        (Err(_), Some(Err(cause))) => Err(PemProblem::PassPhrase(cause)),
    }
}
