//! What the directives of an old configuration write.

use std::sync::Arc;

use super::Result;
use crate::httpd::Arguments;
use crate::pubcookie::config::{DirectoryConfig, ServerConfig};
use crate::pubcookie::old_configuration::OldConfigFile;

/// `PubcookieConfigFile`.
pub fn config_file(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let file = OldConfigFile::read(arguments.path(0)?, |path| arguments.relative_to_root(path))?;
    config.old_config_file = Some(Arc::new(file));
    Ok(())
}

/// `PubcookieNoCleanCreds`.
pub fn no_clean_creds(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    arguments.flag()?;
    config
        .idle_directives
        .no_clean_creds
        .get_or_init(|| arguments.position());
    Ok(())
}

/// `PubcookieEgdDevice`.
pub fn egd_device(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config
        .idle_directives
        .egd_device
        .get_or_init(|| arguments.position());
    Ok(())
}

/// `PubcookieNoBlank`.
pub fn no_blank(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config
        .idle_directives
        .no_blank
        .get_or_init(|| arguments.position());
    Ok(())
}

/// `PubcookieSuperDebug`.
pub fn super_debug(_: &mut DirectoryConfig, server: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    arguments.flag()?;
    // An .htaccess is read again for every request.
    if !arguments.in_htaccess() {
        server
            .idle_directives
            .super_debug
            .get_or_init(|| arguments.position());
    }
    Ok(())
}
