//! What the directives of an application server write.

use std::sync::Arc;

use pubcookie_protocol::app_id::AppServerId;
use pubcookie_protocol::auth_type::AuthTypeNames;

use super::{Result, parsed, text};
use crate::httpd::{Arguments, SharedCache};
use crate::pubcookie::config::ServerConfig;
use crate::pubcookie::locked_cache::LockedCache;
use crate::pubcookie::replay::{self, ReplayCache};

/// `PubcookieLogin`.
pub fn login(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.login = Some(parsed(arguments)?);
    Ok(())
}

/// `PubcookieLoginMethod`.
pub fn login_method(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.login_method = Some(parsed(arguments)?);
    Ok(())
}

/// `PubcookiePostURL`.
pub fn reply_path(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.reply_path = Some(parsed(arguments)?);
    Ok(())
}

/// `PubcookieDomain`.
pub fn domain(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.domain = Some(parsed(arguments)?);
    Ok(())
}

/// `PubcookieAuthTypeNames`.
pub fn auth_type_names(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.auth_type_names = Some(AuthTypeNames::parse(arguments.all()?).map_err(text)?);
    Ok(())
}

/// `PubcookieAppSrvID`.
pub fn app_server_id(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.app_server_id = Some(AppServerId::configured(arguments.get(0)?).map_err(text)?);
    Ok(())
}

/// `PubcookieEncryption`.
pub fn encryption(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.encryption = Some(parsed(arguments)?);
    Ok(())
}

/// `PubcookieSessionFormat`.
pub fn session_format(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.session_format = Some(arguments.all()?.join(" ").parse().map_err(text)?);
    Ok(())
}

/// `PubcookieStrictReauth`.
pub fn strict_reauthentication(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.strict_reauthentication = Some(arguments.flag()?);
    Ok(())
}

/// `PubcookieMaxPost`.
pub fn post_limit(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let bytes = arguments.number(0, 0..=10_485_760)?;
    config.post_limit = Some(usize::try_from(bytes).map_err(text)?);
    Ok(())
}

/// `PubcookieDirDepthforAppID`.
pub fn app_id_depth(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let directories = arguments.number(0, 0..=65_535)?;
    config.app_id_depth = Some(usize::try_from(directories).map_err(text)?);
    Ok(())
}

/// `PubcookieNoObscureCookies`.
pub fn no_obscure_cookies(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.no_obscure_cookies = Some(arguments.flag()?);
    Ok(())
}

/// `PubcookieReplayCache`.
pub fn replay_cache(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    if arguments.in_virtual_host() {
        return Err("there is one for the whole httpd: set it outside of virtual hosts".into());
    }
    let cache = SharedCache::from_directive(arguments, arguments.get(0)?)?;
    config.replay_cache = Arc::new(ReplayCache(LockedCache::new(cache, replay::PURPOSE))).into();
    Ok(())
}
