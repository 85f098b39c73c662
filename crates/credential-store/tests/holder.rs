//! Two web users never have the credential of one MyProxy user, unless they may.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::path::PathBuf;
use std::sync::Barrier;
use std::thread;
use std::time::{Duration, SystemTime};

use common::{HOUR, IDLE, NOW, Stores, credential, new_credential, record, soon, web_user};
use credential_store::{Error, NewCredential, Origin, Record, SessionId, WebUser, sweep};

/// The record of a web user who is `grid` at the MyProxy server.
fn as_grid(user: &str) -> Record {
    let origin = Origin {
        myproxy_user: "grid".into(),
        ..record(user).origin
    };
    Record {
        origin,
        ..record(user)
    }
}

fn log_on(
    stores: &Stores,
    user: &str,
    lifetime: Duration,
    now: SystemTime,
) -> Result<(SessionId, PathBuf), Error> {
    let (record, pem) = (as_grid(user), credential(user, now + lifetime));
    let (session, _) = stores
        .sessions
        .create(&web_user(user), &stores.name(user), IDLE, now)?;
    let new = NewCredential {
        shared: false,
        ..new_credential(&record, &pem)
    };
    let turn = stores.credentials.logon(&stores.name(user), soon())?;
    let published = turn.publish(&stores.sessions, &session, &new, now)?;
    Ok((session, published.path))
}

fn assert_taken<T>(result: Result<T, Error>) {
    let error = result.map(|_| ()).unwrap_err();
    assert!(matches!(error, Error::MyProxyUserTaken { .. }), "{error}");
}

#[test]
fn the_second_is_refused_until_the_first_has_logged_out() {
    let stores = Stores::new();
    let (session, _) = log_on(&stores, "alice", HOUR, *NOW).unwrap();
    log_on(&stores, "alice", HOUR, *NOW).unwrap();
    assert_taken(log_on(&stores, "bob", HOUR, *NOW));
    assert_taken(stores.credentials.require_free(&as_grid("bob").origin, *NOW));
    assert_eq!(stores.credential_files(), ["alice", "alice%record", "grid%user"]);

    let ended = stores.sessions.end(&session).unwrap().unwrap();
    assert!(stores.credentials.erase(&ended).unwrap());
    assert_eq!(stores.credential_files(), [""; 0]);
    log_on(&stores, "bob", HOUR, *NOW).unwrap();
    assert_taken(log_on(&stores, "alice", HOUR, *NOW));
}

#[test]
fn what_has_expired_keeps_nobody_out_and_the_sweep_takes_it() {
    let stores = Stores::new();
    log_on(&stores, "alice", HOUR, *NOW).unwrap();
    log_on(&stores, "bob", HOUR, *NOW + HOUR).unwrap();
    let report = sweep(
        &stores.credentials,
        &stores.sessions,
        None,
        *NOW + 2 * HOUR,
        false,
    )
    .unwrap();
    assert_eq!((report.unknown, report.failures), (vec![], vec![]));
    assert_eq!(stores.credential_files(), [""; 0]);
}

/// Whatever a crash leaves: the file names a web user who has no credential.
#[test]
fn what_was_left_behind_keeps_nobody_out() {
    let stores = Stores::new();
    let (_, path) = log_on(&stores, "alice", HOUR, *NOW).unwrap();
    std::fs::remove_file(&path).unwrap();
    log_on(&stores, "bob", HOUR, *NOW).unwrap();
    std::fs::write(path.with_file_name("grid%user"), "cut").unwrap();
    log_on(&stores, "alice", HOUR, *NOW).unwrap();
}

#[test]
fn a_credential_of_one_session_counts_too() {
    let stores = Stores::new();
    let (record, pem) = (as_grid("alice"), credential("alice", *NOW + HOUR));
    for _ in 0..2 {
        let (session, live) = stores
            .sessions
            .create_alone(&web_user("alice"), IDLE, *NOW)
            .unwrap();
        let new = NewCredential {
            shared: false,
            ..new_credential(&record, &pem)
        };
        let turn = stores.credentials.logon(live.credential(), soon()).unwrap();
        turn.publish(&stores.sessions, &session, &new, *NOW).unwrap();
        assert_taken(log_on(&stores, "bob", HOUR, *NOW));
    }
}

#[test]
fn of_many_at_once_one_wins() {
    for _ in 0..20 {
        let stores = Stores::new();
        let users = ["alice", "bob", "carol", "dave"];
        let start = Barrier::new(users.len());
        let won = thread::scope(|scope| {
            let log_on = |user: &'static str| {
                let (stores, start) = (&stores, &start);
                scope.spawn(move || {
                    start.wait();
                    log_on(stores, user, HOUR, *NOW).is_ok()
                })
            };
            let all = users.map(log_on);
            all.map(|user| user.join().unwrap())
                .iter()
                .filter(|won| **won)
                .count()
        });
        assert_eq!(won, 1);
        assert_eq!(stores.credential_files().len(), 3);
    }
}

#[test]
fn who_has_the_myproxy_users_own_name_needs_no_file_and_counts_as_well() {
    let stores = Stores::new();
    let (session, path) = log_on(&stores, "grid", HOUR, *NOW).unwrap();
    assert_eq!(stores.credential_files(), ["grid", "grid%record"]);
    assert_taken(log_on(&stores, "bob", HOUR, *NOW));
    let ended = stores.sessions.end(&session).unwrap().unwrap();
    assert!(stores.credentials.erase(&ended).unwrap() && !path.exists());
    log_on(&stores, "bob", HOUR, *NOW).unwrap();
    assert_taken(log_on(&stores, "grid", HOUR, *NOW));
}

/// Who logged in in another way is another web user, whatever the name.
#[test]
fn two_users_of_one_name_do_not_share_one_either_where_each_session_has_its_own() {
    let stores = Stores::new();
    let log_on = |realm: &str| {
        let user = WebUser {
            realm: Some(realm.into()),
            ..web_user("grid")
        };
        let (session, live) = stores.sessions.create_alone(&user, IDLE, *NOW)?;
        let mut record = as_grid("grid");
        record.origin.web_user = user;
        let pem = credential("grid", *NOW + HOUR);
        let new = NewCredential {
            shared: false,
            ..new_credential(&record, &pem)
        };
        let turn = stores.credentials.logon(live.credential(), soon())?;
        turn.publish(&stores.sessions, &session, &new, *NOW)
    };
    log_on("one").unwrap();
    log_on("one").unwrap();
    assert_taken(log_on("other"));
}
