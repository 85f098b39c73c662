//! Flavours of login: the AuthType names and the creds digit that a cookie carries for them.

use std::fmt;
use std::str::FromStr;

/// A flavour of login, as cookies and granting requests number it: `0` none, `1` the first flavour, up to `9`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Creds(u8);

/// Not a creds digit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a flavour of login is one digit")]
pub struct CredsError;

impl Creds {
    /// No flavour.
    pub const NONE: Creds = Creds(0);
    /// The first flavour, usually a password.
    pub const FIRST: Creds = Creds(1);

    /// The flavour of a number from 0 to 9.
    pub fn new(number: u8) -> Option<Creds> {
        (number <= 9).then_some(Creds(number))
    }

    /// The flavour of the ASCII digit that stands in a cookie.
    pub fn from_digit(digit: u8) -> Option<Creds> {
        digit.is_ascii_digit().then(|| Creds(digit - b'0'))
    }

    /// The number, from 0 to 9.
    pub fn number(self) -> u8 {
        self.0
    }

    /// The ASCII digit that stands in a cookie.
    pub fn digit(self) -> u8 {
        b'0' + self.0
    }
}

impl fmt::Display for Creds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

impl FromStr for Creds {
    type Err = CredsError;

    fn from_str(text: &str) -> Result<Creds, CredsError> {
        match text.as_bytes() {
            [digit] => Creds::from_digit(*digit).ok_or(CredsError),
            _ => Err(CredsError),
        }
    }
}

/// `PubcookieAuthTypeNames`: the AuthType names that mean a flavour of login, first to ninth.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuthTypeNames(Vec<Option<String>>);

/// Why `PubcookieAuthTypeNames` was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AuthTypeNamesError {
    /// More names than there are digits.
    #[error("`{0}` is the tenth name; a cookie tells nine flavours of login apart")]
    TooMany(String),
    /// A name stands there twice.
    #[error("the name `{0}` stands there twice")]
    Twice(String),
    /// A name that belongs to another authentication of httpd.
    #[error("the name `{0}` belongs to httpd's own authentication")]
    Taken(String),
}

/// Names that are known without configuration.
const KNOWN: [(&str, Creds); 5] = [
    ("webiso", Creds(1)),
    ("webiso-vanilla", Creds(1)),
    ("uwnetid", Creds(1)),
    ("webiso-getcred", Creds(2)),
    ("uwsecurid", Creds(3)),
];

impl AuthTypeNames {
    /// Reads the directive's arguments: a name's position is its creds digit; `null` skips one.
    pub fn parse<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<AuthTypeNames, AuthTypeNamesError> {
        let mut known: Vec<Option<String>> = Vec::new();
        for name in names {
            if known.len() == 9 {
                return Err(AuthTypeNamesError::TooMany(name.into()));
            }
            if name.eq_ignore_ascii_case("null") {
                known.push(None);
                continue;
            }
            if ["basic", "digest", "form", "none"]
                .iter()
                .any(|taken| name.eq_ignore_ascii_case(taken))
            {
                return Err(AuthTypeNamesError::Taken(name.into()));
            }
            if known
                .iter()
                .flatten()
                .any(|earlier| earlier.eq_ignore_ascii_case(name))
            {
                return Err(AuthTypeNamesError::Twice(name.into()));
            }
            known.push(Some(name.into()));
        }
        Ok(AuthTypeNames(known))
    }

    /// The flavour that an AuthType name means, whatever its case; `None` where it is none of Pubcookie's.
    pub fn creds(&self, auth_type: &str) -> Option<Creds> {
        let configured = (1..).zip(&self.0).find_map(|(position, name)| {
            name.as_deref()
                .is_some_and(|name| name.eq_ignore_ascii_case(auth_type))
                .then_some(Creds(position))
        });
        let known = || {
            KNOWN
                .iter()
                .find(|(name, _)| name.eq_ignore_ascii_case(auth_type))
                .map(|&(_, creds)| creds)
        };
        configured.or_else(known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn position_is_the_digit_and_null_skips_one() {
        let names = AuthTypeNames::parse(["EGNetID", "null", "SecurID"]).unwrap();
        assert_eq!(names.creds("egnetid"), Some(Creds(1)));
        assert_eq!(names.creds("SecurID"), Some(Creds(3)));
        assert_eq!(names.creds("null"), None);
        assert_eq!(names.creds("Basic"), None);
    }

    #[test]
    fn some_names_are_known_without_configuration() {
        let names = AuthTypeNames::default();
        assert_eq!(names.creds("WebISO"), Some(Creds(1)));
        assert_eq!(names.creds("webiso-getcred"), Some(Creds(2)));
        assert_eq!(names.creds("UWSecurID"), Some(Creds(3)));
        // A configured name comes first.
        assert_eq!(
            AuthTypeNames::parse(["x", "webiso"]).unwrap().creds("webiso"),
            Some(Creds(2))
        );
    }

    #[test]
    fn wrong_lists_are_refused() {
        assert!(matches!(
            AuthTypeNames::parse(["a"; 2]),
            Err(AuthTypeNamesError::Twice(_))
        ));
        assert!(matches!(
            AuthTypeNames::parse(["null"; 10]),
            Err(AuthTypeNamesError::TooMany(_))
        ));
        assert!(matches!(
            AuthTypeNames::parse(["Basic"]),
            Err(AuthTypeNamesError::Taken(_))
        ));
    }
}
