//! Logging in, coming back, being asked again, logging out.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod login_support;
mod recorded;

use granting_cookie::{Cookie, Reauthentication};
use login_support::{Browser, KEYS, NOW, SERVER, Seen, encode, open_granting, open_login, request};
use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod};
use pubcookie_protocol::login::{Event, Method, Step, VisitInput};
use pubcookie_protocol::page::Nonce;

fn granted(seen: &Seen) -> Cookie {
    let asked = GrantingRequest::decode(encode(&request(&[])).as_bytes(), LoginMethod::Get).unwrap();
    open_granting(&seen.granting_cookie().unwrap(), &asked)
}

/// A browser whose user has just logged in.
fn logged_in() -> Browser {
    let mut browser = Browser::asked(&request(&[]));
    let page = browser.get("/");
    let seen = browser.log_in(&page, "alice", "secret");
    assert_eq!(
        granted(&seen).version.0,
        *b"a5aR",
        "the password was typed for it"
    );
    assert_eq!(browser.cookie("pubcookie_g_req"), None);
    browser
}

fn ask(browser: &mut Browser, changes: &[(&str, &str)]) -> Seen {
    browser.keep("pubcookie_g_req", &encode(&request(changes)));
    browser.get("/")
}

#[test]
fn single_sign_on_says_that_no_password_was_typed_and_keeps_the_expiry() {
    let mut browser = logged_in();
    browser.now = NOW + 3600;
    let seen = ask(&mut browser, &[]);
    assert_eq!(granted(&seen).version.0, *b"a5aN");
    let login = open_login(seen.set_cookie("pubcookie_l").unwrap());
    assert_eq!(u64::from(login.create_time), NOW);
    assert_eq!(u64::from(login.last_time), NOW + 8 * 3600);
    browser.now = NOW + 8 * 3600 + 1;
    let form = ask(&mut browser, &[]).login_form();
    assert_eq!(form.field("user"), Some("alice"), "the name is remembered");
}

#[test]
fn reauthentication_asks_again_unless_the_login_is_recent_enough() {
    let mut browser = logged_in();
    let asked = ask(&mut browser, &[("sess_re", "1")]);
    assert!(asked.html.contains("readonly") && asked.login_form().field("user") == Some("alice"));
    browser.now = NOW + 100;
    let recent = ask(&mut browser, &[("sess_re", "100")]);
    assert_eq!(
        granted(&recent).version.reauthentication(),
        Reauthentication::Happened
    );
    browser.now = NOW + 101;
    let again = ask(&mut browser, &[("sess_re", "100")]);
    let seen = browser.log_in(&again, "alice", "secret");
    assert_eq!(granted(&seen).version.0, *b"a5aR");
    let login = open_login(seen.set_cookie("pubcookie_l").unwrap());
    assert_eq!(u64::from(login.create_time), NOW + 101);
    assert_eq!(u64::from(login.last_time), NOW + 8 * 3600, "the expiry is kept");
}

#[test]
fn another_user_begins_a_login_of_their_own() {
    let mut browser = logged_in();
    browser.now = NOW + 100;
    let page = ask(&mut browser, &[("sess_re", "1")]);
    let seen = browser.log_in(&page, "bob", "pw&\"<>+ 1");
    assert_eq!(granted(&seen).user.as_bytes(), b"bob");
    let login = open_login(seen.set_cookie("pubcookie_l").unwrap());
    assert_eq!(u64::from(login.last_time), NOW + 100 + 8 * 3600);
}

#[test]
fn the_provider_says_how_a_user_is_called() {
    let mut browser = logged_in();
    browser.now = NOW + 100;
    let page = ask(&mut browser, &[("sess_re", "1")]);
    let seen = browser.log_in(&page, "Alice", "secret");
    assert_eq!(granted(&seen).user.as_bytes(), b"alice");
    // It is the same user, whose login goes on.
    let login = open_login(seen.set_cookie("pubcookie_l").unwrap());
    assert_eq!(
        (login.user.as_bytes(), u64::from(login.last_time)),
        (&b"alice"[..], NOW + 8 * 3600)
    );
    // A name that does not fit is refused, and never cut.
    let page = ask(&mut browser, &[("sess_re", "1")]);
    let seen = browser.log_in(&page, "long", "x");
    assert!(seen.granting_cookie().is_none() && seen.set_cookie("pubcookie_l").is_none());
    assert!(
        seen.event.to_string().starts_with("user averyvery"),
        "{}",
        seen.event
    );
    assert!(
        seen.html.contains("not a user name that can log in"),
        "{}",
        seen.html
    );
}

#[test]
fn no_prompt_never_shows_a_form() {
    for sess_re in ["0", "1", "100"] {
        let seen = ask(&mut Browser::new(), &[("flag", "Q"), ("sess_re", sess_re)]);
        let cookie = granted(&seen);
        assert!(cookie.user.as_bytes().is_empty() && cookie.version.0 == *b"a5aN");
        assert!(seen.set_cookie("pubcookie_l").is_none());
    }
    assert_eq!(
        granted(&ask(&mut logged_in(), &[("flag", "Q")])).user.as_bytes(),
        b"alice"
    );
}

#[test]
fn a_wrong_password_and_an_unknown_user_look_the_same() {
    let mut browser = Browser::asked(&request(&[]));
    let page = browser.get("/");
    let (wrong, unknown) = (
        browser.log_in(&page, "alice", "x"),
        browser.log_in(&page, "nobody", "x"),
    );
    let message = "The user name or the password is not right.";
    assert!(wrong.html.contains(message) && unknown.html.contains(message));
    assert_eq!(wrong.login_form().field("user"), Some("alice"));
    assert!(!wrong.html.contains("value=\"x\"") && wrong.set_cookie("pubcookie_l").is_none());
    assert!(
        matches!(
            browser.log_in(&wrong, "alice", "secret").event,
            Event::Granted { .. }
        ),
        "the form works again"
    );
}

#[test]
fn a_provider_that_cannot_be_asked_is_no_refusal() {
    let mut browser = Browser::asked(&request(&[]));
    let form = browser
        .get("/")
        .login_form()
        .fill("user", "alice")
        .fill("pass", "secret")
        .encode();
    let (name, value) = browser.form_cookie().unwrap();
    let cookies = format!("{name}={value}");
    let nonce = Nonce::random().unwrap();
    let input = VisitInput {
        method: Method::Post,
        path: "/",
        query: "",
        cookies: cookies.as_bytes(),
        form: form.as_bytes(),
        fetch_site: None,
        origin: None,
        remote_user: None,
        nonce: &nonce,
        now: NOW,
    };
    let Step::CheckPassword {
        user,
        password,
        creds,
        continuation,
    } = SERVER.visit(&input, &*KEYS)
    else {
        panic!("the password is to be checked")
    };
    assert_eq!(
        (user.as_str(), password.as_str(), creds),
        ("alice", "secret", Creds::FIRST)
    );
    let answer = continuation.unavailable(NOW, &*KEYS);
    assert_eq!(answer.page.status, 503);
    assert!(answer.event.is_failure() && answer.page.body.contains("cannot be checked at the moment"));
}

#[test]
fn a_plain_login_serves_the_next_application() {
    let mut browser = Browser::new();
    let page = browser.get("/");
    let status = browser.log_in(&page, "alice", "secret");
    assert!(matches!(status.event, Event::LoggedIn(_)) && status.html.contains("for another 8 h 0 min."));
    browser.now = NOW + 61;
    assert!(browser.get("/").html.contains("for another 7 h 58 min."));
    assert_eq!(granted(&ask(&mut browser, &[])).user.as_bytes(), b"alice");
}

#[test]
fn logging_out_ends_the_login_or_says_that_it_goes_on() {
    let mut browser = logged_in();
    let kept = browser.get("/?logout_action=0&two=secureapp&one=app1.example.edu");
    assert!(kept.html.contains("still logged in") && kept.set_cookies.is_empty());
    assert!(granted(&ask(&mut browser, &[])).user.as_bytes() == b"alice");
    browser.get("/?logout_action=1&two=secureapp&one=app1.example.edu");
    assert_eq!(ask(&mut browser, &[]).login_form().field("user"), Some("alice"));
    browser.get("/logout/index.cgi");
    assert_eq!(browser.cookie("pubcookie_l"), None);
    assert_eq!(ask(&mut browser, &[]).login_form().field("user"), Some(""));
}
