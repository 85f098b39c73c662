//! What the directives of a login server write.

use super::Result;
use crate::httpd::{Arguments, PasswordProvider};
use crate::pubcookie::config::ServerConfig;

/// `PubcookieGrantingKeyFile`.
pub fn granting_key(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.key_files.granting_key = Some(arguments.path(0)?);
    Ok(())
}

/// `PubcookieLoginProvider`.
pub fn providers(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let providers = arguments.all()?.into_iter().map(PasswordProvider::find);
    config.login_providers = providers.collect::<Result<_>>()?;
    Ok(())
}
