//! The name of the user who logs in.

use granting_cookie::{TextError, User};
use std::fmt;

/// A user name that fits into a cookie: not blank, no control characters, at most 41 bytes when URL-encoded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserName {
    decoded: String,
    field: User,
}

/// Why a user name cannot log in.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UserNameError {
    /// Nothing was typed, or nothing but spaces.
    #[error("the user name is blank")]
    Blank,
    /// It holds a control character, or bytes that are not UTF-8.
    #[error("the user name is not printable text")]
    NotPrintable,
    /// It would have to be cut, and two long names must not become one user.
    #[error("the user name does not fit into a cookie: {0}")]
    DoesNotFit(#[from] TextError),
}

impl UserName {
    /// The name as somebody typed it; spaces around it do not count.
    pub fn typed(name: &str) -> Result<UserName, UserNameError> {
        UserName::exactly(name.trim())
    }

    /// The name as it stands in a cookie.
    pub fn from_cookie(field: &User) -> Result<UserName, UserNameError> {
        if !field.is_printable_ascii() {
            return Err(UserNameError::NotPrintable);
        }
        let decoded = String::from_utf8(field.decoded()).map_err(|_| UserNameError::NotPrintable)?;
        UserName::exactly(&decoded)
    }

    /// The name that httpd's authentication found, exactly as it is.
    pub fn authenticated(name: &str) -> Result<UserName, UserNameError> {
        UserName::exactly(name)
    }

    fn exactly(decoded: &str) -> Result<UserName, UserNameError> {
        if decoded.chars().any(char::is_control) {
            return Err(UserNameError::NotPrintable);
        }
        if decoded.trim().is_empty() {
            return Err(UserNameError::Blank);
        }
        Ok(UserName {
            field: User::encode(decoded)?,
            decoded: decoded.to_owned(),
        })
    }

    /// The name itself, as an authentication provider and `REMOTE_USER` know it.
    pub fn as_str(&self) -> &str {
        &self.decoded
    }

    /// The name as a cookie holds it: URL-encoded, printable ASCII.
    pub fn field(&self) -> User {
        self.field
    }
}

impl fmt::Display for UserName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.decoded)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_as_the_original_does() {
        for (typed, encoded) in [
            ("alice", "alice"),
            ("  alice\t", "alice"),
            ("alice@EXAMPLE", "alice@EXAMPLE"),
            ("a b", "a+b"),
            ("a+b&c", "a%2Bb%26c"),
            ("../x", "../x"),
            ("é", "%C3%A9"),
        ] {
            let user = UserName::typed(typed).unwrap();
            assert_eq!(user.field().as_bytes(), encoded.as_bytes());
            assert_eq!(UserName::from_cookie(&user.field()).unwrap(), user);
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_and_never_cut() {
        assert!(UserName::typed(&"a".repeat(41)).is_ok());
        for long in ["a".repeat(42), "é".repeat(7), "+".repeat(14)] {
            assert!(
                matches!(UserName::typed(&long), Err(UserNameError::DoesNotFit(_))),
                "{long}"
            );
        }
        assert_eq!(UserName::typed(" \t "), Err(UserNameError::Blank));
        for name in ["a\0b", "a\nb", "a\u{85}b", "a\u{7f}"] {
            assert_eq!(
                UserName::typed(name),
                Err(UserNameError::NotPrintable),
                "{name:?}"
            );
        }
        for spelling in ["%00", "%FF", "%0A", "a%0Db"] {
            let field = User::from_encoded(spelling).unwrap();
            assert_eq!(
                UserName::from_cookie(&field),
                Err(UserNameError::NotPrintable),
                "{spelling}"
            );
        }
    }
}
