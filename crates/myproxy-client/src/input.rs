//! The values of a request. Each is checked when it is made, so that a request which exists can be sent.

use std::fmt;

use zeroize::Zeroizing;

/// Longest value, in bytes: the server silently cuts a pass phrase here.
const LONGEST_INPUT: usize = 1024;

/// The keys of the protocol. The server looks them up as substrings of the whole message, so that none may
/// occur inside a value.
const KEYS: [&str; 15] = [
    "VERSION=",
    "COMMAND=",
    "USERNAME=",
    "PASSPHRASE=",
    "NEW_PHRASE=",
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

/// A value of one line.
macro_rules! line {
    ($(#[$documentation:meta])* $name:ident) => {
        $(#[$documentation])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash)]
        pub struct $name(String);

        impl $name {
            /// Refuses a value that is empty, over 1024 bytes, or would break the protocol.
            pub fn new(value: impl Into<String>) -> Result<Self, InvalidInput> {
                let value = value.into();
                check(Input::$name, value.as_bytes())?;
                Ok($name(value))
            }

            /// The value.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
    };
}

line! {
    /// The name under which the MyProxy server knows the user.
    UserName
}

line! {
    /// The name of one of several credentials that a user stored.
    CredentialName
}

line! {
    /// What the owner of a stored credential says about it.
    Description
}

line! {
    /// Subjects of certificates: one subject in slash form, or a pattern in which `*` stands for any characters
    /// (`/DC=org/DC=example/CN=portal.*`; `*` alone for anybody).
    DnPattern
}

line! {
    /// A line of a `vomses` file, which says where a VOMS server is (`"vo" "host" "port" "subject" "vo"`).
    VomsesLine
}

/// What is asked of VOMS: a virtual organisation, and a group or role in it where not all groups are meant.
/// Written as for `voms-proxy-init -voms`: `atlas`, `atlas:/atlas/de`, `atlas:/atlas/Role=production`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct VoName(String);

impl VoName {
    /// Refuses a name that would break the protocol, and what a MyProxy server cannot ask VOMS for.
    pub fn new(name: impl Into<String>) -> Result<Self, InvalidInput> {
        let name = name.into();
        check(Input::VoName, name.as_bytes())?;
        let problem = if name.starts_with(':') || name.contains(char::is_whitespace) {
            Problem::NoVoName
        } else if name.contains("/Capability=") {
            Problem::Capability
        } else {
            return Ok(VoName(name));
        };
        Err(InvalidInput {
            input: Input::VoName,
            problem,
        })
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

    /// As [`Self::from_seconds`], from hours.
    pub fn from_hours(hours: u32) -> Result<Self, InvalidInput> {
        Lifetime::from_seconds(hours.saturating_mul(3600))
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
    /// [`Description`].
    Description,
    /// [`DnPattern`].
    DnPattern,
    /// [`VoName`].
    VoName,
    /// [`VomsesLine`].
    VomsesLine,
    /// [`Lifetime`].
    Lifetime,
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Input::UserName => "MyProxy user name",
            Input::PassPhrase => "pass phrase",
            Input::CredentialName => "credential name",
            Input::Description => "description",
            Input::DnPattern => "pattern of subjects",
            Input::VoName => "VO name",
            Input::VomsesLine => "vomses line",
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
    NoVoName,
    Capability,
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
            Problem::NoVoName => f.write_str("does not begin with the name of a virtual organisation"),
            Problem::Capability => {
                f.write_str("asks for a capability, which a MyProxy server cannot ask VOMS for: name a role")
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
    fn a_vo_name_is_what_voms_can_be_asked_for() {
        for name in ["atlas", "atlas:/atlas/de", "atlas:/atlas/Role=production"] {
            assert_eq!(VoName::new(name).unwrap().as_str(), name);
        }
        for (name, problem) in [
            (":/atlas", "does not begin with the name"),
            ("atlas de", "does not begin with the name"),
            ("atlas:/atlas/Capability=x", "name a role"),
        ] {
            let message = VoName::new(name).unwrap_err().to_string();
            assert!(message.contains(problem), "{name}: {message}");
        }
    }

    #[test]
    fn a_lifetime_is_neither_zero_nor_beyond_an_int() {
        assert!(Lifetime::from_seconds(0).is_err());
        assert!(Lifetime::from_seconds(u32::MAX).is_err());
        assert!(Lifetime::from_hours(u32::MAX).is_err());
        assert_eq!(Lifetime::from_hours(12), Ok(Lifetime::default()));
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
