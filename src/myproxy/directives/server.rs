//! What the directives of a server write.

use std::time::Duration;

use credential_store::FilePermissions;
use myproxy_client::{KeyFormat, KeySpec, Server, ServerIdentity};
use nix::unistd::{Group, User};

use super::cookie_attributes;
use crate::httpd::Arguments;
use crate::myproxy::config::extra_params::{ExtraParams, NamedServer};
use crate::myproxy::config::{ServerConfig, SessionCookie, Timeouts};
use crate::myproxy::proof::own_certificate::{CertificateKey, Program};

type Result<T = ()> = std::result::Result<T, String>;

pub fn servers(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let servers = arguments.all()?.into_iter().map(NamedServer::parse);
    config.settings.servers = Some(servers.collect::<std::result::Result<_, _>>()?);
    Ok(())
}

pub fn extra_params(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.settings.extra_params = Some(ExtraParams::parse(arguments.get(0)?)?);
    Ok(())
}

pub fn key(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let kind = arguments.get(0)?.parse::<KeySpec>();
    config.settings.key = Some(kind.map_err(|error| error.to_string())?);
    Ok(())
}

pub fn key_format(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let format = arguments.get(0)?.parse::<KeyFormat>();
    config.settings.key_format = Some(format.map_err(|error| error.to_string())?);
    Ok(())
}

pub fn server_dn(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let name = arguments.get(0)?;
    if !name.starts_with('/') || !name.contains('=') {
        return Err(format!(
            "\"{name}\" is not a distinguished name in slash form, such as /DC=org/CN=host"
        ));
    }
    expect_identity(config, ServerIdentity::DistinguishedName(name.to_owned()))
}

pub fn server_name(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
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

pub fn trust_directory(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.settings.trust_directory = Some(arguments.path(0)?);
    Ok(())
}

pub fn certificate_file(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.settings.certificate_file = Some(arguments.path(0)?);
    Ok(())
}

pub fn certificate_key_file(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let values = arguments.all()?;
    let program = match &values[1..] {
        [] => None,
        [program, rest @ ..] => {
            let path = program
                .strip_prefix("exec:")
                .filter(|path| !path.is_empty())
                .ok_or_else(|| format!("\"{program}\" must be exec: and a program"))?;
            Some(Program {
                path: arguments.relative_to_root(path)?,
                arguments: rest.iter().map(ToString::to_string).collect(),
            })
        }
    };
    let file = arguments.path(0)?;
    config.settings.certificate_key = Some(CertificateKey { file, program });
    Ok(())
}

pub fn timeouts(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
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

pub fn max_concurrent(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.settings.max_concurrent = usize::try_from(arguments.number(0, 1..=65535)?).ok();
    Ok(())
}

/// Keys belong to the child that made them, whichever host they are for.
pub fn key_pool(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    if arguments.in_virtual_host() {
        return Err("is for the whole httpd, and cannot stand in a virtual host".to_owned());
    }
    config.settings.key_pool = usize::try_from(arguments.number(0, 0..=1024)?).ok();
    Ok(())
}

pub fn credential_directory(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.settings.credential_directory = Some(arguments.path(0)?);
    Ok(())
}

pub fn session_store(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    let value = arguments.get(0)?;
    let directory = value
        .strip_prefix("dir:")
        .filter(|directory| !directory.is_empty());
    let directory = directory.ok_or_else(|| format!("\"{value}\" must be dir: and a directory"))?;
    config.settings.session_directory = Some(arguments.relative_to_root(directory)?);
    Ok(())
}

pub fn file_permissions(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
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

pub fn directory_mode(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
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
fn user_number(value: &str) -> Result<u32> {
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
fn group_number(value: &str) -> Result<u32> {
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

fn octal(value: &str) -> Result<u32> {
    let digits = value.strip_prefix("0o").unwrap_or(value);
    u32::from_str_radix(digits, 8)
        .ok()
        .filter(|mode| *mode <= 0o7777)
        .ok_or_else(|| format!("\"{value}\" is not a mode in octal, such as 0600"))
}

pub fn session_cookie(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
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

pub fn sweep_interval(config: &mut ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.settings.sweep_interval = Some(arguments.seconds(0, Duration::ZERO)?);
    Ok(())
}
