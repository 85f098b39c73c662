//! Percent-encoding, byte for byte.

use percent_encoding::{AsciiSet, CONTROLS, percent_decode, percent_encode};

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

/// Decodes a form's spelling: `+` is a space, then `%XX`.
pub(crate) fn decode_form(text: &[u8]) -> Vec<u8> {
    let spaced: Vec<u8> = text
        .iter()
        .map(|&byte| if byte == b'+' { b' ' } else { byte })
        .collect();
    decode(&spaced)
}

/// A form's spelling of any bytes: letters, digits and `*-._` stand for themselves, a space is `+`.
pub(crate) fn encode_form(bytes: &[u8]) -> String {
    const ALL_BUT_UNRESERVED: &AsciiSet = &percent_encoding::NON_ALPHANUMERIC
        .remove(b'*')
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b' ');
    percent_encode(bytes, ALL_BUT_UNRESERVED)
        .to_string()
        .replace(' ', "+")
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
