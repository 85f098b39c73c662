//! What the directives of a place write.

use pubcookie_protocol::app_id::AppId;

use super::{Result, parsed, text};
use crate::httpd::Arguments;
use crate::pubcookie::config::{DirectoryConfig, ServerConfig};

/// `PubcookieAuthType`.
pub fn auth_type(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.auth_type = Some(arguments.get(0)?.to_owned());
    Ok(())
}

/// `PubcookieAppID`.
pub fn app_id(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.app_id = Some(AppId::configured(arguments.get(0)?).map_err(text)?);
    Ok(())
}

/// `PubcookieInactiveExpire`.
pub fn inactive_expire(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.inactive_expire = Some(parsed(arguments)?);
    Ok(())
}

/// `PubcookieHardExpire`.
pub fn hard_expire(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.hard_expire = Some(parsed(arguments)?);
    Ok(())
}

/// `PubcookieEndSession`.
pub fn end_session(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.end_session = Some(parsed(arguments)?);
    Ok(())
}
