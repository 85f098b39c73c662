//! What the directive that makes others wait writes.

use super::{Result, text};
use crate::httpd::Arguments;
use crate::pubcookie::config::{DirectoryConfig, ServerConfig};

/// `PubcookieOnDemand`.
pub fn directives(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    let all = arguments.all()?;
    let (key, texts) = all.split_first().ok_or("an argument is missing")?;
    config
        .on_demand
        .read(key.parse().map_err(text)?, texts, arguments)
}
