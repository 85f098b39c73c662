//! A key file that changes while it is in use.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{SystemTime, UNIX_EPOCH};

use granting_cookie::{
    AppId, AppServerId, Cookie, CookieType, CryptKey, CryptKeys, EncryptedCookie, Encryption, KeyDirectory,
    Look, OVERLAP_SECONDS, SignedCookie, SigningKey, User, VerifyingCertificate, Version,
};
use granting_cookie::{Reauthentication, WatchedKey};
use openssl::pkey::PKey;
use openssl::rsa::Rsa;

const HOST: &str = "app.example.org";

/// Who signs the cookies here.
struct Signer(SigningKey, [VerifyingCertificate; 1]);

impl Signer {
    fn new() -> Self {
        let key = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
        let key = SigningKey::from_pem(&key.private_key_to_pem_pkcs8().unwrap()).unwrap();
        let certificate = key.verifying().unwrap();
        Signer(key, [certificate])
    }

    fn cookie(&self, key: &CryptKey) -> EncryptedCookie {
        let cookie = Cookie {
            user: User::encode("alice").unwrap(),
            version: Version::new(Encryption::Aes, Reauthentication::Unknown),
            app_server_id: AppServerId::from_encoded(HOST).unwrap(),
            app_id: AppId::from_encoded("app").unwrap(),
            cookie_type: CookieType::GRANTING,
            creds: b'1',
            pre_session_token: 1,
            create_time: 1,
            last_time: 0,
        };
        let signed = SignedCookie::sign(&cookie, &self.0).unwrap();
        signed.encrypt(Encryption::Aes, key, HOST).unwrap()
    }

    fn opens(&self, keys: &CryptKeys, cookie: &EncryptedCookie) -> bool {
        keys.open(cookie, Encryption::Aes, HOST, &self.1).is_ok()
    }
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn store(directory: &Path, name: &str) -> CryptKey {
    let key = CryptKey::random().unwrap();
    KeyDirectory::new(directory).store(name, &key).unwrap();
    key
}

#[test]
fn the_key_before_a_change_decrypts_for_ten_minutes_more() {
    let directory = tempfile::tempdir().unwrap();
    let signer = Signer::new();
    let first = store(directory.path(), HOST);
    let (watched, file) = WatchedKey::find(KeyDirectory::new(directory.path()), HOST).unwrap();
    let start = now();
    assert!(file.key.is_same_as(&first) && start.abs_diff(file.changed_at) <= 60);
    assert!(watched.look(start).is_none());

    let second = store(directory.path(), HOST);
    assert!(watched.look(start).is_none(), "one look a second");
    assert!(watched.keys().current().is_same_as(&first));
    let look = watched.look(start + 1);
    assert!(
        matches!(&look, Some(Look::Changed(path)) if path.ends_with(HOST)),
        "{look:?}"
    );
    let keys = watched.keys();
    assert!(keys.current().is_same_as(&second));
    let (old, new) = (signer.cookie(&first), signer.cookie(&second));
    assert!(signer.opens(&keys, &old) && signer.opens(&keys, &new));
    assert!(!signer.opens(&keys, &signer.cookie(&CryptKey::random().unwrap())));

    assert!(watched.look(start + OVERLAP_SECONDS - 60).is_none());
    assert!(signer.opens(&watched.keys(), &old));
    // The change is as old as the file says, whenever it is noticed.
    assert!(watched.look(now() + OVERLAP_SECONDS + 1).is_none());
    assert!(!signer.opens(&watched.keys(), &old) && signer.opens(&watched.keys(), &new));
    let third = store(directory.path(), HOST);
    assert!(watched.look(now() + 2 * OVERLAP_SECONDS).is_some());
    assert!(!signer.opens(&watched.keys(), &new) && signer.opens(&watched.keys(), &signer.cookie(&third)));
}

#[test]
fn a_file_that_cannot_be_used_is_told_of_once_and_the_key_stays() {
    let directory = tempfile::tempdir().unwrap();
    let first = store(directory.path(), HOST);
    let path = directory.path().join(HOST);
    let (watched, _) = WatchedKey::file(path.clone()).unwrap();
    fs::write(&path, "half a key").unwrap();
    let told = [1, 2, 3].map(|second| watched.look(second).map(|look| format!("{look:?}")));
    assert!(
        told[0]
            .as_ref()
            .is_some_and(|look| look.contains("ShortCryptKey")),
        "{told:?}"
    );
    assert_eq!(told[1..], [None, None]);
    fs::remove_file(&path).unwrap();
    let look = watched.look(4);
    assert!(
        matches!(&look, Some(Look::Failed(problem)) if problem.is_missing() && !problem.is_denied()),
        "{look:?}"
    );
    assert!(watched.look(5).is_none() && watched.keys().current().is_same_as(&first));
    let second = store(directory.path(), HOST);
    assert!(matches!(watched.look(6), Some(Look::Changed(_))));
    assert!(watched.keys().current().is_same_as(&second));
    fs::remove_file(&path).unwrap();
    assert!(
        watched.look(7).is_some(),
        "told anew, because it was there meanwhile"
    );
}

#[test]
fn a_key_of_ones_own_takes_the_place_of_the_parent_domains() {
    let directory = tempfile::tempdir().unwrap();
    let parent = store(directory.path(), "example.org");
    let (watched, _) = WatchedKey::find(KeyDirectory::new(directory.path()), HOST).unwrap();
    assert!(watched.keys().current().is_same_as(&parent));
    let own = store(directory.path(), HOST);
    assert!(watched.look(1).is_some() && watched.keys().current().is_same_as(&own));
    fs::remove_file(directory.path().join(HOST)).unwrap();
    assert!(watched.look(2).is_some() && watched.keys().current().is_same_as(&parent));
}

#[test]
fn one_thread_a_second_looks_and_a_clock_that_is_set_back_stops_nobody() {
    let directory = tempfile::tempdir().unwrap();
    store(directory.path(), HOST);
    let (watched, _) = WatchedKey::file(directory.path().join(HOST)).unwrap();
    let signer = Signer::new();
    for second in 1000..1020 {
        let newest = store(directory.path(), HOST);
        let looks = AtomicUsize::new(0);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    looks.fetch_add(usize::from(watched.look(second).is_some()), Ordering::Relaxed);
                    watched.keys();
                });
            }
        });
        assert_eq!(looks.into_inner(), 1);
        assert!(signer.opens(&watched.keys(), &signer.cookie(&newest)));
    }
    store(directory.path(), HOST);
    // Another thread's request may be a little older.
    assert!(watched.look(1018).is_none());
    assert!(watched.look(500).is_some());
}

#[test]
fn a_key_that_is_from_no_file_does_not_change() {
    let key = CryptKey::random().unwrap();
    let watched = WatchedKey::fixed(key.clone());
    assert!(watched.look(1).is_none() && watched.keys().current().is_same_as(&key));
}
