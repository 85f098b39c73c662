//! What the tests need: a private directory, certificates, and stores in both.
#![allow(dead_code, reason = "each test file uses a part of it")]

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use credential_store::{
    CredentialName, CredentialStore, Directory, DirectoryPolicy, Error, FilePermissions, Lookup, Method,
    NewCredential, Origin, Record, SessionId, SessionStore, WebUser,
};
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509NameBuilder};

/// The granting cookie that every credential of the tests was got with.
pub const COOKIE: &[u8] = b"a granting cookie";
pub const HOUR: Duration = Duration::from_secs(3600);
pub const IDLE: Duration = Duration::from_secs(28_800);
/// `daemon` and `nobody`: users who are not root, on every Debian.
pub const DAEMON: u32 = 1;
pub const NOBODY: u32 = 65534;

/// One point in time for all tests, in whole seconds as certificates have them.
pub static NOW: LazyLock<SystemTime> = LazyLock::new(|| {
    UNIX_EPOCH + Duration::from_secs(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs())
});

static KEY: LazyLock<PKey<Private>> = LazyLock::new(new_key);

pub fn new_key() -> PKey<Private> {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap()
}

pub fn certificate(common_name: &str, expires: SystemTime) -> Vec<u8> {
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("DC", "org").unwrap();
    name.append_entry_by_text("CN", common_name).unwrap();
    let name = name.build();
    let expires = expires.duration_since(UNIX_EPOCH).unwrap().as_secs();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(0).unwrap()).unwrap();
    builder
        .set_not_after(&Asn1Time::from_unix(expires.try_into().unwrap()).unwrap())
        .unwrap();
    builder.set_pubkey(&KEY).unwrap();
    builder.sign(&KEY, MessageDigest::sha256()).unwrap();
    builder.build().to_pem().unwrap()
}

pub fn key() -> Vec<u8> {
    KEY.private_key_to_pem_pkcs8().unwrap()
}

/// Certificate, key, and an issuer that lives longer.
pub fn credential(common_name: &str, expires: SystemTime) -> Vec<u8> {
    [
        certificate(common_name, expires),
        key(),
        certificate("issuer", expires + HOUR),
    ]
    .concat()
}

pub fn web_user(name: &str) -> WebUser {
    WebUser {
        name: name.into(),
        authentication_type: "WebISO".into(),
        realm: None,
    }
}

pub fn record(name: &str) -> Record {
    Record {
        origin: Origin {
            web_user: web_user(name),
            myproxy_user: name.into(),
            servers: vec!["myproxy.example.org".into()],
            credential_name: None,
            vo_names: Vec::new(),
        },
        method: Method::Cookie,
    }
}

/// A credential that was got with a granting cookie.
pub fn new_credential<'a>(record: &'a Record, pem: &'a [u8]) -> NewCredential<'a> {
    let cookie = Some(COOKIE);
    NewCredential {
        record,
        cookie,
        pem,
        renewal: None,
        shared: true,
    }
}

pub fn soon() -> Instant {
    Instant::now() + Duration::from_secs(10)
}

/// Two stores in a directory of their own.
pub struct Stores {
    pub root: tempfile::TempDir,
    pub credentials: CredentialStore,
    pub sessions: SessionStore,
}

impl Stores {
    pub fn new() -> Self {
        Self::with_permissions(FilePermissions::default())
    }

    pub fn with_permissions(permissions: FilePermissions) -> Self {
        let root = tempfile::tempdir().unwrap();
        let (credentials, sessions) = open(root.path(), permissions);
        Self {
            root,
            credentials,
            sessions,
        }
    }

    pub fn name(&self, user: &str) -> CredentialName {
        CredentialName::of_user(user).unwrap()
    }

    /// A session of the user.
    pub fn session(&self, user: &str) -> SessionId {
        self.sessions
            .create(&web_user(user), &self.name(user), IDLE, *NOW)
            .unwrap()
            .0
    }

    /// A logon for a session, with a credential that lasts so long.
    pub fn publish(&self, session: &SessionId, user: &str, lifetime: Duration) -> Result<PathBuf, Error> {
        self.publish_as(session, &record(user), &credential(user, *NOW + lifetime))
    }

    pub fn publish_as(&self, session: &SessionId, record: &Record, pem: &[u8]) -> Result<PathBuf, Error> {
        let name = self.name(&record.origin.web_user.name);
        let logon = self.credentials.logon(&name, soon())?;
        logon
            .publish(&self.sessions, session, &new_credential(record, pem), *NOW)
            .map(|credential| credential.path)
    }

    pub fn lookup(&self, user: &str) -> Result<Lookup, Error> {
        let Record { origin, method } = record(user);
        self.credentials.lookup(
            &self.name(user),
            &origin,
            &[method],
            Duration::from_secs(60),
            *NOW,
        )
    }

    pub fn credential_files(&self) -> Vec<String> {
        files(&self.root.path().join("credentials"))
    }

    pub fn session_files(&self) -> Vec<String> {
        files(&self.root.path().join("sessions"))
    }
}

pub fn open(root: &Path, permissions: FilePermissions) -> (CredentialStore, SessionStore) {
    let policy = DirectoryPolicy::new(0o700);
    let credentials = Directory::create(root.join("credentials"), policy).unwrap();
    let sessions = Directory::create(root.join("sessions"), policy).unwrap();
    (
        CredentialStore::open(credentials, permissions).unwrap(),
        SessionStore::open(sessions).unwrap(),
    )
}

/// Names of the files in a directory, without the lock file.
pub fn files(directory: &Path) -> Vec<String> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != ".lock")
        .collect();
    names.sort();
    names
}

pub fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

pub fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

pub fn give_to(path: &Path, uid: u32) {
    chown(path, Some(uid), Some(uid)).unwrap();
}

/// Whether files can be given away. Tests that need it say that they were skipped where it cannot.
pub fn is_root(test: &str) -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        eprintln!("{test}: skipped, because it gives files to other users, which only root can");
    }
    root
}
