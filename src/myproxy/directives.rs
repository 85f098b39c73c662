//! The directives of `myproxy_module`.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use credential_store::FilePermissions;
use myproxy_client::{CredentialName, Lifetime, Server, ServerIdentity};
use nix::unistd::{Group, User};
use regex::bytes::RegexBuilder;

use super::config::{DirectoryConfig, Forward, SHORTEST_SESSION_IDLE, ServerConfig, SessionCookie, Timeouts};
use super::{MyProxy, cookie_attributes, environment};
use crate::httpd::{Arguments, Count, Directive, Expression, Place};

type D = Directive<MyProxy>;
type Result = std::result::Result<(), String>;

/// All of them, in the order of the documentation.
pub const DIRECTIVES: &[D] = &[
    D::server(
        c"MyProxyServer",
        Count::AtLeast(1),
        c"MyProxyServer host[:port][=name] ...",
        servers,
    ),
    D::server(
        c"MyProxyServerDN",
        Count::Exactly(1),
        c"MyProxyServerDN dn",
        server_dn,
    ),
    D::server(
        c"MyProxyServerName",
        Count::Exactly(1),
        c"MyProxyServerName name",
        server_name,
    ),
    D::server(
        c"MyProxyTrustDir",
        Count::Exactly(1),
        c"MyProxyTrustDir directory",
        trust_directory,
    ),
    D::server(
        c"MyProxyTimeout",
        Count::Between(1, 2),
        c"MyProxyTimeout seconds [total]",
        timeouts,
    ),
    D::server(
        c"MyProxyMaxConcurrent",
        Count::Exactly(1),
        c"MyProxyMaxConcurrent number",
        max_concurrent,
    ),
    D::server(
        c"MyProxyCredStoreDir",
        Count::Exactly(1),
        c"MyProxyCredStoreDir directory",
        credential_directory,
    ),
    D::server(
        c"MyProxySessionStore",
        Count::Exactly(1),
        c"MyProxySessionStore dir:directory",
        session_store,
    ),
    D::server(
        c"MyProxyFilePermissions",
        Count::Between(1, 3),
        c"MyProxyFilePermissions mode [user] [group]",
        file_permissions,
    ),
    D::server(
        c"MyProxyDirPermissions",
        Count::Exactly(1),
        c"MyProxyDirPermissions mode",
        directory_mode,
    ),
    D::server(
        c"MyProxySessionCookie",
        Count::AtLeast(1),
        c"MyProxySessionCookie name [attribute ...]",
        session_cookie,
    ),
    D::server(
        c"MyProxySweepInterval",
        Count::Exactly(1),
        c"MyProxySweepInterval seconds",
        sweep_interval,
    ),
    D::directory(
        c"MyProxyCredential",
        Place::Anywhere,
        Count::Exactly(1),
        c"MyProxyCredential On|Off",
        credential,
    ),
    D::directory(
        c"MyProxyLifetime",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyLifetime seconds",
        lifetime,
    ),
    D::directory(
        c"MyProxyMinLifetime",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyMinLifetime seconds",
        min_lifetime,
    ),
    D::directory(
        c"MyProxyCredName",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyCredName name",
        credential_name,
    ),
    D::directory(
        c"MyProxyForwardCookie",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyForwardCookie plain|encrypted",
        forward_cookie,
    ),
    D::directory(
        c"MyProxyUser",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyUser expression",
        user,
    ),
    D::directory(
        c"MyProxySessionIdle",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxySessionIdle seconds",
        session_idle,
    ),
    D::directory(
        c"MyProxyEnvName",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyEnvName NAME",
        environment_name,
    ),
    D::directory(
        c"MyProxyLogoutURI",
        Place::Directory,
        Count::Exactly(1),
        c"MyProxyLogoutURI regex",
        logout_uri,
    ),
    D::END,
];

/// The longest time that a directive takes, in seconds: a year.
const YEAR: i64 = 31_536_000;

fn seconds(arguments: &Arguments<'_>, index: usize, least: u64) -> std::result::Result<Duration, String> {
    let least = i64::try_from(least).unwrap_or(YEAR);
    let seconds = arguments.number(index, least..=YEAR)?;
    Ok(Duration::from_secs(seconds.unsigned_abs()))
}

fn servers(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let servers = arguments
        .all()?
        .into_iter()
        .map(|server| server.parse::<Server>().map_err(|error| error.to_string()));
    config.settings.servers = Some(servers.collect::<std::result::Result<_, _>>()?);
    Ok(())
}

fn server_dn(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let name = arguments.get(0)?;
    if !name.starts_with('/') || !name.contains('=') {
        return Err(format!(
            "\"{name}\" is not a distinguished name in slash form, such as /DC=org/CN=host"
        ));
    }
    expect_identity(config, ServerIdentity::DistinguishedName(name.to_owned()))
}

fn server_name(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let name = arguments.get(0)?;
    format!("host={name}")
        .parse::<Server>()
        .map_err(|error| error.to_string())?;
    expect_identity(config, ServerIdentity::Name(name.to_owned()))
}

fn expect_identity(config: &mut ServerConfig, identity: ServerIdentity) -> Result {
    match config.settings.identity.replace(identity) {
        Some(_) => Err("only one of MyProxyServerDN and MyProxyServerName can be given, once".to_owned()),
        None => Ok(()),
    }
}

fn trust_directory(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.settings.trust_directory = Some(arguments.path(0)?);
    Ok(())
}

fn timeouts(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let step = Duration::from_secs(arguments.number(0, 1..=600)?.unsigned_abs());
    let total = match arguments.len() {
        2 => Duration::from_secs(arguments.number(1, 1..=600)?.unsigned_abs()),
        _ => Timeouts::default().total.max(step),
    };
    if total < step {
        return Err("the total must not be less than the limit of one reply".to_owned());
    }
    config.settings.timeouts = Some(Timeouts { step, total });
    Ok(())
}

fn max_concurrent(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.settings.max_concurrent = usize::try_from(arguments.number(0, 1..=65535)?).ok();
    Ok(())
}

fn credential_directory(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.settings.credential_directory = Some(arguments.path(0)?);
    Ok(())
}

fn session_store(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let value = arguments.get(0)?;
    let directory = value
        .strip_prefix("dir:")
        .filter(|directory| !directory.is_empty());
    let directory = directory.ok_or_else(|| format!("\"{value}\" must be dir: and a directory"))?;
    config.settings.session_directory = Some(arguments.relative_to_root(directory)?);
    Ok(())
}

fn file_permissions(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let mode = octal(arguments.get(0)?)?;
    let user = if arguments.len() > 1 {
        Some(user_number(arguments.get(1)?)?)
    } else {
        None
    };
    let group = if arguments.len() > 2 {
        Some(group_number(arguments.get(2)?)?)
    } else {
        None
    };
    config.settings.file_permissions =
        Some(FilePermissions::new(mode, user, group).map_err(|error| error.to_string())?);
    Ok(())
}

fn directory_mode(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let mode = octal(arguments.get(0)?)?;
    if mode & 0o700 != 0o700 || mode & !0o751 != 0 {
        return Err(format!(
            "mode {mode:04o} is not fit for a store: 0700, at most 0751"
        ));
    }
    config.settings.directory_mode = Some(mode);
    Ok(())
}

/// A user by name or number.
fn user_number(value: &str) -> std::result::Result<u32, String> {
    let by_name = || {
        User::from_name(value)
            .ok()
            .flatten()
            .map(|user| user.uid.as_raw())
    };
    value
        .parse()
        .ok()
        .or_else(by_name)
        .ok_or_else(|| format!("there is no user \"{value}\""))
}

/// A group by name or number.
fn group_number(value: &str) -> std::result::Result<u32, String> {
    let by_name = || {
        Group::from_name(value)
            .ok()
            .flatten()
            .map(|group| group.gid.as_raw())
    };
    value
        .parse()
        .ok()
        .or_else(by_name)
        .ok_or_else(|| format!("there is no group \"{value}\""))
}

fn octal(value: &str) -> std::result::Result<u32, String> {
    let digits = value.strip_prefix("0o").unwrap_or(value);
    u32::from_str_radix(digits, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| format!("\"{value}\" is not a mode in octal, such as 0600"))
}

fn session_cookie(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let name = arguments.get(0)?;
    let in_a_name = |byte: u8| byte.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&byte);
    if name.is_empty() || !name.bytes().all(in_a_name) {
        return Err(format!("\"{name}\" cannot be the name of a cookie"));
    }
    let attributes = &arguments.all()?[1..];
    let attributes = cookie_attributes::over_defaults(attributes)?;
    config.settings.session_cookie = Some(SessionCookie {
        name: name.to_owned().into(),
        attributes: attributes.into(),
    });
    Ok(())
}

fn sweep_interval(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.settings.sweep_interval = Some(seconds(arguments, 0, 0)?);
    Ok(())
}

fn credential(config: &mut DirectoryConfig, server: &ServerConfig, arguments: &Arguments<'_>) -> Result {
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

fn lifetime(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    let seconds = u32::try_from(arguments.number(0, 60..=YEAR)?).map_err(|error| error.to_string())?;
    config.lifetime = Some(Lifetime::from_seconds(seconds).map_err(|error| error.to_string())?);
    Ok(())
}

fn min_lifetime(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.min_lifetime = Some(seconds(arguments, 0, 0)?);
    Ok(())
}

fn credential_name(config: &mut DirectoryConfig, server: &ServerConfig, arguments: &Arguments<'_>) -> Result {
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

fn forward_cookie(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.forward = Some(match arguments.get(0)? {
        value if value.eq_ignore_ascii_case("plain") => Forward::Plain,
        value if value.eq_ignore_ascii_case("encrypted") => Forward::Encrypted,
        value => return Err(format!("\"{value}\" is neither plain nor encrypted")),
    });
    Ok(())
}

fn user(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.user = Some(Expression::parse::<MyProxy>(arguments, arguments.get(0)?)?);
    Ok(())
}

fn session_idle(config: &mut DirectoryConfig, server: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    let idle = seconds(arguments, 0, SHORTEST_SESSION_IDLE.as_secs())?;
    server.longest_idle.fetch_max(idle.as_secs(), Ordering::Relaxed);
    config.session_idle = Some(idle);
    Ok(())
}

fn environment_name(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    let name = arguments.get(0)?;
    environment::check_name(name)?;
    config.environment_name = Some(name.to_owned());
    Ok(())
}

fn logout_uri(config: &mut DirectoryConfig, server: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    let pattern = arguments.get(0)?;
    server
        .needed_by
        .get_or_init(|| format!("MyProxyLogoutURI ({})", arguments.position()));
    let uri = RegexBuilder::new(pattern).size_limit(1 << 20).build();
    let uri = uri.map_err(|error| format!("\"{pattern}\" is not a regular expression: {error}"))?;
    config.logout = Some(Arc::new(uri));
    Ok(())
}
