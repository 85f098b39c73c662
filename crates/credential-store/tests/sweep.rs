//! What a sweep takes, and what it must not.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use common::*;
use credential_store::{
    CredentialStore, Directory, DirectoryPolicy, Error, FilePermissions, STALE_AFTER, SessionLookup,
    SweepReport, erase_if_expired, erase_if_orphaned, sweep,
};

fn sweep_at(stores: &Stores, now: SystemTime) -> SweepReport {
    sweep(&stores.credentials, &stores.sessions, Some(IDLE), now, false).unwrap()
}

#[test]
fn what_is_in_use_stays() {
    let stores = Stores::new();
    let session = stores.session("alice");
    stores.publish(&session, "alice", HOUR).unwrap();
    assert_eq!(sweep_at(&stores, *NOW), SweepReport::default());
    assert_eq!(stores.credential_files(), ["alice", "alice%record"]);
}

#[test]
fn expired_credentials_go() {
    let stores = Stores::new();
    let session = stores.session("alice");
    stores.publish(&session, "alice", HOUR).unwrap();
    stores.publish(&stores.session("bob"), "bob", 2 * HOUR).unwrap();
    let report = sweep_at(&stores, *NOW + HOUR);
    assert_eq!(
        report,
        SweepReport {
            expired: vec!["alice".into()],
            over: report.over.clone(),
            ..SweepReport::default()
        }
    );
    assert_eq!((report.over.len(), report.erased()), (1, 2));
    assert_eq!(stores.credential_files(), ["bob", "bob%record"]);
    assert_eq!(stores.session_files().len(), 1, "only bob's goes on");
}

#[test]
fn a_session_that_waits_for_the_server_outlives_its_credential() {
    let stores = Stores::new();
    let session = stores.session("alice");
    stores.publish(&session, "alice", HOUR).unwrap();
    let later = *NOW + HOUR;
    stores
        .sessions
        .set_pending(&session, b"cookie", later, later)
        .unwrap();
    let report = sweep_at(&stores, later);
    assert_eq!(
        (&report.expired[..], report.over.len()),
        (&["alice".to_owned()][..], 0)
    );
    assert_eq!(stores.session_files().len(), 1);
}

#[test]
fn what_ends_with_its_credential_leaves_a_newer_one() {
    let stores = Stores::new();
    let (old, new) = (stores.session("alice"), stores.session("alice"));
    stores.publish(&old, "alice", HOUR).unwrap();
    stores.publish(&new, "alice", 3 * HOUR).unwrap();
    let ended = stores.sessions.end(&old).unwrap().unwrap();
    let erase = |now| erase_if_expired(&stores.credentials, &stores.sessions, &ended, now).unwrap();
    assert!(!erase(*NOW + HOUR));
    assert_eq!(stores.credential_files(), ["alice", "alice%record"]);
    assert!(erase(*NOW + 3 * HOUR));
    assert_eq!(stores.credential_files(), [""; 0]);
}

#[test]
fn a_credential_of_one_session_goes_with_it() {
    let stores = Stores::new();
    let user = web_user("alice");
    let begin = || stores.sessions.create_alone(&user, IDLE, *NOW).unwrap();
    let ((one, one_session), (_, other_session)) = (begin(), begin());
    let record = record("alice");
    let pem = credential("alice", *NOW + HOUR);
    let logon = stores
        .credentials
        .logon(one_session.credential(), soon())
        .unwrap();
    logon
        .publish(&stores.sessions, &one, &new_credential(&record, &pem), *NOW)
        .unwrap();
    let names = [&one_session, &other_session].map(|session| session.credential().clone());
    assert!(
        names
            .iter()
            .all(|name| name.is_of_one_session() && name.user().is_some_and(|user| user == b"alice"))
    );
    assert_ne!(names[0], names[1]);
    assert!(!stores.name("alice").is_of_one_session());
    assert_eq!(sweep_at(&stores, *NOW), SweepReport::default());

    let _ = stores.sessions.end(&one).unwrap();
    assert_eq!(sweep_at(&stores, *NOW).orphaned, [names[0].as_str()]);
    assert_eq!(stores.credential_files(), [""; 0]);
}

#[test]
fn idle_sessions_end_and_take_their_credential_along() {
    let stores = Stores::new();
    let (idle, used) = (stores.session("alice"), stores.session("alice"));
    stores.publish(&idle, "alice", 2 * IDLE).unwrap();
    let half = *NOW + IDLE / 2;
    let SessionLookup::Live(session) = stores
        .sessions
        .find(&used, &web_user("alice"), IDLE, half)
        .unwrap()
    else {
        panic!("not live")
    };
    stores.sessions.touch(&session, IDLE, half).unwrap();

    let report = sweep_at(&stores, *NOW + IDLE);
    assert_eq!(
        (report.idle.len(), report.orphaned.len()),
        (1, 0),
        "the other session still uses it: {report:?}"
    );
    let found = stores
        .sessions
        .find(&idle, &web_user("alice"), IDLE, *NOW + IDLE)
        .unwrap();
    assert!(matches!(found, SessionLookup::Unknown), "{found:?}");
    assert_eq!((report.erased(), stores.session_files().len()), (1, 1));

    let report = sweep_at(&stores, half + IDLE);
    assert_eq!(
        (report.idle.len(), &report.orphaned[..]),
        (1, &["alice".to_owned()][..]),
        "{report:?}"
    );
    assert_eq!(stores.credential_files(), [""; 0]);
    assert_eq!(stores.session_files(), [""; 0]);
}

#[test]
fn orphans_go() {
    let stores = Stores::new();
    let session = stores.session("alice");
    stores.publish(&session, "alice", HOUR).unwrap();
    // The process dies between the end of the session and the erasure; or the sessions are lost.
    let _ = stores.sessions.end(&session).unwrap();
    let report = sweep_at(&stores, *NOW);
    assert_eq!(
        report,
        SweepReport {
            orphaned: vec!["alice".into()],
            ..SweepReport::default()
        }
    );
    assert_eq!(stores.credential_files(), [""; 0]);
}

#[test]
fn a_session_of_another_user_with_the_same_file_name_keeps_nothing() {
    let stores = Stores::new();
    let session = stores.session("alice");
    stores.publish(&session, "alice", HOUR).unwrap();
    let mut other = web_user("alice");
    other.authentication_type = "Basic".into();
    stores
        .sessions
        .create(&other, &stores.name("alice"), IDLE, *NOW)
        .unwrap();
    let _ = stores.sessions.end(&session).unwrap();
    assert_eq!(sweep_at(&stores, *NOW).orphaned, ["alice"]);
}

#[test]
fn an_unreadable_session_makes_no_orphans() {
    let stores = Stores::new();
    let session = stores.session("alice");
    stores.publish(&session, "alice", HOUR).unwrap();
    stores.publish(&stores.session("bob"), "bob", HOUR / 2).unwrap();
    let _ = stores.sessions.end(&session).unwrap();
    symlink(
        "/nowhere",
        stores.root.path().join("sessions").join("0".repeat(64)),
    )
    .unwrap();
    let report = sweep_at(&stores, *NOW + HOUR / 2);
    assert_eq!(
        (&report.expired[..], report.orphaned.len()),
        (&["bob".to_owned()][..], 0)
    );
    assert_eq!(report.failures.len(), 1, "{report:?}");
    assert_eq!(stores.credential_files(), ["alice", "alice%record"]);
}

#[test]
fn waiting_cookies_are_cleared_and_leave_the_session_as_it_was() {
    let stores = Stores::new();
    let session = stores.session("alice");
    stores
        .sessions
        .set_pending(&session, b"cookie", *NOW, *NOW)
        .unwrap();
    assert_eq!(
        sweep_at(&stores, *NOW + Duration::from_secs(99)),
        SweepReport::default()
    );
    let later = *NOW + Duration::from_secs(100);
    assert_eq!(sweep_at(&stores, later).stale_cookies.len(), 1);
    assert_eq!(sweep_at(&stores, later), SweepReport::default());
    let found = stores
        .sessions
        .find(&session, &web_user("alice"), IDLE, later)
        .unwrap();
    assert!(
        matches!(&found, SessionLookup::Live(session) if session.last_used() == *NOW),
        "{found:?}"
    );
}

#[test]
fn halves_and_stale_temporaries_go() {
    let stores = Stores::new();
    let at = |name: &str| stores.root.path().join("credentials").join(name);
    for user in ["alice", "bob"] {
        stores.publish(&stores.session(user), user, HOUR).unwrap();
    }
    fs::remove_file(at("alice")).unwrap();
    fs::write(at("bob"), credential("bob", *NOW + HOUR)).unwrap();
    fs::write(at(".new-0123456789abcdef"), "half").unwrap();
    fs::write(stores.root.path().join("sessions/.new-0123456789abcdef"), "half").unwrap();
    let broken_session = stores.root.path().join("sessions").join("a".repeat(64));
    fs::write(&broken_session, "").unwrap();
    set_mode(&broken_session, 0o600);

    let report = sweep_at(&stores, SystemTime::now() + STALE_AFTER - Duration::from_secs(60));
    assert_eq!(
        (&report.broken[..], report.temporaries.len()),
        (&["alice".to_owned(), "bob".into()][..], 0)
    );
    let report = sweep_at(&stores, SystemTime::now() + STALE_AFTER);
    assert_eq!(
        (&report.broken[..], report.temporaries.len()),
        (&["a".repeat(64)][..], 2)
    );
    assert_eq!(stores.credential_files(), [""; 0]);
}

#[test]
fn each_session_has_its_own_idle_time() {
    let stores = Stores::new();
    let sweep_at = |now| sweep(&stores.credentials, &stores.sessions, None, now, false).unwrap();
    let create = |user: &str, idle| {
        let (session, _) = stores
            .sessions
            .create(&web_user(user), &stores.name(user), idle, *NOW)
            .unwrap();
        stores.publish(&session, user, 2 * IDLE).unwrap();
    };
    create("alice", HOUR);
    create("bob", IDLE);
    assert_eq!(
        sweep_at(*NOW + HOUR - Duration::from_secs(1)),
        SweepReport::default()
    );
    let report = sweep_at(*NOW + HOUR);
    assert_eq!(
        (report.idle.len(), &report.orphaned[..]),
        (1, &["alice".to_owned()][..])
    );
    assert_eq!(stores.credential_files(), ["bob", "bob%record"]);
}

#[test]
fn the_credential_of_an_idle_session_goes_unless_another_one_lives() {
    let stores = Stores::new();
    let (idle, live) = (stores.session("alice"), stores.session("alice"));
    stores.publish(&live, "alice", HOUR).unwrap();
    let erase = |ended| erase_if_orphaned(&stores.credentials, &stores.sessions, &ended, *NOW).unwrap();
    assert!(!erase(stores.sessions.end(&idle).unwrap().unwrap()));
    assert_eq!(stores.credential_files(), ["alice", "alice%record"]);
    assert!(erase(stores.sessions.end(&live).unwrap().unwrap()));
    assert_eq!(stores.credential_files(), [""; 0]);
}

#[test]
fn a_credential_that_cannot_be_erased_is_an_error() {
    let stores = Stores::new();
    let session = stores.session("alice");
    let path = stores.publish(&session, "alice", HOUR).unwrap();
    fs::remove_file(&path).unwrap();
    symlink("/nowhere", &path).unwrap();
    let ended = stores.sessions.end(&session).unwrap().unwrap();
    let error = erase_if_orphaned(&stores.credentials, &stores.sessions, &ended, *NOW).unwrap_err();
    assert!(matches!(error, Error::UnsafeFile { .. }), "{error}");
}

#[test]
fn what_is_not_ours_stays_and_is_named() {
    let stores = Stores::new();
    let at = |name: &str| stores.root.path().join("credentials").join(name);
    fs::write(at("README"), "no certificate").unwrap();
    fs::write(at("old"), credential("old", *NOW - HOUR)).unwrap();
    fs::write(at("a file"), "").unwrap();
    fs::write(at(".new-file"), "").unwrap();
    fs::create_dir(at("directory")).unwrap();
    symlink(stores.root.path().join("sessions"), at("link")).unwrap();
    fs::write(stores.root.path().join("sessions/notes"), "").unwrap();
    let before = stores.credential_files();
    let report = sweep_at(&stores, SystemTime::now() + IDLE);
    assert_eq!(report.erased(), 0, "{report:?}");
    let left = [&report.unknown[..], &report.failures[..]].concat().join("\n");
    for name in [
        "README",
        "old",
        "a file",
        ".new-file",
        "directory",
        "link",
        "notes",
    ] {
        assert!(left.contains(&format!("/{name}")), "{name}: {report:?}");
    }
    assert_eq!(stores.credential_files(), before);
}

#[test]
fn a_dry_run_erases_nothing_and_says_the_same() {
    let stores = Stores::new();
    stores.publish(&stores.session("alice"), "alice", HOUR).unwrap();
    let session = stores.session("bob");
    stores.publish(&session, "bob", IDLE * 2).unwrap();
    let now = *NOW + IDLE;
    let dry = sweep(&stores.credentials, &stores.sessions, Some(IDLE), now, true).unwrap();
    assert_eq!(
        (stores.credential_files().len(), stores.session_files().len()),
        (4, 2)
    );
    assert_eq!(dry, sweep_at(&stores, now));
    assert_eq!((dry.expired.len(), dry.orphaned.len(), dry.idle.len()), (1, 1, 2));
}

#[test]
fn one_directory_for_both_is_refused() {
    let stores = Stores::new();
    let directory = Directory::open(stores.sessions.directory().path(), DirectoryPolicy::new(0o700)).unwrap();
    let same = CredentialStore::open(directory, FilePermissions::default()).unwrap();
    let refused = sweep(&same, &stores.sessions, Some(IDLE), *NOW, false);
    assert!(matches!(refused, Err(Error::NotSeparate { .. })));
}

#[test]
fn root_sweeps_the_directory_of_another_user() {
    if !is_root("root_sweeps_the_directory_of_another_user") {
        return;
    }
    let stores = Stores::new();
    let session = stores.session("alice");
    stores.publish(&session, "alice", HOUR).unwrap();
    stores.session("bob");
    set_mode(stores.root.path(), 0o755);
    for directory in ["credentials", "sessions"] {
        let path = stores.root.path().join(directory);
        for entry in fs::read_dir(&path).unwrap() {
            give_to(&entry.unwrap().path(), DAEMON);
        }
        give_to(&path, DAEMON);
    }
    let policy = DirectoryPolicy::new(0o700).owned_by_anyone();
    let open = |name: &str| Directory::open(stores.root.path().join(name), policy).unwrap();
    let credentials = CredentialStore::open(open("credentials"), FilePermissions::default()).unwrap();
    let sessions = credential_store::SessionStore::open(open("sessions")).unwrap();
    let report = sweep(&credentials, &sessions, Some(IDLE), *NOW + IDLE, false).unwrap();
    assert_eq!(
        (report.idle.len(), report.expired.len(), report.failures.len()),
        (2, 1, 0),
        "{report:?}"
    );
    for entry in fs::read_dir(stores.root.path().join("sessions")).unwrap() {
        let metadata = entry.unwrap().metadata().unwrap();
        assert_eq!(std::os::unix::fs::MetadataExt::uid(&metadata), DAEMON);
    }
}
