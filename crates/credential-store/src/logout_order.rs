//! The one order of events that could leave a credential after a logout, played out step by step.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../tests/common/mod.rs"]
mod common;

use std::thread;
use std::time::Duration;

use crate::Error;
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
        let _ = stores.sessions.end(&session, *NOW).unwrap();
        drop(change);
        assert!(matches!(logon.join().unwrap(), Err(Error::SessionEnded)));
    });
    assert_eq!(stores.credential_files(), [""; 0]);
}
