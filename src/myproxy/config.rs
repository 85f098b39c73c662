//! What the directives of `myproxy_module` make of servers and places.

use std::borrow::Cow;
use std::path::PathBuf;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use credential_store::FilePermissions;
use myproxy_client::{CredentialName, Lifetime, Server, ServerIdentity};
use regex::bytes::Regex;

use super::header::{HeaderName, HeaderNames};
use super::running::Running;
use crate::httpd::{Config, Expression};

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
    pub servers: Option<Vec<Server>>,
    /// `MyProxyServerDN` or `MyProxyServerName`: for all servers.
    pub identity: Option<ServerIdentity>,
    /// `MyProxyTrustDir`.
    pub trust_directory: Option<PathBuf>,
    /// `MyProxyTimeout`.
    pub timeouts: Option<Timeouts>,
    /// `MyProxyMaxConcurrent`.
    pub max_concurrent: Option<usize>,
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
    /// The headers that places of this server name (`MyProxyHeader`).
    pub header_names: HeaderNames,
    /// What the start made of all this. Servers with the same settings share it.
    pub running: OnceLock<Arc<Running>>,
}

impl Config for ServerConfig {
    fn merged(&self, outer: &Self) -> Self {
        ServerConfig {
            settings: self.settings.merged(&outer.settings),
            needed_by: either(&self.needed_by, &outer.needed_by),
            credential_name: either(&self.credential_name, &outer.credential_name),
            header_names: self.header_names.merged(&outer.header_names),
            running: OnceLock::new(),
        }
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
            identity: self.identity.clone().or_else(|| outer.identity.clone()),
            trust_directory: self
                .trust_directory
                .clone()
                .or_else(|| outer.trust_directory.clone()),
            timeouts: self.timeouts.or(outer.timeouts),
            max_concurrent: self.max_concurrent.or(outer.max_concurrent),
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
    /// `MyProxyForwardCookie`.
    pub forward: Option<Forward>,
    /// `MyProxyUser`: the MyProxy user name; without it, the web user's.
    pub user: Option<Expression>,
    /// `MyProxySessionIdle`.
    pub session_idle: Option<Duration>,
    /// `MyProxyEnvName`.
    pub environment_name: Option<String>,
    /// `MyProxyHeader`.
    pub header: Option<HeaderName>,
    /// `MyProxyLogoutURI`.
    pub logout: Option<Arc<Regex>>,
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
            forward: self.forward.or(outer.forward),
            user: self.user.or(outer.user),
            session_idle: self.session_idle.or(outer.session_idle),
            environment_name: self
                .environment_name
                .clone()
                .or_else(|| outer.environment_name.clone()),
            header: self.header.clone().or_else(|| outer.header.clone()),
            logout: self.logout.clone().or_else(|| outer.logout.clone()),
        }
    }
}

/// What holds in a place, defaults filled in.
impl DirectoryConfig {
    /// Whether credentials are fetched and exported here.
    pub fn credential(&self) -> bool {
        self.credential.unwrap_or(false)
    }

    /// What to ask for.
    pub fn lifetime(&self) -> Lifetime {
        self.lifetime.unwrap_or_default()
    }

    /// A credential with less left counts as missing.
    pub fn min_lifetime(&self) -> Duration {
        self.min_lifetime.unwrap_or(Duration::from_secs(60))
    }

    /// The form of the granting cookie.
    pub fn forward(&self) -> Forward {
        self.forward.unwrap_or_default()
    }

    /// A session not used for so long has ended.
    pub fn session_idle(&self) -> Duration {
        self.session_idle.unwrap_or(Duration::from_secs(28800))
    }

    /// The variable that holds the path.
    pub fn environment_name(&self) -> &str {
        self.environment_name.as_deref().unwrap_or("X509_USER_PROXY")
    }
}

/// The shortest `MyProxySessionIdle`.
pub const SHORTEST_SESSION_IDLE: Duration = Duration::from_secs(60);
