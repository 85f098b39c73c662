//! The server's answers: text messages that end in NUL, certificates, requests and credentials. There is no framing, so
//! each parser says `None` as long as bytes are missing, and otherwise how many it took.

use zeroize::Zeroizing;

use crate::refusal::ServerWords;

/// Longest answer that is read, in bytes: the server's own limit.
const LONGEST_ANSWER: usize = 1 << 20;

const VERSION_LINE: &[u8] = b"VERSION=MYPROXYv2\n";

/// A text message.
#[derive(Debug, PartialEq, Eq)]
pub enum Response {
    /// `RESPONSE=0`, with what the server tells besides.
    Ok(Fields),
    /// `RESPONSE=1`, with the server's words.
    Refused(ServerWords),
    /// `RESPONSE=2`: the server wants a signature besides.
    Challenge(Challenge),
}

/// What the server wants signed: a text of its own for each method that it knows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Challenge {
    /// Method `X509_certificate_SHA256`.
    pub sha256: Option<Vec<u8>>,
    /// Method `X509_certificate`.
    pub sha1: Option<Vec<u8>>,
}

impl Challenge {
    /// From `AUTHORIZATION_DATA=<method>:<text>` lines; methods that are not known (passwords, SASL) are none.
    fn from_lines<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Result<Self, MalformedAnswer> {
        let mut challenge = Challenge::default();
        for line in lines {
            let Some(data) = line.strip_prefix(b"AUTHORIZATION_DATA=") else {
                continue;
            };
            if let Some(text) = data.strip_prefix(b"X509_certificate_SHA256:") {
                challenge.sha256 = Some(challenge_text(text)?);
            } else if let Some(text) = data.strip_prefix(b"X509_certificate:") {
                challenge.sha1 = Some(challenge_text(text)?);
            }
        }
        Ok(challenge)
    }
}

/// 32 hexadecimal digits, as the server draws them. What it could choose freely, it could have us sign anything
/// with.
fn challenge_text(text: &[u8]) -> Result<Vec<u8>, MalformedAnswer> {
    if text.len() == 32 && text.iter().all(u8::is_ascii_hexdigit) {
        Ok(text.to_vec())
    } else {
        Err(MalformedAnswer::Challenge)
    }
}

/// The lines of a message after its `RESPONSE`.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Fields(Vec<Vec<u8>>);

impl Fields {
    /// The value of the first line with this key, which is written without its `=`.
    pub fn get(&self, key: &str) -> Option<&[u8]> {
        self.0
            .iter()
            .find_map(|line| line.strip_prefix(key.as_bytes())?.strip_prefix(b"="))
    }
}

/// What comes in place of a text message.
#[derive(Debug, PartialEq, Eq)]
pub enum Answer<T> {
    /// What was asked for.
    Content(T),
    /// An error in its place.
    Refused(ServerWords),
}

/// An answer that is not MyProxy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MalformedAnswer {
    /// In TLS 1.3 the server sends one zero byte first.
    #[error("the byte {0:#04x} came before the request, expected was 0x00")]
    Greeting(u8),
    /// No `VERSION=MYPROXYv2`.
    #[error("the answer does not begin with VERSION=MYPROXYv2")]
    Version,
    /// No `RESPONSE=`, or an unknown one.
    #[error("the answer has no RESPONSE of 0, 1 or 2")]
    Response,
    /// A challenge, or an acceptance, where none can be.
    #[error("the answer does not fit the state of the conversation")]
    OutOfPlace,
    /// A challenge other than the server draws.
    #[error("the challenge to be signed is not of 32 hexadecimal digits")]
    Challenge,
    /// A chain of no certificates.
    #[error("the certificate chain is empty")]
    NoCertificate,
    /// Bytes that are no certificate.
    #[error("certificate {0} of the chain is not a DER certificate")]
    Certificate(usize),
    /// Bytes that are no certificate request.
    #[error("the certificate request is not DER")]
    CertificateRequest,
    /// A line that is missing, or whose value is not of its kind.
    #[error("the answer has no {0}, or one that cannot be read")]
    Field(&'static str),
    /// Over 1 MiB.
    #[error("the answer is longer than {LONGEST_ANSWER} bytes")]
    TooLong,
}

/// What a parser found and how many bytes it took; `None`: more has to be read.
pub type Parsed<T> = Result<Option<(T, usize)>, MalformedAnswer>;

/// The zero byte that a server sends after a TLS 1.3 handshake.
pub fn greeting(received: &[u8]) -> Parsed<()> {
    match received.first() {
        None => Ok(None),
        Some(0) => Ok(Some(((), 1))),
        Some(&other) => Err(MalformedAnswer::Greeting(other)),
    }
}

/// A text message.
pub fn response(received: &[u8]) -> Parsed<Response> {
    let start = &received[..received.len().min(VERSION_LINE.len())];
    if !VERSION_LINE.starts_with(start) {
        return Err(MalformedAnswer::Version);
    }
    let Some(length) = received.iter().position(|&byte| byte == 0) else {
        return incomplete(received);
    };
    if length < VERSION_LINE.len() {
        return Err(MalformedAnswer::Version);
    }
    let mut lines = received[VERSION_LINE.len()..length]
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty());
    let response = match lines.find_map(|line| line.strip_prefix(b"RESPONSE=")) {
        Some(b"0") => Response::Ok(Fields(lines.map(<[u8]>::to_vec).collect())),
        Some(b"1") => Response::Refused(ServerWords::from_lines(
            lines.map(|line| line.strip_prefix(b"ERROR=").unwrap_or(line)),
        )),
        Some(b"2") => Response::Challenge(Challenge::from_lines(lines)?),
        _ => return Err(MalformedAnswer::Response),
    };
    Ok(Some((response, length + 1)))
}

/// An error in place of something else; `None` where it is not one. A count of 0x56 and a certificate begin with
/// "V0", an error with "VE".
fn error_in_place<T>(received: &[u8]) -> Option<Parsed<Answer<T>>> {
    received
        .starts_with(&VERSION_LINE[..2])
        .then(|| match response(received)? {
            Some((Response::Refused(words), length)) => Ok(Some((Answer::Refused(words), length))),
            Some(_) => Err(MalformedAnswer::OutOfPlace),
            None => Ok(None),
        })
}

/// Certificates in DER, the new one first: one byte with their number, then the certificates.
pub fn chain(received: &[u8]) -> Parsed<Answer<Vec<Vec<u8>>>> {
    if let Some(parsed) = error_in_place(received) {
        return parsed;
    }
    let Some(&count) = received.first() else {
        return Ok(None);
    };
    if count == 0 {
        return Err(MalformedAnswer::NoCertificate);
    }
    let mut certificates = Vec::new();
    let mut position = 1;
    for index in 1..=usize::from(count) {
        let rest = &received[position..];
        let Some(length) =
            der_length(rest).map_err(|problem| problem.unwrap_or(MalformedAnswer::Certificate(index)))?
        else {
            return incomplete(received);
        };
        let Some(certificate) = rest.get(..length) else {
            return incomplete(received);
        };
        certificates.push(certificate.to_vec());
        position += length;
    }
    Ok(Some((Answer::Content(certificates), position)))
}

/// A certificate request in DER.
pub fn certificate_request(received: &[u8]) -> Parsed<Answer<Vec<u8>>> {
    if let Some(parsed) = error_in_place(received) {
        return parsed;
    }
    let length =
        der_length(received).map_err(|problem| problem.unwrap_or(MalformedAnswer::CertificateRequest))?;
    match length.and_then(|length| received.get(..length)) {
        Some(request) => Ok(Some((Answer::Content(request.to_vec()), request.len()))),
        None => incomplete(received),
    }
}

/// A credential in PEM. Nothing ends it but the text message that follows, which is not taken.
pub fn credential(received: &[u8]) -> Parsed<Answer<Zeroizing<Vec<u8>>>> {
    if let Some(parsed) = error_in_place(received) {
        return parsed;
    }
    let end = received
        .windows(VERSION_LINE.len())
        .position(|window| window == VERSION_LINE);
    match end {
        Some(end) => Ok(Some((
            Answer::Content(Zeroizing::new(received[..end].to_vec())),
            end,
        ))),
        None => incomplete(received),
    }
}

fn incomplete<T>(received: &[u8]) -> Parsed<T> {
    if received.len() > LONGEST_ANSWER {
        Err(MalformedAnswer::TooLong)
    } else {
        Ok(None)
    }
}

/// The length of the DER SEQUENCE that begins here, with its header; `Ok(None)` as long as the header is
/// incomplete,
/// `Err(None)` where no SEQUENCE with a length in its shortest form begins.
fn der_length(bytes: &[u8]) -> Result<Option<usize>, Option<MalformedAnswer>> {
    match bytes {
        [] | [0x30] => Ok(None),
        [0x30, short @ 0..=0x7f, ..] => Ok(Some(2 + usize::from(*short))),
        [0x30, long @ 0x81..=0x84, rest @ ..] => {
            let octets = usize::from(long & 0x7f);
            let Some(octets) = rest.get(..octets) else {
                return Ok(None);
            };
            let length = octets
                .iter()
                .fold(0_usize, |length, &octet| length << 8 | usize::from(octet));
            if length > LONGEST_ANSWER {
                Err(Some(MalformedAnswer::TooLong))
            } else {
                Ok(Some(2 + octets.len() + length))
            }
        }
        _ => Err(None),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn words(text: &str) -> ServerWords {
        ServerWords::from_lines(text.lines().map(str::as_bytes))
    }

    #[test]
    fn a_response_may_come_in_pieces_and_with_what_follows() {
        let message =
            b"VERSION=MYPROXYv2\nRESPONSE=1\nERROR=Bad password\nERROR=invalid credential passphrase\n\0";
        for cut in 0..message.len() {
            assert_eq!(response(&message[..cut]), Ok(None), "{cut}");
        }
        let more = [message.as_slice(), b"more"].concat();
        let refused = Response::Refused(words("Bad password\ninvalid credential passphrase"));
        assert_eq!(response(&more), Ok(Some((refused, message.len()))));
    }

    #[test]
    fn what_is_not_myproxy_is_refused_at_once() {
        assert_eq!(response(b"HTTP/1.1 400"), Err(MalformedAnswer::Version));
        assert_eq!(response(b"VERSION=MYPROXYv1\n"), Err(MalformedAnswer::Version));
        assert_eq!(response(b"VERSION=\0"), Err(MalformedAnswer::Version));
        assert_eq!(
            response(b"VERSION=MYPROXYv2\nRESPONSE=7\n\0"),
            Err(MalformedAnswer::Response)
        );
        assert_eq!(response(b"VERSION=MYPROXYv2\n\0"), Err(MalformedAnswer::Response));
        assert_eq!(greeting(b"V"), Err(MalformedAnswer::Greeting(b'V')));
    }

    #[test]
    fn a_chain_is_cut_into_its_certificates() {
        let bytes = [
            &[2, 0x30, 3, 1, 2, 3, 0x30, 0x81, 0x80][..],
            &[9; 0x80],
            b"VERSION=",
        ]
        .concat();
        let first = vec![0x30, 3, 1, 2, 3];
        let second = [&[0x30, 0x81, 0x80][..], &[9; 0x80]].concat();
        let length = 1 + first.len() + second.len();
        for cut in 0..length {
            assert_eq!(chain(&bytes[..cut]), Ok(None), "{cut}");
        }
        assert_eq!(
            chain(&bytes),
            Ok(Some((Answer::Content(vec![first, second]), length)))
        );
    }

    #[test]
    fn a_credential_ends_where_the_last_message_begins() {
        let pem = b"-----BEGIN CERTIFICATE-----\nVkVSU0lPTg==\n";
        let bytes = [pem.as_slice(), VERSION_LINE, b"RESPONSE=0\n\0"].concat();
        for cut in 0..pem.len() + VERSION_LINE.len() {
            assert_eq!(credential(&bytes[..cut]), Ok(None), "{cut}");
        }
        let found = Answer::Content(Zeroizing::new(pem.to_vec()));
        assert_eq!(credential(&bytes), Ok(Some((found, pem.len()))));
    }

    #[test]
    fn fields_are_found_by_their_whole_key() {
        let message = b"VERSION=MYPROXYv2\nRESPONSE=0\nCRED_NAME=a=b\nCRED_X_NAME=c\n\0";
        let Ok(Some((Response::Ok(fields), _))) = response(message) else {
            panic!("an answer")
        };
        assert_eq!(fields.get("CRED_NAME"), Some(b"a=b".as_slice()));
        assert_eq!(fields.get("CRED_X_NAME"), Some(b"c".as_slice()));
        assert_eq!((fields.get("NAME"), fields.get("CRED")), (None, None));
    }

    #[test]
    fn an_error_may_come_in_place_of_the_chain() {
        let message = b"VERSION=MYPROXYv2\nRESPONSE=1\nERROR=Certificate generation failure.\n\0";
        let refused = Answer::Refused(words("Certificate generation failure."));
        assert_eq!(chain(message), Ok(Some((refused, message.len()))));
        assert_eq!(
            chain(b"VERSION=MYPROXYv2\nRESPONSE=0\n\0"),
            Err(MalformedAnswer::OutOfPlace)
        );
        let mut many = vec![b'V'];
        (0..0x56).for_each(|_| many.extend([0x30, 1, 0]));
        assert!(matches!(chain(&many), Ok(Some((Answer::Content(list), _))) if list.len() == 0x56));
    }

    #[test]
    fn oversized_and_impossible_lengths_are_refused() {
        assert_eq!(chain(&[0]), Err(MalformedAnswer::NoCertificate));
        assert_eq!(chain(&[1, 0x31, 0]), Err(MalformedAnswer::Certificate(1)));
        assert_eq!(chain(&[1, 0x30, 0x80]), Err(MalformedAnswer::Certificate(1)));
        assert_eq!(chain(&[2, 0x30, 0, 0x02]), Err(MalformedAnswer::Certificate(2)));
        assert_eq!(
            chain(&[1, 0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
            Err(MalformedAnswer::TooLong)
        );
        let endless = [VERSION_LINE, &vec![b'x'; LONGEST_ANSWER]].concat();
        assert_eq!(response(&endless), Err(MalformedAnswer::TooLong));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes: Vec<u8>) {
            let _ = (greeting(&bytes), response(&bytes), chain(&bytes));
            let _ = (certificate_request(&bytes), credential(&bytes));
            let _ = chain(&[b"\x03\x30".as_slice(), &bytes].concat());
            let _ = response(&[VERSION_LINE, &bytes].concat());
        }
    }
}
