//! How a login server finds out who a user is: users whom httpd authenticated, flavours, delays, forms from elsewhere.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod login_support;
mod recorded;

use granting_cookie::Cookie;
use login_support::{Browser, KEYS, Seen, config, encode, open_granting, open_login, request};
use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod};
use pubcookie_protocol::login::{
    Check, Event, LoginConfig, LoginServer, Method, Proof, Source, Step, VisitInput,
};
use pubcookie_protocol::page::Nonce;
use std::collections::BTreeMap;
use std::sync::LazyLock;

/// A login server that trusts httpd for the first flavour, and has a form for the third.
static TRUSTING: LazyLock<LoginServer> =
    LazyLock::new(|| with_flavours([(1, Check::RemoteUser), (3, Check::Password)]));

fn with_flavours<const N: usize>(flavours: [(u8, Check); N]) -> LoginServer {
    let flavours = flavours.map(|(number, check)| (Creds::new(number).unwrap(), check));
    LoginServer::new(LoginConfig {
        flavours: BTreeMap::from(flavours),
        ..config()
    })
}

fn trusting(remote_user: Option<&'static str>, changes: &[(&str, &str)]) -> Browser {
    Browser {
        server: &TRUSTING,
        remote_user,
        ..Browser::asked(&request(changes))
    }
}

fn granted(seen: &Seen) -> Cookie {
    let asked = GrantingRequest::decode(encode(&request(&[])).as_bytes(), LoginMethod::Get).unwrap();
    let cookie = seen.granting_cookie().unwrap_or_else(|| panic!("{}", seen.event));
    open_granting(&cookie, &asked)
}

#[test]
fn httpds_user_is_granted_without_a_form_a_login_cookie_or_a_claim_to_have_been_asked() {
    let mut browser = trusting(Some("alice@EXAMPLE"), &[]);
    let seen = browser.get("/");
    let cookie = granted(&seen);
    assert_eq!(
        (cookie.user.as_bytes(), cookie.version.0),
        (&b"alice@EXAMPLE"[..], *b"a5aN")
    );
    assert!(matches!(seen.event, Event::Granted { by: Proof::Httpd, .. }));
    assert!(seen.set_cookie("pubcookie_l").is_none());
    // By the POST method too.
    let clear = request(&[
        ("one", "app2.example.edu"),
        ("six", "app2.example.edu"),
        ("seven", "L3g="),
    ]);
    let seen = browser.post(&[
        ("pubcookie_g_req", &encode(&clear)),
        ("post_stuff", ""),
        ("relay_url", "https://app2.example.edu/PubCookie.reply"),
    ]);
    assert!(
        seen.granting_cookie().is_some() && seen.submits_itself(),
        "{}",
        seen.event
    );
}

#[test]
fn a_new_login_cannot_be_had_of_httpd() {
    for sess_re in ["1", "2", "86400"] {
        let seen = trusting(Some("alice"), &[("sess_re", sess_re)]).get("/");
        assert!(seen.is_refused() && seen.status == 403 && seen.granting_cookie().is_none());
        assert!(
            seen.event.to_string().contains("(PubcookieSessionCauseReAuth)"),
            "{}",
            seen.event
        );
        // Who is not to be asked comes back blank, as somebody who would have to be asked.
        let blank = trusting(Some("alice"), &[("sess_re", sess_re), ("flag", "Q")]).get("/");
        assert!(granted(&blank).user.as_bytes().is_empty());
    }
    assert_eq!(
        granted(&trusting(Some("alice"), &[("flag", "Q")]).get("/"))
            .user
            .as_bytes(),
        b"alice"
    );
}

#[test]
fn nobody_is_nobody() {
    let mut logged_in = Browser::asked(&request(&[]));
    let page = logged_in.get("/");
    logged_in.log_in(&page, "alice", "secret");
    logged_in.server = &TRUSTING;
    for remote_user in [None, Some("")] {
        let seen = trusting(remote_user, &[]).get("/");
        assert!(seen.is_refused() && seen.status == 403, "{}", seen.event);
        assert!(
            granted(&trusting(remote_user, &[("flag", "Q")]).get("/"))
                .user
                .as_bytes()
                .is_empty()
        );
        assert!(
            trusting(remote_user, &[])
                .get("/?logout_action=0")
                .html
                .contains("You are logged out")
        );
        // A login cookie of the days before is none.
        logged_in.remote_user = remote_user;
        logged_in.keep("pubcookie_g_req", &encode(&request(&[])));
        assert!(logged_in.get("/").is_refused());
    }
    let mut plain = Browser {
        server: &TRUSTING,
        ..Browser::new()
    };
    assert!(plain.get("/").is_refused());
    plain.remote_user = Some("alice");
    assert!(matches!(plain.get("/").event, Event::StatusShown(_)));
}

#[test]
fn a_name_of_httpds_that_does_not_fit_is_refused_and_never_cut() {
    for name in [
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
        "ééééééé",
        "a\nb",
        " ",
        "\u{85}",
    ] {
        let seen = trusting(Some(name), &[]).get("/");
        assert!(seen.is_refused() && seen.granting_cookie().is_none(), "{name:?}");
        assert!(!seen.event.to_string().contains('\n'));
    }
    let fits = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
    assert_eq!(
        granted(&trusting(Some(fits), &[]).get("/")).user.as_bytes(),
        fits.as_bytes()
    );
}

#[test]
fn a_login_of_one_flavour_does_not_serve_another() {
    static BOTH: LazyLock<LoginServer> =
        LazyLock::new(|| with_flavours([(1, Check::Password), (3, Check::Password)]));
    let mut browser = Browser {
        server: &BOTH,
        ..Browser::asked(&request(&[("three", "3")]))
    };
    let page = browser.get("/");
    let seen = browser.log_in(&page, "alice", "secret");
    assert_eq!(granted(&seen).creds, b'3');
    let login = open_login(seen.set_cookie("pubcookie_l").unwrap());
    assert_eq!(login.creds, b'3');
    for (three, serves) in [("3", true), ("1", false)] {
        browser.keep("pubcookie_g_req", &encode(&request(&[("three", three)])));
        assert_eq!(
            matches!(browser.get("/").event, Event::Granted { .. }),
            serves,
            "{three}"
        );
        browser.keep(
            "pubcookie_g_req",
            &encode(&request(&[("three", three), ("flag", "Q")])),
        );
        assert_eq!(
            granted(&browser.get("/")).user.as_bytes().is_empty(),
            !serves,
            "{three}"
        );
    }
    for three in ["0", "2", "9"] {
        browser.keep("pubcookie_g_req", &encode(&request(&[("three", three)])));
        let refused = browser.get("/");
        assert!(refused.is_refused() && refused.event.to_string().contains(&format!("flavour {three}")));
    }
    // A form that was made for a flavour which is gone meanwhile.
    browser.keep("pubcookie_g_req", &encode(&request(&[("three", "1")])));
    let page = browser.get("/");
    browser.server = &TRUSTING;
    let seen = browser.log_in(&page, "alice", "secret");
    assert!(seen.is_refused() && seen.checked.is_none(), "{}", seen.event);
}

#[test]
fn a_form_that_another_site_submits_is_refused() {
    for (fetch_site, taken) in [
        (Some("same-origin"), true),
        (Some("none"), true),
        (None, true),
        (Some("same-site"), false),
        (Some("cross-site"), false),
        (Some(""), false),
    ] {
        let mut browser = Browser::asked(&request(&[]));
        let form = browser
            .get("/")
            .login_form()
            .fill("user", "alice")
            .fill("pass", "secret");
        browser.fetch_site = fetch_site;
        let seen = browser.visit(Method::Post, "/", "", form.encode().as_bytes());
        assert_eq!(seen.checked.is_some(), taken, "{fetch_site:?}");
        assert_eq!(seen.is_refused(), !taken, "{fetch_site:?}");
    }
}

#[test]
fn after_too_many_wrong_passwords_the_form_says_how_long_to_wait() {
    for (wait, words) in [(1, "1 second."), (119, "119 seconds"), (900, "15 minutes")] {
        let mut browser = Browser::asked(&request(&[]));
        let form = browser
            .get("/")
            .login_form()
            .fill("user", "alice")
            .fill("pass", "secret")
            .encode();
        let cookies = browser.cookie_header();
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
            now: browser.now,
        };
        let Step::CheckPassword { continuation, .. } = browser.server.visit(&input, &*KEYS) else {
            panic!("the password is to be checked")
        };
        let answer = continuation.delayed(wait, Source::Address, browser.now, &*KEYS);
        assert_eq!(answer.page.status, 429);
        assert!(answer.page.headers.contains(&("Retry-After", wait.to_string())));
        assert!(answer.page.body.contains(words) && answer.page.body.contains("role=\"alert\""));
        assert!(
            !answer.page.body.contains("secret")
                && answer
                    .set_cookies
                    .iter()
                    .all(|text| !text.contains("pubcookie_l"))
        );
        assert!(answer.event.is_failure());
        assert_eq!(
            answer.event.to_string(),
            format!(
                "user alice: refused for {wait} more seconds, after too many wrong passwords from this address: app server ID \
                 app1.example.edu, app ID secureapp, at app1.example.edu:18444"
            )
        );
    }
}
