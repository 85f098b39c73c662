//! What the directives of a keyserver write.

use pubcookie_protocol::keyserver::Permit;

use super::{Result, text};
use crate::httpd::Arguments;
use crate::pubcookie::config::ServerConfig;

/// `PubcookieKeyPermit`.
pub fn permit(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let permit = Permit::parse(arguments.all()?).map_err(text)?;
    config.key_permits.permits.push(permit);
    Ok(())
}

/// `PubcookieKeyPermitDir`.
pub fn permit_directory(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.key_permits.permit_directory = Some(arguments.path(0)?);
    Ok(())
}

/// `PubcookieKeyTrustDir`.
pub fn trust_directory(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.key_permits.trust_directory = Some(arguments.path(0)?);
    Ok(())
}
