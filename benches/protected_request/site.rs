//! The httpd that is measured, and the sessions that its clients have.

use std::fmt;
use std::fs;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use granting_cookie::{Encryption, SigningKey, VerifyingCertificate, WatchedKey};
use pubcookie_protocol::app_id::{AppId, AppServerId};
use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::sealed::{Context as SealingContext, Purpose, SealingKeys};
use pubcookie_protocol::session::Session;
use pubcookie_protocol::session_cookie::{LegacyKeys, SessionCookies};
use testbed::PrivateDirectory;
use testbed::httpd::{Httpd, HttpdBuilder};
use testbed::pki::{self, Authority, CertificateFiles};

use super::cases::{Case, Format};
use super::common::client::{Connector, FILE_SIZE, Target};

const SEALED_HOST: &str = "sealed.demo.localhost";
const LEGACY_HOST: &str = "legacy.demo.localhost";
const APP_ID: &str = "bench";
const USER: &str = "alice";
/// Names, passwords and what a client sends for them: for mod_auth_basic the cheapest digest that httpd knows, and for
/// [`Site::mark`] one that it uses for nothing else.
const PASSWORDS: &str =
    "alice:{SHA}CEo1Ae3vaEXy8eQZjsOiuBz1xrw=\nmark:$apr1$benchmrk$PjW0B3hkVk5EAc9T0lz../\n";
const ALICE: &str = "Authorization: Basic YWxpY2U6c2VzYW1l\r\n";
const MARK: &str = "Authorization: Basic bWFyazptYXJr\r\n";
/// How long the sessions have been idle, in seconds: more than a twentieth of `PubcookieInactiveExpire`, and the
/// measurement does not last for the rest of it.
const IDLE: u64 = 120;

/// Which modules of ours httpd loads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loaded {
    /// None.
    Nothing,
    /// `pubcookie_module`.
    Pubcookie,
    /// `myproxy_module` too, without a place that asks for credentials.
    Both,
}

impl Loaded {
    /// All.
    pub const ALL: [Loaded; 3] = [Loaded::Nothing, Loaded::Pubcookie, Loaded::Both];
}

impl fmt::Display for Loaded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Loaded::Nothing => "no module of ours",
            Loaded::Pubcookie => "pubcookie_module",
            Loaded::Both => "pubcookie_module, and myproxy_module without a place for it",
        })
    }
}

/// Files, keys and sessions.
pub struct Site {
    directory: PrivateDirectory,
    connector: Connector,
    certificate: CertificateFiles,
    granting: CertificateFiles,
    session: CertificateFiles,
    sealed_cookie: String,
    legacy_cookie: String,
}

impl Site {
    /// Makes them.
    pub fn new() -> Result<Self> {
        let directory = PrivateDirectory::new("protected-request")?;
        let authority = Authority::new(directory.path(), "bench")?;
        let certificate = authority.server_certificate("tls", &[SEALED_HOST, LEGACY_HOST])?;
        let granting = pki::self_signed(directory.path(), "granting", "login.demo.localhost")?;
        let session = pki::self_signed(directory.path(), "session", "bench.demo.localhost")?;
        let crypt_key = pki::crypt_key(directory.path(), "crypt-key")?;
        for place in ["open", "basic", "protected"] {
            let place = directory.join("htdocs").join(place);
            fs::create_dir_all(&place)?;
            fs::write(place.join("file.html"), "x".repeat(FILE_SIZE))?;
        }
        directory.write("passwords", 0o644, PASSWORDS)?;

        let signing_key = fs::read(&session.key)?;
        let app_server_id = AppServerId::configured(SEALED_HOST)?;
        let context = SealingContext {
            server_name: SEALED_HOST,
            app_server_id: &app_server_id,
        };
        let sealing = SealingKeys::derive(&signing_key, None, Purpose::Session, context)?;
        let legacy = LegacyKeys {
            signing_key: SigningKey::from_pem(&signing_key)?,
            certificates: vec![VerifyingCertificate::from_pem(&fs::read(&session.certificate)?)?],
            crypt_key: Arc::new(WatchedKey::file(crypt_key)?.0),
            encryption: Encryption::Aes,
            own_name: "bench.demo.localhost".to_owned(),
        };
        Ok(Site {
            connector: Connector::new(authority.certificate())?,
            sealed_cookie: cookie(&SessionCookies::Sealed(sealing), SEALED_HOST)?,
            legacy_cookie: cookie(&SessionCookies::Legacy(legacy), LEGACY_HOST)?,
            directory,
            certificate,
            granting,
            session,
        })
    }

    /// Where all their files are.
    pub fn directory(&self) -> &PrivateDirectory {
        &self.directory
    }

    /// An httpd for them.
    pub fn httpd(&self, loaded: Loaded) -> Result<HttpdBuilder> {
        let pubcookie = |format| match loaded {
            Loaded::Nothing => String::new(),
            Loaded::Pubcookie | Loaded::Both => self.protected_place(format),
        };
        let modules: &[&str] = match loaded {
            Loaded::Nothing => &[],
            Loaded::Pubcookie => &["pubcookie"],
            Loaded::Both => &["pubcookie", "myproxy"],
        };
        let mut builder = Httpd::builder(self.directory.path())?;
        for module in modules {
            let object = testbed::artifact("libmod_myproxy.so")?;
            builder = builder.configuration(&format!("LoadModule {module}_module \"{}\"", object.display()));
        }
        let passwords = self.directory.join("passwords");
        Ok(builder
            // No handshake among the requests: connections stay open, also while every one of them is busy.
            .configuration(
                "KeepAliveTimeout 60\nMaxKeepAliveRequests 0\n\n\
                 <IfModule mpm_event_module>\nStartServers 1\nThreadsPerChild 64\n</IfModule>",
            )
            .configuration("LogLevel warn")
            .configuration(&format!(
                "<Location /open>\n\
                 Require all granted\n\
                 </Location>\n\
                 <Location /basic>\n\
                 AuthType Basic\n\
                 AuthName bench\n\
                 AuthBasicProvider file\n\
                 AuthUserFile \"{}\"\n\
                 Require valid-user\n\
                 </Location>",
                passwords.display()
            ))
            .host(SEALED_HOST, &self.certificate, &pubcookie("sealed"))
            .host(LEGACY_HOST, &self.certificate, &pubcookie("legacy")))
    }

    /// Where the client of a case goes, and what it brings.
    pub fn target(&self, case: Case, port: u16) -> Target<'_> {
        let (host, path, cookie) = match case {
            Case::Open => (SEALED_HOST, "/open/file.html", None),
            Case::OpenWithCookie => (SEALED_HOST, "/open/file.html", Some(&self.sealed_cookie)),
            Case::Basic => (SEALED_HOST, "/basic/file.html", None),
            Case::Protected(Format::Sealed, _) => {
                (SEALED_HOST, "/protected/file.html", Some(&self.sealed_cookie))
            }
            Case::Protected(Format::Legacy, _) => {
                (LEGACY_HOST, "/protected/file.html", Some(&self.legacy_cookie))
            }
        };
        let header = if case == Case::Basic { ALICE } else { "" };
        Target {
            connector: &self.connector,
            host,
            port,
            path,
            header: header.to_owned(),
            cookie: cookie.cloned(),
            keeps_cookies: case.keeps_cookies(),
        }
    }

    /// A file like any other, for which httpd does what it does for none of the cases: it marks a moment for a profiler.
    pub fn mark<'a>(&self, target: &Target<'a>) -> Target<'a> {
        Target {
            path: "/basic/file.html",
            header: MARK.to_owned(),
            cookie: None,
            ..*target
        }
    }

    fn protected_place(&self, format: &str) -> String {
        format!(
            "PubcookieLogin https://login.demo.localhost/\n\
             PubcookieGrantingCertFile \"{}\"\n\
             PubcookieSessionKeyFile \"{}\"\n\
             PubcookieSessionCertFile \"{}\"\n\
             PubcookieCryptKeyFile \"{}\"\n\
             PubcookieSessionFormat {format}\n\
             <Location /protected>\n\
             AuthType webiso\n\
             PubcookieAppID {APP_ID}\n\
             Require valid-user\n\
             </Location>",
            self.granting.certificate.display(),
            self.session.key.display(),
            self.session.certificate.display(),
            self.directory.join("crypt-key").display(),
        )
    }
}

/// The cookie of a session that is due to be made anew.
fn cookie(cookies: &SessionCookies, host: &str) -> Result<String> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let session = Session {
        user: USER.to_owned(),
        app_id: AppId::configured(APP_ID)?,
        app_server_id: AppServerId::configured(host)?,
        creds: Creds::FIRST,
        reauthenticated: false,
        create_time: now - IDLE,
        last_time: now - IDLE,
    };
    let set_cookie = cookies.write(&session)?;
    let cookie = set_cookie.split(';').next().unwrap_or_default();
    Ok(cookie.to_owned())
}
