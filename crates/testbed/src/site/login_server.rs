//! The login server: a virtual host whose every path is the handler `pubcookie-login`.

use std::path::Path;

use super::keys::HostKeys;
use crate::pki::CertificateFiles;

/// Its label.
pub(super) const LABEL: &str = "login";

/// What stands in its virtual host.
pub(super) fn text(
    keys: &HostKeys,
    granting: &CertificateFiles,
    passwords: &Path,
    configuration: &str,
) -> String {
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
        keys = keys.directives(),
        granting = granting.key.display(),
        passwords = passwords.display(),
    )
}
