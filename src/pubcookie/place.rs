//! What the configuration demands at the place that a request is for.

use std::borrow::Cow;

use granting_cookie::Encryption;
use pubcookie_protocol::app_id::{AppId, AppServerId};
use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::grant::GrantPolicy;
use pubcookie_protocol::granting_request::{LoginMethod, Reauthentication};
use pubcookie_protocol::host::{Host, HostError};
use pubcookie_protocol::session::SessionPolicy;
use pubcookie_protocol::set_cookie;
use pubcookie_protocol::settings::{CookieDomain, LoginUrl};

use super::config::{DirectoryConfig, ServerConfig};
use super::keys::AppServer;
use super::replay::ReplayCache;
use super::{Pubcookie, server_name};
use crate::httpd::Request;

/// Who protects a place.
pub enum Protection<'r> {
    /// Nobody, or another module.
    Other,
    /// Pubcookie, with the login flavour of this name and number.
    Flavour(&'r str, Creds),
}

impl<'r> Protection<'r> {
    /// Reads it off `AuthType` and `PubcookieAuthType`. An error says what is wrong with them.
    pub fn of(request: &Request<'r>) -> Result<Self, String> {
        let creds = |name| {
            request
                .server_config::<Pubcookie>()
                .and_then(|server| server.creds(name))
        };
        let core = request.configured_authentication_type();
        let ours = request
            .directory_config::<Pubcookie>()
            .and_then(|place| place.auth_type.as_deref());
        match (ours, core) {
            (Some(ours), Some(core)) if creds(core).is_none() => Err(format!(
                "PubcookieAuthType {ours} stands beside AuthType {core}, which is not a login flavour of Pubcookie: \
                 remove one of them"
            )),
            // Also where AuthType names another flavour: that may come from a wider place.
            (Some(ours), _) => match creds(ours) {
                Some(creds) => Ok(Protection::Flavour(ours, creds)),
                None => Err(format!(
                    "PubcookieAuthType {ours} is not one of PubcookieAuthTypeNames"
                )),
            },
            (None, core) => Ok(match core.and_then(|name| Some((name, creds(name)?))) {
                Some((name, creds)) => Protection::Flavour(name, creds),
                None => Protection::Other,
            }),
        }
    }
}

impl ServerConfig {
    fn creds(&self, name: &str) -> Option<Creds> {
        match &self.auth_type_names {
            Some(names) => names.creds(name),
            None => pubcookie_protocol::auth_type::AuthTypeNames::default().creds(name),
        }
    }
}

/// A place on an application server.
pub struct Place<'r> {
    /// What the server configures.
    pub config: &'r ServerConfig,
    /// What the place configures.
    pub directory: &'r DirectoryConfig,
    /// The application server.
    pub app_server: &'r AppServer,
    /// The login server.
    pub login: &'r LoginUrl,
    /// What remembers the granting cookies that were used.
    pub replay_cache: &'r ReplayCache,
    /// The login flavour.
    pub creds: Creds,
    /// The application.
    pub app_id: AppId,
    /// The ID of the application server, as it is for this request.
    pub app_server_id: Cow<'r, AppServerId>,
    server_name: &'r str,
    port: u16,
}

impl<'r> Place<'r> {
    /// The place of a request, where the login flavour `creds` is demanded. An error names the directive that is
    /// missing.
    pub fn of(request: &Request<'r>, creds: Creds) -> Result<Self, &'static str> {
        const INTERNAL: &str = "the configuration could not be made when httpd started";
        let config = request.server_config::<Pubcookie>().ok_or(INTERNAL)?;
        let login = config
            .login
            .as_ref()
            .ok_or("PubcookieLogin is not set for this server")?;
        let files = &config.key_files;
        let app_server = config
            .app_server
            .get()
            .ok_or(match files.granting_certificates.is_empty() {
                true => "PubcookieGrantingCertFile is not set for this server",
                false => "PubcookieSessionKeyFile is not set for this server",
            })?;
        Ok(Place {
            config,
            directory: request.directory_config::<Pubcookie>().ok_or(INTERNAL)?,
            app_server,
            login,
            replay_cache: config.replay_cache.get().ok_or(INTERNAL)?,
            creds,
            app_id: app_id(request),
            app_server_id: app_server.id(request),
            server_name: server_name::of(request),
            port: port(request),
        })
    }

    /// How the browser carries granting request and granting cookie.
    pub fn login_method(&self) -> LoginMethod {
        self.config.login_method.unwrap_or_default()
    }

    /// The domain of cookies that the login server has to read; only the GET method has them.
    pub fn domain(&self) -> Option<CookieDomain> {
        self.config.domain(self.server_name)
    }

    /// The name of the server: [`server_name::of`].
    pub fn server_name(&self) -> &'r str {
        self.server_name
    }

    /// The server as URLs name it.
    pub fn host(&self) -> Result<Host, HostError> {
        Host::new(self.server_name, self.port)
    }

    /// What a session must satisfy here.
    pub fn session_policy(&self) -> SessionPolicy<'_> {
        SessionPolicy {
            app_id: &self.app_id,
            app_server_id: &self.app_server_id,
            creds: self.creds,
            hard_expire: self.directory.hard_expire.unwrap_or_default(),
            inactive_expire: self.directory.inactive_expire.unwrap_or_default(),
            reauthentication: self.reauthentication().is_demanded(),
            blank_user: self.prompts_nobody(),
        }
    }

    /// What a granting cookie must satisfy here.
    pub fn grant_policy(&self) -> GrantPolicy<'_> {
        GrantPolicy {
            app_id: &self.app_id,
            app_server_id: &self.app_server_id,
            creds: self.creds,
            reauthentication: self.reauthentication(),
            strict_reauthentication: self.config.strict_reauthentication.unwrap_or(false),
            blank_user: self.prompts_nobody(),
        }
    }

    /// Whether the password has to be asked for again.
    pub fn reauthentication(&self) -> Reauthentication {
        self.directory.reauthentication.unwrap_or_default()
    }

    /// Whether a user who is not logged in at the login server goes on without a user.
    pub fn prompts_nobody(&self) -> bool {
        self.directory.no_prompt.unwrap_or(false)
    }

    /// What a challenge calls the place, for those who cannot be sent to log in.
    pub fn realm_of_challenge(&self, request: &Request<'r>) -> &str {
        request.authentication_realm().unwrap_or(self.app_id.as_str())
    }

    /// How granting cookies are encrypted.
    pub fn encryption(&self) -> Encryption {
        self.app_server.encryption
    }

    /// `Set-Cookie` values that take a granting cookie away, wherever it came from.
    pub fn clear_granting(&self) -> Vec<String> {
        clear_granting(self.domain().as_ref())
    }
}

/// `Set-Cookie` values that take a granting cookie away, from the domain (GET method) and from the host (POST method).
pub fn clear_granting(domain: Option<&CookieDomain>) -> Vec<String> {
    let mut values = vec![set_cookie::clear_granting(LoginMethod::Post, None)];
    if domain.is_some() {
        values.push(set_cookie::clear_granting(LoginMethod::Get, domain));
    }
    values
}

/// `PubcookieAppID`, else the directory of the request's path; under `PubcookieCatenateAppIDs` the one after the other.
pub fn app_id(request: &Request<'_>) -> AppId {
    let place = request.directory_config::<Pubcookie>();
    let configured = place.map_or(&[][..], |place| &place.app_ids[..]);
    let catenated = place.and_then(|place| place.catenate_app_ids) == Some(true);
    match configured.last() {
        None => directory_id(request),
        Some(_) if catenated => AppId::catenated(&directory_id(request), configured),
        Some(own) => own.clone(),
    }
}

/// What a page includes belongs to the page's directory, as in the original.
fn directory_id(request: &Request<'_>) -> AppId {
    let depth = request
        .server_config::<Pubcookie>()
        .and_then(|server| server.app_id_depth);
    AppId::of_directory(request.page().path(), depth)
}

/// The port that a browser uses. A terminator of TLS in front of us uses the usual one unless ServerName says another.
pub fn port(request: &Request<'_>) -> u16 {
    match request.server().port() {
        0 if request.server().declared_scheme() == Some("https") => 443,
        _ => request.port(),
    }
}
