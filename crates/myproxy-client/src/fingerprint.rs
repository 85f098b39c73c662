//! The fingerprint of a server's certificate.

use std::fmt;
use std::str::FromStr;

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::x509::X509Ref;

/// The SHA-256 digest of a server's certificate in DER: what
/// `openssl x509 -noout -fingerprint -sha256 -in hostcert.pem` prints at the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ServerFingerprint([u8; 32]);

impl ServerFingerprint {
    pub(crate) fn of(certificate: &X509Ref) -> Result<Self, ErrorStack> {
        let digest = certificate.digest(MessageDigest::sha256())?;
        Ok(ServerFingerprint(
            digest[..].try_into().expect("SHA-256 gives 32 bytes"),
        ))
    }
}

/// 64 hexadecimal digits, with colons between them or not.
impl FromStr for ServerFingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, InvalidFingerprint> {
        let digits: Vec<u8> = text.bytes().filter(|&byte| byte != b':').collect();
        let mut fingerprint = [0; 32];
        if digits.len() != 2 * fingerprint.len() {
            return Err(InvalidFingerprint);
        }
        for (byte, pair) in fingerprint.iter_mut().zip(digits.chunks(2)) {
            let digit = |digit: u8| char::from(digit).to_digit(16).ok_or(InvalidFingerprint);
            *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
        }
        Ok(ServerFingerprint(fingerprint))
    }
}

/// As OpenSSL prints it: `AB:CD:...`.
impl fmt::Display for ServerFingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let colon = if index == 0 { "" } else { ":" };
            write!(f, "{colon}{byte:02X}")?;
        }
        Ok(())
    }
}

/// A text that is no fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "that is not a SHA-256 fingerprint of 64 hexadecimal digits: let openssl x509 -noout -fingerprint -sha256 print it \
     at the server"
)]
pub struct InvalidFingerprint;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_with_and_without_colons() {
        let text = format!("{}:0F", vec!["AB"; 31].join(":"));
        let fingerprint: ServerFingerprint = text.parse().unwrap();
        assert_eq!(fingerprint.to_string(), text);
        assert_eq!(text.replace(':', "").to_lowercase().parse(), Ok(fingerprint));
        for wrong in [
            "",
            "AB",
            &text[1..],
            &text.replace('A', "G"),
            &format!("{text}:00"),
        ] {
            assert_eq!(
                wrong.parse::<ServerFingerprint>(),
                Err(InvalidFingerprint),
                "{wrong}"
            );
        }
    }
}
