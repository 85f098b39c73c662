//! The directives of `pubcookie_module`, with their places and limits.

mod keys;
mod keyserver;
mod login_server;
mod old_configuration;
mod on_demand;
mod place;
mod server;

use std::fmt::Display;
use std::str::FromStr;

use super::Pubcookie;
use crate::httpd::{Arguments, Count, Directive, Place};

type D = Directive<Pubcookie>;
type Result<T = ()> = std::result::Result<T, String>;

/// All of them.
pub const DIRECTIVES: &[D] = &[
    // Who asks whom for a login.
    D::server(
        c"PubcookieLogin",
        ONE,
        c"https URL of the login server",
        server::login,
    ),
    D::server(c"PubcookieLoginMethod", ONE, c"GET or POST", server::login_method),
    D::server(
        c"PubcookiePostURL",
        ONE,
        c"path of the reply URL of the POST method",
        server::reply_path,
    ),
    D::server(
        c"PubcookieDomain",
        ONE,
        c"domain shared with the login server",
        server::domain,
    ),
    D::server(
        c"PubcookieAuthTypeNames",
        Count::AtLeast(1),
        c"AuthType names of the login flavours, first to ninth; null skips one",
        server::auth_type_names,
    ),
    D::server(
        c"PubcookieAppSrvID",
        ONE,
        c"ID of this application server",
        server::app_server_id,
    ),
    D::server(
        c"PubcookieEncryption",
        ONE,
        c"AES, DES or AES+DOMAIN",
        server::encryption,
    ),
    D::server(
        c"PubcookieSessionFormat",
        Count::Between(1, 2),
        c"sealed or legacy: what is written, then what is read besides",
        server::session_format,
    ),
    D::server(
        c"PubcookieStrictReauth",
        ONE,
        c"On or Off: only a granting cookie that says so counts as reauthenticated",
        server::strict_reauthentication,
    ),
    D::server(
        c"PubcookieMaxPost",
        ONE,
        c"the most bytes of a body that is carried through a login",
        server::post_limit,
    ),
    D::server(
        c"PubcookieDirDepthforAppID",
        ONE,
        c"how many directories of the path make the ID of an application that has no other (0 to 65535)",
        server::app_id_depth,
    ),
    D::server(
        c"PubcookieNoObscureCookies",
        ONE,
        c"On or Off: applications see the module's cookies",
        server::no_obscure_cookies,
    ),
    D::server(
        c"PubcookieReplayCache",
        ONE,
        c"a shared cache of httpd's that remembers the granting cookies that were used, such as shmcb",
        server::replay_cache,
    ),
    // Keys and certificates.
    D::server(
        c"PubcookieGrantingCertFile",
        ONE,
        c"the login server's granting certificate; may be given again for a change of keys",
        keys::granting_certificate,
    ),
    D::server(
        c"PubcookieSessionKeyFile",
        Count::Between(1, 2),
        c"private session key, then the one before it",
        keys::session_key,
    ),
    D::server(
        c"PubcookieSessionCertFile",
        ONE,
        c"certificate of the session key",
        keys::session_certificate,
    ),
    D::server(
        c"PubcookieCryptKeyFile",
        ONE,
        c"key file shared with the login server",
        keys::crypt_key,
    ),
    D::server(
        c"PubcookieKeyDir",
        ONE,
        c"directory with key files, each named after its host",
        keys::key_directory,
    ),
    // Of old configurations.
    D::server(
        c"PubcookieConfigFile",
        ONE,
        c"the configuration file of the original programs, for what is not set here",
        old_configuration::config_file,
    ),
    D::server(
        c"PubcookieNoCleanCreds",
        ONE,
        c"On or Off; means nothing any more",
        old_configuration::no_clean_creds,
    ),
    D::server(
        c"PubcookieEgdDevice",
        ONE,
        c"means nothing any more",
        old_configuration::egd_device,
    ),
    D::server(
        c"PubcookieNoBlank",
        ONE,
        c"means nothing any more",
        old_configuration::no_blank,
    ),
    D::directory(
        c"PubcookieSuperDebug",
        Place::Htaccess,
        ONE,
        c"On or Off; means nothing any more",
        old_configuration::super_debug,
    ),
    // The login server.
    D::server(
        c"PubcookieGrantingKeyFile",
        ONE,
        c"private granting key; makes this server a login server",
        login_server::granting_key,
    ),
    D::server(
        c"PubcookieLoginProvider",
        Count::AtLeast(1),
        c"authentication providers that check passwords, in order, as for AuthBasicProvider; flavour=NAME before them for \
          another login flavour than the first",
        login_server::providers,
    ),
    D::server(
        c"PubcookieLoginTrustRemoteUser",
        ONE,
        c"On or Off: httpd has authenticated the user, and no form is shown for the first login flavour",
        login_server::trust_remote_user,
    ),
    D::server(
        c"PubcookieLoginTemplates",
        ONE,
        c"directory with templates in place of the built-in pages",
        login_server::templates,
    ),
    D::server(
        c"PubcookieLoginDelay",
        Count::Between(1, 2),
        c"Off, or how many wrong passwords have no consequence (1 to 1000), then the longest delay in seconds (1 to 86400)",
        login_server::delay,
    ),
    D::server(
        c"PubcookieLoginDelayCache",
        ONE,
        c"a shared cache of httpd's that counts wrong passwords, such as shmcb",
        login_server::delay_cache,
    ),
    // The keyserver.
    D::server(
        c"PubcookieKeyPermit",
        Count::AtLeast(1),
        c"PubcookieKeyPermit client [host ...] [+permit] [+put]",
        keyserver::permit,
    ),
    D::server(
        c"PubcookieKeyPermitDir",
        ONE,
        c"directory where a file named after a host permits it its key",
        keyserver::permit_directory,
    ),
    D::server(
        c"PubcookieKeyTrustDir",
        ONE,
        c"directory where the certificates that are added to be trusted are kept",
        keyserver::trust_directory,
    ),
    // Places.
    D::directory(
        c"PubcookieAuthType",
        Place::Htaccess,
        ONE,
        c"the login flavour that protects this place, where AuthType is not set",
        place::auth_type,
    ),
    D::directory(
        c"PubcookieAppID",
        Place::Htaccess,
        ONE,
        c"ID of this application",
        place::app_id,
    ),
    D::directory(
        c"PubcookieCatenateAppIDs",
        Place::Directory,
        ONE,
        c"On or Off: the ID of an application has the directory and the IDs of all places around it in front",
        place::catenate_app_ids,
    ),
    D::directory(
        c"PubcookieInactiveExpire",
        Place::Htaccess,
        ONE,
        c"seconds without a request after which a session ends (at least 300; -1: never)",
        place::inactive_expire,
    ),
    D::directory(
        c"PubcookieHardExpire",
        Place::Htaccess,
        ONE,
        c"seconds after its login at which a session ends (3600 to 43200)",
        place::hard_expire,
    ),
    D::directory(
        c"PubcookieEndSession",
        Place::Htaccess,
        ONE,
        c"on, redirect, clearLogin or off: what a request for this place does to the session",
        place::end_session,
    ),
    D::directory(
        c"PubcookieOnDemand",
        Place::Htaccess,
        Count::AtLeast(2),
        c"a key, and in quotes the directives that hold where the cookie OnDemandKey has it as its value",
        on_demand::directives,
    ),
    D::directory(
        c"PubcookieSessionCauseReAuth",
        Place::Htaccess,
        ONE,
        c"on, off, or the seconds within which a login counts: a session needs the password anew",
        place::reauthentication,
    ),
    D::directory(
        c"PubcookieNoPrompt",
        Place::Htaccess,
        ONE,
        c"On or Off: who is not logged in at the login server goes on without a user",
        place::no_prompt,
    ),
    D::directory(
        c"PubcookieAcceptRealm",
        Place::AnywhereByOptions,
        Count::AtLeast(1),
        c"the realms whose users may come here",
        place::accepted_realms,
    ),
    D::directory(
        c"PubcookieStripRealm",
        Place::AnywhereByOptions,
        ONE,
        c"On or Off: the application sees users without their realm",
        place::strip_realm,
    ),
    D::directory(
        c"PubcookieAddlRequest",
        Place::Htaccess,
        Count::AtLeast(1),
        c"option=value ...: what the login server is asked besides",
        place::additional_requests,
    ),
    D::END,
];

const ONE: Count = Count::Exactly(1);

/// The only argument as a value that knows its own limits.
fn parsed<T: FromStr<Err: Display>>(arguments: &Arguments<'_>) -> Result<T> {
    arguments.get(0)?.parse().map_err(text)
}

fn text(error: impl Display) -> String {
    error.to_string()
}
