//! App IDs and app server IDs: which application of which server a cookie is for.

use crate::percent;
use granting_cookie::TextError;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;

/// An ID that a cookie cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The ID is empty.
    #[error("an ID must not be empty")]
    Empty,
    /// The ID does not fit into a cookie.
    #[error("`{}` does not fit into a cookie: {reason}", .id.escape_debug())]
    DoesNotFit {
        /// The beginning of the ID.
        id: String,
        /// Why.
        reason: TextError,
    },
    /// The ID decodes to something that is not text.
    #[error("the ID is not UTF-8 when decoded")]
    NotText,
}

/// The ID of an application, in its URL-encoded spelling: printable ASCII, 1 to 127 bytes.
///
/// Case does not count when it is compared with another.
#[derive(Clone, Debug)]
pub struct AppId(Arc<str>);

/// The ID of an app server, usually its server name, in its URL-encoded spelling: printable ASCII, 1 to 39 bytes.
///
/// Case does not count when it is compared with another.
#[derive(Clone, Debug)]
pub struct AppServerId(Arc<str>);

impl AppId {
    /// The ID of a place without `PubcookieAppID`: the directory of the decoded request path, cut to `depth`
    /// directories (`PubcookieDirDepthforAppID`; 0 is `/`), with every character other than letters, digits and `/`
    /// as `_`. One that does not fit keeps its beginning and ends in a part of its SHA-256, so two long ones differ.
    pub fn of_directory(path: &[u8], depth: Option<usize>) -> AppId {
        let slashes = depth.map_or(usize::MAX, |depth| depth.saturating_add(1));
        let ends = path
            .iter()
            .enumerate()
            .filter(|&(_, &byte)| byte == b'/')
            .map(|(position, _)| position + 1);
        let directory = ends.take(slashes).last().map_or(&b"/"[..], |end| &path[..end]);
        let plain = |&byte: &u8| {
            if byte.is_ascii_alphanumeric() || byte == b'/' {
                char::from(byte)
            } else {
                '_'
            }
        };
        AppId::fitting(directory.iter().map(plain).collect(), directory)
    }

    /// The ID of a place under `PubcookieCatenateAppIDs`: the directory of its path, then what each place around it and
    /// itself configures, the outermost first. One that does not fit ends in a part of its SHA-256, as above.
    pub fn catenated<'a>(directory: &AppId, configured: impl IntoIterator<Item = &'a AppId>) -> AppId {
        let mut id = directory.0.to_string();
        id.extend(configured.into_iter().map(AppId::as_str));
        let whole = id.clone();
        AppId::fitting(id, whole.as_bytes())
    }

    /// An encoded spelling of any length as an ID: where it does not fit, its beginning and a part of the SHA-256 of
    /// `whole`.
    fn fitting(mut id: String, whole: &[u8]) -> AppId {
        if id.len() > granting_cookie::AppId::CAPACITY {
            let digest = Sha256::digest(whole);
            let digest: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
            id.truncate(granting_cookie::AppId::CAPACITY - 1 - digest.len());
            // Half an escape would decode to something else.
            if let Some(escape) = id.rfind('%').filter(|escape| id.len() - escape < 3) {
                id.truncate(escape);
            }
            id = format!("{id}_{digest}");
        }
        AppId(id.into())
    }
}

impl AppServerId {
    /// The ID as it was configured.
    pub fn decoded(&self) -> String {
        let name = String::from_utf8(percent::decode_form(self.0.as_bytes()));
        name.expect("every ID was made from text")
    }
}

/// What both kinds of ID have in common.
macro_rules! id {
    ($id:ident, $field:ty) => {
        impl $id {
            /// The ID as configured, not encoded.
            pub fn configured(name: &str) -> Result<$id, IdError> {
                if name.is_empty() {
                    return Err(IdError::Empty);
                }
                match <$field>::encode(name) {
                    Ok(field) => Ok($id(field.to_string().into())),
                    Err(reason) => Err(IdError::DoesNotFit {
                        id: name.chars().take(60).collect(),
                        reason,
                    }),
                }
            }

            /// The ID as it stands in a cookie or a granting request, in any spelling that decodes to the same.
            pub fn from_encoded(spelling: &[u8]) -> Result<$id, IdError> {
                // Every request's session cookie has two of them, which are host names and words.
                if let Some(name) = plain(spelling).filter(|name| name.len() <= <$field>::CAPACITY) {
                    return Ok($id(name.into()));
                }
                let name = String::from_utf8(percent::decode_form(spelling)).map_err(|_| IdError::NotText)?;
                $id::configured(&name)
            }

            /// The same, from a spelling that is probably this ID's own.
            pub fn from_similar(&self, spelling: &[u8]) -> Result<$id, IdError> {
                if spelling == self.0.as_bytes() {
                    return Ok(self.clone());
                }
                $id::from_encoded(spelling)
            }

            /// The encoded spelling.
            pub fn as_str(&self) -> &str {
                &self.0
            }

            /// Whether a cookie's field is this ID.
            pub fn is_in(&self, field: &$field) -> bool {
                $id::from_encoded(field.as_bytes()).is_ok_and(|id| id == *self)
            }

            /// The ID as a cookie's field.
            pub fn to_field(&self) -> $field {
                <$field>::from_encoded(&self.0).expect("every ID was made to fit into a cookie")
            }
        }

        impl PartialEq for $id {
            fn eq(&self, other: &$id) -> bool {
                self.0.eq_ignore_ascii_case(&other.0)
            }
        }

        impl Eq for $id {}

        impl fmt::Display for $id {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

/// A spelling in which nothing is encoded and nothing had to be.
fn plain(spelling: &[u8]) -> Option<&str> {
    let is_plain =
        |&byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'/' | b'~');
    let all_plain = !spelling.is_empty() && spelling.iter().all(is_plain);
    std::str::from_utf8(spelling).ok().filter(|_| all_plain)
}

id!(AppId, granting_cookie::AppId);
id!(AppServerId, granting_cookie::AppServerId);

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_directory_of_the_request_is_the_default() {
        for (path, depth, id) in [
            ("/secure2/", None, "/secure2/"),
            ("/secure2/page.html", None, "/secure2/"),
            ("/PubCookie.reply", None, "/"),
            ("/a/b/c/d", None, "/a/b/c/"),
            ("/a/b/c/d", Some(0), "/"),
            ("/a/b/c/d", Some(2), "/a/b/"),
            ("/a/b", Some(9), "/a/"),
            ("/my-app v1.0/x", None, "/my_app_v1_0/"),
            ("*", None, "/"),
            ("", None, "/"),
        ] {
            assert_eq!(
                AppId::of_directory(path.as_bytes(), depth).as_str(),
                id,
                "{path} {depth:?}"
            );
        }
    }

    #[test]
    fn long_directories_fit_and_differ() {
        let (a, b) = (
            format!("/{}/a/", "x".repeat(200)),
            format!("/{}/b/", "x".repeat(200)),
        );
        let (a, b) = (
            AppId::of_directory(a.as_bytes(), None),
            AppId::of_directory(b.as_bytes(), None),
        );
        assert_eq!(a.as_str().len(), granting_cookie::AppId::CAPACITY);
        assert_ne!(a, b);
    }

    #[test]
    fn catenated_ids_have_all_parts_and_differ_when_they_are_long() {
        let directory = AppId::of_directory(b"/portal/x", Some(1));
        let id = |name: &str| AppId::configured(name).unwrap();
        let catenated = AppId::catenated(&directory, [&id("a b"), &id("c&d")]);
        assert_eq!(catenated.as_str(), "/portal/a+bc%26d");
        assert_eq!(AppId::catenated(&directory, []), directory);
        // Where the cut would go through an escape.
        for length in 90..=118 {
            let long = |end: &str| {
                AppId::catenated(&directory, [&id(&"x".repeat(length)), &id("&&&&&&&&"), &id(end)])
            };
            let (one, other) = (long("1"), long("2"));
            assert!(one.as_str().len() <= granting_cookie::AppId::CAPACITY);
            assert_ne!(one, other);
            assert!(one.is_in(&one.to_field()), "{one}");
        }
    }

    #[test]
    fn configured_ids_are_encoded_as_the_original_does() {
        assert_eq!(AppId::configured("a b&c").unwrap().as_str(), "a+b%26c");
        assert_eq!(AppId::configured("é").unwrap().as_str(), "%C3%A9");
        assert_eq!(AppId::from_encoded(b"a%20b%26c").unwrap().as_str(), "a+b%26c");
        let with_port = AppServerId::configured("Host:1").unwrap();
        assert_eq!(
            (with_port.as_str(), &*with_port.decoded()),
            ("Host%3A1", "Host:1")
        );
        assert_eq!(
            AppId::configured("SecureApp").unwrap(),
            AppId::configured("secureapp").unwrap()
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(AppId::configured("").is_err());
        assert!(AppId::configured(&"a".repeat(127)).is_ok());
        assert!(AppId::configured(&"a".repeat(128)).is_err());
        let error = AppServerId::configured(&"a".repeat(40)).unwrap_err();
        assert!(error.to_string().contains("40 bytes"), "{error}");
    }

    proptest! {
        #[test]
        fn encoded_ids_decode_to_themselves(name in "\\PC{1,10}") {
            let id = AppId::configured(&name).unwrap();
            prop_assert!(id.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
            let again = AppId::from_encoded(id.as_str().as_bytes()).unwrap();
            prop_assert_eq!(again.as_str(), id.as_str());
            prop_assert!(id.is_in(&id.to_field()));
        }
    }
}
