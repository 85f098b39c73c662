//! What the directives of a login server write.

use std::sync::Arc;

use super::{Result, text};
use crate::httpd::{Arguments, PasswordProvider, SharedCache};
use crate::pubcookie::config::ServerConfig;
use crate::pubcookie::locked_cache::LockedCache;
use crate::pubcookie::login::{guard, settings};

/// `PubcookieGrantingKeyFile`.
pub fn granting_key(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.key_files.granting_key = Some(arguments.path(0)?);
    Ok(())
}

/// `PubcookieLoginProvider`.
pub fn providers(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let flavour = arguments
        .get(0)?
        .strip_prefix("flavour=")
        .map(str::to_ascii_lowercase);
    let names = arguments.all()?.split_off(usize::from(flavour.is_some()));
    if names.is_empty() {
        return Err("no provider follows the flavour".into());
    }
    let providers = names.into_iter().map(PasswordProvider::find);
    config
        .login_settings
        .providers
        .insert(flavour, providers.collect::<Result<_>>()?);
    Ok(())
}

/// `PubcookieLoginTrustRemoteUser`.
pub fn trust_remote_user(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.login_settings.trust_remote_user = Some(arguments.flag()?);
    Ok(())
}

/// `PubcookieLoginTemplates`.
pub fn templates(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.login_settings.templates = Some(settings::read_templates(&arguments.path(0)?)?);
    Ok(())
}

/// `PubcookieLoginDelay`.
pub fn delay(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.login_settings.delay = Some(arguments.all()?.join(" ").parse().map_err(text)?);
    Ok(())
}

/// `PubcookieLoginDelayCache`.
pub fn delay_cache(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    if arguments.in_virtual_host() {
        return Err("there is one for the whole httpd: set it outside of virtual hosts".into());
    }
    let cache = SharedCache::from_directive(arguments, arguments.get(0)?)?;
    config.login_delay_cache = Arc::new(LockedCache::new(cache, guard::PURPOSE)).into();
    Ok(())
}
