//! The keys that a server works with, read once when httpd starts: whatever is missing is refused there, with the
//! name of the directive that names it.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::Path;

use granting_cookie::{
    CryptKey, Encryption, KeyDirectory, KeyFile, KeyFileError, SigningKey, VerifyingCertificate,
};
use pubcookie_protocol::app_id::AppServerId;
use pubcookie_protocol::login::{LoginConfig, LoginKeys, LoginServer, form_sealing_keys};
use pubcookie_protocol::sealed::{Context, Purpose, SealingKeys};
use pubcookie_protocol::session_cookie::{LegacyKeys, SessionCookies, SessionFormat};
use pubcookie_protocol::settings::LoginUrl;
use zeroize::Zeroizing;

use super::Pubcookie;
use super::config::{KeyFiles, ServerConfig};
use crate::httpd::{Server, log};

/// What an application server needs to verify granting cookies and to keep sessions.
pub struct AppServer {
    /// Its ID: `PubcookieAppSrvID`, else its name.
    pub id: AppServerId,
    /// The name under which it shares a key with the login server.
    pub own_name: String,
    /// `PubcookieEncryption`.
    pub encryption: Encryption,
    /// The key that it shares with the login server.
    pub crypt_key: CryptKey,
    /// What verifies granting cookies.
    pub granting_certificates: Vec<VerifyingCertificate>,
    /// What makes and reads session cookies.
    pub sessions: SessionCookies,
    /// What makes and reads pre-session cookies.
    pub pre_session_keys: SealingKeys,
}

impl AppServer {
    /// Reads what the directives name.
    pub fn load(config: &ServerConfig, server: Server<'_>) -> Result<Self, String> {
        let files = &config.key_files;
        let id = match &config.app_server_id {
            Some(id) => id.clone(),
            None => AppServerId::configured(server.name()).map_err(|problem| {
                format!("PubcookieAppSrvID: not set, and the server's name serves not: {problem}")
            })?,
        };
        if files.granting_certificates.is_empty() {
            return Err(
                "PubcookieGrantingCertFile: not set; it names the login server's granting certificate".into(),
            );
        }
        let mut granting_certificates = Vec::new();
        for path in &files.granting_certificates {
            granting_certificates.push(certificate("PubcookieGrantingCertFile", path)?);
        }
        let session = SessionKey::load(files)?;
        let (own_name, crypt_key) = own_crypt_key(files, &session, server)?;
        let encryption = config.encryption.unwrap_or(Encryption::Aes);
        let context = Context {
            server_name: server.name(),
            app_server_id: &id,
        };
        let pre_session_keys = session.sealing_keys(Purpose::PreSession, context)?;
        let format = config.session_format.unwrap_or_default();
        let sealed = session.sealing_keys(Purpose::Session, context)?;
        let legacy = LegacyKeys {
            signing_key: session.signing_key()?,
            certificates: session.verifying_certificates()?,
            crypt_key: crypt_key.clone(),
            encryption,
            own_name: own_name.clone(),
        };
        let sessions = match format {
            SessionFormat::Sealed => SessionCookies::Sealed(sealed),
            SessionFormat::Legacy => SessionCookies::Legacy(legacy),
            SessionFormat::SealedLegacy => SessionCookies::SealedLegacy(sealed, legacy),
            SessionFormat::LegacySealed => SessionCookies::LegacySealed(sealed, legacy),
        };
        Ok(AppServer {
            id,
            own_name,
            encryption,
            crypt_key,
            granting_certificates,
            sessions,
            pre_session_keys,
        })
    }
}

/// The login server of a virtual host, with its keys.
pub struct Login {
    /// What it answers.
    pub server: LoginServer,
    /// Its keys.
    pub keys: LoginServerKeys,
}

/// The keys of a login server.
pub struct LoginServerKeys {
    granting_key: SigningKey,
    session_key: SigningKey,
    session_certificates: Vec<VerifyingCertificate>,
    form_sealing_keys: SealingKeys,
    own_crypt_key: CryptKey,
    peers: PeerKeys,
}

impl Login {
    /// Reads what the directives name.
    pub fn load(config: &ServerConfig, granting_key: &Path, server: Server<'_>) -> Result<Self, String> {
        let files = &config.key_files;
        let url = config
            .login
            .clone()
            .ok_or("PubcookieLogin: not set; it names the login server's own URL")?;
        if config.login_providers.is_empty() {
            return Err(
                "PubcookieLoginProvider: not set; it names who checks passwords, for instance file".into(),
            );
        }
        let directory = files
            .key_directory
            .as_ref()
            .ok_or("PubcookieKeyDir: not set; it holds the keys of the servers that may ask")?;
        let session = SessionKey::load(files)?;
        let (_, own_crypt_key) = own_crypt_key(files, &session, server)?;
        let keys = LoginServerKeys {
            granting_key: signing_key("PubcookieGrantingKeyFile", granting_key)?,
            session_key: session.signing_key()?,
            form_sealing_keys: session.form_sealing_keys(&url)?,
            session_certificates: session.verifying_certificates()?,
            own_crypt_key,
            peers: PeerKeys::load(directory, server)?,
        };
        let settings = LoginConfig {
            post_limit: config.post_limit(),
            ..LoginConfig::new(url, config.domain(server.name()))
        };
        Ok(Login {
            server: LoginServer::new(settings),
            keys,
        })
    }
}

impl LoginKeys for LoginServerKeys {
    fn granting_key(&self) -> &SigningKey {
        &self.granting_key
    }

    fn session_key(&self) -> &SigningKey {
        &self.session_key
    }

    fn session_certificates(&self) -> &[VerifyingCertificate] {
        &self.session_certificates
    }

    fn form_sealing_keys(&self) -> &SealingKeys {
        &self.form_sealing_keys
    }

    fn own_crypt_key(&self) -> &CryptKey {
        &self.own_crypt_key
    }

    fn crypt_key_for(&self, host: &str) -> Result<CryptKey, KeyFileError> {
        self.peers.find(host)
    }

    fn crypt_key_named(&self, app_server_id: &str) -> Option<CryptKey> {
        self.peers.known.get(app_server_id).cloned()
    }
}

/// The keys shared with application servers: read when httpd starts, as its children may not have the right to.
struct PeerKeys {
    directory: KeyDirectory,
    known: BTreeMap<String, CryptKey>,
}

impl PeerKeys {
    fn load(directory: &Path, server: Server<'_>) -> Result<Self, String> {
        const DIRECTIVE: &str = "PubcookieKeyDir";
        let unreadable = |problem| format!("{DIRECTIVE}: {} cannot be read: {problem}", directory.display());
        let mut known = BTreeMap::new();
        for entry in fs::read_dir(directory).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let Ok(name) = entry.file_name().into_string() else {
                continue;
            };
            match KeyFile::read(entry.path()) {
                Ok(file) => {
                    if let Some(exposure) = &file.exposure {
                        log!(Pubcookie, server, Warning, "{DIRECTIVE}: {exposure}");
                    }
                    known.insert(name, file.key);
                }
                // Something else that lies there, or the key of one host: the others are served all the same.
                Err(problem) => log!(Pubcookie, server, Warning, "{DIRECTIVE}: {problem}"),
            }
        }
        Ok(PeerKeys {
            directory: KeyDirectory::new(directory),
            known,
        })
    }

    /// The key of a host, else of its parent domain. One that came after the start counts if it can be read.
    fn find(&self, host: &str) -> Result<CryptKey, KeyFileError> {
        let parent = host.split_once('.').map_or("", |(_, parent)| parent);
        match self.known.get(host).or_else(|| self.known.get(parent)) {
            Some(key) => Ok(key.clone()),
            None => self.directory.find(host).map(|file| file.key),
        }
    }
}

/// `PubcookieSessionKeyFile` and `PubcookieSessionCertFile`.
struct SessionKey {
    current: Zeroizing<Vec<u8>>,
    previous: Option<Zeroizing<Vec<u8>>>,
    certificate: VerifyingCertificate,
}

const SESSION_KEY: &str = "PubcookieSessionKeyFile";

impl SessionKey {
    fn load(files: &KeyFiles) -> Result<Self, String> {
        let key = files
            .session_key
            .as_ref()
            .ok_or_else(|| format!("{SESSION_KEY}: not set"))?;
        let certificate_file = files
            .session_certificate
            .as_ref()
            .ok_or("PubcookieSessionCertFile: not set")?;
        Ok(SessionKey {
            current: read(SESSION_KEY, key)?,
            previous: files
                .previous_session_key
                .as_ref()
                .map(|path| read(SESSION_KEY, path))
                .transpose()?,
            certificate: certificate("PubcookieSessionCertFile", certificate_file)?,
        })
    }

    fn signing_key(&self) -> Result<SigningKey, String> {
        SigningKey::from_pem(&self.current).map_err(|problem| about(SESSION_KEY, problem))
    }

    /// What verifies cookies signed by this key or the previous one, which needs no certificate for that.
    fn verifying_certificates(self) -> Result<Vec<VerifyingCertificate>, String> {
        let mut certificates = vec![self.certificate];
        if let Some(pem) = &self.previous {
            let previous = SigningKey::from_pem(pem).and_then(|key| key.verifying());
            certificates.push(previous.map_err(|problem| about(SESSION_KEY, problem))?);
        }
        Ok(certificates)
    }

    fn sealing_keys(&self, purpose: Purpose, context: Context<'_>) -> Result<SealingKeys, String> {
        let previous = self.previous.as_ref().map(|pem| pem.as_slice());
        SealingKeys::derive(&self.current, previous, purpose, context)
            .map_err(|problem| about(SESSION_KEY, problem))
    }

    fn form_sealing_keys(&self, url: &LoginUrl) -> Result<SealingKeys, String> {
        let previous = self.previous.as_ref().map(|pem| pem.as_slice());
        form_sealing_keys(&self.current, previous, url).map_err(|problem| about(SESSION_KEY, problem))
    }
}

/// A server's own name, which is its session certificate's, and the key file of that name.
fn own_crypt_key(
    files: &KeyFiles,
    session: &SessionKey,
    server: Server<'_>,
) -> Result<(String, CryptKey), String> {
    let own_name = session
        .certificate
        .common_name()
        .unwrap_or(server.name())
        .to_owned();
    let (directive, found) = match (&files.crypt_key, &files.key_directory) {
        (Some(file), _) => ("PubcookieCryptKeyFile", KeyFile::read(file)),
        (None, Some(directory)) => ("PubcookieKeyDir", KeyDirectory::new(directory).find(&own_name)),
        (None, None) => {
            return Err(
                "PubcookieCryptKeyFile: neither this nor PubcookieKeyDir is set; they name the key \
                        shared with the login server"
                    .into(),
            );
        }
    };
    let file = found.map_err(|problem| about(directive, problem))?;
    if let Some(exposure) = &file.exposure {
        log!(Pubcookie, server, Warning, "{directive}: {exposure}");
    }
    Ok((own_name, file.key))
}

fn signing_key(directive: &str, path: &Path) -> Result<SigningKey, String> {
    SigningKey::from_pem(&read(directive, path)?)
        .map_err(|problem| format!("{directive}: {}: {problem}", path.display()))
}

fn certificate(directive: &str, path: &Path) -> Result<VerifyingCertificate, String> {
    VerifyingCertificate::from_pem(&read(directive, path)?)
        .map_err(|problem| format!("{directive}: {}: {problem}", path.display()))
}

fn read(directive: &str, path: &Path) -> Result<Zeroizing<Vec<u8>>, String> {
    fs::read(path)
        .map(Zeroizing::new)
        .map_err(|problem| format!("{directive}: {} cannot be read: {problem}", path.display()))
}

fn about(directive: &str, problem: impl Display) -> String {
    format!("{directive}: {problem}")
}
