//! What the directives that name keys and certificates write.

use super::Result;
use crate::httpd::Arguments;
use crate::pubcookie::config::ServerConfig;

/// `PubcookieGrantingCertFile`.
pub fn granting_certificate(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.key_files.granting_certificates.push(arguments.path(0)?);
    Ok(())
}

/// `PubcookieSessionKeyFile`.
pub fn session_key(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.key_files.session_key = Some(arguments.path(0)?);
    config.key_files.previous_session_key = if arguments.len() > 1 {
        Some(arguments.path(1)?)
    } else {
        None
    };
    Ok(())
}

/// `PubcookieSessionCertFile`.
pub fn session_certificate(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.key_files.session_certificate = Some(arguments.path(0)?);
    Ok(())
}

/// `PubcookieCryptKeyFile`.
pub fn crypt_key(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.key_files.crypt_key = Some(arguments.path(0)?);
    Ok(())
}

/// `PubcookieKeyDir`.
pub fn key_directory(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.key_files.key_directory = Some(arguments.path(0)?);
    Ok(())
}
