//! What the directives of `myproxy_module` make of servers and places.

pub mod extra_params;
pub mod question;
pub mod renewal_limits;

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use credential_store::{FilePermissions, Method, Renewal};
use myproxy_client::{CredentialName, KeyFormat, KeySpec, Lifetime, ServerIdentity, VoName};
use regex::bytes::Regex;

use crate::httpd::{Config, Expression};
use crate::myproxy::application::header::{HeaderName, HeaderNames};
use crate::myproxy::proof::own_certificate::CertificateKey;
use crate::myproxy::running::{Asking, Running};
use extra_params::{ExtraParams, NamedServer};
use renewal_limits::RenewalLimits;

/// Limits of a logon (`MyProxyTimeout`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// Of a connect, and of a reply.
    pub step: Duration,
    /// Of all of it.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            step: Duration::from_secs(10),
            total: Duration::from_secs(30),
        }
    }
}

/// The session cookie (`MyProxySessionCookie`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SessionCookie {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Its attributes, as in a Set-Cookie header.
    pub attributes: Cow<'static, str>,
}

impl SessionCookie {
    /// `MM_SESSION`, for this host, over TLS, not for scripts and not with another site's forms.
    pub const DEFAULT: SessionCookie = SessionCookie {
        name: Cow::Borrowed("MM_SESSION"),
        attributes: Cow::Borrowed("Path=/; Secure; HttpOnly; SameSite=Lax"),
    };
}

/// What the directives of a server say. `None` is what no directive said.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Settings {
    /// `MyProxyServer`.
    pub servers: Option<Vec<NamedServer>>,
    /// `MyProxyExtraParams`.
    pub extra_params: Option<ExtraParams>,
    /// `MyProxyServerDN` or `MyProxyServerName`: for all servers.
    pub identity: Option<ServerIdentity>,
    /// `MyProxyCertificateFile`.
    pub certificate_file: Option<PathBuf>,
    /// `MyProxyCertificateKeyFile`.
    pub certificate_key: Option<CertificateKey>,
    /// `MyProxyTrustDir`.
    pub trust_directory: Option<PathBuf>,
    /// `MyProxyTimeout`.
    pub timeouts: Option<Timeouts>,
    /// `MyProxyMaxConcurrent`.
    pub max_concurrent: Option<usize>,
    /// `MyProxyKey`.
    pub key: Option<KeySpec>,
    /// `MyProxyKeyFormat`.
    pub key_format: Option<KeyFormat>,
    /// `MyProxyKeyPool`, for the whole httpd.
    pub key_pool: Option<usize>,
    /// `MyProxyCredStoreDir`.
    pub credential_directory: Option<PathBuf>,
    /// `MyProxySessionStore dir:...`.
    pub session_directory: Option<PathBuf>,
    /// `MyProxyFilePermissions`.
    pub file_permissions: Option<FilePermissions>,
    /// `MyProxyDirPermissions`.
    pub directory_mode: Option<u32>,
    /// `MyProxySessionCookie`.
    pub session_cookie: Option<SessionCookie>,
    /// `MyProxySweepInterval`; zero is off.
    pub sweep_interval: Option<Duration>,
}

/// The configuration of a server or virtual host.
#[derive(Debug, Default)]
pub struct ServerConfig {
    /// What its directives say.
    pub settings: Settings,
    /// The directive that needs all of it, and where it stands: `MyProxyCredential On (file:line)`.
    pub needed_by: OnceLock<String>,
    /// Which credential a place of this server names (`MyProxyCredName`), and where.
    pub credential_name: OnceLock<(CredentialName, String)>,
    /// Which virtual organisations a place of this server names (`MyProxyVO`), and where.
    pub vo_names: OnceLock<(Vec<VoName>, String)>,
    /// Where a place of this server says a lifetime (`MyProxyLifetime`).
    pub lifetime: OnceLock<String>,
    /// The headers that places of this server name (`MyProxyHeader`).
    pub header_names: HeaderNames,
    /// Which methods a place of this server names (`MyProxyAuthMethod`), in the order of [`Method`], and where.
    pub methods: OnceLock<(Vec<Method>, String)>,
    /// What a place of this server says of all of them (`MyProxyCredScope`), and where.
    pub scope: OnceLock<(Scope, String)>,
    /// Whether a place of this server demands credentials (`Require myproxy-credential`).
    pub required: OnceLock<()>,
    /// What the start made to ask MyProxy servers, where any is named. Servers with the same settings share it.
    pub asking: OnceLock<Arc<Asking>>,
    /// What places of this server say of lifetimes and renewal.
    pub renewal_limits: RenewalLimits,
    /// What the start made of all this where credentials are wanted. Servers with the same settings share it.
    pub running: OnceLock<Arc<Running>>,
}

impl Config for ServerConfig {
    fn merged(&self, outer: &Self) -> Self {
        ServerConfig {
            settings: self.settings.merged(&outer.settings),
            needed_by: either(&self.needed_by, &outer.needed_by),
            credential_name: either(&self.credential_name, &outer.credential_name),
            vo_names: either(&self.vo_names, &outer.vo_names),
            lifetime: either(&self.lifetime, &outer.lifetime),
            header_names: self.header_names.merged(&outer.header_names),
            methods: either(&self.methods, &outer.methods),
            renewal_limits: self.renewal_limits.merged(&outer.renewal_limits),
            scope: either(&self.scope, &outer.scope),
            required: either(&self.required, &outer.required),
            asking: OnceLock::new(),
            running: OnceLock::new(),
        }
    }
}

impl ServerConfig {
    /// Who shares a credential here.
    pub fn scope(&self) -> Scope {
        self.scope.get().map_or(Scope::default(), |(scope, _)| *scope)
    }
}

fn either<T: Clone>(inner: &OnceLock<T>, outer: &OnceLock<T>) -> OnceLock<T> {
    if inner.get().is_some() {
        inner.clone()
    } else {
        outer.clone()
    }
}

impl Settings {
    fn merged(&self, outer: &Self) -> Self {
        Settings {
            servers: self.servers.clone().or_else(|| outer.servers.clone()),
            extra_params: self.extra_params.clone().or_else(|| outer.extra_params.clone()),
            identity: self.identity.clone().or_else(|| outer.identity.clone()),
            certificate_file: self
                .certificate_file
                .clone()
                .or_else(|| outer.certificate_file.clone()),
            certificate_key: self
                .certificate_key
                .clone()
                .or_else(|| outer.certificate_key.clone()),
            trust_directory: self
                .trust_directory
                .clone()
                .or_else(|| outer.trust_directory.clone()),
            timeouts: self.timeouts.or(outer.timeouts),
            max_concurrent: self.max_concurrent.or(outer.max_concurrent),
            key: self.key.or(outer.key),
            key_format: self.key_format.or(outer.key_format),
            key_pool: self.key_pool.or(outer.key_pool),
            credential_directory: self
                .credential_directory
                .clone()
                .or_else(|| outer.credential_directory.clone()),
            session_directory: self
                .session_directory
                .clone()
                .or_else(|| outer.session_directory.clone()),
            file_permissions: self.file_permissions.or(outer.file_permissions),
            directory_mode: self.directory_mode.or(outer.directory_mode),
            session_cookie: self
                .session_cookie
                .clone()
                .or_else(|| outer.session_cookie.clone()),
            sweep_interval: self.sweep_interval.or(outer.sweep_interval),
        }
    }

    /// The session cookie.
    pub fn session_cookie(&self) -> &SessionCookie {
        self.session_cookie.as_ref().unwrap_or(&SessionCookie::DEFAULT)
    }
}

/// The form of a granting cookie that is shown to the MyProxy server (`MyProxyForwardCookie`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Forward {
    /// Decrypted here, still signed: the server needs the granting certificate alone.
    #[default]
    Plain,
    /// As it came: the server needs our key too.
    Encrypted,
}

/// What becomes of a request that gets no credential (`MyProxyOnMissing`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnMissing {
    /// It goes on without.
    #[default]
    Ignore,
    /// Its user logs in again, where that helps, and is refused where not.
    Login,
    /// It is refused.
    Deny,
}

/// Who shares a credential (`MyProxyCredScope`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// All sessions of a user.
    #[default]
    User,
    /// Each session has its own.
    Session,
}

/// What a place configures. `None` is what no directive said.
#[derive(Debug, Default)]
pub struct DirectoryConfig {
    /// `MyProxyCredential`.
    pub credential: Option<bool>,
    /// `MyProxyLifetime`.
    pub lifetime: Option<Lifetime>,
    /// `MyProxyMinLifetime`.
    pub min_lifetime: Option<Duration>,
    /// `MyProxyCredName`: which of the user's stored credentials.
    pub credential_name: Option<CredentialName>,
    /// `MyProxyVO`: which attributes the credential shall have.
    pub vo_names: Option<Vec<VoName>>,
    /// `MyProxyAuthMethod`, in order of preference.
    pub methods: Option<Vec<Method>>,
    /// `MyProxyForwardCookie`.
    pub forward: Option<Forward>,
    /// `MyProxyUser`: the MyProxy user name; without it, the web user's.
    pub user: Option<Expression>,
    /// `MyProxyUserShared`.
    pub user_shared: Option<bool>,
    /// `MyProxySessionIdle`.
    pub session_idle: Option<Duration>,
    /// `MyProxyRenew`; zero is off.
    pub renew: Option<Duration>,
    /// `MyProxyEnvName`.
    pub environment_name: Option<String>,
    /// `MyProxyHeader`.
    pub header: Option<HeaderName>,
    /// `MyProxyLogoutURI`.
    pub logout: Option<Arc<Regex>>,
    /// `MyProxyLogoutAll`.
    pub logout_all: Option<bool>,
    /// `MyProxyOnMissing`.
    pub on_missing: Option<OnMissing>,
}

impl Config for DirectoryConfig {
    fn merged(&self, outer: &Self) -> Self {
        DirectoryConfig {
            credential: self.credential.or(outer.credential),
            lifetime: self.lifetime.or(outer.lifetime),
            min_lifetime: self.min_lifetime.or(outer.min_lifetime),
            credential_name: self
                .credential_name
                .clone()
                .or_else(|| outer.credential_name.clone()),
            vo_names: self.vo_names.clone().or_else(|| outer.vo_names.clone()),
            methods: self.methods.clone().or_else(|| outer.methods.clone()),
            forward: self.forward.or(outer.forward),
            user: self.user.or(outer.user),
            user_shared: self.user_shared.or(outer.user_shared),
            session_idle: self.session_idle.or(outer.session_idle),
            renew: self.renew.or(outer.renew),
            environment_name: self
                .environment_name
                .clone()
                .or_else(|| outer.environment_name.clone()),
            header: self.header.clone().or_else(|| outer.header.clone()),
            logout: self.logout.clone().or_else(|| outer.logout.clone()),
            logout_all: self.logout_all.or(outer.logout_all),
            on_missing: self.on_missing.or(outer.on_missing),
        }
    }
}

/// What holds in a place, defaults filled in.
impl DirectoryConfig {
    /// Whether credentials are fetched and exported here.
    pub fn credential(&self) -> bool {
        self.credential.unwrap_or(false)
    }

    /// A credential with less left counts as missing.
    pub fn min_lifetime(&self) -> Duration {
        self.min_lifetime.unwrap_or(Duration::from_secs(60))
    }

    /// What is shown to the MyProxy server, in order of preference.
    pub fn methods(&self) -> &[Method] {
        self.methods.as_deref().unwrap_or(&[Method::Cookie])
    }

    /// The form of the granting cookie.
    pub fn forward(&self) -> Forward {
        self.forward.unwrap_or_default()
    }

    /// Whether several web users may have credentials of one MyProxy user.
    pub fn user_shared(&self) -> bool {
        self.user_shared.unwrap_or(false)
    }

    /// How credentials are kept good, where they are.
    pub fn renewal(&self, server: &ServerConfig) -> Option<Renewal> {
        let left = self.renew.filter(|left| !left.is_zero())?;
        Some(Renewal {
            seconds_left: u32::try_from(left.as_secs()).unwrap_or(u32::MAX),
            lifetime: self.lifetime(server).as_seconds(),
        })
    }

    /// A session not used for so long has ended.
    pub fn session_idle(&self) -> Duration {
        self.session_idle.unwrap_or(Duration::from_secs(28800))
    }

    /// What becomes of a request without a credential.
    pub fn on_missing(&self) -> OnMissing {
        self.on_missing.unwrap_or_default()
    }

    /// Whether a logout erases what other sessions of the user share.
    pub fn logout_all(&self) -> bool {
        self.logout_all.unwrap_or(true)
    }

    /// The variable that holds the path.
    pub fn environment_name(&self) -> &str {
        self.environment_name.as_deref().unwrap_or("X509_USER_PROXY")
    }
}

/// The shortest `MyProxySessionIdle`.
pub const SHORTEST_SESSION_IDLE: Duration = Duration::from_secs(60);
