//! A session's life: made, found, used, ended.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime};

use common::*;
use credential_store::{
    Error, Failure, FilePermissions, PENDING_MAX_AGE, Session, SessionId, SessionLookup, WebUser,
};

const SECOND: Duration = Duration::from_secs(1);

fn find_at(stores: &Stores, id: &SessionId, now: SystemTime) -> SessionLookup {
    stores.sessions.find(id, &web_user("alice"), IDLE, now).unwrap()
}

fn live(stores: &Stores, id: &SessionId) -> Session {
    match find_at(stores, id, *NOW) {
        SessionLookup::Live(session) => session,
        other => panic!("{other:?}"),
    }
}

/// The one session file there is.
fn file(stores: &Stores) -> std::path::PathBuf {
    let [name] = &stores.session_files()[..] else {
        panic!("not one session")
    };
    stores.root.path().join("sessions").join(name)
}

#[test]
fn identifiers_are_random_and_only_the_browser_has_them() {
    let stores = Stores::new();
    let (one, other) = (stores.session("alice"), stores.session("alice"));
    assert_ne!(*one.to_cookie(), *other.to_cookie());
    assert_eq!(one.to_cookie().len(), 43);
    let again = SessionId::parse(&one.to_cookie()).unwrap();
    assert_eq!(*again.to_cookie(), *one.to_cookie());
    for name in stores.session_files() {
        let path = stores.root.path().join("sessions").join(&name);
        assert_eq!((name.len(), mode(&path)), (64, 0o600));
        let content = fs::read_to_string(path).unwrap();
        assert!(!content.contains(one.to_cookie().as_str()) && !content.contains(other.to_cookie().as_str()));
    }
}

#[test]
fn only_43_characters_of_base64url_are_an_identifier() {
    let good = "A".repeat(43);
    assert!(SessionId::parse(&good).is_some());
    let padded = format!("{good}=");
    let last_bits = format!("{}B", "A".repeat(42));
    for bad in [
        "",
        "A",
        &"A".repeat(42),
        &"A".repeat(44),
        &padded,
        &last_bits,
        &"+".repeat(43),
        &"../".repeat(15),
    ] {
        assert!(SessionId::parse(bad).is_none(), "{bad:?}");
    }
}

#[test]
fn what_we_did_not_make_is_never_adopted() {
    let stores = Stores::new();
    let made_up = SessionId::parse(&"A".repeat(43)).unwrap();
    assert!(matches!(find_at(&stores, &made_up, *NOW), SessionLookup::Unknown));
    assert!(stores.sessions.end(&made_up).unwrap().is_none());
    assert!(matches!(
        stores.sessions.clear_pending(&made_up, *NOW),
        Err(Error::SessionEnded)
    ));
    assert_eq!(stores.session_files(), [""; 0]);
}

#[test]
fn a_session_is_its_users_alone() {
    let stores = Stores::new();
    let id = stores.session("alice");
    assert_eq!(live(&stores, &id).web_user(), &web_user("alice"));
    assert_eq!(live(&stores, &id).credential(), &stores.name("alice"));
    assert_eq!(live(&stores, &id).created(), *NOW);
    for other in [
        web_user("bob"),
        WebUser {
            authentication_type: "Basic".into(),
            ..web_user("alice")
        },
        WebUser {
            realm: Some("example.org".into()),
            ..web_user("alice")
        },
    ] {
        let found = stores.sessions.find(&id, &other, IDLE, *NOW).unwrap();
        assert!(matches!(found, SessionLookup::OtherUser), "{found:?}");
    }
}

#[test]
fn ended_sessions_stay_ended() {
    let stores = Stores::new();
    let id = stores.session("alice");
    let session = live(&stores, &id);
    let ended = stores.sessions.end(&id).unwrap().unwrap();
    assert_eq!(
        (ended.web_user(), ended.credential()),
        (&web_user("alice"), &stores.name("alice"))
    );
    assert_eq!(stores.session_files(), [""; 0]);
    assert!(stores.sessions.end(&id).unwrap().is_none());

    stores.sessions.touch(&session, IDLE, *NOW + IDLE).unwrap();
    let failure = Failure {
        class: "refused".into(),
        description: "invalid password".into(),
        at: *NOW,
        until: *NOW,
        proof: id.proof_digest(&[b"cookie"]),
    };
    for changed in [
        stores.sessions.set_pending(&id, b"cookie", *NOW, *NOW),
        stores.sessions.clear_pending(&id, *NOW),
        stores.sessions.record_failure(&id, failure, *NOW),
    ] {
        assert!(matches!(changed, Err(Error::SessionEnded)), "{changed:?}");
    }
    assert!(matches!(find_at(&stores, &id, *NOW), SessionLookup::Unknown));
    assert_eq!(stores.session_files(), [""; 0], "brought back to life");
}

#[test]
fn use_is_written_down_once_in_a_twentieth_of_the_idle_time() {
    let stores = Stores::new();
    let id = stores.session("alice");
    let before = live(&stores, &id);
    assert_eq!(before.last_used(), *NOW);
    stores
        .sessions
        .touch(&before, IDLE, *NOW + IDLE / 20 - SECOND)
        .unwrap();
    assert_eq!(live(&stores, &id).last_used(), *NOW);
    stores.sessions.touch(&before, IDLE, *NOW + IDLE / 20).unwrap();
    assert_eq!(live(&stores, &id).last_used(), *NOW + IDLE / 20);
}

#[test]
fn unused_sessions_count_as_ended() {
    let stores = Stores::new();
    let id = stores.session("alice");
    assert!(matches!(
        find_at(&stores, &id, *NOW + IDLE - SECOND),
        SessionLookup::Live(_)
    ));
    assert!(matches!(find_at(&stores, &id, *NOW + IDLE), SessionLookup::Idle));
    stores
        .sessions
        .touch(&live(&stores, &id), IDLE, *NOW + IDLE / 2)
        .unwrap();
    assert!(matches!(
        find_at(&stores, &id, *NOW + IDLE),
        SessionLookup::Live(_)
    ));
}

#[test]
fn a_granting_cookie_waits_sealed_until_it_is_too_old() {
    let stores = Stores::new();
    let id = stores.session("alice");
    let cookie = b"the plain granting cookie";
    assert!(live(&stores, &id).pending(&id, *NOW).is_none());
    stores
        .sessions
        .set_pending(&id, cookie, *NOW - 30 * SECOND, *NOW)
        .unwrap();

    let session = live(&stores, &id);
    assert_eq!(session.pending(&id, *NOW).unwrap().as_slice(), cookie);
    let too_old = *NOW - 30 * SECOND + PENDING_MAX_AGE;
    assert!(session.pending(&id, too_old - SECOND).is_some());
    assert!(session.pending(&id, too_old).is_none());
    assert!(
        session.pending(&stores.session("alice"), *NOW).is_none(),
        "another session opened it"
    );

    stores.sessions.clear_pending(&id, *NOW).unwrap();
    assert!(live(&stores, &id).pending(&id, *NOW).is_none());
}

#[test]
fn a_sealed_cookie_cannot_be_read_or_made_younger_on_disk() {
    let stores = Stores::new();
    let id = stores.session("alice");
    stores
        .sessions
        .set_pending(&id, b"the plain granting cookie", *NOW, *NOW)
        .unwrap();
    let content = fs::read_to_string(file(&stores)).unwrap();
    assert!(!content.contains("granting"));
    let mut json: serde_json::Value = serde_json::from_str(&content).unwrap();
    let created = &mut json["pending"]["created"];
    *created = (created.as_u64().unwrap() + 60_000_000).into();
    fs::write(file(&stores), json.to_string()).unwrap();
    set_mode(&file(&stores), 0o600);
    assert!(live(&stores, &id).pending(&id, *NOW).is_none());
}

#[test]
fn those_who_waited_take_the_failure_over() {
    let stores = Stores::new();
    let (id, other) = (stores.session("alice"), stores.session("alice"));
    let digest = |id: &SessionId, parts: &[&[u8]]| id.proof_digest(parts);
    let proof = digest(&id, &[b"cookie", b"alice"]);
    let at = *NOW + Duration::from_micros(1_500_001);
    let failure = Failure {
        class: "refused".into(),
        description: "invalid password".into(),
        at,
        until: at + Duration::from_secs(5),
        proof: proof.clone(),
    };
    stores
        .sessions
        .record_failure(&id, failure.clone(), *NOW)
        .unwrap();

    let session = live(&stores, &id);
    assert_eq!(session.last_failure(), Some(&failure));
    assert_eq!(session.failure_since(&proof, *NOW), Some(&failure));
    assert_eq!(session.failure_since(&proof, at), Some(&failure));
    assert_eq!(session.failure_since(&proof, at + Duration::from_micros(1)), None);
    // Later ones do so while it lasts.
    let later = |seconds| at + Duration::from_secs(seconds);
    assert_eq!(session.failure_that_lasts(&proof, later(4)), Some(&failure));
    assert_eq!(session.failure_that_lasts(&proof, later(5)), None);
    for different in [
        digest(&id, &[b"another cookie", b"alice"]),
        digest(&id, &[b"cookie", b"bob"]),
        digest(&id, &[b"cookiealice"]),
        digest(&id, &[b"cookiea", b"lice"]),
        digest(&other, &[b"cookie", b"alice"]),
    ] {
        assert_eq!(session.failure_since(&different, *NOW), None);
        assert_eq!(session.failure_that_lasts(&different, *NOW), None);
    }
}

#[test]
fn what_cannot_be_understood_is_no_session() {
    let stores = Stores::new();
    let id = stores.session("alice");
    let path = file(&stores);
    let good = fs::read_to_string(&path).unwrap();
    let other_name = good.replace(r#""credential":"alice""#, r#""credential":"../alice""#);
    assert_ne!(other_name, good);
    for content in ["", "{", "{}", r#"{"credential":"alice"}"#, &other_name] {
        fs::write(&path, content).unwrap();
        assert!(
            matches!(find_at(&stores, &id, *NOW), SessionLookup::Unknown),
            "{content}"
        );
        assert!(
            matches!(stores.publish(&id, "alice", HOUR), Err(Error::SessionEnded)),
            "{content}"
        );
    }
    fs::write(&path, good).unwrap();
    assert!(matches!(find_at(&stores, &id, *NOW), SessionLookup::Live(_)));
}

#[test]
fn files_that_others_could_read_or_made_are_refused() {
    let stores = Stores::new();
    let id = stores.session("alice");
    let path = file(&stores);
    let find = || stores.sessions.find(&id, &web_user("alice"), IDLE, *NOW);
    set_mode(&path, 0o640);
    assert!(matches!(find(), Err(Error::UnsafeFile { .. })));
    set_mode(&path, 0o600);
    if is_root("files_that_others_could_read_or_made_are_refused") {
        give_to(&path, NOBODY);
        assert!(matches!(find(), Err(Error::UnsafeFile { .. })));
        give_to(&path, 0);
    }
    let aside = stores.root.path().join("aside");
    fs::rename(&path, &aside).unwrap();
    symlink(&aside, &path).unwrap();
    assert!(matches!(find(), Err(Error::UnsafeFile { .. })));
    assert!(matches!(stores.sessions.end(&id), Err(Error::UnsafeFile { .. })));
    assert!(matches!(
        stores.publish(&id, "alice", HOUR),
        Err(Error::UnsafeFile { .. })
    ));
}

#[test]
fn what_another_process_changes_is_seen_at_once() {
    let stores = Stores::new();
    let (_, elsewhere) = open(stores.root.path(), FilePermissions::default());
    let id = stores.session("alice");
    assert_eq!(live(&stores, &id).pending(&id, *NOW), None);
    elsewhere.set_pending(&id, b"cookie", *NOW, *NOW).unwrap();
    assert!(live(&stores, &id).pending(&id, *NOW).is_some());

    let path = file(&stores);
    set_mode(&path, 0o644);
    let found = stores.sessions.find(&id, &web_user("alice"), IDLE, *NOW);
    assert!(matches!(found, Err(Error::UnsafeFile { .. })), "{found:?}");
    set_mode(&path, 0o600);
    live(&stores, &id);

    let _ = elsewhere.end(&id).unwrap();
    assert!(matches!(find_at(&stores, &id, *NOW), SessionLookup::Unknown));
}
