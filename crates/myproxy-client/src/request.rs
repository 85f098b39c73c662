//! What is asked for. Every value is checked when it is made, so that a request which exists can be sent.

use std::fmt;

use zeroize::Zeroizing;

use crate::proof::Proof;

/// Longest user name, credential name and pass phrase, in bytes: the server silently cuts a pass phrase here.
const LONGEST_INPUT: usize = 1024;

/// The keys of the protocol. The server looks them up as substrings of the whole message, so that none may
/// occur inside a value.
const KEYS: [&str; 14] = [
    "VERSION=",
    "COMMAND=",
    "USERNAME=",
    "PASSPHRASE=",
    "LIFETIME=",
    "CRED_NAME=",
    "CRED_DESC=",
    "RETRIEVER=",
    "RENEWER=",
    "KEYRETRIEVERS=",
    "RETRIEVER_TRUSTED=",
    "TRUSTED_CERTS=",
    "VONAME=",
    "VOMSES=",
];

/// A request for a credential (command 0 of the protocol).
pub struct GetRequest {
    /// Whose credential.
    pub user_name: UserName,
    /// What is shown for it.
    pub proof: Proof,
    /// How long the credential shall live. The server may give less, never more.
    pub lifetime: Lifetime,
    /// Which one of several stored credentials; without it the server takes the default one.
    pub credential_name: Option<CredentialName>,
}

impl GetRequest {
    /// For 12 hours, of the default credential.
    pub fn new(user_name: UserName, proof: Proof) -> Self {
        GetRequest {
            user_name,
            proof,
            lifetime: Lifetime::default(),
            credential_name: None,
        }
    }

    /// The message, with its closing NUL.
    pub(crate) fn encode(&self) -> Zeroizing<Vec<u8>> {
        let lifetime = self.lifetime.0.to_string();
        let mut lines: Vec<(&str, &[u8])> = vec![
            ("VERSION=", b"MYPROXYv2"),
            ("COMMAND=", b"0"),
            ("USERNAME=", self.user_name.0.as_bytes()),
            ("PASSPHRASE=", self.proof.pass_phrase()),
            ("LIFETIME=", lifetime.as_bytes()),
        ];
        if let Some(name) = &self.credential_name {
            lines.push(("CRED_NAME=", name.0.as_bytes()));
        }
        // Room for all of it at once: a vector that grows leaves copies of the pass phrase behind.
        let length = lines
            .iter()
            .map(|(key, value)| key.len() + value.len() + 1)
            .sum::<usize>()
            + 1;
        let mut message = Zeroizing::new(Vec::with_capacity(length));
        for (key, value) in lines {
            message.extend_from_slice(key.as_bytes());
            message.extend_from_slice(value);
            message.push(b'\n');
        }
        message.push(0);
        message
    }
}

/// The name under which the MyProxy server knows the user.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UserName(String);

impl UserName {
    /// Refuses a name that is empty, too long, or would break the protocol.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidInput> {
        let name = name.into();
        check(Input::UserName, name.as_bytes())?;
        Ok(UserName(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The name of one of several credentials that a user stored.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CredentialName(String);

impl CredentialName {
    /// Refuses a name that is empty, too long, or would break the protocol.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidInput> {
        let name = name.into();
        check(Input::CredentialName, name.as_bytes())?;
        Ok(CredentialName(name))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A secret; zeroised when dropped and never shown.
pub struct PassPhrase(Zeroizing<Vec<u8>>);

impl PassPhrase {
    /// Refuses a pass phrase that is empty, over 1024 bytes, or would break the protocol.
    pub fn new(pass_phrase: impl Into<Vec<u8>>) -> Result<Self, InvalidInput> {
        let pass_phrase = Zeroizing::new(pass_phrase.into());
        check(Input::PassPhrase, &pass_phrase)?;
        Ok(PassPhrase(pass_phrase))
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PassPhrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PassPhrase(..)")
    }
}

/// Requested lifetime, in whole seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lifetime(u32);

impl Lifetime {
    /// From 1 second to what a C `int` holds (68 years). Zero is refused: the server answers it with an
    /// expired certificate.
    pub fn from_seconds(seconds: u32) -> Result<Self, InvalidInput> {
        match seconds {
            0 => Err(InvalidInput {
                input: Input::Lifetime,
                problem: Problem::Zero,
            }),
            1..=0x7fff_ffff => Ok(Lifetime(seconds)),
            _ => Err(InvalidInput {
                input: Input::Lifetime,
                problem: Problem::TooLarge,
            }),
        }
    }

    /// Seconds.
    pub fn as_seconds(self) -> u32 {
        self.0
    }
}

/// 12 hours, as `myproxy-logon` asks for.
impl Default for Lifetime {
    fn default() -> Self {
        Lifetime(43200)
    }
}

/// A value that cannot be sent, and why. Says nothing of the value itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the {input} {problem}")]
pub struct InvalidInput {
    input: Input,
    problem: Problem,
}

impl InvalidInput {
    /// Which value was refused.
    pub fn input(&self) -> Input {
        self.input
    }
}

/// The values of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// [`UserName`].
    UserName,
    /// [`PassPhrase`].
    PassPhrase,
    /// [`CredentialName`].
    CredentialName,
    /// [`Lifetime`].
    Lifetime,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Input::UserName => "MyProxy user name",
            Input::PassPhrase => "pass phrase",
            Input::CredentialName => "credential name",
            Input::Lifetime => "lifetime",
        })
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    Empty,
    TooLong,
    ControlCharacter(&'static str),
    Key(&'static str),
    Zero,
    TooLarge,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Problem::Empty => f.write_str("is empty"),
            Problem::TooLong => write!(
                f,
                "is longer than the {LONGEST_INPUT} bytes that a MyProxy server reads"
            ),
            Problem::ControlCharacter(name) => {
                write!(
                    f,
                    "contains a {name}, which would end its line in the MyProxy protocol"
                )
            }
            Problem::Key(key) => {
                write!(
                    f,
                    "contains \"{key}\", which a MyProxy server would take for a line of the protocol"
                )
            }
            Problem::Zero => f.write_str("is zero: ask for at least one second"),
            Problem::TooLarge => f.write_str("is over 2147483647 seconds"),
        }
    }
}

fn check(input: Input, value: &[u8]) -> Result<(), InvalidInput> {
    match problem(value) {
        None => Ok(()),
        Some(problem) => Err(InvalidInput { input, problem }),
    }
}

fn problem(value: &[u8]) -> Option<Problem> {
    let contains = |text: &str| value.windows(text.len()).any(|window| window == text.as_bytes());
    if value.is_empty() {
        Some(Problem::Empty)
    } else if value.len() > LONGEST_INPUT {
        Some(Problem::TooLong)
    } else if let Some((_, name)) = [("\n", "line feed"), ("\r", "carriage return"), ("\0", "NUL")]
        .into_iter()
        .find(|(text, _)| contains(text))
    {
        Some(Problem::ControlCharacter(name))
    } else {
        KEYS.into_iter().find(|key| contains(key)).map(Problem::Key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(credential_name: Option<&str>) -> GetRequest {
        GetRequest {
            credential_name: credential_name.map(|name| CredentialName::new(name).unwrap()),
            ..GetRequest::new(
                UserName::new("alice").unwrap(),
                Proof::PassPhrase(PassPhrase::new("ok:hello").unwrap()),
            )
        }
    }

    #[test]
    fn the_message_is_what_the_stock_client_sends() {
        assert_eq!(
            request(None).encode().as_slice(),
            b"VERSION=MYPROXYv2\nCOMMAND=0\nUSERNAME=alice\nPASSPHRASE=ok:hello\nLIFETIME=43200\n\0"
        );
        assert!(
            request(Some("work"))
                .encode()
                .ends_with(b"LIFETIME=43200\nCRED_NAME=work\n\0")
        );
    }

    #[test]
    fn the_message_is_written_without_growing() {
        let message = request(Some("work")).encode();
        assert_eq!(message.len(), message.capacity());
    }

    #[test]
    fn what_would_break_the_protocol_is_refused_by_name() {
        let long = "x".repeat(1025);
        for (value, problem) in [
            ("", "is empty"),
            (long.as_str(), "1024 bytes"),
            ("a\nUSERNAME=root", "line feed"),
            ("a\r", "carriage return"),
            ("a\0b", "NUL"),
            ("aLIFETIME=9", "LIFETIME="),
            ("VERSION=", "VERSION="),
            ("KEYRETRIEVERS=x", "KEYRETRIEVERS="),
        ] {
            for (name, result) in [
                ("user name", UserName::new(value).err()),
                ("pass phrase", PassPhrase::new(value).err()),
                ("credential name", CredentialName::new(value).err()),
            ] {
                let message = result.expect(value).to_string();
                assert!(
                    message.contains(name) && message.contains(problem),
                    "{value:?}: {message}"
                );
            }
        }
    }

    #[test]
    fn what_is_merely_odd_is_sent() {
        for value in [
            "al\u{ef}ce",
            "a/../b",
            "lifetime=1",
            "=",
            "a b",
            &"x".repeat(1024),
        ] {
            assert!(UserName::new(value).is_ok(), "{value}");
            assert!(PassPhrase::new(value).is_ok(), "{value}");
        }
        assert!(PassPhrase::new(vec![0xff, 0x01]).is_ok());
    }

    #[test]
    fn a_lifetime_is_neither_zero_nor_beyond_an_int() {
        assert!(Lifetime::from_seconds(0).is_err());
        assert!(Lifetime::from_seconds(u32::MAX).is_err());
        assert_eq!(Lifetime::from_seconds(1).map(Lifetime::as_seconds), Ok(1));
    }

    #[test]
    fn a_pass_phrase_is_not_shown() {
        assert_eq!(
            format!("{:?}", PassPhrase::new("secret").unwrap()),
            "PassPhrase(..)"
        );
    }
}
