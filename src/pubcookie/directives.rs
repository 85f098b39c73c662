//! The directives of `pubcookie_module`, with their places and limits.

use std::fmt::Display;
use std::str::FromStr;
use std::sync::Arc;

use pubcookie_protocol::app_id::{AppId, AppServerId};
use pubcookie_protocol::auth_type::AuthTypeNames;

use super::Pubcookie;
use super::replay::ReplayCache;
use crate::httpd::{Arguments, Count, Directive, PasswordProvider, Place, SharedCache};

type D = Directive<Pubcookie>;

/// All of them.
pub const DIRECTIVES: &[D] = &[
    // Who asks whom for a login.
    D::server(
        c"PubcookieLogin",
        ONE,
        c"https URL of the login server",
        |config, arguments| {
            config.login = Some(parsed(arguments)?);
            Ok(())
        },
    ),
    D::server(
        c"PubcookieLoginMethod",
        ONE,
        c"GET or POST",
        |config, arguments| {
            config.login_method = Some(parsed(arguments)?);
            Ok(())
        },
    ),
    D::server(
        c"PubcookiePostURL",
        ONE,
        c"path of the reply URL of the POST method",
        |config, arguments| {
            config.reply_path = Some(parsed(arguments)?);
            Ok(())
        },
    ),
    D::server(
        c"PubcookieDomain",
        ONE,
        c"domain shared with the login server",
        |config, arguments| {
            config.domain = Some(parsed(arguments)?);
            Ok(())
        },
    ),
    D::server(
        c"PubcookieAuthTypeNames",
        Count::AtLeast(1),
        c"AuthType names of the login flavours, first to ninth; null skips one",
        |config, arguments| {
            config.auth_type_names = Some(AuthTypeNames::parse(arguments.all()?).map_err(text)?);
            Ok(())
        },
    ),
    D::server(
        c"PubcookieAppSrvID",
        ONE,
        c"ID of this application server",
        |config, arguments| {
            config.app_server_id = Some(AppServerId::configured(arguments.get(0)?).map_err(text)?);
            Ok(())
        },
    ),
    D::server(
        c"PubcookieEncryption",
        ONE,
        c"AES, DES or AES+DOMAIN",
        |config, arguments| {
            config.encryption = Some(parsed(arguments)?);
            Ok(())
        },
    ),
    D::server(
        c"PubcookieSessionFormat",
        Count::Between(1, 2),
        c"sealed or legacy: what is written, then what is read besides",
        |config, arguments| {
            config.session_format = Some(arguments.all()?.join(" ").parse().map_err(text)?);
            Ok(())
        },
    ),
    D::server(
        c"PubcookieStrictReauth",
        ONE,
        c"On or Off: only a granting cookie that says so counts as reauthenticated",
        |config, arguments| {
            config.strict_reauthentication = Some(arguments.flag()?);
            Ok(())
        },
    ),
    D::server(
        c"PubcookieMaxPost",
        ONE,
        c"the most bytes of a body that is carried through a login",
        |config, arguments| {
            let bytes = arguments.number(0, 0..=10_485_760)?;
            config.post_limit = Some(usize::try_from(bytes).map_err(text)?);
            Ok(())
        },
    ),
    D::server(
        c"PubcookieReplayCache",
        ONE,
        c"a shared cache of httpd's that remembers the granting cookies that were used, such as shmcb",
        |config, arguments| {
            if arguments.in_virtual_host() {
                return Err("there is one for the whole httpd: set it outside of virtual hosts".into());
            }
            let cache = SharedCache::from_directive(arguments, arguments.get(0)?)?;
            config.replay_cache = Arc::new(ReplayCache::new(cache)).into();
            Ok(())
        },
    ),
    // Keys and certificates.
    D::server(
        c"PubcookieGrantingCertFile",
        ONE,
        c"the login server's granting certificate; may be given again for a change of keys",
        |config, arguments| {
            config.key_files.granting_certificates.push(arguments.path(0)?);
            Ok(())
        },
    ),
    D::server(
        c"PubcookieSessionKeyFile",
        Count::Between(1, 2),
        c"private session key, then the one before it",
        |config, arguments| {
            config.key_files.session_key = Some(arguments.path(0)?);
            config.key_files.previous_session_key = if arguments.len() > 1 {
                Some(arguments.path(1)?)
            } else {
                None
            };
            Ok(())
        },
    ),
    D::server(
        c"PubcookieSessionCertFile",
        ONE,
        c"certificate of the session key",
        |config, arguments| {
            config.key_files.session_certificate = Some(arguments.path(0)?);
            Ok(())
        },
    ),
    D::server(
        c"PubcookieCryptKeyFile",
        ONE,
        c"key file shared with the login server",
        |config, arguments| {
            config.key_files.crypt_key = Some(arguments.path(0)?);
            Ok(())
        },
    ),
    D::server(
        c"PubcookieKeyDir",
        ONE,
        c"directory with key files, each named after its host",
        |config, arguments| {
            config.key_files.key_directory = Some(arguments.path(0)?);
            Ok(())
        },
    ),
    // The login server.
    D::server(
        c"PubcookieGrantingKeyFile",
        ONE,
        c"private granting key; makes this server a login server",
        |config, arguments| {
            config.key_files.granting_key = Some(arguments.path(0)?);
            Ok(())
        },
    ),
    D::server(
        c"PubcookieLoginProvider",
        Count::AtLeast(1),
        c"authentication providers that check passwords, in order, as for AuthBasicProvider",
        |config, arguments| {
            let providers = arguments.all()?.into_iter().map(PasswordProvider::find);
            config.login_providers = providers.collect::<Result<_, _>>()?;
            Ok(())
        },
    ),
    // Places.
    D::directory(
        c"PubcookieAuthType",
        Place::Htaccess,
        ONE,
        c"the login flavour that protects this place, where AuthType is not set",
        |config, _, arguments| {
            config.auth_type = Some(arguments.get(0)?.to_owned());
            Ok(())
        },
    ),
    D::directory(
        c"PubcookieAppID",
        Place::Htaccess,
        ONE,
        c"ID of this application",
        |config, _, arguments| {
            config.app_id = Some(AppId::configured(arguments.get(0)?).map_err(text)?);
            Ok(())
        },
    ),
    D::directory(
        c"PubcookieInactiveExpire",
        Place::Htaccess,
        ONE,
        c"seconds without a request after which a session ends (at least 300; -1: never)",
        |config, _, arguments| {
            config.inactive_expire = Some(parsed(arguments)?);
            Ok(())
        },
    ),
    D::directory(
        c"PubcookieHardExpire",
        Place::Htaccess,
        ONE,
        c"seconds after its login at which a session ends (3600 to 43200)",
        |config, _, arguments| {
            config.hard_expire = Some(parsed(arguments)?);
            Ok(())
        },
    ),
    D::directory(
        c"PubcookieEndSession",
        Place::Htaccess,
        ONE,
        c"on, redirect, clearLogin or off: what a request for this place does to the session",
        |config, _, arguments| {
            config.end_session = Some(parsed(arguments)?);
            Ok(())
        },
    ),
    D::END,
];

const ONE: Count = Count::Exactly(1);

/// The only argument as a value that knows its own limits.
fn parsed<T: FromStr<Err: Display>>(arguments: &Arguments<'_>) -> Result<T, String> {
    arguments.get(0)?.parse().map_err(text)
}

fn text(error: impl Display) -> String {
    error.to_string()
}
