//! Base64 as cookies carry it (RFC 4648, section 4): standard alphabet, padded, without line breaks.
//!
//! Stricter than the original, which takes `=` in the middle, junk in trailing bits and the byte 0xFF for a digit: no
//! encoder writes these, and two spellings of one cookie would be two cookies to a replay cache.

use ::base64::Engine;
use ::base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

use crate::CookieError;

/// Base64 of a cookie: 228 to 4096 characters.
pub(crate) fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, CookieError> {
    if !(228..=4096).contains(&text.len()) {
        return Err(CookieError::MalformedLength {
            characters: text.len(),
        });
    }
    decode_any_length(text.as_bytes()).ok_or(CookieError::BadBase64)
}

pub(crate) fn encode(bytes: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(bytes))
}

fn decode_any_length(text: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    STANDARD.decode(text).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(serde::Deserialize)]
    #[serde(tag = "op", rename_all = "lowercase")]
    enum Case {
        Encode { in_hex: String, out_text: String },
        Decode { in_hex: String, out_hex: Option<String> },
    }

    /// Never more generous than the original reader, and of one mind with it about what an encoder writes.
    #[test]
    fn agrees_with_the_original_reader() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../tests/data/vectors/base64.json"
        );
        let cases: Vec<Case> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        let (mut encoded, mut decoded, mut refused, mut stricter) = (0, 0, 0, 0);
        for case in cases {
            match case {
                Case::Encode { in_hex, out_text } => {
                    assert_eq!(*encode(&hex::decode(in_hex).unwrap()), out_text);
                    encoded += 1;
                }
                Case::Decode { in_hex, out_hex } => {
                    let input = hex::decode(&in_hex).unwrap();
                    let theirs = out_hex.map(|out| hex::decode(out).unwrap());
                    match (decode_any_length(&input), theirs) {
                        (None, None) => refused += 1,
                        (Some(_), None) => panic!("{in_hex}: the original refuses it"),
                        (None, Some(theirs)) => {
                            assert_ne!(
                                encode(&theirs).as_bytes(),
                                input,
                                "{in_hex}: an encoder writes it"
                            );
                            stricter += 1;
                        }
                        (Some(ours), Some(theirs)) => {
                            assert_eq!(*ours, theirs, "{in_hex}");
                            decoded += 1;
                        }
                    }
                }
            }
        }
        assert_eq!((encoded, decoded, refused, stricter), (25, 20, 35, 14));
    }
}
