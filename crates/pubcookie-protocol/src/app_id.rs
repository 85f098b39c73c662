//! App IDs and app server IDs: which application of which server a cookie is for.

use crate::percent;
use percent_encoding::{AsciiSet, CONTROLS};
use sha2::{Digest, Sha256};
use std::fmt;

/// What the original percent-encodes in an ID, besides a space, which becomes `+`. Ours encodes what is not printable
/// ASCII as well, because only printable ASCII is ever signed.
const NOT_IN_ID: &AsciiSet = &CONTROLS
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

/// An ID that a cookie cannot hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// The ID is empty.
    #[error("an {0} must not be empty")]
    Empty(&'static str),
    /// The ID does not fit.
    #[error("the {what} `{id}` has {length} bytes when encoded; a cookie holds {limit}")]
    TooLong {
        /// `app ID` or `app server ID`.
        what: &'static str,
        /// The beginning of the encoded ID.
        id: String,
        /// Its length in bytes when encoded.
        length: usize,
        /// The bytes that a cookie holds.
        limit: usize,
    },
}

/// The ID of an application, in its URL-encoded spelling: printable ASCII, 1 to 127 bytes.
///
/// Case does not count when it is compared with another.
#[derive(Clone, Debug)]
pub struct AppId(String);

/// The ID of an app server, usually its server name, in its URL-encoded spelling: printable ASCII, 1 to 39 bytes.
///
/// Case does not count when it is compared with another.
#[derive(Clone, Debug)]
pub struct AppServerId(String);

impl AppId {
    /// The longest app ID that a cookie holds, in bytes.
    pub const LIMIT: usize = 127;

    /// The ID of a `PubcookieAppID`, as configured (not encoded).
    pub fn configured(name: &[u8]) -> Result<AppId, IdError> {
        encoded("app ID", name, AppId::LIMIT).map(AppId)
    }

    /// The ID as it stands in a cookie or a granting request, in any spelling that decodes to the same.
    pub fn from_encoded(spelling: &[u8]) -> Result<AppId, IdError> {
        AppId::configured(&percent::decode_form(spelling))
    }

    /// The ID of a place without `PubcookieAppID`: the directory of the decoded request path, cut to `depth`
    /// directories (`PubcookieDirDepthforAppID`; 0 is `/`), with every character other than letters, digits and `/`
    /// as `_`. One that does not fit keeps its beginning and ends in a part of its SHA-256, so two long ones differ.
    pub fn of_directory(path: &[u8], depth: Option<usize>) -> AppId {
        let slashes = depth.map_or(usize::MAX, |depth| depth.saturating_add(1));
        let end = path
            .iter()
            .enumerate()
            .filter_map(|(position, &byte)| (byte == b'/').then_some(position + 1))
            .take(slashes)
            .last();
        let directory = end.map_or(&b"/"[..], |end| &path[..end]);
        let mut id: String = directory
            .iter()
            .map(|&byte| {
                if byte.is_ascii_alphanumeric() || byte == b'/' {
                    char::from(byte)
                } else {
                    '_'
                }
            })
            .collect();
        if id.len() > AppId::LIMIT {
            let digest: String = Sha256::digest(directory)
                .iter()
                .take(8)
                .map(|byte| format!("{byte:02x}"))
                .collect();
            id.truncate(AppId::LIMIT - 1 - digest.len());
            id = format!("{id}_{digest}");
        }
        AppId(id)
    }

    /// The encoded spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl AppServerId {
    /// The longest app server ID that a cookie holds, in bytes.
    pub const LIMIT: usize = 39;

    /// The ID of a `PubcookieAppSrvID` or a server name, as configured (not encoded).
    pub fn configured(name: &[u8]) -> Result<AppServerId, IdError> {
        encoded("app server ID", name, AppServerId::LIMIT).map(AppServerId)
    }

    /// The ID as it stands in a cookie or a granting request, in any spelling that decodes to the same.
    pub fn from_encoded(spelling: &[u8]) -> Result<AppServerId, IdError> {
        AppServerId::configured(&percent::decode_form(spelling))
    }

    /// The encoded spelling.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn encoded(what: &'static str, name: &[u8], limit: usize) -> Result<String, IdError> {
    if name.is_empty() {
        return Err(IdError::Empty(what));
    }
    let id = percent::encode(name, NOT_IN_ID).replace(' ', "+");
    if id.len() > limit {
        return Err(IdError::TooLong {
            what,
            length: id.len(),
            limit,
            id: id.chars().take(60).collect(),
        });
    }
    Ok(id)
}

impl PartialEq for AppId {
    fn eq(&self, other: &AppId) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}
impl Eq for AppId {}
impl fmt::Display for AppId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl PartialEq for AppServerId {
    fn eq(&self, other: &AppServerId) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}
impl Eq for AppServerId {}
impl fmt::Display for AppServerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

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
        assert_eq!(a.as_str().len(), AppId::LIMIT);
        assert_ne!(a, b);
    }

    #[test]
    fn configured_ids_are_encoded_as_the_original_does() {
        assert_eq!(AppId::configured(b"a b&c").unwrap().as_str(), "a+b%26c");
        assert_eq!(AppId::configured("é".as_bytes()).unwrap().as_str(), "%C3%A9");
        assert_eq!(AppId::from_encoded(b"a%20b%26c").unwrap().as_str(), "a+b%26c");
        assert_eq!(AppServerId::configured(b"host:1").unwrap().as_str(), "host%3A1");
        assert_eq!(
            AppId::configured(b"SecureApp").unwrap(),
            AppId::configured(b"secureapp").unwrap()
        );
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        assert!(AppId::configured(b"").is_err());
        assert!(AppId::configured(&[b'a'; 127]).is_ok());
        assert!(AppId::configured(&[b'a'; 128]).is_err());
        let error = AppServerId::configured(&[b'a'; 40]).unwrap_err();
        assert!(error.to_string().contains("40 bytes"), "{error}");
    }

    proptest! {
        #[test]
        fn encoded_ids_decode_to_themselves(name in proptest::collection::vec(any::<u8>(), 1..42)) {
            let id = AppId::configured(&name).unwrap();
            prop_assert!(id.as_str().bytes().all(|byte| byte.is_ascii_graphic()));
            let again = AppId::from_encoded(id.as_str().as_bytes()).unwrap();
            prop_assert_eq!(again.as_str(), id.as_str());
        }
    }
}
