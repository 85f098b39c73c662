//! Which directories are trusted, and how one is made.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::Path;

use common::*;
use credential_store::{
    CredentialStore, Directory, DirectoryPolicy, Error, FilePermissions, check_separate, list,
};

fn policy() -> DirectoryPolicy {
    DirectoryPolicy::new(0o700)
}

fn refusal(path: &Path) -> Error {
    Directory::open(path, policy()).unwrap_err()
}

#[test]
fn created_with_its_mode_and_its_parents() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("run/myproxy/credentials");
    let made = Directory::create(&path, DirectoryPolicy::new(0o750)).unwrap();
    assert_eq!(made.path(), path.canonicalize().unwrap());
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o750, 0o755));
    // Again, at a restart; a narrower one is as good, a wider one is not, and neither is changed.
    set_mode(&path, 0o700);
    Directory::create(&path, DirectoryPolicy::new(0o750)).unwrap();
    set_mode(&path, 0o755);
    let error = Directory::create(&path, DirectoryPolicy::new(0o750)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::DirectoryMode {
                mode: 0o755,
                allowed: 0o750,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(mode(&path), 0o755);
}

#[test]
fn created_for_another_user() {
    if !is_root("created_for_another_user") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    set_mode(root.path(), 0o755);
    let path = root.path().join("credentials");
    let made = Directory::create(&path, policy().owned_by(DAEMON, Some(DAEMON))).unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(
        (metadata.uid(), metadata.gid(), mode(&path)),
        (DAEMON, DAEMON, 0o700)
    );
    assert_eq!(made.owner(), DAEMON);
    // The parent looks at it again at each restart.
    Directory::create(&path, policy().owned_by(DAEMON, Some(DAEMON))).unwrap();
}

#[test]
fn nothing_is_made_where_others_could_replace_it() {
    let root = tempfile::tempdir().unwrap();
    let parent = root.path().join("parent");
    fs::create_dir(&parent).unwrap();
    let refuse = |policy: DirectoryPolicy| {
        let error = Directory::create(parent.join("run/credentials"), policy).unwrap_err();
        assert!(matches!(error, Error::UnsafeParent { .. }), "{error}");
        assert_eq!(files(&parent), [""; 0], "left behind");
    };
    set_mode(&parent, 0o777);
    refuse(policy());
    set_mode(&parent, 0o755);
    if is_root("nothing_is_made_where_others_could_replace_it") {
        set_mode(root.path(), 0o755);
        give_to(&parent, NOBODY);
        refuse(policy());
        // The user whose it shall be could put a link there before it is given away.
        refuse(policy().owned_by(NOBODY, Some(NOBODY)));
        // What that user has made is as good as ever.
        let made = parent.join("credentials");
        fs::create_dir(&made).unwrap();
        set_mode(&made, 0o700);
        give_to(&made, NOBODY);
        Directory::create(&made, policy().owned_by(NOBODY, Some(NOBODY))).unwrap();
    }
}

#[test]
fn what_cannot_be_finished_is_taken_back() {
    let root = tempfile::tempdir().unwrap();
    let long = "x".repeat(256);
    Directory::create(root.path().join("run/myproxy").join(long), policy()).unwrap_err();
    assert_eq!(files(root.path()), [""; 0]);
    // A link to nowhere among the parents is no place for a directory.
    symlink(root.path().join("nowhere"), root.path().join("dangling")).unwrap();
    let error = Directory::create(root.path().join("dangling/credentials"), policy()).unwrap_err();
    assert!(matches!(error, Error::NotADirectory { .. }), "{error}");
    assert_eq!(files(root.path()), ["dangling"]);
}

#[test]
fn wrong_owner_is_refused_with_advice() {
    if !is_root("wrong_owner_is_refused_with_advice") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("credentials");
    fs::create_dir(&path).unwrap();
    set_mode(&path, 0o700);
    give_to(&path, NOBODY);
    let message = refusal(&path).to_string();
    assert!(
        message.ends_with(&format!("chown root {}", path.display())),
        "{message}"
    );
    let error = Directory::create(&path, policy().owned_by(DAEMON, None)).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("belongs to user nobody, not to daemon: chown daemon "),
        "{error}"
    );
    Directory::open(&path, policy().owned_by_anyone()).unwrap();
}

#[test]
fn wide_mode_is_refused_with_advice() {
    let root = tempfile::tempdir().unwrap();
    let path = root.path().join("credentials");
    fs::create_dir(&path).unwrap();
    for mode in [0o701, 0o710, 0o750, 0o755, 0o777, 0o1777] {
        set_mode(&path, mode);
        let message = refusal(&path).to_string();
        assert!(
            message.contains(&format!("mode {mode:04o}, wider than 0700: chmod 0700 /")),
            "{message}"
        );
    }
}

#[test]
fn links_and_files_are_no_directories() {
    let root = tempfile::tempdir().unwrap();
    let (real, link, file) = (
        root.path().join("real"),
        root.path().join("link"),
        root.path().join("file"),
    );
    Directory::create(&real, policy()).unwrap();
    symlink(&real, &link).unwrap();
    fs::write(&file, "").unwrap();
    for path in [&link, &file] {
        assert!(matches!(refusal(path), Error::NotADirectory { .. }));
        assert!(matches!(
            Directory::create(path, policy()),
            Err(Error::NotADirectory { .. })
        ));
    }
    symlink(root.path().join("nowhere"), root.path().join("dangling")).unwrap();
    let dangling = root.path().join("dangling");
    assert!(matches!(
        Directory::create(&dangling, policy()),
        Err(Error::NotADirectory { .. })
    ));
    assert!(!root.path().join("nowhere").exists());
    assert!(matches!(refusal(&root.path().join("missing")), Error::Io { .. }));
}

#[test]
fn a_link_among_the_parents_is_followed_once() {
    let root = tempfile::tempdir().unwrap();
    fs::create_dir(root.path().join("real")).unwrap();
    symlink(root.path().join("real"), root.path().join("link")).unwrap();
    let made = Directory::create(root.path().join("link/credentials"), policy()).unwrap();
    assert_eq!(
        made.path(),
        root.path().canonicalize().unwrap().join("real/credentials")
    );
}

#[test]
fn parents_that_others_can_write_are_refused() {
    let root = tempfile::tempdir().unwrap();
    let parent = root.path().join("parent");
    let path = parent.join("credentials");
    Directory::create(&path, policy()).unwrap();
    set_mode(&parent, 0o777);
    let message = refusal(&path).to_string();
    assert!(
        message.contains("with mode 0777") && message.contains("chmod go-w /"),
        "{message}"
    );
    set_mode(&parent, 0o1777);
    Directory::open(&path, policy()).unwrap();
    set_mode(&parent, 0o755);
    if is_root("parents_that_others_can_write_are_refused") {
        give_to(&parent, NOBODY);
        assert!(matches!(
            refusal(&path),
            Error::UnsafeParent { owner: NOBODY, .. }
        ));
        give_to(&parent, 0);
        fs::set_permissions(&parent, std::os::unix::fs::PermissionsExt::from_mode(0o775)).unwrap();
        Directory::open(&path, policy()).expect("group root is root");
        std::os::unix::fs::chown(&parent, None, Some(DAEMON)).unwrap();
        assert!(matches!(refusal(&path), Error::UnsafeParent { mode: 0o775, .. }));
    }
}

#[test]
fn replaced_directory_is_noticed() {
    let stores = Stores::new();
    let session = stores.session("alice");
    let path = stores.root.path().join("credentials");
    let verify = || stores.credentials.directory().verify();
    verify().unwrap();
    set_mode(&path, 0o755);
    assert!(matches!(stores.lookup("alice"), Err(Error::DirectoryMode { .. })));
    set_mode(&path, 0o700);
    fs::rename(&path, stores.root.path().join("aside")).unwrap();
    assert!(matches!(verify(), Err(Error::DirectoryReplaced { .. })));
    Directory::create(&path, policy()).unwrap();
    let error = stores.lookup("alice").unwrap_err().to_string();
    assert!(
        error.contains("replaced or removed") && error.ends_with("restart httpd"),
        "{error}"
    );
    assert!(matches!(
        stores.publish(&session, "alice", HOUR),
        Err(Error::DirectoryReplaced { .. })
    ));
    assert_eq!(stores.credential_files(), [""; 0]);
}

#[test]
fn stores_must_be_separate() {
    let root = tempfile::tempdir().unwrap();
    let at = |path: &str| root.path().join(path);
    fs::create_dir(at("a")).unwrap();
    symlink(at("a"), at("link")).unwrap();
    check_separate(&at("a"), &at("b")).unwrap();
    check_separate(&at("a"), &at("ab")).unwrap();
    check_separate(&at("x/credentials"), &at("x/sessions")).unwrap();
    for (credentials, sessions) in [
        ("a", "a"),
        ("a", "a/b"),
        ("a/b", "a"),
        ("a", "link"),
        ("link/s", "a"),
        ("x/y", "x"),
    ] {
        let error = check_separate(&at(credentials), &at(sessions)).unwrap_err();
        assert!(
            matches!(error, Error::NotSeparate { .. }),
            "{credentials} {sessions}: {error}"
        );
    }
}

#[test]
fn opening_a_store_leaves_no_trace() {
    let root = tempfile::tempdir().unwrap();
    let directory = Directory::create(root.path().join("credentials"), policy()).unwrap();
    let store = CredentialStore::open(directory, FilePermissions::default()).unwrap();
    assert!(list(store.directory()).unwrap().is_empty());
    assert_eq!(fs::read_dir(store.directory().path()).unwrap().count(), 0);
}
