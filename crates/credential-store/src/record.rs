//! The record beside a credential: whose it is and how it was got.

use std::fmt;

use crate::Renewal;
use serde::{Deserialize, Serialize};

/// Who a request's user is. Two users with one name who logged in by different ways are two users.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct WebUser {
    /// `REMOTE_USER`.
    pub name: String,
    /// `AUTH_TYPE`: how the user was authenticated, as httpd says it.
    pub authentication_type: String,
    /// `REMOTE_REALM`, where the authentication knows realms.
    pub realm: Option<String>,
}

/// Where a credential comes from: for whom it was got, as whom, and from which server. It serves a request only if
/// all of this is equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// The user of the web application.
    pub web_user: WebUser,
    /// The user name at the MyProxy server.
    pub myproxy_user: String,
    /// The MyProxy servers, as configured.
    pub servers: Vec<String>,
    /// Which of the user's stored credentials, where one was named.
    pub credential_name: Option<String>,
    /// The virtual organizations, with attributes, that the credential was to speak for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub vo_names: Vec<String>,
}

/// What was shown to the MyProxy server (`MyProxyAuthMethod`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// A granting cookie of the user's.
    Cookie,
    /// The user's pass phrase.
    PassPhrase,
    /// Our own certificate, and nothing of the user's.
    Certificate,
}

impl Method {
    /// All of them.
    pub const ALL: [Method; 3] = [Method::Cookie, Method::PassPhrase, Method::Certificate];

    /// As the directive says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Cookie => "cookie",
            Method::PassPhrase => "passphrase",
            Method::Certificate => "certificate",
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Whose a stored credential is, and how it was got.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Where it comes from.
    #[serde(flatten)]
    pub origin: Origin,
    /// What it was got with.
    pub method: Method,
}

/// A record as it is on disk, tied to one content of the credential file.
///
/// The two files cannot be replaced in one step. The digest makes up for it: whatever a crash leaves between
/// the two renames, a record never speaks for a credential that it was not written with.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct StoredRecord {
    #[serde(flatten)]
    pub(crate) record: Record,
    /// SHA-256 of the credential file, in hexadecimal.
    pub(crate) credential_sha256: String,
    /// SHA-256 of the granting cookie that it was got with, in hexadecimal: the cookie works once, and whoever
    /// brings it again is told so by this. Never of a pass phrase, which could be guessed from it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) cookie_sha256: Option<String>,
    /// How it is kept good, where it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) renewal: Option<Renewal>,
}
