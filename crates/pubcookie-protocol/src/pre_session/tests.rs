use super::*;
use crate::app_id::AppServerId;
use crate::sealed::{Context, Purpose};
use openssl::rsa::Rsa;
use proptest::prelude::*;
use std::sync::LazyLock;

static KEYS: LazyLock<SealingKeys> = LazyLock::new(|| {
    let pem = Rsa::generate(2048).unwrap().private_key_to_pem().unwrap();
    let app_server_id = &AppServerId::configured("a").unwrap();
    SealingKeys::derive(
        &pem,
        None,
        Purpose::PreSession,
        Context {
            server_name: "a",
            app_server_id,
        },
    )
    .unwrap()
});
const NOW: u64 = 1_795_291_382;

fn sent_back(pre_session: &PreSession, now: u64) -> PreSession {
    let header = format!(
        "x=1; {PRE_SESSION}=planted; {PRE_SESSION}={}",
        pre_session.seal(&KEYS).unwrap()
    );
    PreSession::read(header.as_bytes(), &KEYS, None, now).unwrap()
}

#[test]
fn tabs_that_open_at_once_come_together() {
    let mut pre_session = PreSession::default();
    assert_eq!(pre_session.just_begun(NOW), None);
    let token = pre_session.begin(None, NOW).unwrap();
    assert_eq!(pre_session.just_begun(NOW + 2), Some(token));
    assert_eq!(pre_session.just_begun(NOW + 3), None);
    for body in [Carriage::ByItself, Carriage::OnClick] {
        pre_session.begin(Some(body), NOW + 1).unwrap();
        assert_eq!(pre_session.just_begun(NOW + 1), None);
    }
    for _ in 0..8 {
        pre_session.count_mismatch(NOW);
    }
    assert!(!pre_session.goes_in_circles());
    pre_session.count_mismatch(NOW + 3);
    pre_session.count_mismatch(NOW + 6);
    assert!(pre_session.goes_in_circles());
}

#[test]
fn eight_logins_are_under_way_and_the_ninth_drops_the_oldest() {
    let mut pre_session = PreSession::default();
    let tokens: Vec<i32> = (0..9).map(|_| pre_session.begin(None, NOW).unwrap()).collect();
    let mut pre_session = sent_back(&pre_session, NOW);
    assert!(!pre_session.holds(tokens[0]));
    assert!(tokens[1..].iter().all(|&token| pre_session.holds(token)));
    pre_session.finish(tokens[4]);
    assert!(!pre_session.holds(tokens[4]));
    assert!(pre_session.holds(tokens[5]) && !pre_session.is_empty());
}

#[test]
fn a_login_is_given_up_after_an_hour() {
    let mut pre_session = PreSession::default();
    let token = pre_session.begin(None, NOW).unwrap();
    assert!(sent_back(&pre_session, NOW + 3600).holds(token));
    assert!(sent_back(&pre_session, NOW + 3601).is_empty());
    assert!(sent_back(&pre_session, NOW - 301).is_empty());
}

#[test]
fn a_body_goes_on_by_itself_only_where_a_page_of_ours_began_the_login_with_one() {
    let mut pre_session = PreSession::default();
    for (body, back) in [
        (Some(Carriage::ByItself), Carriage::ByItself),
        (Some(Carriage::OnClick), Carriage::OnClick),
        (None, Carriage::OnClick),
    ] {
        let token = pre_session.begin(body, NOW).unwrap();
        assert_eq!(
            sent_back(&pre_session, NOW).carriage(token),
            Some(back),
            "{body:?}"
        );
    }
}

#[test]
fn three_fruitless_trips_in_a_minute_are_a_circle() {
    let mut pre_session = PreSession::default();
    for time in [NOW, NOW + 1, NOW + 2] {
        assert!(!pre_session.goes_in_circles());
        pre_session.count_fruitless(time);
    }
    assert!(sent_back(&pre_session, NOW + 60).goes_in_circles());
    assert!(!sent_back(&pre_session, NOW + 61).goes_in_circles());
    pre_session.count_fruitless(NOW + 61);
    assert!(sent_back(&pre_session, NOW + 61).goes_in_circles());
    pre_session.finish(0);
    assert!(!pre_session.goes_in_circles());
}

#[test]
fn a_cookie_that_we_did_not_make_holds_nothing() {
    for header in ["", "x=1", "pubcookie_pre_s=x", "x__Host-pubcookie_pre_s=x"] {
        assert_eq!(
            PreSession::read(header.as_bytes(), &KEYS, None, NOW),
            None,
            "{header}"
        );
    }
    for header in ["__Host-pubcookie_pre_s=", "__Host-pubcookie_pre_s=AAAA"] {
        assert_eq!(
            PreSession::read(header.as_bytes(), &KEYS, None, NOW),
            Some(PreSession::default()),
            "{header}"
        );
    }
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..140)) {
        if let Some(pre_session) = PreSession::from_bytes(&bytes) {
            prop_assert_eq!(PreSession::from_bytes(&pre_session.to_bytes()), Some(pre_session));
        }
    }
}
