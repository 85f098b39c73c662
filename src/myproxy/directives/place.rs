//! What the directives of a place write.

use std::sync::Arc;
use std::time::Duration;

use myproxy_client::{CredentialName, Lifetime};
use regex::bytes::RegexBuilder;

use crate::httpd::{Arguments, Expression};
use crate::myproxy::config::{DirectoryConfig, Forward, SHORTEST_SESSION_IDLE, ServerConfig};
use crate::myproxy::header::HeaderName;
use crate::myproxy::{MyProxy, environment};

type Result = std::result::Result<(), String>;

/// The longest lifetime that can be asked for, in seconds: a year.
const LONGEST_LIFETIME: i64 = 31_536_000;

pub fn credential(config: &mut DirectoryConfig, server: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    let on = arguments.flag()?;
    if on && arguments.in_htaccess() {
        return Err("only Off is allowed in an .htaccess file".to_owned());
    }
    if on {
        server
            .needed_by
            .get_or_init(|| format!("MyProxyCredential On ({})", arguments.position()));
    }
    config.credential = Some(on);
    Ok(())
}

pub fn lifetime(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    let seconds =
        u32::try_from(arguments.number(0, 60..=LONGEST_LIFETIME)?).map_err(|error| error.to_string())?;
    config.lifetime = Some(Lifetime::from_seconds(seconds).map_err(|error| error.to_string())?);
    Ok(())
}

pub fn min_lifetime(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.min_lifetime = Some(arguments.seconds(0, Duration::ZERO)?);
    Ok(())
}

pub fn credential_name(
    config: &mut DirectoryConfig,
    server: &ServerConfig,
    arguments: &Arguments<'_>,
) -> Result {
    let name = CredentialName::new(arguments.get(0)?).map_err(|error| error.to_string())?;
    let (other, position) = server
        .credential_name
        .get_or_init(|| (name.clone(), arguments.position()));
    if *other != name {
        return Err(format!(
            "\"{}\" would be kept in the same MyProxyCredStoreDir as \"{}\" ({position}), under the same \
                 names; use another virtual host with a directory of its own",
            name.as_str(),
            other.as_str(),
        ));
    }
    config.credential_name = Some(name);
    Ok(())
}

pub fn forward_cookie(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.forward = Some(match arguments.get(0)? {
        value if value.eq_ignore_ascii_case("plain") => Forward::Plain,
        value if value.eq_ignore_ascii_case("encrypted") => Forward::Encrypted,
        value => return Err(format!("\"{value}\" is neither plain nor encrypted")),
    });
    Ok(())
}

pub fn user(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.user = Some(Expression::parse::<MyProxy>(arguments, arguments.get(0)?)?);
    Ok(())
}

pub fn session_idle(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.session_idle = Some(arguments.seconds(0, SHORTEST_SESSION_IDLE)?);
    Ok(())
}

pub fn environment_name(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    let name = arguments.get(0)?;
    environment::check_name(name)?;
    config.environment_name = Some(name.to_owned());
    Ok(())
}

pub fn header(config: &mut DirectoryConfig, server: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    let name = HeaderName::new(arguments.get(0)?)?;
    server.header_names.add(&name);
    config.header = Some(name);
    Ok(())
}

pub fn logout_uri(config: &mut DirectoryConfig, server: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    let pattern = arguments.get(0)?;
    server
        .needed_by
        .get_or_init(|| format!("MyProxyLogoutURI ({})", arguments.position()));
    let uri = RegexBuilder::new(pattern).size_limit(1 << 20).build();
    let uri = uri.map_err(|error| format!("\"{pattern}\" is not a regular expression: {error}"))?;
    config.logout = Some(Arc::new(uri));
    Ok(())
}
