//! Renewing takes the place of what is there, and of nothing else.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{COOKIE, HOUR, NOW, Stores, credential, new_credential, record, soon};
use credential_store::{Error, Lookup, Method, NewCredential, Renewal, SessionId};

const RENEWAL: Renewal = Renewal {
    seconds_left: 600,
    lifetime: 3600,
};
const ALMOST: Duration = Duration::from_secs(3001);

/// A session of alice with a credential that lasts an hour from [`NOW`].
fn logged_on(stores: &Stores) -> SessionId {
    let session = stores.session("alice");
    let (record, pem) = (record("alice"), credential("alice", *NOW + HOUR));
    let new = NewCredential {
        renewal: Some(RENEWAL),
        ..new_credential(&record, &pem)
    };
    let logon = stores.credentials.logon(&stores.name("alice"), soon()).unwrap();
    logon.publish(&stores.sessions, &session, &new, *NOW).unwrap();
    session
}

fn new_pem() -> Vec<u8> {
    credential("alice", *NOW + 2 * HOUR)
}

#[test]
fn a_credential_is_due_while_little_is_left_and_a_session_uses_it() {
    let stores = Stores::new();
    let session = logged_on(&stores);
    let due = |after: Duration| stores.credentials.due(&stores.sessions, *NOW + after).unwrap();
    assert!(due(Duration::from_secs(2999)).is_empty());
    assert_eq!(due(ALMOST), [stores.name("alice")]);
    assert!(due(HOUR).is_empty(), "it has expired");
    let _ended = stores.sessions.end(&session).unwrap().unwrap();
    assert!(due(ALMOST).is_empty(), "nobody uses it");
}

#[test]
fn renewing_keeps_the_record_and_is_not_due_again() {
    let stores = Stores::new();
    logged_on(&stores);
    let turn = stores.credentials.logon(&stores.name("alice"), soon()).unwrap();
    let old = turn.due(*NOW + ALMOST).unwrap().unwrap();
    assert_eq!((&old.record, old.renewal), (&record("alice"), RENEWAL));
    let renewed = turn.renew(&old, &new_pem(), *NOW + ALMOST).unwrap().unwrap();
    assert_eq!(renewed.expires, *NOW + 2 * HOUR);
    assert!(turn.due(*NOW + ALMOST).unwrap().is_none());
    let origin = record("alice").origin;
    let found = stores
        .credentials
        .lookup(
            &stores.name("alice"),
            &origin,
            &[Method::Cookie],
            HOUR,
            *NOW + ALMOST / 2,
        )
        .unwrap();
    let Lookup::Good(found) = found else {
        panic!("{found:?}")
    };
    assert!(found.was_got_with(COOKIE));
    assert_eq!((found.certificate, found.renewal), (renewed, Some(RENEWAL)));
    assert_eq!(stores.credential_files(), ["alice", "alice%record"]);
}

#[test]
fn nothing_comes_back_after_a_logout() {
    let stores = Stores::new();
    let session = logged_on(&stores);
    let turn = stores.credentials.logon(&stores.name("alice"), soon()).unwrap();
    let old = turn.due(*NOW + ALMOST).unwrap().unwrap();
    let ended = stores.sessions.end(&session).unwrap().unwrap();
    assert!(stores.credentials.erase(&ended).unwrap());
    assert!(turn.renew(&old, &new_pem(), *NOW + ALMOST).unwrap().is_none());
    assert_eq!(stores.credential_files(), [""; 0]);
}

#[test]
fn a_later_login_is_not_replaced() {
    let stores = Stores::new();
    logged_on(&stores);
    let turn = stores.credentials.logon(&stores.name("alice"), soon()).unwrap();
    let old = turn.due(*NOW + ALMOST).unwrap().unwrap();
    drop(turn);
    let path = stores
        .publish(&stores.session("alice"), "alice", 3 * HOUR)
        .unwrap();
    let turn = stores.credentials.logon(&stores.name("alice"), soon()).unwrap();
    let before = std::fs::read(&path).unwrap();
    assert!(turn.renew(&old, &new_pem(), *NOW + ALMOST).unwrap().is_none());
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

/// The old one serves until its end, whatever the server gives.
#[test]
fn one_that_would_end_earlier_does_not_take_its_place() {
    let stores = Stores::new();
    logged_on(&stores);
    let turn = stores.credentials.logon(&stores.name("alice"), soon()).unwrap();
    let old = turn.due(*NOW + ALMOST).unwrap().unwrap();
    let shorter = credential("alice", *NOW + HOUR - Duration::from_secs(1));
    let error = turn.renew(&old, &shorter, *NOW + ALMOST).unwrap_err();
    assert!(matches!(error, Error::EndsEarlier), "{error}");
    let there = std::fs::read(stores.credentials.path(&stores.name("alice"))).unwrap();
    assert_eq!(there, *old.pem);
}

/// From then on its MyProxy user is free for another web user.
#[test]
fn one_that_expires_meanwhile_is_not_renewed() {
    let stores = Stores::new();
    logged_on(&stores);
    let turn = stores.credentials.logon(&stores.name("alice"), soon()).unwrap();
    let old = turn.due(*NOW + ALMOST).unwrap().unwrap();
    assert!(turn.renew(&old, &new_pem(), *NOW + HOUR).unwrap().is_none());
}

/// A server that gives little must not be asked at every request.
#[test]
fn what_the_server_gives_less_of_is_due_after_half_of_it() {
    let stores = Stores::new();
    let session = stores.session("alice");
    let (record, pem) = (record("alice"), credential("alice", *NOW + HOUR / 6));
    let new = NewCredential {
        renewal: Some(RENEWAL),
        ..new_credential(&record, &pem)
    };
    let logon = stores.credentials.logon(&stores.name("alice"), soon()).unwrap();
    let published = logon.publish(&stores.sessions, &session, &new, *NOW).unwrap();
    let is_due = |seconds| {
        let renewal = published.renewal.unwrap();
        renewal.is_due(&published.certificate, *NOW + Duration::from_secs(seconds))
    };
    assert!(!is_due(0) && !is_due(299) && is_due(300) && is_due(599) && !is_due(600));
}
