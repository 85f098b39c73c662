//! A credential's life: published, looked up, replaced, erased.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::{MetadataExt, symlink};
use std::time::Duration;

use common::*;
use credential_store::{
    CredentialName, Directory, DirectoryPolicy, Error, FilePermissions, Lookup, Method, NewCredential,
    Origin, Record, SessionStore, State, WebUser, list,
};
use openssl::symm::Cipher;

fn assert_good(stores: &Stores, user: &str) {
    let found = stores.lookup(user).unwrap();
    assert!(matches!(found, Lookup::Good(_)), "{found:?}");
}

#[test]
fn published_credential_is_good_until_logout() {
    let stores = Stores::new();
    assert!(matches!(stores.lookup("alice").unwrap(), Lookup::Missing));
    let session = stores.session("alice");
    let pem = credential("alice", *NOW + HOUR);
    let path = stores.publish_as(&session, &record("alice"), &pem).unwrap();

    let Lookup::Good(found) = stores.lookup("alice").unwrap() else {
        panic!("not good")
    };
    assert_eq!(found.path, path);
    assert_eq!(found.certificate.subject, "/DC=org/CN=alice");
    assert_eq!(found.certificate.expires, *NOW + HOUR);
    assert_eq!(fs::read(&path).unwrap(), pem);
    assert_eq!(mode(&path), 0o600);
    assert_eq!(stores.credential_files(), ["alice", "alice%record"]);

    let ended = stores.sessions.end(&session).unwrap().unwrap();
    assert!(stores.credentials.erase(&ended).unwrap());
    assert!(!stores.credentials.erase(&ended).unwrap(), "erased twice");
    assert!(matches!(stores.lookup("alice").unwrap(), Lookup::Missing));
    assert_eq!(stores.credential_files(), [""; 0]);
}

#[test]
fn odd_users_have_their_files() {
    let stores = Stores::new();
    let long = "x".repeat(300);
    for user in ["a/b", "..", ".hidden", "müller", "%41", &long] {
        let session = stores.session(user);
        let pem = credential("somebody", *NOW + HOUR);
        let path = stores.publish_as(&session, &record(user), &pem).unwrap();
        assert_eq!(path.parent(), Some(stores.credentials.directory().path()));
        assert_good(&stores, user);
    }
    assert_eq!(stores.credential_files().len(), 12);
}

#[test]
fn earliest_expiry_of_the_chain_counts() {
    let stores = Stores::new();
    let session = stores.session("alice");
    let soon = *NOW + Duration::from_secs(90);
    let pem = [
        certificate("alice", *NOW + HOUR),
        key(),
        certificate("issuer", soon),
    ]
    .concat();
    stores.publish_as(&session, &record("alice"), &pem).unwrap();
    let lookup = |least| {
        let least = Duration::from_secs(least);
        stores
            .credentials
            .lookup(
                &stores.name("alice"),
                &record("alice").origin,
                &[Method::Cookie],
                least,
                *NOW,
            )
            .unwrap()
    };
    assert!(matches!(lookup(89), Lookup::Good(found) if found.certificate.expires == soon));
    assert!(matches!(lookup(90), Lookup::Expired(certificate) if certificate.expires == soon));
}

#[test]
fn every_difference_in_the_record_is_another_ones() {
    let stores = Stores::new();
    let session = stores.session("alice");
    stores.publish(&session, "alice", HOUR).unwrap();
    let mine = record("alice");
    let with = |origin: Origin| Record {
        origin,
        ..mine.clone()
    };
    let with_user = |web_user: WebUser| {
        with(Origin {
            web_user,
            ..mine.origin.clone()
        })
    };
    let others = [
        with_user(WebUser {
            authentication_type: "Basic".into(),
            ..web_user("alice")
        }),
        with_user(WebUser {
            realm: Some("example.org".into()),
            ..web_user("alice")
        }),
        with_user(web_user("Alice")),
        with(Origin {
            myproxy_user: "bob".into(),
            ..mine.origin.clone()
        }),
        with(Origin {
            servers: vec!["other.example.org".into()],
            ..mine.origin.clone()
        }),
        with(Origin {
            credential_name: Some("".into()),
            ..mine.origin.clone()
        }),
        with(Origin {
            vo_names: vec!["example".into()],
            ..mine.origin.clone()
        }),
    ];
    let name = stores.name("alice");
    for other in others {
        let lookup = stores
            .credentials
            .lookup(&name, &other.origin, &Method::ALL, HOUR / 2, *NOW)
            .unwrap();
        assert!(matches!(lookup, Lookup::NotYours), "{other:?}: {lookup:?}");
        let (session, _) = stores
            .sessions
            .create(&other.origin.web_user, &name, IDLE, *NOW)
            .unwrap();
        let logon = stores.credentials.logon(&name, soon()).unwrap();
        let pem = credential("other", *NOW + HOUR);
        let refused = logon.publish(&stores.sessions, &session, &new_credential(&other, &pem), *NOW);
        assert!(
            matches!(refused, Err(Error::NotYours { .. })),
            "{other:?}: {refused:?}"
        );
    }
    assert_good(&stores, "alice");
    assert_eq!(stores.credential_files(), ["alice", "alice%record"]);
}

/// A place that takes other proofs does not use the credential, and a logon there puts another in its place.
#[test]
fn a_credential_serves_only_where_its_method_is_taken() {
    let stores = Stores::new();
    let session = stores.session("alice");
    stores.publish(&session, "alice", HOUR).unwrap();
    let mine = record("alice");
    let lookup = |methods: &[Method]| {
        stores
            .credentials
            .lookup(&stores.name("alice"), &mine.origin, methods, HOUR / 2, *NOW)
            .unwrap()
    };
    assert!(matches!(lookup(&[Method::Certificate]), Lookup::Missing));
    assert!(matches!(lookup(&[]), Lookup::Missing));
    let found = lookup(&[Method::Certificate, Method::Cookie]);
    assert!(matches!(found, Lookup::Good(found) if found.method == Method::Cookie));

    let by_certificate = Record {
        method: Method::Certificate,
        ..mine.clone()
    };
    let pem = credential("alice", *NOW + HOUR);
    let logon = stores.credentials.logon(&stores.name("alice"), soon()).unwrap();
    let new = NewCredential {
        record: &by_certificate,
        cookie: None,
        pem: &pem,
        renewal: None,
        shared: true,
    };
    let published = logon.publish(&stores.sessions, &session, &new, *NOW).unwrap();
    assert!(!published.was_got_with(COOKIE) && !published.was_got_with(b""));
    assert!(matches!(lookup(&[Method::Certificate]), Lookup::Good(_)));
    assert!(matches!(lookup(&[Method::Cookie]), Lookup::Missing));
}

#[test]
fn expired_credential_of_another_makes_way() {
    let stores = Stores::new();
    let first = stores.session("alice");
    stores.publish(&first, "alice", HOUR).unwrap();
    let later = *NOW + HOUR;
    let mut other = record("alice");
    other.origin.web_user.authentication_type = "Basic".into();
    let name = stores.name("alice");
    let lookup = stores
        .credentials
        .lookup(&name, &other.origin, &Method::ALL, HOUR, later)
        .unwrap();
    assert!(matches!(lookup, Lookup::Missing), "{lookup:?}");
    let (session, _) = stores
        .sessions
        .create(&other.origin.web_user, &name, IDLE, later)
        .unwrap();
    let logon = stores.credentials.logon(&name, soon()).unwrap();
    logon
        .publish(
            &stores.sessions,
            &session,
            &new_credential(&other, &credential("alice", later + HOUR)),
            later,
        )
        .unwrap();
    drop(logon);
    assert!(matches!(stores.lookup("alice").unwrap(), Lookup::NotYours));

    // The first user's logout leaves what is no longer that user's.
    let ended = stores.sessions.end(&first).unwrap().unwrap();
    assert!(!stores.credentials.erase(&ended).unwrap());
    assert_eq!(stores.credential_files(), ["alice", "alice%record"]);
}

#[test]
fn one_sessions_logout_erases_for_all() {
    let stores = Stores::new();
    let (one, other) = (stores.session("alice"), stores.session("alice"));
    stores.publish(&one, "alice", HOUR).unwrap();
    let ended = stores.sessions.end(&other).unwrap().unwrap();
    assert!(stores.credentials.erase(&ended).unwrap());
    assert_eq!(stores.credential_files(), [""; 0]);
    // The other session lives, and may have a new one.
    stores.publish(&one, "alice", HOUR).unwrap();
}

#[test]
fn ended_unknown_and_foreign_sessions_publish_nothing() {
    let stores = Stores::new();
    let ended = stores.session("alice");
    let _ = stores.sessions.end(&ended).unwrap();
    let elsewhere = Stores::new().session("alice");
    for session in [&ended, &elsewhere] {
        assert!(matches!(
            stores.publish(session, "alice", HOUR),
            Err(Error::SessionEnded)
        ));
    }
    let bobs = stores.session("bob");
    assert!(matches!(
        stores.publish(&bobs, "alice", HOUR),
        Err(Error::OtherSession)
    ));
    assert_eq!(stores.credential_files(), [""; 0]);
}

#[test]
fn a_new_credential_replaces_the_old_in_one_step() {
    let stores = Stores::new();
    let session = stores.session("alice");
    let path = stores.publish(&session, "alice", HOUR).unwrap();
    let opened = fs::File::open(&path).unwrap();
    let before = fs::metadata(&path).unwrap().ino();
    stores.publish(&session, "alice", 2 * HOUR).unwrap();
    assert_ne!(fs::metadata(&path).unwrap().ino(), before);
    assert_eq!(
        opened.metadata().unwrap().ino(),
        before,
        "an application that reads goes on reading the old one"
    );
    let Lookup::Good(found) = stores.lookup("alice").unwrap() else {
        panic!("not good")
    };
    assert_eq!(
        found.certificate.expires,
        *NOW + 2 * HOUR,
        "the new one was not noticed"
    );
}

#[test]
fn no_credential_is_refused_before_anything_is_touched() {
    let stores = Stores::new();
    let session = stores.session("alice");
    let path = stores.publish(&session, "alice", HOUR).unwrap();
    let before = fs::read(&path).unwrap();
    let other_key = new_key().private_key_to_pem_pkcs8().unwrap();
    let certificate = certificate("alice", *NOW + 2 * HOUR);
    let encrypted_with = |pass_phrase| {
        let key = new_key();
        let pem = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_128_cbc(), pass_phrase);
        [certificate.clone(), pem.unwrap()].concat()
    };
    for (pem, reason) in [
        (Vec::new(), "no certificate"),
        (
            b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec(),
            "",
        ),
        (key(), "no certificate"),
        (certificate.clone(), "no private key"),
        (encrypted_with(b"secret"), "its private key is encrypted"),
        (encrypted_with(b""), "its private key is encrypted"),
        (
            [certificate.clone(), other_key].concat(),
            "not that of the first certificate",
        ),
    ] {
        let error = stores.publish_as(&session, &record("alice"), &pem).unwrap_err();
        assert!(matches!(error, Error::NotACredential(_)), "{error}");
        assert!(error.to_string().contains(reason), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(stores.credential_files(), ["alice", "alice%record"]);
    assert!(
        openssl::error::ErrorStack::get().errors().is_empty(),
        "errors left in OpenSSL's queue"
    );
}

#[test]
fn a_record_speaks_only_for_what_it_was_written_with() {
    let stores = Stores::new();
    let at = |name: &str| stores.root.path().join("credentials").join(name);
    let session = stores.session("alice");
    stores.publish(&session, "alice", HOUR).unwrap();
    // A crash between the two renames: the new record is there, the credential is still the old one.
    let old = fs::read(at("alice")).unwrap();
    stores.publish(&session, "alice", 2 * HOUR).unwrap();
    fs::write(at("alice"), old).unwrap();
    assert!(matches!(stores.lookup("alice").unwrap(), Lookup::Missing));
    let listed = list(stores.credentials.directory()).unwrap();
    assert!(
        matches!(&listed[..], [one] if matches!(one.state, State::Broken(_))),
        "{listed:?}"
    );
    stores.publish(&session, "alice", HOUR).unwrap();
    assert_good(&stores, "alice");
}

#[test]
fn a_file_without_a_record_is_nobodys() {
    let stores = Stores::new();
    let session = stores.session("alice");
    let path = stores.root.path().join("credentials/alice");
    fs::write(&path, credential("alice", *NOW + HOUR)).unwrap();
    assert!(matches!(stores.lookup("alice").unwrap(), Lookup::NotYours));
    let refused = stores.publish(&session, "alice", HOUR).unwrap_err();
    assert!(matches!(refused, Error::NotYours { .. }), "{refused}");
    // As a handler of old times left it: it makes way when it has expired.
    fs::write(&path, credential("alice", *NOW)).unwrap();
    assert!(matches!(stores.lookup("alice").unwrap(), Lookup::Missing));
    stores.publish(&session, "alice", HOUR).unwrap();
    assert_good(&stores, "alice");
}

#[test]
fn links_and_devices_are_refused_and_left() {
    let stores = Stores::new();
    let session = stores.session("alice");
    let target = stores.root.path().join("target");
    fs::write(&target, credential("alice", *NOW + HOUR)).unwrap();
    let at = |name: &str| stores.root.path().join("credentials").join(name);
    for name in ["alice", "alice%record"] {
        let published = stores.publish(&session, "alice", HOUR).unwrap();
        let before = fs::read(&target).unwrap();
        fs::remove_file(at(name)).unwrap();
        symlink(&target, at(name)).unwrap();
        for result in [
            stores.lookup("alice").map(|_| ()),
            stores.publish(&session, "alice", HOUR).map(|_| ()),
        ] {
            assert!(
                matches!(result, Err(Error::UnsafeFile { .. })),
                "{name}: {result:?}"
            );
        }
        assert_eq!(fs::read(&target).unwrap(), before);
        assert!(fs::symlink_metadata(at(name)).unwrap().is_symlink());
        fs::remove_file(at(name)).unwrap();
        let _ = fs::remove_file(published);
        let _ = fs::remove_file(at("alice%record"));
    }
    nix::unistd::mkfifo(&at("alice"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    assert!(matches!(stores.lookup("alice"), Err(Error::UnsafeFile { .. })));
    fs::remove_file(at("alice")).unwrap();
    fs::create_dir(at("alice")).unwrap();
    assert!(matches!(stores.lookup("alice"), Err(Error::UnsafeFile { .. })));
}

#[test]
fn a_link_for_a_lock_is_refused() {
    let stores = Stores::new();
    symlink(
        stores.root.path().join("target"),
        stores.root.path().join("credentials/.lock"),
    )
    .unwrap();
    assert!(matches!(
        stores.credentials.logon(&stores.name("alice"), soon()),
        Err(Error::Io { .. })
    ));
    assert!(!stores.root.path().join("target").exists());
}

#[test]
fn wide_modes_and_foreign_owners_are_refused() {
    let stores = Stores::new();
    let session = stores.session("alice");
    let path = stores.publish(&session, "alice", HOUR).unwrap();
    assert_good(&stores, "alice");
    for mode in [0o604, 0o640, 0o660, 0o700, 0o4600] {
        set_mode(&path, mode);
        let message = stores.lookup("alice").unwrap_err().to_string();
        assert!(
            message.contains(&format!("mode {mode:04o}, wider than 0600: chmod 0600 /")),
            "{message}"
        );
    }
    set_mode(&path, 0o400);
    assert_good(&stores, "alice");
    if is_root("wide_modes_and_foreign_owners_are_refused") {
        give_to(&path, NOBODY);
        let message = stores.lookup("alice").unwrap_err().to_string();
        assert!(
            message.contains("belongs to user nobody, not to root"),
            "{message}"
        );
    }
}

#[test]
fn permissions_that_make_no_sense_are_refused() {
    for mode in [0o000, 0o200, 0o604, 0o644, 0o660, 0o700, 0o4600, 0o666] {
        assert!(
            matches!(
                FilePermissions::new(mode, None, None),
                Err(Error::FileMode { .. })
            ),
            "{mode:o}"
        );
    }
    for mode in [0o400, 0o440, 0o600, 0o640] {
        FilePermissions::new(mode, None, None).unwrap();
    }
}

#[test]
fn files_for_the_group_of_an_application() {
    if !is_root("files_for_the_group_of_an_application") {
        return;
    }
    let permissions = FilePermissions::new(0o640, Some(DAEMON), Some(NOBODY)).unwrap();
    let stores = Stores::with_permissions(permissions);
    let session = stores.session("alice");
    let path = stores.publish(&session, "alice", HOUR).unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert_eq!(
        (metadata.uid(), metadata.gid(), mode(&path)),
        (DAEMON, NOBODY, 0o640)
    );
    assert_eq!(mode(&path.with_file_name("alice%record")), 0o600);
    assert_good(&stores, "alice");
}

#[test]
fn root_works_in_the_directory_of_another_user() {
    if !is_root("root_works_in_the_directory_of_another_user") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    set_mode(root.path(), 0o755);
    let policy = DirectoryPolicy::new(0o700).owned_by(DAEMON, Some(DAEMON));
    let make = |name: &str| Directory::create(root.path().join(name), policy).unwrap();
    let credentials =
        credential_store::CredentialStore::open(make("credentials"), FilePermissions::default()).unwrap();
    let sessions = SessionStore::open(make("sessions")).unwrap();
    let name = CredentialName::of_user("alice").unwrap();
    let (session, _) = sessions.create(&web_user("alice"), &name, IDLE, *NOW).unwrap();
    let logon = credentials.logon(&name, soon()).unwrap();
    let pem = credential("alice", *NOW + HOUR);
    logon
        .publish(&sessions, &session, &new_credential(&record("alice"), &pem), *NOW)
        .unwrap();
    let _ = sessions.end(&session).unwrap();
    for directory in ["credentials", "sessions"] {
        for entry in fs::read_dir(root.path().join(directory)).unwrap() {
            let entry = entry.unwrap();
            let owner = entry.metadata().unwrap();
            assert_eq!((owner.uid(), owner.gid()), (DAEMON, DAEMON), "{:?}", entry.path());
        }
    }
}

#[test]
fn a_lookup_remembers_no_longer_than_it_may() {
    let stores = Stores::new();
    let session = stores.session("alice");
    let path = stores.publish(&session, "alice", HOUR).unwrap();
    assert_good(&stores, "alice");
    // Another process erases, then someone writes into the file in place.
    let content = fs::read(&path).unwrap();
    fs::remove_file(&path).unwrap();
    assert!(matches!(stores.lookup("alice").unwrap(), Lookup::Missing));
    fs::write(&path, &content).unwrap();
    set_mode(&path, 0o600);
    assert_good(&stores, "alice");
    fs::write(&path, [&content[..], b"\n"].concat()).unwrap();
    assert!(matches!(stores.lookup("alice").unwrap(), Lookup::Missing));
}

#[test]
fn a_record_that_a_power_failure_emptied_serves_nobody() {
    let stores = Stores::new();
    let session = stores.session("alice");
    stores.publish(&session, "alice", HOUR).unwrap();
    fs::write(stores.root.path().join("credentials/alice%record"), "").unwrap();
    assert!(matches!(stores.lookup("alice").unwrap(), Lookup::Missing));
    stores.publish(&session, "alice", HOUR).unwrap();
    assert_good(&stores, "alice");
}
