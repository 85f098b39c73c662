//! Whose credential a request is about: the web user, the MyProxy user, and what was asked of which server.

use credential_store::{CredentialName, Origin, WebUser};
use myproxy_client::UserName;

use super::MyProxy;
use super::config::{DirectoryConfig, ServerConfig};
use super::shortfall::{Class, Shortfall};
use crate::httpd::{Outcome, Request};

/// Whose credential it is, and under which name it is kept.
pub struct Identity {
    /// The name of the credential's file.
    pub name: CredentialName,
    /// What its record has to say.
    pub origin: Origin,
    /// The user at the MyProxy server.
    pub myproxy_user: UserName,
}

impl Identity {
    /// The identity that this request stands for; `None` where it has no user.
    pub fn of(
        request: &Request<'_>,
        server: &ServerConfig,
        place: &DirectoryConfig,
    ) -> Result<Option<Self>, Shortfall> {
        let Some(web_user) = web_user(request)? else {
            return Ok(None);
        };
        let myproxy_user = myproxy_user(request, place, &web_user)?;
        let origin = Origin {
            myproxy_user: myproxy_user.as_str().to_owned(),
            servers: server
                .asking
                .get()
                .map_or_else(Vec::new, |asking| asking.servers.clone()),
            credential_name: place.credential_name(server).map(|name| name.as_str().to_owned()),
            vo_names: place
                .vo_names(server)
                .iter()
                .map(|name| name.as_str().to_owned())
                .collect(),
            web_user,
        };
        Ok(Some(Identity {
            name: CredentialName::of_user(&origin.web_user.name)?,
            origin,
            myproxy_user,
        }))
    }
}

/// The user that httpd authenticated. A blank one is none: Pubcookie without a prompt.
fn web_user(request: &Request<'_>) -> Result<Option<WebUser>, Shortfall> {
    let refused = |origin: Request<'_>| matches!(origin.status(), 401 | 407);
    if request.origins().any(refused) || request.origins_of_user().any(|origin| is_unproved(&origin)) {
        return Ok(None);
    }
    let user = request
        .user()
        .map_err(|_| Shortfall::new(Class::Refused, "the user's name is not UTF-8"))?;
    let Some(name) = user.filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    let authentication_type = request.authentication_type().unwrap_or_default().to_owned();
    Ok(Some(WebUser {
        name: name.to_owned(),
        realm: realm(request, &authentication_type),
        authentication_type,
    }))
}

/// Authentication modules name the user before they have seen the password, and the page that tells of a failure inherits
/// the name: not only of a wrong password, but also of a provider that is down or a request that is malformed. A request
/// that failed later, and so was authenticated, got as far as to a verdict.
fn is_unproved(origin: &Request<'_>) -> bool {
    let verdict = origin
        .known_state::<MyProxy>()
        .and_then(|state| state.verdict.get());
    origin.status() >= 400 && verdict.is_none()
}

/// Passwords belong to a realm, which `AuthName` names; other authentications say theirs in `REMOTE_REALM`.
fn realm(request: &Request<'_>, authentication_type: &str) -> Option<String> {
    let by_password = ["Basic", "Digest", "Form"]
        .iter()
        .any(|name| name.eq_ignore_ascii_case(authentication_type));
    if by_password {
        return request.authentication_realm().map(str::to_owned);
    }
    let noted = request
        .known_state::<MyProxy>()
        .and_then(|state| state.realm.get().cloned());
    noted.unwrap_or_else(|| remote_realm(request))
}

/// `fixups`, before mod_rewrite and mod_env, by which an .htaccess file could name another realm: what authentication
/// says counts.
pub fn note_realm(request: &Request<'_>) -> Outcome {
    let wants_credential = request
        .directory_config::<MyProxy>()
        .is_some_and(DirectoryConfig::credential);
    if wants_credential {
        let _ = request.state::<MyProxy>().realm.set(remote_realm(request));
    }
    Outcome::Declined
}

fn remote_realm(request: &Request<'_>) -> Option<String> {
    request.environment().get_str("REMOTE_REALM").map(str::to_owned)
}

fn myproxy_user(
    request: &Request<'_>,
    place: &DirectoryConfig,
    web_user: &WebUser,
) -> Result<UserName, Shortfall> {
    let name = match place.user {
        None => web_user.name.clone(),
        Some(expression) => expression
            .evaluate(request)
            .map_err(|problem| Shortfall::new(Class::Refused, format!("MyProxyUser: {problem}")))?,
    };
    if name.is_empty() {
        return Err(Shortfall::new(
            Class::Refused,
            "MyProxyUser gave an empty user name",
        ));
    }
    UserName::new(name).map_err(|problem| Shortfall::new(Class::Refused, problem))
}
