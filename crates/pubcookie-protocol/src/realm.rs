//! Realms: a login server of several realms calls its users `joe@realm`.

use crate::settings::{SettingError, refuse};
use std::str::FromStr;

/// A user's name, and the realm behind its first `@`. Both have at least one character: a name that begins with `@` or
/// ends with it is a name without a realm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserInRealm<'u> {
    /// The name without the realm.
    pub name: &'u str,
    /// The realm.
    pub realm: Option<&'u str>,
}

impl<'u> UserInRealm<'u> {
    /// Takes a user's whole name apart.
    pub fn of(user: &'u str) -> Self {
        match user.split_once('@') {
            Some((name, realm)) if !name.is_empty() && !realm.is_empty() => UserInRealm {
                name,
                realm: Some(realm),
            },
            _ => UserInRealm {
                name: user,
                realm: None,
            },
        }
    }
}

/// A realm that a place accepts (`PubcookieAcceptRealm`). Case counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Realm(String);

impl Realm {
    /// Whether the user is of this realm.
    pub fn has(&self, user: UserInRealm<'_>) -> bool {
        user.realm == Some(&self.0)
    }
}

impl FromStr for Realm {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Realm, SettingError> {
        let printable = text.chars().all(|c| !c.is_control() && c != ' ');
        if text.is_empty() || text.len() > 39 || !printable || text.contains('@') {
            return refuse(
                text,
                "is not a realm: what stands behind the @ of a user's name, 1 to 39 bytes without @ and blanks",
            );
        }
        Ok(Realm(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_at_sign_divides() {
        for (user, name, realm) in [
            ("joe@EXAMPLE.EDU", "joe", Some("EXAMPLE.EDU")),
            ("joe@a@b", "joe", Some("a@b")),
            ("joe", "joe", None),
            ("", "", None),
            ("@realm", "@realm", None),
            ("joe@", "joe@", None),
        ] {
            assert_eq!(UserInRealm::of(user), UserInRealm { name, realm }, "{user}");
        }
    }

    #[test]
    fn a_realm_has_its_own_users() {
        let realm: Realm = "EXAMPLE.EDU".parse().unwrap();
        assert!(realm.has(UserInRealm::of("joe@EXAMPLE.EDU")));
        for user in [
            "joe@example.edu",
            "joe@x.EXAMPLE.EDU",
            "joe",
            "EXAMPLE.EDU",
            "joe@EXAMPLE.EDU@",
        ] {
            assert!(!realm.has(UserInRealm::of(user)), "{user}");
        }
        for text in ["", "@EXAMPLE.EDU", "a b", "a\u{7f}", &"x".repeat(40)] {
            let error = text.parse::<Realm>().unwrap_err().to_string();
            assert!(error.contains("is not a realm"), "{error}");
        }
    }
}
