//! What the directives of `pubcookie_module` configure: for a server, and for a place in it.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use granting_cookie::Encryption;
use pubcookie_protocol::app_id::{AppId, AppServerId};
use pubcookie_protocol::auth_type::AuthTypeNames;
use pubcookie_protocol::granting_request::{LoginMethod, Reauthentication};
use pubcookie_protocol::realm::Realm;
use pubcookie_protocol::session_cookie::SessionFormat;
use pubcookie_protocol::settings::{
    AdditionalRequests, CookieDomain, EndSession, HardExpire, InactiveExpire, LoginUrl, ReplyPath,
};

use super::keys::AppServer;
use super::keyserver::{KeyPermits, Keyserver};
use super::locked_cache::LockedCache;
use super::login::{Login, LoginSettings};
use super::old_configuration::{IdleDirectives, OldConfigFile};
use super::on_demand::OnDemand;
use super::replay::ReplayCache;
use crate::httpd::Config;

/// What a server or virtual host configures, and what was made of it when httpd started.
#[derive(Default)]
pub struct ServerConfig {
    /// `PubcookieLogin`.
    pub login: Option<LoginUrl>,
    /// `PubcookieLoginMethod`.
    pub login_method: Option<LoginMethod>,
    /// `PubcookiePostURL`.
    pub reply_path: Option<ReplyPath>,
    /// `PubcookieDomain`.
    pub domain: Option<CookieDomain>,
    /// `PubcookieAuthTypeNames`.
    pub auth_type_names: Option<AuthTypeNames>,
    /// `PubcookieAppSrvID`.
    pub app_server_id: Option<AppServerId>,
    /// `PubcookieEncryption`.
    pub encryption: Option<Encryption>,
    /// `PubcookieSessionFormat`.
    pub session_format: Option<SessionFormat>,
    /// `PubcookieStrictReauth`.
    pub strict_reauthentication: Option<bool>,
    /// `PubcookieMaxPost`, in bytes.
    pub post_limit: Option<usize>,
    /// `PubcookieDirDepthforAppID`.
    pub app_id_depth: Option<usize>,
    /// `PubcookieNoObscureCookies`.
    pub no_obscure_cookies: Option<bool>,
    /// What makes a login server.
    pub login_settings: LoginSettings,
    /// Where the keys are.
    pub key_files: KeyFiles,
    /// Who may have them from the keyserver.
    pub key_permits: KeyPermits,
    /// `PubcookieConfigFile`.
    pub old_config_file: Option<Arc<OldConfigFile>>,
    /// Directives that mean nothing any more.
    pub idle_directives: IdleDirectives,
    /// `PubcookieReplayCache`, or its default: one for the whole httpd.
    pub replay_cache: OnceLock<Arc<ReplayCache>>,
    /// `PubcookieLoginDelayCache`, or its default: one for the whole httpd.
    pub login_delay_cache: OnceLock<Arc<LockedCache>>,
    /// The application server, where this is one. Set when httpd starts.
    pub app_server: OnceLock<AppServer>,
    /// The login server, where this is one. Set when httpd starts.
    pub login_server: OnceLock<Login>,
    /// The keyserver, where this is one. Set when httpd starts.
    pub keyserver: OnceLock<Keyserver>,
}

/// The files that hold keys and certificates.
#[derive(Clone, Default)]
pub struct KeyFiles {
    /// `PubcookieGrantingCertFile`, each of them.
    pub granting_certificates: Vec<PathBuf>,
    /// `PubcookieGrantingKeyFile`: whoever has it is a login server.
    pub granting_key: Option<PathBuf>,
    /// `PubcookieSessionKeyFile`.
    pub session_key: Option<PathBuf>,
    /// `PubcookieSessionKeyFile`, its second argument.
    pub previous_session_key: Option<PathBuf>,
    /// `PubcookieSessionCertFile`.
    pub session_certificate: Option<PathBuf>,
    /// `PubcookieCryptKeyFile`.
    pub crypt_key: Option<PathBuf>,
    /// `PubcookieKeyDir`.
    pub key_directory: Option<PathBuf>,
}

impl ServerConfig {
    /// Whether this is an application server or a login server. Another one may pass the cookies of the original module
    /// on to where that is.
    pub fn has_keys(&self) -> bool {
        self.app_server.get().is_some() || self.login_server.get().is_some()
    }

    /// Whether applications are not to see the module's cookies.
    pub fn hides_cookies(&self) -> bool {
        self.has_keys() && self.no_obscure_cookies != Some(true)
    }

    /// The largest body that is carried through a login, in bytes.
    pub fn post_limit(&self) -> usize {
        self.post_limit.unwrap_or(1_048_576)
    }

    /// The domain that cookies shared with the login server are set for; none where `PubcookieDomain` is missing and
    /// the server's name is in none.
    pub fn domain(&self, server_name: &str) -> Option<CookieDomain> {
        self.domain
            .clone()
            .or_else(|| CookieDomain::of_server(server_name).ok())
    }
}

impl Config for ServerConfig {
    fn merged(&self, outer: &Self) -> Self {
        ServerConfig {
            login: inner_or(&self.login, &outer.login),
            login_method: self.login_method.or(outer.login_method),
            reply_path: inner_or(&self.reply_path, &outer.reply_path),
            domain: inner_or(&self.domain, &outer.domain),
            auth_type_names: inner_or(&self.auth_type_names, &outer.auth_type_names),
            app_server_id: inner_or(&self.app_server_id, &outer.app_server_id),
            encryption: self.encryption.or(outer.encryption),
            session_format: self.session_format.or(outer.session_format),
            strict_reauthentication: self.strict_reauthentication.or(outer.strict_reauthentication),
            post_limit: self.post_limit.or(outer.post_limit),
            app_id_depth: self.app_id_depth.or(outer.app_id_depth),
            no_obscure_cookies: self.no_obscure_cookies.or(outer.no_obscure_cookies),
            login_settings: self.login_settings.merged(&outer.login_settings),
            key_files: self.key_files.merged(&outer.key_files),
            key_permits: self.key_permits.merged(&outer.key_permits),
            old_config_file: inner_or(&self.old_config_file, &outer.old_config_file),
            idle_directives: self.idle_directives.merged(&outer.idle_directives),
            replay_cache: outer.replay_cache.clone(),
            login_delay_cache: outer.login_delay_cache.clone(),
            // What is made of a configuration belongs to it alone.
            app_server: OnceLock::new(),
            login_server: OnceLock::new(),
            keyserver: OnceLock::new(),
        }
    }

    fn completed(self) -> Self {
        self.with_old_config_file()
    }
}

impl KeyFiles {
    /// Whether anything is said of a session key. Application servers and login servers have one each.
    pub fn names_session_key(&self) -> bool {
        self.session_key.is_some() || self.session_certificate.is_some()
    }

    /// These, and where they say nothing those of `outer`.
    pub fn merged(&self, outer: &Self) -> Self {
        // A session key and the one before it are one setting.
        let keys = if self.session_key.is_some() { self } else { outer };
        KeyFiles {
            granting_certificates: inner_list_or(&self.granting_certificates, &outer.granting_certificates),
            granting_key: inner_or(&self.granting_key, &outer.granting_key),
            session_key: keys.session_key.clone(),
            previous_session_key: keys.previous_session_key.clone(),
            session_certificate: inner_or(&self.session_certificate, &outer.session_certificate),
            crypt_key: inner_or(&self.crypt_key, &outer.crypt_key),
            key_directory: inner_or(&self.key_directory, &outer.key_directory),
        }
    }
}

/// What a Directory, Location or .htaccess configures.
#[derive(Clone, Default)]
pub struct DirectoryConfig {
    /// `PubcookieAuthType`.
    pub auth_type: Option<String>,
    /// `PubcookieAppID`, of each place around this one and of this one, the outermost first.
    pub app_ids: Arc<[AppId]>,
    /// `PubcookieCatenateAppIDs`.
    pub catenate_app_ids: Option<bool>,
    /// `PubcookieInactiveExpire`.
    pub inactive_expire: Option<InactiveExpire>,
    /// `PubcookieHardExpire`.
    pub hard_expire: Option<HardExpire>,
    /// `PubcookieEndSession`.
    pub end_session: Option<EndSession>,
    /// `PubcookieSessionCauseReAuth`.
    pub reauthentication: Option<Reauthentication>,
    /// `PubcookieNoPrompt`.
    pub no_prompt: Option<bool>,
    /// `PubcookieAcceptRealm`; every user is accepted where there is none.
    pub accepted_realms: Vec<Realm>,
    /// `PubcookieStripRealm`.
    pub strip_realm: Option<bool>,
    /// `PubcookieAddlRequest`.
    pub additional_requests: AdditionalRequests,
    /// `PubcookieOnDemand`, each of them.
    pub on_demand: OnDemand,
}

impl Config for DirectoryConfig {
    fn merged(&self, outer: &Self) -> Self {
        DirectoryConfig {
            auth_type: inner_or(&self.auth_type, &outer.auth_type),
            app_ids: joined(&outer.app_ids, &self.app_ids),
            catenate_app_ids: self.catenate_app_ids.or(outer.catenate_app_ids),
            inactive_expire: self.inactive_expire.or(outer.inactive_expire),
            hard_expire: self.hard_expire.or(outer.hard_expire),
            end_session: self.end_session.or(outer.end_session),
            reauthentication: self.reauthentication.or(outer.reauthentication),
            no_prompt: self.no_prompt.or(outer.no_prompt),
            accepted_realms: inner_list_or(&self.accepted_realms, &outer.accepted_realms),
            strip_realm: self.strip_realm.or(outer.strip_realm),
            additional_requests: self.additional_requests.inside(&outer.additional_requests),
            on_demand: self.on_demand.merged(&outer.on_demand),
        }
    }
}

fn inner_or<T: Clone>(inner: &Option<T>, outer: &Option<T>) -> Option<T> {
    inner.as_ref().or(outer.as_ref()).cloned()
}

/// Both lists, made anew only where both have something: most requests merge one with an empty one.
fn joined<T: Clone>(outer: &Arc<[T]>, inner: &Arc<[T]>) -> Arc<[T]> {
    match (outer.is_empty(), inner.is_empty()) {
        (true, _) => inner.clone(),
        (_, true) => outer.clone(),
        _ => [&outer[..], inner].concat().into(),
    }
}

fn inner_list_or<T: Clone>(inner: &[T], outer: &[T]) -> Vec<T> {
    if inner.is_empty() {
        outer.to_vec()
    } else {
        inner.to_vec()
    }
}
