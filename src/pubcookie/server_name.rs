//! The name by which a request reached its server.

use granting_cookie::Encryption;

use super::Pubcookie;
use crate::httpd::Request;

/// ServerName. Only under `UseCanonicalName Off` and `PubcookieEncryption AES+DOMAIN` also a name that a wildcard
/// ServerAlias covers: there one key is each host's own, because the name is part of it. Never another name that the
/// client has made up.
pub fn of<'r>(request: &Request<'r>) -> &'r str {
    let has_wildcard_key = request
        .server_config::<Pubcookie>()
        .is_some_and(|config| config.encryption == Some(Encryption::AesDomain));
    let wildcard_name = has_wildcard_key.then(|| request.wildcard_name()).flatten();
    wildcard_name.unwrap_or(request.server().name())
}
