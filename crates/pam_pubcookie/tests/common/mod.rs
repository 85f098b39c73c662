//! A login server that makes granting cookies, and the module as it was built for these tests.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use granting_cookie::{
    AppId, AppServerId, Cookie, CookieType, Encryption, Reauthentication, SignedCookie, SigningKey, User,
    Version,
};
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::X509;

pub struct LoginServer {
    key: SigningKey,
    pub certificate: PathBuf,
}

impl LoginServer {
    /// With a new granting key, whose certificate is put into the directory.
    pub fn new(directory: &Path) -> Self {
        let key = PKey::from_rsa(Rsa::generate(2048).unwrap()).unwrap();
        let mut certificate = X509::builder().unwrap();
        certificate
            .set_not_before(&Asn1Time::days_from_now(0).unwrap())
            .unwrap();
        certificate
            .set_not_after(&Asn1Time::days_from_now(1).unwrap())
            .unwrap();
        certificate.set_pubkey(&key).unwrap();
        certificate.sign(&key, MessageDigest::sha256()).unwrap();
        let path = directory.join("granting.cert");
        fs::write(&path, certificate.build().to_pem().unwrap()).unwrap();
        let key = SigningKey::from_pem(&key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        Self {
            key,
            certificate: path,
        }
    }

    /// A granting cookie of this moment for `app.example.org`, changed before it is signed.
    pub fn granting_cookie(&self, user: &str, change: impl FnOnce(&mut Cookie)) -> SignedCookie {
        let mut cookie = Cookie {
            user: User::encode(user).unwrap(),
            version: Version::new(Encryption::Aes, Reauthentication::Happened),
            app_server_id: AppServerId::encode("app.example.org").unwrap(),
            app_id: AppId::encode("portal").unwrap(),
            cookie_type: CookieType::GRANTING,
            creds: b'1',
            pre_session_token: i32::from_ne_bytes(random()),
            create_time: now(),
            last_time: 0,
        };
        change(&mut cookie);
        SignedCookie::sign(&cookie, &self.key).unwrap()
    }
}

/// The same cookie with another byte somewhere in its middle.
pub fn tampered(cookie: &str) -> String {
    let mut tampered = cookie.to_owned();
    let other = if cookie.as_bytes()[500] == b'A' { "B" } else { "A" };
    tampered.replace_range(500..501, other);
    tampered
}

/// `pam_pubcookie.so` lies beside the test that is running.
pub fn module() -> PathBuf {
    let module = std::env::current_exe()
        .unwrap()
        .with_file_name("libpam_pubcookie.so");
    assert!(module.exists(), "cargo builds {} for the tests", module.display());
    module
}

/// Text of a PAM service that has this module alone.
pub fn service(arguments: &str) -> String {
    let module = module();
    let module = module.display();
    format!("auth required {module} {arguments}\naccount required {module}\n")
}

pub fn private_directory(path: PathBuf) -> PathBuf {
    fs::create_dir(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o700)).unwrap();
    path
}

pub fn now() -> u32 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs()
        .try_into()
        .unwrap()
}

fn random<const SIZE: usize>() -> [u8; SIZE] {
    let mut bytes = [0; SIZE];
    openssl::rand::rand_bytes(&mut bytes).unwrap();
    bytes
}
