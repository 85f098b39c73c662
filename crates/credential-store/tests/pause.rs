//! After a failed logon nobody asks again for a while.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::time::Duration;

use common::{HOUR, IDLE, NOW, Stores, record};
use credential_store::{Pause, PauseLengths, sweep};

const LENGTHS: PauseLengths = PauseLengths {
    first: Duration::from_secs(4),
    longest: Duration::from_secs(16),
};

fn begin(stores: &Stores, class: &str, after: Duration) -> Pause {
    let origin = record("alice").origin;
    stores
        .credentials
        .begin_pause(&origin, class, "words", LENGTHS, *NOW + after)
        .unwrap()
}

fn is_paused(stores: &Stores, user: &str, after: Duration) -> bool {
    let origin = record(user).origin;
    let pause = stores.credentials.pause(&origin, *NOW + after).unwrap();
    if let Some(pause) = &pause {
        assert_eq!(
            (pause.class.as_str(), pause.description.as_str()),
            ("refused", "words")
        );
    }
    pause.is_some()
}

#[test]
fn a_pause_lasts_longer_after_each_failure_in_a_row_up_to_the_limit() {
    let stores = Stores::new();
    let mut then = Duration::ZERO;
    for expected in [4, 8, 16, 16] {
        let pause = begin(&stores, "refused", then);
        let length = pause.until.duration_since(*NOW + then).unwrap();
        let expected = Duration::from_secs(expected);
        assert!(
            length >= expected * 3 / 4 && length <= expected * 5 / 4,
            "{length:?}"
        );
        assert!(is_paused(&stores, "alice", then + expected / 2));
        then += length;
        assert!(!is_paused(&stores, "alice", then));
    }
    // Another class is another failure.
    let other = begin(&stores, "unreachable", then);
    assert!(other.until <= *NOW + then + Duration::from_secs(5));
}

#[test]
fn a_pause_is_of_one_origin_and_survives_neither_success_nor_logout() {
    let stores = Stores::new();
    let session = stores.session("alice");
    begin(&stores, "refused", Duration::ZERO);
    assert!(is_paused(&stores, "alice", Duration::ZERO));
    assert!(!is_paused(&stores, "bob", Duration::ZERO));
    let mut elsewhere = record("alice").origin;
    elsewhere.servers = vec!["elsewhere.example.org".into()];
    assert!(stores.credentials.pause(&elsewhere, *NOW).unwrap().is_none());

    stores.publish(&session, "alice", HOUR).unwrap();
    assert!(!is_paused(&stores, "alice", Duration::ZERO));
    begin(&stores, "refused", Duration::ZERO);
    let ended = stores.sessions.end(&session).unwrap().unwrap();
    stores.credentials.erase(&ended).unwrap();
    assert!(!is_paused(&stores, "alice", Duration::ZERO));
    assert_eq!(stores.credential_files(), [""; 0]);
}

#[test]
fn a_cause_is_news_once_an_hour() {
    let stores = Stores::new();
    let minute = Duration::from_secs(60);
    assert!(begin(&stores, "refused", Duration::ZERO).is_news);
    for minutes in 1..60 {
        assert!(!begin(&stores, "refused", minutes * minute).is_news, "{minutes}");
    }
    assert!(begin(&stores, "refused", 60 * minute).is_news);
    assert!(begin(&stores, "unreachable", 61 * minute).is_news);
}

#[test]
fn the_sweep_takes_what_is_forgotten() {
    let stores = Stores::new();
    begin(&stores, "refused", Duration::ZERO);
    let swept = |after: Duration| {
        let report = sweep(
            &stores.credentials,
            &stores.sessions,
            Some(IDLE),
            *NOW + after,
            false,
        )
        .unwrap();
        assert_eq!((report.unknown, report.failures), (vec![], vec![]));
        stores.credential_files()
    };
    assert_eq!(swept(HOUR / 2), ["alice%pause"]);
    assert_eq!(swept(HOUR), [""; 0]);
}
