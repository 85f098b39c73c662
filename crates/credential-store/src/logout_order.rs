//! The orders of events that could leave something after a logout, played out step by step.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::thread;
use std::time::Duration;

use crate::Error;
use crate::session::Loaded;
use common::{HOUR, NOW, Stores};

/// A logon has everything ready and waits for the change lock; the session ends; the lock becomes free.
#[test]
fn a_session_that_ends_while_its_logon_waits_for_the_lock_gets_nothing() {
    let stores = Stores::new();
    let session = stores.session("alice");
    let change = stores.credentials.change(&stores.name("alice")).unwrap();
    thread::scope(|scope| {
        let logon = scope.spawn(|| stores.publish(&session, "alice", HOUR));
        while stores.credential_files().len() < 2 {
            thread::sleep(Duration::from_millis(1));
        }
        // Both new files are written. Time enough to come to the lock:
        thread::sleep(Duration::from_millis(100));
        let _ = stores.sessions.end(&session).unwrap();
        drop(change);
        assert!(matches!(logon.join().unwrap(), Err(Error::SessionEnded)));
    });
    assert_eq!(stores.credential_files(), [""; 0]);
}

/// A request is about to write in the session, and waits for the change lock of its file; the session ends; the
/// lock becomes free.
#[test]
fn a_session_that_ends_while_a_change_waits_for_the_lock_stays_ended() {
    let stores = Stores::new();
    let session = stores.session("alice");
    let change = stores.sessions.change(&session.file_name()).unwrap();
    thread::scope(|scope| {
        let request = scope.spawn(|| stores.sessions.set_pending(&session, b"cookie", *NOW, *NOW));
        // Time enough to come to the lock:
        thread::sleep(Duration::from_millis(100));
        let Loaded::Live(live, _) = change.load().unwrap() else {
            panic!("not live")
        };
        let _ = change.end(live).unwrap();
        drop(change);
        assert!(matches!(request.join().unwrap(), Err(Error::SessionEnded)));
    });
    assert_eq!(stores.session_files(), [""; 0]);
}
