//! A text field of the block: NUL-padded bytes, URL-encoded as the login server does it.

use std::fmt;

use percent_encoding::{AsciiSet, CONTROLS, percent_decode, utf8_percent_encode};

use crate::TextError;

/// The user: 41 bytes at most.
pub type User = Text<42>;
/// The app server ID, usually the application server's host name: 39 bytes at most.
pub type AppServerId = Text<40>;
/// The app ID, what a session is good for on its server: 127 bytes at most.
pub type AppId = Text<128>;

/// A field of `SIZE` bytes, of which the last is always NUL.
///
/// One that we make ([`Text::encode`], [`Text::from_encoded`]) fits and is printable ASCII. One that was read keeps
/// its bytes as they came, those behind the first NUL included.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Text<const SIZE: usize>([u8; SIZE]);

/// What the login server writes as `%XX`, beside what is not ASCII. Space becomes `+`.
const ENCODED: &AsciiSet = &CONTROLS
    .add(b'!')
    .add(b'"')
    .add(b'#')
    .add(b'$')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b':')
    .add(b';')
    .add(b'=')
    .add(b'?');

impl<const SIZE: usize> Text<SIZE> {
    /// The bytes there is room for, the closing NUL not counted.
    pub const CAPACITY: usize = SIZE - 1;

    /// URL-encodes a name. Refuses one that does not fit then.
    pub fn encode(name: &str) -> Result<Self, TextError> {
        let encoded = utf8_percent_encode(name, ENCODED).to_string().replace(' ', "+");
        Self::from_encoded(&encoded)
    }

    /// Takes a name that is URL-encoded already. Refuses one that does not fit or is not printable ASCII.
    pub fn from_encoded(encoded: &str) -> Result<Self, TextError> {
        let bytes = encoded.as_bytes();
        if bytes.len() > Self::CAPACITY {
            return Err(TextError::TooLong {
                bytes: bytes.len(),
                capacity: Self::CAPACITY,
            });
        }
        if !bytes.iter().all(is_printable) {
            return Err(TextError::NotPrintableAscii);
        }
        let mut field = [0; SIZE];
        field[..bytes.len()].copy_from_slice(bytes);
        Ok(Self(field))
    }

    /// Takes a field as it was read, and forces a NUL into its last byte.
    pub(crate) fn from_field(mut field: [u8; SIZE]) -> Self {
        field[SIZE - 1] = 0;
        Self(field)
    }

    /// The whole field, padding included.
    pub(crate) fn as_field(&self) -> &[u8; SIZE] {
        &self.0
    }

    /// The text as it stands in the cookie, up to the first NUL: URL-encoded, of any bytes whatever if the signer was
    /// careless.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.split(|&byte| byte == 0).next().unwrap_or_default()
    }

    /// The decoded spelling, which is what `REMOTE_USER`, the MyProxy user name and file names use: `+` is a space,
    /// `%XX` a byte. May be any bytes whatever, NUL included.
    pub fn decoded(&self) -> Vec<u8> {
        let spaced: Vec<u8> = self
            .as_bytes()
            .iter()
            .map(|&byte| if byte == b'+' { b' ' } else { byte })
            .collect();
        percent_decode(&spaced).collect()
    }

    /// Whether the decoded spelling is this name. ASCII case does not count, as in Pubcookie's own comparisons of app
    /// IDs and app server IDs.
    pub fn names(&self, name: &str) -> bool {
        self.decoded().eq_ignore_ascii_case(name.as_bytes())
    }

    /// Whether the text is printable ASCII and nothing hides in the padding behind it.
    pub fn is_printable_ascii(&self) -> bool {
        let (text, padding) = self.0.split_at(self.as_bytes().len());
        text.iter().all(is_printable) && padding.iter().all(|&byte| byte == 0)
    }
}

fn is_printable(byte: &u8) -> bool {
    matches!(byte, b' '..=b'~')
}

/// Invalid UTF-8 is replaced: for people to read, not for comparing.
impl<const SIZE: usize> fmt::Display for Text<SIZE> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        String::from_utf8_lossy(self.as_bytes()).fmt(formatter)
    }
}

impl<const SIZE: usize> fmt::Debug for Text<SIZE> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&String::from_utf8_lossy(self.as_bytes()), formatter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodes_what_the_login_server_encodes() {
        let user = User::encode("a b!\"#$%&+:;=?/@~").unwrap();
        assert_eq!(user.as_bytes(), b"a+b%21%22%23%24%25%26%2B%3A%3B%3D%3F/@~");
        assert_eq!(user.decoded(), b"a b!\"#$%&+:;=?/@~");
        assert_eq!(User::encode("ж").unwrap().as_bytes(), b"%D0%B6");
    }

    #[test]
    fn refuses_what_does_not_fit() {
        assert!(User::encode(&"u".repeat(41)).is_ok());
        let too_long = TextError::TooLong {
            bytes: 42,
            capacity: 41,
        };
        assert_eq!(User::encode(&"u".repeat(42)), Err(too_long));
        assert_eq!(User::encode(&"ж".repeat(7)), Err(too_long));
        assert_eq!(User::from_encoded("ж"), Err(TextError::NotPrintableAscii));
        assert_eq!(User::from_encoded("nul\0"), Err(TextError::NotPrintableAscii));
    }

    #[test]
    fn sees_what_hides_behind_the_first_nul() {
        let mut field = [0; 42];
        field[..5].copy_from_slice(b"alice");
        assert!(User::from_field(field).is_printable_ascii());
        field[20] = b'Z';
        let user = User::from_field(field);
        assert_eq!(user.as_bytes(), b"alice");
        assert!(!user.is_printable_ascii());
    }

    #[test]
    fn compares_decoded_names_without_case() {
        let app_server_id = AppServerId::from_encoded("APP1.example.edu%3A8443").unwrap();
        assert!(app_server_id.names("app1.example.edu:8443"));
        assert!(!app_server_id.names("app1.example.edu"));
    }
}
