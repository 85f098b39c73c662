//! File names: plain ones stay plain, and no two users or sessions share one.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::*;
use credential_store::{CredentialName, Error, SessionId};
use proptest::prelude::*;

fn name(user: impl AsRef<[u8]>) -> String {
    CredentialName::of_user(user).unwrap().to_string()
}

#[test]
fn names_are_written_as_documented() {
    for (user, expected) in [
        ("alice", "alice"),
        ("alice@example.org", "alice@example.org"),
        ("a.b_c-d", "a.b_c-d"),
        (".", "%2E"),
        ("..", "%2E."),
        (".profile", "%2Eprofile"),
        ("a/b", "a%2Fb"),
        ("../../etc/passwd", "%2E.%2F..%2Fetc%2Fpasswd"),
        ("100%", "100%25"),
        ("alice%record", "alice%25record"),
        ("a b\n\0", "a%20b%0A%00"),
        ("müller", "m%C3%BCller"),
        ("/DC=org/CN=alice", "%2FDC%3Dorg%2FCN%3Dalice"),
    ] {
        assert_eq!(name(user), expected, "{user:?}");
    }
}

#[test]
fn nobody_has_no_name() {
    assert!(matches!(CredentialName::of_user(""), Err(Error::NoUser)));
}

#[test]
fn long_names_keep_a_prefix_and_stay_different() {
    let plain = "a".repeat(200);
    assert_eq!(name(&plain), plain);
    let long = name("a".repeat(201));
    assert_eq!(long.len(), 166);
    assert!(long.starts_with(&format!("{}%h", "a".repeat(100))), "{long}");
    assert_ne!(long, name("a".repeat(202)));
    // 300 bytes of which each takes three: the prefix ends with a whole escape.
    let long = name("ü".repeat(150));
    assert!(
        long.starts_with(&format!("{}%h", "%C3%BC".repeat(16) + "%C3")),
        "{long}"
    );
    assert_eq!(CredentialName::from_file_name(&long).unwrap().user(), None);
}

#[test]
fn names_of_sessions_differ_from_those_of_users() {
    let stores = Stores::new();
    let (one, other) = (stores.session("alice"), stores.session("alice"));
    let of = |id: &SessionId| CredentialName::of_session("alice", id).unwrap();
    assert_ne!(of(&one), of(&other));
    let digits = of(&one).as_str().strip_prefix("alice%s").unwrap().to_owned();
    assert_eq!(digits.len(), 16);
    assert_eq!(of(&one).user().unwrap(), b"alice");
    assert_eq!(CredentialName::from_file_name(of(&one).as_str()), Some(of(&one)));
    assert_ne!(name(format!("alice%s{digits}")), of(&one).as_str());
}

#[test]
fn foreign_file_names_are_recognised() {
    let hex = "0123456789abcdef";
    for foreign in [
        "",
        ".",
        "..",
        ".lock",
        ".new-0123456789abcdef",
        "a/b",
        "a b",
        "%2e",
        "%41",
        "%",
        "%4",
        "a%2",
        "müller",
        "alice%record",
        "alice%s",
        "alice%s0123",
        "alice%s0123456789ABCDEF",
        &format!("%s{hex}"),
        &format!("alice%s{hex}%s{hex}"),
        &format!("alice%h{}", hex.repeat(4)),
        &format!("{}%h{hex}", "a".repeat(100)),
        &"a".repeat(201),
    ] {
        assert_eq!(CredentialName::from_file_name(foreign), None, "{foreign:?}");
    }
}

/// Users as they might be made up to hit one another.
fn users() -> impl Strategy<Value = Vec<u8>> {
    let odd = prop::sample::select(&b"./%srh0aF\0\xff"[..]);
    prop_oneof![
        prop::collection::vec(odd, 1..12),
        prop::collection::vec(any::<u8>(), 1..300),
        "[a-z]{195,205}".prop_map(String::into_bytes),
    ]
}

proptest! {
    #[test]
    fn two_users_never_share_a_file(one in users(), other in users()) {
        prop_assert_eq!(one == other, name(&one) == name(&other));
    }

    #[test]
    fn every_name_is_safe_and_reads_back(user in users()) {
        let name = CredentialName::of_user(&user).unwrap();
        let text = name.as_str();
        prop_assert!(!text.is_empty() && text.len() <= 200 && !text.starts_with('.') && !text.contains('/'));
        prop_assert!(text.is_ascii());
        prop_assert_eq!(CredentialName::from_file_name(text), Some(name.clone()));
        let of_record = format!("{}%record", text);
        prop_assert!(CredentialName::from_file_name(&of_record).is_none());
        if let Some(read_back) = name.user() {
            prop_assert_eq!(read_back, user);
        }
    }

    #[test]
    fn what_reads_as_a_name_is_one(text in "[%a-fA-F0-9s.h]{1,12}") {
        if let Some(name) = CredentialName::from_file_name(&text)
            && let Some(user) = name.user()
            && !text.contains("%s")
        {
            let again = CredentialName::of_user(user).unwrap();
            prop_assert_eq!(again.as_str(), text);
        }
    }
}
