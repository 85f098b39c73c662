//! The login form: nobody can make one for somebody else, or change it on its way.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod login_support;
mod recorded;

use login_support::{Browser, NOW, assert_refused, encode, request};
use pubcookie_protocol::login::{Event, Proof};
use testbed::browser::Form;

#[test]
fn a_login_form_comes_back_as_it_went_out() {
    let mut browser = Browser::asked(&request(&[]));
    let page = browser.get("/");
    let form = page.login_form();
    let carried: Vec<String> = form.fields.iter().map(|(name, _)| name.clone()).collect();
    for name in carried
        .iter()
        .filter(|name| !matches!(name.as_str(), "user" | "pass" | "reply"))
    {
        let filled = form.clone().fill("user", "alice").fill("pass", "secret");
        for value in ["app2.example.edu", "1", "", "Q"] {
            if form.field(name) == Some(value) {
                continue;
            }
            let altered = filled.clone().fill(name, value);
            let seen = browser.submit(&altered);
            assert_refused(&seen, &format!("{name}={value}"));
            assert!(
                seen.checked.is_none(),
                "no password is checked for a form that is not ours"
            );
        }
        let mut without = filled;
        without.fields.retain(|(field, _)| field != name);
        assert_refused(&browser.submit(&without), name);
    }
    assert!(matches!(
        browser.log_in(&page, "alice", "secret").event,
        Event::Granted {
            by: Proof::Password,
            ..
        }
    ));
}

#[test]
fn a_login_form_counts_in_its_own_browser_alone() {
    let mut attacker = Browser::asked(&request(&[]));
    let page = attacker.get("/");
    let form: Form = page.login_form().fill("user", "bob").fill("pass", "pw&\"<>+ 1");
    assert_refused(&Browser::new().submit(&form), "no cookie");
    let mut victim = Browser::asked(&request(&[]));
    victim.get("/");
    assert_refused(&victim.submit(&form), "another browser's cookie");
    let mut own = attacker.clone();
    assert!(!own.submit(&form).is_refused());
    let mut several = attacker.clone();
    several
        .cookies
        .insert(0, ("__Host-pubcookie_login_form_AAAA".into(), "A".repeat(22)));
    assert!(!several.submit(&form).is_refused(), "each cookie is tried");
}

#[test]
fn several_tabs_share_a_browsers_cookie() {
    let mut browser = Browser::asked(&request(&[]));
    let first = browser.get("/");
    browser.keep("pubcookie_g_req", &encode(&request(&[("two", "other")])));
    let second = browser.get("/");
    assert_eq!(second.set_cookies.len(), 0, "{:?}", second.set_cookies);
    assert!(!browser.log_in(&first, "alice", "secret").is_refused());
    assert!(!browser.log_in(&second, "alice", "secret").is_refused());
}

#[test]
fn tabs_that_are_opened_at_once_get_forms_that_all_count() {
    let mut browser = Browser::asked(&request(&[]));
    let mut other_tab = browser.clone();
    let (first, second) = (browser.get("/"), other_tab.get("/"));
    let (name, value) = other_tab.form_cookie().unwrap();
    browser.keep(&name, &value);
    for page in [first, second] {
        assert!(!browser.log_in(&page, "alice", "secret").is_refused());
    }
}

#[test]
fn an_old_form_is_shown_anew() {
    let mut browser = Browser::asked(&request(&[]));
    let page = browser.get("/");
    browser.now = NOW + 30 * 60 + 1;
    let again = browser.log_in(&page, "alice", "secret");
    assert!(matches!(again.event, Event::FormExpired(_)) && again.checked.is_none());
    assert_eq!(again.login_form().field("user"), Some("alice"));
    assert!(again.html.contains("role=\"alert\""));
    assert!(!browser.log_in(&again, "alice", "secret").is_refused());
}

#[test]
fn names_that_do_not_fit_are_refused_and_never_cut() {
    let mut browser = Browser::asked(&request(&[]));
    let page = browser.get("/");
    for (user, shown) in [
        ("a".repeat(42), true),
        ("é".repeat(7), true),
        ("a\u{0}b".into(), true),
        (" \t".into(), true),
    ] {
        let seen = browser.log_in(&page, &user, "secret");
        assert!(
            matches!(seen.event, Event::UserNameRefused { .. }),
            "{user:?}: {}",
            seen.event
        );
        assert!(seen.checked.is_none());
        assert_eq!(!seen.document.forms.is_empty(), shown);
    }
    assert_refused(&browser.log_in(&page, &"a".repeat(257), "secret"), "257 bytes");
    for (field, long) in [("one", 40), ("two", 128)] {
        let id = "a".repeat(long);
        assert_refused(&Browser::asked(&request(&[(field, &id)])).get("/"), field);
        assert_refused(&Browser::asked(&request(&[(field, "")])).get("/"), field);
        let fits = &id[1..];
        assert!(!Browser::asked(&request(&[(field, fits)])).get("/").is_refused());
    }
}
