//! What the directives of a place write.

use std::sync::Arc;
use std::time::Duration;

use credential_store::Method;
use myproxy_client::{CredentialName, Lifetime, VoName};
use regex::bytes::RegexBuilder;

use crate::httpd::{Arguments, Expression};
use crate::myproxy::MyProxy;
use crate::myproxy::application::environment;
use crate::myproxy::application::header::HeaderName;
use crate::myproxy::config::renewal_limits;
use crate::myproxy::config::{
    DirectoryConfig, Forward, OnMissing, SHORTEST_SESSION_IDLE, Scope, ServerConfig,
};

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

pub fn lifetime(config: &mut DirectoryConfig, server: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    server.lifetime.get_or_init(|| arguments.position());
    let seconds =
        u32::try_from(arguments.number(0, 60..=LONGEST_LIFETIME)?).map_err(|error| error.to_string())?;
    let lifetime = Lifetime::from_seconds(seconds).map_err(|error| error.to_string())?;
    server.renewal_limits.lasts(lifetime);
    config.lifetime = Some(lifetime);
    renewal_limits::check_place(config, &arguments.position())
}

pub fn renew(config: &mut DirectoryConfig, server: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    let left = arguments.seconds(0, Duration::ZERO)?;
    if !left.is_zero() {
        server.renewal_limits.renews(left, arguments.position());
    }
    config.renew = Some(left);
    renewal_limits::check_place(config, &arguments.position())
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

/// Names of virtual organisations, each with the groups and roles behind it that are meant. All places of a server have
/// the same, for the reason that they have one credential name.
pub fn vo_names(config: &mut DirectoryConfig, server: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    let mut names = Vec::new();
    let values = arguments.all()?;
    let mut values = values.iter().copied().peekable();
    while let Some(name) = values.next() {
        if name.starts_with('/') || name.contains(':') {
            return Err(format!("\"{name}\" is not the name of a virtual organisation"));
        }
        let mut add = |name: String| {
            names.push(VoName::new(name).map_err(|error| error.to_string())?);
            Result::Ok(())
        };
        if values.peek().is_none_or(|next| !next.starts_with('/')) {
            add(name.to_owned())?;
        }
        while let Some(attribute) = values.next_if(|next| next.starts_with('/')) {
            add(format!("{name}:{attribute}"))?;
        }
    }
    let (others, position) = server
        .vo_names
        .get_or_init(|| (names.clone(), arguments.position()));
    if *others != names {
        return Err(format!(
            "credentials of this place would be kept in the same MyProxyCredStoreDir as those of {position}, which are for \
             other organisations or roles; name the same everywhere, or use another virtual host with a directory of its own"
        ));
    }
    config.vo_names = Some(names);
    Ok(())
}

/// All places of a server have the same methods: their credentials are kept under the same names, and one that was got
/// by a method that a place does not take would serve nobody there.
pub fn methods(config: &mut DirectoryConfig, server: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    let mut methods = Vec::new();
    for value in arguments.all()? {
        let named = |method: &Method| value.eq_ignore_ascii_case(method.as_str());
        let method = Method::ALL
            .into_iter()
            .find(named)
            .ok_or_else(|| format!("\"{value}\" is neither cookie, passphrase nor certificate"))?;
        if methods.contains(&method) {
            return Err(format!("{method} is named twice"));
        }
        methods.push(method);
    }
    let mut in_order = methods.clone();
    in_order.sort_unstable();
    let (others, position) = server
        .methods
        .get_or_init(|| (in_order.clone(), arguments.position()));
    if *others != in_order {
        return Err(format!(
            "credentials of this place would be kept in the same MyProxyCredStoreDir as those of {position}, which are \
             got by other methods; name the same methods everywhere (each is used where it applies), or use another \
             virtual host with a directory of its own"
        ));
    }
    config.methods = Some(methods);
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

/// Where it stands does not matter: all places of a server share a store, and sessions that lead from one to another.
pub fn scope(_: &mut DirectoryConfig, server: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    let scope = match arguments.get(0)? {
        value if value.eq_ignore_ascii_case("user") => Scope::User,
        value if value.eq_ignore_ascii_case("session") => Scope::Session,
        value => return Err(format!("\"{value}\" is neither user nor session")),
    };
    let (other, position) = server.scope.get_or_init(|| (scope, arguments.position()));
    if *other != scope {
        return Err(format!(
            "the places of a server have one scope, and {position} says another one; use another virtual host with a \
             MyProxyCredStoreDir and a MyProxySessionStore of its own"
        ));
    }
    Ok(())
}

pub fn user_shared(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.user_shared = Some(arguments.flag()?);
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

pub fn logout_all(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.logout_all = Some(arguments.flag()?);
    Ok(())
}

pub fn on_missing(config: &mut DirectoryConfig, _: &ServerConfig, arguments: &Arguments<'_>) -> Result {
    config.on_missing = Some(match arguments.get(0)? {
        value if value.eq_ignore_ascii_case("ignore") => OnMissing::Ignore,
        value if value.eq_ignore_ascii_case("login") => OnMissing::Login,
        value if value.eq_ignore_ascii_case("deny") => OnMissing::Deny,
        value => return Err(format!("\"{value}\" is neither ignore, login nor deny")),
    });
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
