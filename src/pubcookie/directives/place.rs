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
    config.app_ids = [AppId::configured(arguments.get(0)?).map_err(text)?].into();
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

/// `PubcookieCatenateAppIDs`.
pub fn catenate_app_ids(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.catenate_app_ids = Some(arguments.flag()?);
    Ok(())
}

/// `PubcookieSessionCauseReAuth`.
pub fn reauthentication(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.reauthentication = Some(parsed(arguments)?);
    Ok(())
}

/// `PubcookieNoPrompt`.
pub fn no_prompt(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.no_prompt = Some(arguments.flag()?);
    Ok(())
}

/// `PubcookieAcceptRealm`: each line of a place adds to those before.
pub fn accepted_realms(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    for realm in arguments.all()? {
        config.accepted_realms.push(realm.parse().map_err(text)?);
    }
    Ok(())
}

/// `PubcookieStripRealm`.
pub fn strip_realm(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.strip_realm = Some(arguments.flag()?);
    Ok(())
}

/// `PubcookieAddlRequest`: each line of a place adds to those before.
pub fn additional_requests(
    config: &mut DirectoryConfig,
    _: &ServerConfig,
    arguments: &Arguments<'_>,
) -> Result {
    for option in arguments.all()? {
        config.additional_requests.add(option).map_err(text)?;
    }
    Ok(())
}
