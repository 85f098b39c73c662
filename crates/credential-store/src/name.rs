//! From user to file name: plain names stay as they are, and no two users share a file.

use std::fmt::{self, Write as _};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, SessionId};

/// Longest name that is written out, in bytes after encoding.
const LONGEST: usize = 200;
/// How much of a longer name is kept, for the reader's eye, before its SHA-256.
const PREFIX: usize = 100;

/// The name of a credential file.
///
/// A plain user name (`[A-Za-z0-9@._-]`, no leading dot) is its own file name. Any other byte is written as
/// `%XX`, with capital hexadecimal digits. What is longer than 200 bytes then is cut to a prefix, `%h` and the
/// SHA-256 of the user name; a credential of one session alone ends in `%s` and 16 hexadecimal digits.
/// `%h`, `%s` and the store's own `%record` can never come out of encoding a user name, because `h`, `s` and
/// `r` are no hexadecimal digits: the mapping is injective, and a name never starts with a dot, never
/// contains a slash and has at most 200 + 18 bytes.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CredentialName(String);

impl CredentialName {
    /// The file that all sessions of `user` share. `user` is compared byte by byte, whatever its encoding.
    ///
    /// # Errors
    /// [`Error::NoUser`] if `user` is empty.
    pub fn of_user(user: impl AsRef<[u8]>) -> Result<Self, Error> {
        let user = user.as_ref();
        if user.is_empty() {
            return Err(Error::NoUser);
        }
        let name = encode(user);
        if name.len() <= LONGEST {
            return Ok(Self(name));
        }
        let prefix = whole_escapes(&name[..PREFIX]);
        Ok(Self(format!("{prefix}%h{}", hex::encode(Sha256::digest(user)))))
    }

    /// The file of one session of `user`.
    ///
    /// # Errors
    /// [`Error::NoUser`] if `user` is empty.
    pub fn of_session(user: impl AsRef<[u8]>, session: &SessionId) -> Result<Self, Error> {
        let Self(name) = Self::of_user(user)?;
        Ok(Self(format!("{name}%s{}", &session.file_name()[..16])))
    }

    /// Reads a file name back; `None` if it is none that this type makes.
    pub fn from_file_name(name: &str) -> Option<Self> {
        let user = match name.rsplit_once("%s") {
            Some((user, digits)) if is_hex(digits, 16) => user,
            Some(_) => return None,
            None => name,
        };
        let ours = match user.split_once("%h") {
            Some((prefix, digest)) => {
                // A prefix ends where the next escape would have crossed the limit.
                let lengths = PREFIX - 2..=PREFIX;
                is_hex(digest, 64) && lengths.contains(&prefix.len()) && decode(prefix).is_some()
            }
            None => user.len() <= LONGEST && decode(user).is_some(),
        };
        ours.then(|| Self(name.to_owned()))
    }

    /// The name that all sessions of the user share.
    pub(crate) fn of_all_sessions(&self) -> &str {
        self.0.rsplit_once("%s").map_or(&*self.0, |(user, _)| user)
    }

    /// The user, as bytes; `None` where the name was too long to be written out.
    pub fn user(&self) -> Option<Vec<u8>> {
        decode(self.of_all_sessions())
    }

    /// Whether it is the name of a credential that one session uses alone.
    pub fn is_of_one_session(&self) -> bool {
        self.0.contains("%s")
    }

    /// The file name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for CredentialName {
    type Error = String;

    fn try_from(name: String) -> Result<Self, String> {
        Self::from_file_name(&name).ok_or_else(|| format!("{name:?} is not the name of a credential"))
    }
}

impl From<CredentialName> for String {
    fn from(CredentialName(name): CredentialName) -> Self {
        name
    }
}

impl fmt::Display for CredentialName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

fn encode(user: &[u8]) -> String {
    let mut name = String::with_capacity(user.len());
    for (position, &byte) in user.iter().enumerate() {
        if is_plain(byte) && !(position == 0 && byte == b'.') {
            name.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(name, "%{byte:02X}");
        }
    }
    name
}

/// The inverse of [`encode`]: `None` for what `encode` never writes.
fn decode(name: &str) -> Option<Vec<u8>> {
    let mut user = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = if *first == b'%' {
            let (digits, tail) = tail.split_at_checked(2)?;
            user.push(u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()?);
            tail
        } else {
            user.push(*first);
            tail
        };
    }
    (!user.is_empty() && encode(&user) == name).then_some(user)
}

/// Cuts off an escape that is not whole at the end.
fn whole_escapes(name: &str) -> &str {
    match name.rfind('%') {
        Some(start) if start + 3 > name.len() => &name[..start],
        _ => name,
    }
}

fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"@._-".contains(&byte)
}

/// Whether `text` is that many small hexadecimal digits.
pub(crate) fn is_hex(text: &str, digits: usize) -> bool {
    text.len() == digits && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}
