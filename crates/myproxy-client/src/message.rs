//! The text messages that are sent.

use zeroize::Zeroizing;

use crate::input::{CredentialName, PassPhrase, UserName};

/// What is asked for. Numbered by the protocol.
#[derive(Clone, Copy, Debug)]
pub enum Command {
    Get = 0,
    Put = 1,
    Info = 2,
    Destroy = 3,
    ChangePassPhrase = 4,
    Store = 5,
    Retrieve = 6,
    TrustRoots = 7,
}

/// A message under construction: lines of keys and values.
pub struct Message<'a>(Vec<(&'static str, Value<'a>)>);

enum Value<'a> {
    Borrowed(&'a [u8]),
    Number(String),
}

impl Value<'_> {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Value::Borrowed(bytes) => bytes,
            Value::Number(digits) => digits.as_bytes(),
        }
    }
}

impl<'a> Message<'a> {
    /// With the five lines that every request has. `lifetime` is in seconds.
    pub fn new(
        command: Command,
        user_name: Option<&'a UserName>,
        pass_phrase: Option<&'a PassPhrase>,
        lifetime: u32,
    ) -> Self {
        let user_name = user_name.map_or("", UserName::as_str);
        let pass_phrase = pass_phrase.map_or(&b""[..], PassPhrase::as_bytes);
        Message(vec![
            ("VERSION=", Value::Borrowed(b"MYPROXYv2")),
            ("COMMAND=", Value::Number((command as u8).to_string())),
            ("USERNAME=", Value::Borrowed(user_name.as_bytes())),
            ("PASSPHRASE=", Value::Borrowed(pass_phrase)),
            ("LIFETIME=", Value::Number(lifetime.to_string())),
        ])
    }

    /// One more line.
    pub fn line(mut self, key: &'static str, value: &'a [u8]) -> Self {
        self.0.push((key, Value::Borrowed(value)));
        self
    }

    /// The line of an optional value.
    pub fn optional(self, key: &'static str, value: Option<&'a str>) -> Self {
        match value {
            Some(value) => self.line(key, value.as_bytes()),
            None => self,
        }
    }

    /// The line of a credential's name.
    pub fn credential_name(self, name: Option<&'a CredentialName>) -> Self {
        self.optional("CRED_NAME=", name.map(CredentialName::as_str))
    }

    /// The message, with its closing NUL.
    pub fn encode(self) -> Zeroizing<Vec<u8>> {
        // Room for all of it at once: a vector that grows leaves copies of the pass phrase behind.
        let lengths = self
            .0
            .iter()
            .map(|(key, value)| key.len() + value.as_bytes().len() + 1);
        let mut message = Zeroizing::new(Vec::with_capacity(lengths.sum::<usize>() + 1));
        for (key, value) in &self.0 {
            message.extend_from_slice(key.as_bytes());
            message.extend_from_slice(value.as_bytes());
            message.push(b'\n');
        }
        message.push(0);
        message
    }
}
