//! Realms: whose users a place takes, and what the application sees of `joe@realm`.

use pubcookie_protocol::realm::UserInRealm;

use super::config::DirectoryConfig;
use super::state;
use crate::httpd::{Request, becomes};

/// What the application learns the realm from.
const VARIABLE: &str = "REMOTE_REALM";

impl DirectoryConfig {
    /// Whether the place takes users of this user's realm (`PubcookieAcceptRealm`). A blank user is of none.
    pub fn accepts_realm_of(&self, user: &str) -> bool {
        let realms = &self.accepted_realms;
        realms.is_empty() || user.is_empty() || realms.iter().any(|realm| realm.has(UserInRealm::of(user)))
    }

    /// The user's name as `REMOTE_USER` has it (`PubcookieStripRealm`).
    pub fn shown_name<'u>(&self, user: &'u str) -> &'u str {
        match self.strip_realm {
            Some(true) => UserInRealm::of(user).name,
            _ => user,
        }
    }
}

/// Lets no client pretend to a realm, by a header or by what became of it.
pub fn remove_headers(request: &Request<'_>) {
    let headers = request.headers();
    for (name, _) in headers.entries() {
        if becomes(name.to_bytes(), VARIABLE) {
            headers.remove(&name.to_string_lossy());
        }
    }
    request.environment().remove(VARIABLE);
}

/// Tells authorization and the application the realm of the user, who may have been taken over from the request before.
pub fn show(request: &Request<'_>) {
    let user = request.user().ok().flatten();
    let login = user.and_then(|user| state::logins_of(request, user).next());
    let realm = login.and_then(|login| UserInRealm::of(&login.session.user).realm);
    if let Some(realm) = realm {
        request.environment().set(VARIABLE, realm);
    }
}
