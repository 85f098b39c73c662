//! The login server: a virtual host whose every path is the handler `pubcookie-login`.

use std::path::Path;

use super::keys::Keys;

/// Its whole name.
pub(super) fn host() -> String {
    super::host("login")
}

/// What stands in its virtual host.
pub(super) fn text(keys: &Keys, passwords: &Path, configuration: &str) -> String {
    format!(
        "{keys}\
         PubcookieGrantingKeyFile \"{granting}\"\n\
         PubcookieLoginProvider file\n\
         <Location />\n\
         SetHandler pubcookie-login\n\
         AuthUserFile \"{passwords}\"\n\
         Require all granted\n\
         </Location>\n\
         {configuration}",
        keys = keys.of(&host()).directives(),
        granting = keys.granting.key.display(),
        passwords = passwords.display(),
    )
}
