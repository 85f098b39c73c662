//! Whatever is sent, the login server answers: with a page, and only to somebody who typed a password with a cookie.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod login_support;
mod recorded;

use login_support::{Browser, request};
use proptest::prelude::*;
use pubcookie_protocol::login::{Event, Method};

/// Bytes, or something that looks a little like what is expected.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        ".{0,60}",
        "[a-z0-9=&%+;/.:@\\\\ -]{0,80}",
        "(one|six|relay_url|reply|seal|user|pass)=[ -~]{0,20}"
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(512) })]

    #[test]
    fn no_input_makes_it_panic_or_lets_anybody_in(
        post: bool,
        path in text(),
        query in text(),
        form in proptest::collection::vec(any::<u8>(), 0..200),
        cookies in proptest::collection::vec(("(pubcookie_(g_req|l)|__Host-pubcookie_login_form_A|x)", text()), 0..4),
        now: u64,
    ) {
        let mut browser = Browser { cookies, now, ..Browser::new() };
        let method = if post { Method::Post } else { Method::Get };
        let seen = browser.visit(method, &path, &query, &form);
        prop_assert!(seen.granting_cookie().is_none() && seen.checked.is_none(), "{}", seen.event);
        prop_assert!(!seen.event.to_string().contains('\n'));
    }

    #[test]
    fn no_granting_request_makes_it_panic(
        field in prop::sample::select(&[
            "one", "two", "three", "four", "five", "six", "seven", "eight", "hostname", "nine", "file", "referer",
            "sess_re", "pre_sess_tok", "flag",
        ][..]),
        value in text(),
        now: u64,
    ) {
        let mut browser = Browser { now, ..Browser::asked(&request(&[(field, &value)])) };
        let page = browser.get("/");
        if matches!(page.event, Event::FormShown(_)) && page.login_form().field("pinit") == Some("0") {
            let seen = browser.log_in(&page, "alice", "secret");
            prop_assert!(seen.granting_cookie().is_some(), "{}", seen.event);
            prop_assert!(seen.document.refresh.unwrap().starts_with("https://app1.example.edu:18444/"));
        }
    }

    #[test]
    fn what_is_typed_reaches_the_password_check_as_it_is(user in "[a-zA-Z0-9@._é-]{1,12}", password in "\\PC{1,40}") {
        let mut browser = Browser::asked(&request(&[]));
        let page = browser.get("/");
        let seen = browser.log_in(&page, &user, &password);
        prop_assert_eq!(seen.checked, Some((user, password)));
    }

    #[test]
    fn no_form_but_ours_is_opened(seal in "[A-Za-z0-9_-]{0,200}", six in text()) {
        let mut browser = Browser::asked(&request(&[]));
        let form = browser.get("/").login_form().fill("seal", &seal).fill("six", &six).fill("user", "alice");
        prop_assert!(browser.submit(&form.fill("pass", "secret")).is_refused());
    }
}
