//! The answer to a renewal's challenge: a signature by the credential that is to be renewed.

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::sign::Signer;

use crate::keyed_chain::to_wire;
use crate::old_credential::OldCredential;
use crate::response::Challenge;

/// `X509_certificate` in the first byte of an answer: signed with SHA-1.
const METHOD_SHA1: u8 = 2;

/// `X509_certificate_SHA256`.
const METHOD_SHA256: u8 = 4;

/// Method, signature and certificates, each with its length: the method as four bytes of which the first one
/// counts, the signature's length as 32 bits big-endian, and the number of certificates in one byte (the protocol
/// document says four, the server reads one). `None` where the server offers no method of these two.
pub fn answer(challenge: &Challenge, credential: &OldCredential) -> Result<Option<Vec<u8>>, ErrorStack> {
    let (method, digest, text) = match challenge {
        Challenge {
            sha256: Some(text), ..
        } => (METHOD_SHA256, MessageDigest::sha256(), text),
        Challenge { sha1: Some(text), .. } => (METHOD_SHA1, MessageDigest::sha1(), text),
        _ => return Ok(None),
    };
    let keyed = credential.keyed();
    let signature = Signer::new(digest, &keyed.key)?.sign_oneshot_to_vec(text)?;
    let length = u32::try_from(signature.len()).expect("a signature is shorter than 4 GiB");
    let mut answer = vec![method, 0, 0, 0];
    answer.extend(length.to_be_bytes());
    answer.extend(signature);
    answer.extend(to_wire(keyed.certificates())?);
    Ok(Some(answer))
}

#[cfg(test)]
mod tests {
    use openssl::asn1::Asn1Time;
    use openssl::pkey::PKey;
    use openssl::rsa::Rsa;
    use openssl::sign::Verifier;
    use openssl::x509::X509;

    use super::*;

    fn credential() -> (OldCredential, X509) {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let mut builder = X509::builder().unwrap();
        builder.set_version(2).unwrap();
        builder.set_pubkey(&key).unwrap();
        builder
            .set_not_before(&Asn1Time::days_from_now(0).unwrap())
            .unwrap();
        builder
            .set_not_after(&Asn1Time::days_from_now(1).unwrap())
            .unwrap();
        builder.sign(&key, MessageDigest::sha256()).unwrap();
        let certificate = builder.build();
        let pem = [
            certificate.to_pem().unwrap(),
            key.private_key_to_pem_pkcs8().unwrap(),
            certificate.to_pem().unwrap(),
        ]
        .concat();
        (OldCredential::from_pem(&pem).unwrap(), certificate)
    }

    #[test]
    fn the_strongest_method_offered_is_taken() {
        let (credential, certificate) = credential();
        let der = certificate.to_der().unwrap();
        let (one, other) = (vec![b'1'; 32], vec![b'a'; 32]);
        for (challenge, method, digest, text) in [
            (
                Challenge {
                    sha256: Some(one.clone()),
                    sha1: Some(other.clone()),
                },
                4,
                MessageDigest::sha256(),
                &one,
            ),
            (
                Challenge {
                    sha256: None,
                    sha1: Some(other.clone()),
                },
                2,
                MessageDigest::sha1(),
                &other,
            ),
        ] {
            let answer = answer(&challenge, &credential).unwrap().unwrap();
            assert_eq!(answer[..8], [method, 0, 0, 0, 0, 0, 1, 0], "method and length");
            let (signature, rest) = answer[8..].split_at(256);
            let key = certificate.public_key().unwrap();
            let mut verifier = Verifier::new(digest, &key).unwrap();
            assert!(verifier.verify_oneshot(signature, text).unwrap());
            assert_eq!(rest, [&[2][..], &der, &der].concat(), "two certificates");
        }
        assert!(answer(&Challenge::default(), &credential).unwrap().is_none());
    }
}
