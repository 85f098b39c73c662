//! The record beside a credential: whose it is and how it was got.

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

/// Whose a stored credential is. It serves a request only if all of this is equal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// The user of the web application.
    pub web_user: WebUser,
    /// The user name at the MyProxy server.
    pub myproxy_user: String,
    /// The MyProxy servers, as configured.
    pub servers: Vec<String>,
    /// Which of the user's stored credentials, where one was named.
    pub credential_name: Option<String>,
    /// What was shown to the server: `cookie`, `passphrase` or `certificate`.
    pub method: String,
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
    /// brings it again is told so by this.
    pub(crate) cookie_sha256: String,
}
