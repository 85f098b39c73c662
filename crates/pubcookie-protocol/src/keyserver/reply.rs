//! What a keyserver answers.

use base64::prelude::{BASE64_STANDARD, Engine};
use granting_cookie::{CRYPT_KEY_SIZE, CryptKey};
use openssl::x509::X509;
use zeroize::Zeroizing;

use super::Request;

/// One reply.
pub enum Reply {
    /// The key that was asked for.
    Key(CryptKey),
    /// The granting certificate, in PEM format.
    GrantingCertificate(String),
    /// It is done: a few words about it.
    Done(String),
    /// It is not done: why.
    Refused(String),
}

/// Why what came is no reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReplyError {
    /// Neither `OK` nor `NO`.
    #[error("what came is no keyserver's reply")]
    NoReply,
    /// A key of another length, most likely cut off on the way.
    #[error("the key that came is not whole")]
    BadKey,
    /// Not a certificate.
    #[error("what came is not a certificate in PEM format, or not all of one")]
    BadCertificate,
}

/// The most letters of a server's own words that are shown.
const LONGEST_WORDS: usize = 200;

impl Reply {
    /// The line (of a certificate: the lines) without what stands around it. It may hold a key.
    pub fn to_text(&self) -> Zeroizing<String> {
        match self {
            Reply::Key(key) => {
                // Room for all of it: growing would leave copies behind.
                let mut text = Zeroizing::new(String::with_capacity(3 + CRYPT_KEY_SIZE.div_ceil(3) * 4));
                text.push_str("OK ");
                BASE64_STANDARD.encode_string(key.as_bytes(), &mut text);
                text
            }
            Reply::GrantingCertificate(text) | Reply::Done(text) => Zeroizing::new(format!("OK {text}")),
            Reply::Refused(reason) => Zeroizing::new(format!("NO {reason}")),
        }
    }

    /// The whole reply as the original sends it, without a status line.
    pub fn to_bare(&self) -> Zeroizing<Vec<u8>> {
        let text = self.to_text();
        let mut bare = Zeroizing::new(Vec::with_capacity(text.len() + 4));
        bare.extend_from_slice(b"\r\n");
        bare.extend_from_slice(text.as_bytes());
        bare.extend_from_slice(b"\r\n");
        bare
    }

    /// Reads the reply to a request, in either form. White space around it counts for nothing.
    pub fn parse(bytes: &[u8], request: &Request) -> Result<Reply, ReplyError> {
        let text = std::str::from_utf8(bytes)
            .map_err(|_| ReplyError::NoReply)?
            .trim();
        let (word, rest) = text.split_once([' ', '\r', '\n']).unwrap_or((text, ""));
        let rest = rest.trim_start();
        match (word, request) {
            ("NO", _) => Ok(Reply::Refused(words(rest))),
            ("OK", Request::Fetch(_) | Request::Make(_)) => super::query::key(rest)
                .map(Reply::Key)
                .map_err(|_| ReplyError::BadKey),
            ("OK", Request::GrantingCertificate) => match X509::from_pem(rest.as_bytes()) {
                Ok(_) => Ok(Reply::GrantingCertificate(format!("{rest}\n"))),
                Err(_) => Err(ReplyError::BadCertificate),
            },
            ("OK", _) => Ok(Reply::Done(words(rest))),
            _ => Err(ReplyError::NoReply),
        }
    }
}

/// A server's words as they may be shown on a terminal.
fn words(text: &str) -> String {
    let shown = |letter: char| if letter.is_ascii_graphic() { letter } else { ' ' };
    text.chars().map(shown).take(LONGEST_WORDS).collect()
}
