//! Percent-encoding, byte for byte.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode, percent_encode};
use zeroize::Zeroizing;

/// What may not stand in the path, query or Referer of a URL that is sent to a browser.
const NOT_IN_URL: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`');
const NOT_IN_PATH: &AsciiSet = &NOT_IN_URL.add(b'?').add(b'#');
const NOT_IN_QUERY: &AsciiSet = &NOT_IN_URL.add(b'#');

/// Decodes `%XX`; a `%` that starts no such sequence stands for itself.
pub(crate) fn decode(text: &[u8]) -> Vec<u8> {
    percent_decode(text).collect()
}

/// Decodes a form's spelling: `+` is a space, then `%XX`. It may be a password: there is room for all of it from the
/// start, because growing would leave copies behind.
pub(crate) fn decode_form(text: &[u8]) -> Vec<u8> {
    let space = |&byte: &u8| if byte == b'+' { b' ' } else { byte };
    let spaced = Zeroizing::new(text.iter().map(space).collect::<Vec<u8>>());
    let mut decoded = Vec::with_capacity(spaced.len());
    decoded.extend(percent_decode(&spaced));
    decoded
}

/// Appends a form's spelling of any bytes, up to three for each: letters, digits and `*-._` stand for themselves, a
/// space is `+`.
pub(crate) fn push_encoded_form(text: &mut String, bytes: &[u8]) {
    const ALL_BUT_UNRESERVED: &AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'*')
        .remove(b'-')
        .remove(b'.')
        .remove(b'_');
    for (position, word) in bytes.split(|&byte| byte == b' ').enumerate() {
        if position > 0 {
            text.push('+');
        }
        text.extend(percent_encode(word, ALL_BUT_UNRESERVED));
    }
}

/// Encodes the bytes of `set` and everything that is not ASCII.
pub(crate) fn encode(bytes: &[u8], set: &'static AsciiSet) -> String {
    percent_encode(bytes, set).to_string()
}

/// The path of a URL as printable ASCII. What is percent-encoded already stays as it is; bytes that have no place
/// in a URL, and `?` and `#`, which would end the path, are percent-encoded.
pub fn url_path(raw: &[u8]) -> String {
    encode(raw, NOT_IN_PATH)
}

/// The query of a URL as printable ASCII, in the same way.
pub fn url_query(raw: &[u8]) -> String {
    encode(raw, NOT_IN_QUERY)
}
