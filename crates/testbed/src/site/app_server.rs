//! One application server: a virtual host that sends its visitors to the login server.

use std::path::Path;

use super::keys::HostKeys;

/// How granting requests and granting cookies travel (`PubcookieLoginMethod`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum LoginMethod {
    /// As cookies of the common domain.
    #[default]
    Get,
    /// In forms that submit themselves.
    Post,
}

impl LoginMethod {
    /// Both.
    pub const ALL: [LoginMethod; 2] = [LoginMethod::Get, LoginMethod::Post];

    fn directive(self) -> &'static str {
        match self {
            LoginMethod::Get => "GET",
            LoginMethod::Post => "POST",
        }
    }
}

/// What hides cookies from all but the two servers (`PubcookieEncryption`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Encryption {
    /// DES in CFB64.
    Des,
    /// AES-128-CBC, the default of the module.
    #[default]
    Aes,
    /// AES-128-CBC with a key that depends on the host's name.
    AesDomain,
}

impl Encryption {
    /// All three.
    pub const ALL: [Encryption; 3] = [Encryption::Des, Encryption::Aes, Encryption::AesDomain];

    fn directive(self) -> &'static str {
        match self {
            Encryption::Des => "DES",
            Encryption::Aes => "AES",
            Encryption::AesDomain => "AES+DOMAIN",
        }
    }
}

/// An application server, `<label>.demo.localhost`. Every path runs the application that shows what it sees:
///
/// | path | |
/// | --- | --- |
/// | `/app` | needs a login by Pubcookie (app ID `demo`), and gets the user's credential |
/// | `/basic` | needs the user's password by HTTP Basic, and gets the user's credential |
/// | `/logout` | ends the credential (`MyProxyLogoutURI`); open to everybody |
/// | `/end-session/on`, `.../redirect`, `.../clearLogin` | `PubcookieEndSession` with that word |
/// | anything else | open to everybody, no credential |
#[derive(Clone, Debug)]
pub struct AppServer {
    label: String,
    login_method: LoginMethod,
    encryption: Encryption,
    configuration: String,
    protected: String,
}

impl AppServer {
    /// The host `<label>.demo.localhost`, with logins by GET and AES.
    pub fn new(label: &str) -> Self {
        AppServer {
            label: label.to_owned(),
            login_method: LoginMethod::default(),
            encryption: Encryption::default(),
            configuration: String::new(),
            protected: String::new(),
        }
    }

    /// How its logins travel.
    pub fn login_method(mut self, method: LoginMethod) -> Self {
        self.login_method = method;
        self
    }

    /// How its cookies are encrypted.
    pub fn encryption(mut self, encryption: Encryption) -> Self {
        self.encryption = encryption;
        self
    }

    /// More configuration of its virtual host: it comes last, and so has the last word.
    pub fn configuration(mut self, text: &str) -> Self {
        self.configuration.push_str(text);
        self.configuration.push('\n');
        self
    }

    /// More configuration of its `<Location /app>`.
    pub fn protected(mut self, text: &str) -> Self {
        self.protected.push_str(text);
        self.protected.push('\n');
        self
    }

    /// Its label.
    pub fn label(&self) -> &str {
        &self.label
    }

    /// The host's whole name; it is its app server ID too.
    pub(super) fn host(&self) -> String {
        super::host(&self.label)
    }

    /// What stands in its virtual host.
    pub(super) fn text(&self, keys: &HostKeys, application: &Path, passwords: &Path) -> String {
        let end_session: String = ["on", "redirect", "clearLogin"]
            .map(|word| {
                format!(
                    "<Location /end-session/{word}>\nPubcookieAppID demo\nPubcookieEndSession {word}\n</Location>\n"
                )
            })
            .concat();
        format!(
            "ScriptAliasMatch \"^/\" \"{application}\"\n\
             {keys}\
             PubcookieLoginMethod {method}\n\
             PubcookieEncryption {encryption}\n\
             MyProxyLogoutURI ^/logout\n\
             <Location />\n\
             Require all granted\n\
             </Location>\n\
             <Location /app>\n\
             AuthType webiso\n\
             Require valid-user\n\
             PubcookieAppID demo\n\
             MyProxyCredential On\n\
             {protected}\
             </Location>\n\
             <Location /basic>\n\
             AuthType Basic\n\
             AuthName demo\n\
             AuthBasicProvider file\n\
             AuthUserFile \"{passwords}\"\n\
             Require valid-user\n\
             MyProxyCredential On\n\
             </Location>\n\
             {end_session}\
             {configuration}",
            application = application.display(),
            keys = keys.directives(),
            method = self.login_method.directive(),
            encryption = self.encryption.directive(),
            protected = self.protected,
            passwords = passwords.display(),
            configuration = self.configuration,
        )
    }
}
