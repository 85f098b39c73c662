//! Which key file serves which peer.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use granting_cookie::{CRYPT_KEY_SIZE, CryptKey, KeyDirectory, KeyFile, KeyFileError};

fn write_key(directory: &Path, name: &str, length: usize) {
    let path = directory.join(name);
    fs::write(&path, vec![7; length]).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
}

#[test]
fn a_peer_has_its_own_file_or_its_parent_domains() {
    let directory = tempfile::tempdir().unwrap();
    for name in ["app.example.org", "dept.example.org", "org"] {
        write_key(directory.path(), name, CRYPT_KEY_SIZE);
    }
    let keys = KeyDirectory::new(directory.path());
    let file = |peer: &str| keys.find(peer).unwrap().path.file_name().unwrap().to_owned();
    assert_eq!(file("app.example.org"), "app.example.org");
    assert_eq!(file("wiki.dept.example.org"), "dept.example.org");
    // One label is taken off, once.
    assert!(matches!(
        keys.find("a.wiki.dept.example.org"),
        Err(KeyFileError::NoCryptKey { .. })
    ));
    assert!(matches!(
        keys.find("nowhere.example.net"),
        Err(KeyFileError::NoCryptKey { .. })
    ));
}

#[test]
fn a_peer_name_is_no_path() {
    let directory = tempfile::tempdir().unwrap();
    let keys_path = directory.path().join("keys");
    fs::create_dir(&keys_path).unwrap();
    write_key(directory.path(), "secret", CRYPT_KEY_SIZE);
    write_key(&keys_path, ".hidden", CRYPT_KEY_SIZE);
    let keys = KeyDirectory::new(&keys_path);
    for peer in [
        "",
        ".",
        "..",
        "../secret",
        ".hidden",
        "/etc/passwd",
        "a/b",
        "a\0b",
    ] {
        assert!(
            matches!(keys.find(peer), Err(KeyFileError::BadPeerName { .. })),
            "{peer:?}"
        );
    }
    for peer in ["x.../secret", "x./secret"] {
        assert!(
            matches!(keys.find(peer), Err(KeyFileError::BadPeerName { .. })),
            "{peer:?}"
        );
    }
    assert!(matches!(
        keys.find("x..hidden"),
        Err(KeyFileError::NoCryptKey { .. })
    ));
}

#[test]
fn a_short_file_is_an_error_and_a_long_one_is_cut() {
    let directory = tempfile::tempdir().unwrap();
    write_key(directory.path(), "short.example.org", CRYPT_KEY_SIZE - 1);
    write_key(directory.path(), "long.example.org", CRYPT_KEY_SIZE + 10);
    write_key(directory.path(), "example.org", CRYPT_KEY_SIZE);
    fs::create_dir(directory.path().join("directory.example.org")).unwrap();
    let keys = KeyDirectory::new(directory.path());
    // The parent domain's key does not stand in for a broken file.
    assert!(matches!(
        keys.find("short.example.org"),
        Err(KeyFileError::ShortCryptKey { bytes: 2047, .. })
    ));
    assert!(matches!(
        keys.find("directory.example.org"),
        Err(KeyFileError::Unreadable { .. })
    ));
    assert!(keys.find("long.example.org").is_ok());
}

#[test]
fn an_exposed_file_is_read_and_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("app.example.org");
    write_key(directory.path(), "app.example.org", CRYPT_KEY_SIZE);
    assert_eq!(KeyFile::read(&path).unwrap().exposure, None);
    for (mode, exposed) in [(0o640, false), (0o660, true), (0o644, true), (0o602, true)] {
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        assert_eq!(
            KeyFile::read(&path).unwrap().exposure.is_some(),
            exposed,
            "{mode:o}"
        );
    }
    let message = KeyFile::read(&path).unwrap().exposure.unwrap().to_string();
    assert!(
        message.contains("mode 0602") && message.contains("chmod 0600"),
        "{message}"
    );
}

#[test]
fn a_key_is_stored_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let keys = KeyDirectory::new(directory.path());
    let (first, second) = (CryptKey::random().unwrap(), CryptKey::random().unwrap());
    assert!(!first.is_same_as(&second));
    let path = keys.store("app.example.org", &first).unwrap();
    keys.store("app.example.org", &second).unwrap();
    let stored = KeyFile::read(&path).unwrap();
    assert!(stored.key.is_same_as(&second) && stored.exposure.is_none());
    assert_eq!(fs::metadata(&path).unwrap().len(), CRYPT_KEY_SIZE as u64);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o7777, 0o600);
    for name in ["../app", "", ".app", "a/b"] {
        let refused = keys.store(name, &first);
        assert!(
            matches!(refused, Err(KeyFileError::BadPeerName { .. })),
            "{name:?}"
        );
    }
    // A directory cannot be replaced by a file: nothing is left of the try.
    fs::create_dir(directory.path().join("taken")).unwrap();
    let refused = keys.store("taken", &first);
    assert!(
        matches!(refused, Err(KeyFileError::NotStored { .. })),
        "{refused:?}"
    );
    let mut left: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["app.example.org", "taken"]);
}
