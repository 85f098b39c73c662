//! What the directives of a login server say, and what that makes of its flavours.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use pubcookie_protocol::auth_type::{AuthTypeNames, Creds};
use pubcookie_protocol::login::{Check, GuessingLimits, Templates};

use crate::httpd::PasswordProvider;

/// What the directives of a login server say.
#[derive(Clone, Default)]
pub struct LoginSettings {
    /// `PubcookieLoginProvider`: for each flavour, by the name that it was given in lower case, who checks it. Without a
    /// name it is the first.
    pub providers: BTreeMap<Option<String>, Vec<PasswordProvider>>,
    /// `PubcookieLoginTrustRemoteUser`.
    pub trust_remote_user: Option<bool>,
    /// `PubcookieLoginTemplates`.
    pub templates: Option<Templates>,
    /// `PubcookieLoginDelay`.
    pub delay: Option<GuessingLimits>,
}

/// The flavours of a login server.
pub struct Flavours {
    /// Who checks those that have a form.
    pub providers: BTreeMap<Creds, Vec<PasswordProvider>>,
    /// Whether httpd has authenticated the user of the first.
    pub trusts_remote_user: bool,
}

impl LoginSettings {
    /// These, and what is not said here as in the outer ones.
    pub fn merged(&self, outer: &Self) -> Self {
        let mut providers = outer.providers.clone();
        providers.extend(self.providers.clone());
        LoginSettings {
            providers,
            trust_remote_user: self.trust_remote_user.or(outer.trust_remote_user),
            templates: self.templates.clone().or_else(|| outer.templates.clone()),
            delay: self.delay.or(outer.delay),
        }
    }

    /// The flavours, by the names that there are.
    pub fn flavours(&self, names: &AuthTypeNames) -> Result<Flavours, String> {
        const DIRECTIVE: &str = "PubcookieLoginProvider";
        let trusts_remote_user = self.trust_remote_user.unwrap_or(false);
        let mut providers = BTreeMap::new();
        for (name, asked) in &self.providers {
            let creds = match name {
                None => Creds::FIRST,
                Some(name) => names.creds(name).ok_or_else(|| {
                    format!("{DIRECTIVE}: no flavour is called \"{name}\"; PubcookieAuthTypeNames names them")
                })?,
            };
            if trusts_remote_user && creds == Creds::FIRST {
                continue;
            }
            if providers.insert(creds, asked.clone()).is_some() {
                return Err(format!(
                    "{DIRECTIVE}: flavour {creds} has providers under two names"
                ));
            }
        }
        if providers.is_empty() && !trusts_remote_user {
            return Err(format!(
                "{DIRECTIVE}: not set; it names who checks passwords, for instance file"
            ));
        }
        Ok(Flavours {
            providers,
            trusts_remote_user,
        })
    }
}

impl Flavours {
    /// How each is checked.
    pub fn checks(&self) -> BTreeMap<Creds, Check> {
        let with_form = self.providers.keys().map(|creds| (*creds, Check::Password));
        let without = self
            .trusts_remote_user
            .then_some((Creds::FIRST, Check::RemoteUser));
        with_form.chain(without).collect()
    }
}

/// A site's own templates: every file of the directory whose name ends in `.html`.
pub fn read_templates(directory: &Path) -> Result<Templates, String> {
    let unreadable = |problem| format!("{} cannot be read: {problem}", directory.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).map_err(unreadable)? {
        let Ok(name) = entry.map_err(unreadable)?.file_name().into_string() else {
            continue;
        };
        if name.ends_with(".html") && !name.starts_with('.') {
            let path = directory.join(&name);
            let source = fs::read_to_string(&path)
                .map_err(|problem| format!("{} cannot be read: {problem}", path.display()))?;
            files.push((name, source));
        }
    }
    files.sort();
    Templates::with(files).map_err(|refused| format!("{}/{refused}", directory.display()))
}
