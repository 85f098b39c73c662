//! Many threads at once on one credential.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use common::*;
use credential_store::{Error, Lookup, PENDING_MAX_AGE, SessionLookup, sweep};

#[test]
fn fifty_threads_log_on_one_after_another() {
    let stores = Stores::new();
    let (inside, turns) = (AtomicUsize::new(0), AtomicUsize::new(0));
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                let turn = stores.credentials.logon(&stores.name("alice"), soon()).unwrap();
                assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two at once");
                thread::sleep(Duration::from_millis(1));
                inside.fetch_sub(1, Ordering::SeqCst);
                turns.fetch_add(1, Ordering::SeqCst);
                drop(turn);
            });
        }
    });
    assert_eq!(turns.into_inner(), 50);
    assert_eq!(stores.credential_files(), [""; 0]);
}

#[test]
fn fifty_requests_make_one_logon() {
    let stores = Stores::new();
    let session = stores.session("alice");
    let logons = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..50 {
            scope.spawn(|| {
                if let Lookup::Good(_) = stores.lookup("alice").unwrap() {
                    return;
                }
                let turn = stores.credentials.logon(&stores.name("alice"), soon()).unwrap();
                if let Lookup::Good(_) = stores.lookup("alice").unwrap() {
                    return;
                }
                logons.fetch_add(1, Ordering::SeqCst);
                let pem = credential("alice", *NOW + HOUR);
                turn.publish(
                    &stores.sessions,
                    &session,
                    &new_credential(&record("alice"), &pem),
                    *NOW,
                )
                .unwrap();
            });
        }
    });
    assert_eq!(logons.into_inner(), 1);
}

#[test]
fn waiting_ends_with_the_deadline_and_others_do_not_wait() {
    let stores = Stores::new();
    let _turn = stores.credentials.logon(&stores.name("alice"), soon()).unwrap();
    let _other = stores
        .credentials
        .logon(&stores.name("bob"), Instant::now())
        .unwrap();
    let began = Instant::now();
    let busy = stores
        .credentials
        .logon(&stores.name("alice"), began + Duration::from_millis(100))
        .unwrap_err();
    assert!(
        matches!(&busy, Error::Busy { waited, .. } if *waited >= Duration::from_millis(100)),
        "{busy}"
    );
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[test]
fn a_logout_does_not_wait_for_a_logon() {
    let stores = Stores::new();
    let session = stores.session("alice");
    stores.publish(&session, "alice", HOUR).unwrap();
    let turn = stores.credentials.logon(&stores.name("alice"), soon()).unwrap();
    let began = Instant::now();
    let ended = stores.sessions.end(&session).unwrap().unwrap();
    assert!(stores.credentials.erase(&ended).unwrap());
    assert!(began.elapsed() < Duration::from_secs(2));
    // The MyProxy server answers only now.
    let pem = credential("alice", *NOW + HOUR);
    let late = turn.publish(
        &stores.sessions,
        &session,
        &new_credential(&record("alice"), &pem),
        *NOW,
    );
    assert!(matches!(late, Err(Error::SessionEnded)), "{late:?}");
    assert_eq!(stores.credential_files(), [""; 0]);
    assert_eq!(stores.session_files(), [""; 0]);
}

/// Requests and a sweep, which write in a session as long as they find it alive.
#[test]
fn no_change_brings_an_ended_session_back() {
    let stores = Stores::new();
    let too_old = *NOW - PENDING_MAX_AGE;
    for round in 0..100 {
        let session = stores.session("alice");
        let deadline = soon();
        let lives = || {
            let found = stores
                .sessions
                .find(&session, &web_user("alice"), IDLE, *NOW)
                .unwrap();
            matches!(found, SessionLookup::Live(_)) && Instant::now() < deadline
        };
        let begun = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..2 {
                scope.spawn(|| {
                    begun.wait();
                    while lives() {
                        let changed = stores.sessions.set_pending(&session, b"cookie", too_old, *NOW);
                        assert!(
                            matches!(changed, Ok(()) | Err(Error::SessionEnded)),
                            "{changed:?}"
                        );
                    }
                });
            }
            scope.spawn(|| {
                begun.wait();
                while lives() {
                    let report =
                        sweep(&stores.credentials, &stores.sessions, Some(IDLE), *NOW, false).unwrap();
                    assert!(report.failures.is_empty(), "{report:?}");
                }
            });
            begun.wait();
            thread::sleep(Duration::from_micros(50 * round));
            let _ = stores.sessions.end(&session).unwrap().unwrap();
        });
        assert_eq!(stores.session_files(), [""; 0], "round {round}");
    }
}

#[test]
fn readers_never_see_half_a_change() {
    let stores = Stores::new();
    let session = stores.session("alice");
    let pems = [
        credential("alice", *NOW + HOUR),
        credential("alice", *NOW + 2 * HOUR),
    ];
    stores.publish_as(&session, &record("alice"), &pems[0]).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while !done.load(Ordering::SeqCst) {
                    let found = stores.lookup("alice").unwrap();
                    assert!(matches!(found, Lookup::Good(_)), "{found:?}");
                }
            });
        }
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let report = sweep(&stores.credentials, &stores.sessions, Some(IDLE), *NOW, false).unwrap();
                assert_eq!((report.erased(), report.failures.len()), (0, 0), "{report:?}");
            }
        });
        for round in 0..200 {
            stores
                .publish_as(&session, &record("alice"), &pems[round % 2])
                .unwrap();
        }
        done.store(true, Ordering::SeqCst);
    });
}
