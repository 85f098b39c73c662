//! What a browser, a neighbour or a stranger may send to the login server to get more than is theirs.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod login_support;
mod recorded;

use login_support::{Browser, Seen, assert_refused, config, encode, open_granting, open_login, request};
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod};
use pubcookie_protocol::login::{Event, LoginConfig, LoginServer, Proof};
use std::sync::LazyLock;

const RELAY_URL: &str = "https://app2.example.edu:18445/PubCookie.reply";

/// A granting request of app2 in a form (POST method).
fn posted(relay_url: &str) -> Seen {
    let clear = request(&[
        ("one", "app2.example.edu"),
        ("six", "app2.example.edu:18445"),
        ("seven", "L3g="),
    ]);
    Browser::new().post(&[
        ("pubcookie_g_req", &encode(&clear)),
        ("post_stuff", ""),
        ("relay_url", relay_url),
    ])
}

#[test]
fn a_field_given_twice_is_refused_everywhere() {
    for (first, second) in [
        ("six", "app2.example.edu"),
        ("one", "x"),
        ("flag", "Q"),
        ("unknown", "1"),
    ] {
        let clear = format!("{}&unknown=1&{first}={second}", request(&[]));
        assert_refused(&Browser::asked(&clear).get("/"), first);
    }
    let g_req = encode(&request(&[("seven", "L3g=")]));
    let relay_url = "https://app1.example.edu:18444/PubCookie.reply";
    for name in ["pubcookie_g_req", "relay_url", "post_stuff", "go"] {
        let fields = [
            ("pubcookie_g_req", &*g_req),
            ("relay_url", relay_url),
            ("post_stuff", ""),
            ("go", ""),
            (name, ""),
        ];
        assert_refused(&Browser::new().post(&fields), name);
    }
    let mut browser = Browser::asked(&request(&[]));
    let form = browser
        .get("/")
        .login_form()
        .fill("user", "alice")
        .fill("pass", "secret");
    for name in ["user", "pass", "six", "seal", "reply"] {
        let mut twice = form.clone();
        twice.fields.push((name.into(), "bob".into()));
        assert_refused(&browser.submit(&twice), name);
    }
    assert_refused(
        &Browser::new().get("/?logout_action=0&logout_action=2"),
        "logout_action",
    );
}

#[test]
fn a_host_is_a_name_that_has_a_key() {
    for six in [
        "../keys/app1.example.edu",
        "..",
        "/etc/passwd",
        "nokey.example.edu",
        "app1.example.edu.evil.example.com",
        "app1.example.edu:18444@evil.example.com",
        "alice@app1.example.edu",
        "app1.example.edu:",
        "app1.example.edu:0",
        "app1.example.edu:99999",
        "app1.example.edu:443:443",
        "app1.example.edu/x",
        "app1.example.edu\\x",
        "app1.example.edu%2f",
        "app1.example.edu evil.example.com",
        "app1.example.edu\r\nSet-Cookie: x=y",
        "javascript:alert(1)",
        "",
    ] {
        let mut browser = Browser::asked(&request(&[("six", six)]));
        assert_refused(&browser.get("/"), six);
        assert_eq!(browser.cookie("pubcookie_g_req"), None, "{six}");
    }
}

#[test]
fn a_granting_cookie_goes_only_where_it_was_asked_for() {
    assert_eq!(posted(RELAY_URL).login_form().field("relay_url"), Some(RELAY_URL));
    for relay_url in [
        "",
        "https://evil.example.com/PubCookie.reply",
        "http://app2.example.edu:18445/PubCookie.reply",
        "//app2.example.edu:18445/PubCookie.reply",
        "https://app2.example.edu:18445.evil.example.com/x",
        "https://app2.example.edu:18445@evil.example.com/x",
        "https://app2.example.edu:18445\\@evil.example.com/x",
        "https://app2.example.edu/PubCookie.reply",
        "https://app1.example.edu:18444/PubCookie.reply",
        "https://app2.example.edu:18445?x=/PubCookie.reply",
        "https://app2.example.edu:18445/PubCookie.reply#x",
        "javascript:alert(1)",
        "data:text/html,x",
    ] {
        assert_refused(&posted(relay_url), relay_url);
    }
}

#[test]
fn a_host_logs_nobody_in_under_the_name_of_another() {
    let ask = |host: &str, id: &str| {
        let mut browser = Browser::asked(&request(&[("six", host), ("one", id)]));
        let page = browser.get("/");
        if page.is_refused() {
            return page;
        }
        browser.log_in(&page, "alice", "secret")
    };
    for (host, id) in [
        ("app1.example.edu:18444", "app1.example.edu"),
        ("app1.example.edu:18444", "APP1.example.edu"),
        ("app1.example.edu", "app1.example.edu%3A18444"),
        ("APP1.example.edu", "%61pp1.example.edu"),
        ("app1.example.edu", "Portal"),
    ] {
        assert!(ask(host, id).granting_cookie().is_some(), "{host} {id}");
    }
    let of_another = "belongs to another server";
    let not_permitted = "permit it by a key file of that name";
    for (id, why) in [
        ("app1.example.edu", of_another),
        ("App1.Example.edu", of_another),
        ("%61pp1.example.edu", of_another),
        ("portal", of_another),
        ("app1.example.edu%3A443", not_permitted),
        ("app1.example.edu.", not_permitted),
        ("app1.example.edu+", not_permitted),
        ("app1.example.edu%00", not_permitted),
        ("nokey.example.edu", not_permitted),
        ("example.edu", not_permitted),
        ("unheard-of", not_permitted),
        ("*", not_permitted),
    ] {
        let seen = ask("app2.example.edu", id);
        assert_refused(&seen, id);
        assert!(seen.event.to_string().contains(why), "{id}: {}", seen.event);
        assert!(seen.html.contains("not registered for it"), "{}", seen.html);
    }
    let clear = request(&[
        ("one", "app1.example.edu"),
        ("six", "app2.example.edu:18445"),
        ("seven", "L3g="),
    ]);
    assert_refused(
        &Browser::new().post(&[
            ("pubcookie_g_req", &encode(&clear)),
            ("post_stuff", ""),
            ("relay_url", RELAY_URL),
        ]),
        "by the POST method",
    );
}

#[test]
fn a_granting_request_is_found_among_planted_cookies() {
    let planted = |count: usize, cookie: &str| {
        let mut browser = Browser::asked(&request(&[]));
        for _ in 0..count {
            browser
                .cookies
                .insert(0, ("pubcookie_g_req".into(), cookie.into()));
        }
        browser.get("/")
    };
    for cookie in ["clear", "*", "AAAA", &encode("one=x&one=y")] {
        assert!(
            matches!(planted(7, cookie).event, Event::FormShown(_)),
            "{cookie}"
        );
    }
    assert_refused(&planted(8, "*"), "eight are tried");
}

#[test]
fn a_long_referer_does_not_stop_a_login() {
    for (length, what) in [(4200, "kept"), (5600, "left out of the form")] {
        let referer = format!("https://ref.example.org/?q={}", "=".repeat(length));
        let clear = request(&[
            ("one", "app2.example.edu"),
            ("six", "app2.example.edu:18445"),
            ("seven", "L3g="),
            ("referer", &referer),
        ]);
        let mut browser = Browser::new();
        let page = browser.post(&[("pubcookie_g_req", &encode(&clear)), ("relay_url", RELAY_URL)]);
        let seen = browser.log_in(&page, "alice", "secret");
        assert!(seen.granting_cookie().is_some(), "{what}: {}", seen.event);
    }
}

#[test]
fn a_path_stays_on_its_host() {
    for (seven, eight, destination) in [
        (
            "//evil.example.com/",
            "",
            "https://app1.example.edu:18444//evil.example.com/",
        ),
        (
            "/\\evil.example.com/",
            "",
            "https://app1.example.edu:18444/%5Cevil.example.com/",
        ),
        (
            "@evil.example.com/",
            "",
            "https://app1.example.edu:18444/@evil.example.com/",
        ),
        (
            ".evil.example.com/",
            "",
            "https://app1.example.edu:18444/.evil.example.com/",
        ),
        (
            "https://evil.example.com/",
            "",
            "https://app1.example.edu:18444/https://evil.example.com/",
        ),
        ("/x?y", "", "https://app1.example.edu:18444/x%3Fy"),
        ("/x\r\ny", "", "https://app1.example.edu:18444/x%0D%0Ay"),
        ("/x", "YQ0KYg==", "https://app1.example.edu:18444/x?a%0D%0Ab"),
        ("/x", "IyI+", "https://app1.example.edu:18444/x?%23%22%3E"),
    ] {
        let seven_encoded = seven.replace('%', "%25");
        let mut browser = Browser::asked(&request(&[
            ("seven", &seven_encoded),
            ("eight", &eight.replace('+', "%2B")),
        ]));
        let page = browser.get("/");
        let seen = browser.log_in(&page, "alice", "secret");
        assert_eq!(seen.document.refresh.as_deref(), Some(destination), "{seven}");
    }
}

#[test]
fn nothing_reflected_is_markup() {
    let evil = "\"'><script>alert(1)</script><form action=https://evil.example.com><!--";
    let mut pages = Vec::new();
    for field in [
        "one", "two", "five", "seven", "hostname", "file", "referer", "flag", "unknown",
    ] {
        let changed = request(&[(field, evil)]);
        let clear = if field == "unknown" {
            format!("{changed}&unknown={evil}")
        } else {
            changed
        };
        pages.push((field, Browser::asked(&clear).get("/")));
    }
    let mut browser = Browser::asked(&request(&[("eight", &encode(evil).replace('+', "%2B"))]));
    browser.keep("pubcookie_l", evil);
    let page = browser.post(&[("post_stuff", &format!("a={evil}&{evil}=b"))]);
    pages.push(("user", browser.log_in(&page, evil, "x")));
    pages.push(("post_stuff", browser.log_in(&page, "alice", "secret")));
    pages.push(("eight and post_stuff", page));
    pages.push((
        "logout",
        Browser::new().get(&format!("/?logout_action=0&two={evil}&one={evil}")),
    ));
    pages.push((
        "logout_action",
        Browser::new().get(&format!("/?logout_action={evil}")),
    ));
    pages.push(("path", Browser::new().get(&format!("/{evil}"))));
    pages.push(("relay_url", posted(evil)));
    for (field, page) in pages {
        assert!(!page.html.contains("<script>"), "{field}: {}", page.html);
        assert!(page.html.matches("<script nonce=").count() <= 1, "{field}");
        assert!(
            page.document
                .forms
                .iter()
                .all(|form| !form.action.starts_with("https://evil")),
            "{field}"
        );
        assert!(!page.event.to_string().contains(['\n', '\r', '\0']), "{field}");
    }
}

#[test]
fn what_is_signed_is_printable_ascii() {
    let clear = request(&[("two", "%C3%A9 app")]);
    let mut browser = Browser::asked(&clear);
    let page = browser.get("/");
    let seen = browser.log_in(&page, "alice", "secret");
    let asked = GrantingRequest::decode(encode(&clear).as_bytes(), LoginMethod::Get).unwrap();
    let granted = open_granting(&seen.granting_cookie().unwrap(), &asked);
    assert_eq!(granted.app_id.as_bytes(), b"%C3%A9+app");
    assert!(granted.is_printable_ascii());
    assert!(open_login(seen.set_cookie("pubcookie_l").unwrap()).is_printable_ascii());
}

#[test]
fn only_a_login_cookie_is_a_login_cookie() {
    let mut browser = Browser::asked(&request(&[]));
    let page = browser.get("/");
    let seen = browser.log_in(&page, "alice", "secret");
    let (granting, login) = (
        seen.set_cookie("pubcookie_g").unwrap(),
        seen.set_cookie("pubcookie_l").unwrap(),
    );
    let mut changed = login.to_owned();
    changed.replace_range(100..101, if &login[100..101] == "A" { "B" } else { "A" });
    for (name, value) in [
        ("pubcookie_l", granting),
        ("pubcookie_l", &changed),
        ("xpubcookie_l", login),
    ] {
        let mut stranger = Browser::asked(&request(&[]));
        stranger.keep(name, value);
        assert!(matches!(stranger.get("/").event, Event::FormShown(_)), "{name}");
    }
    let mut several = Browser::asked(&request(&[]));
    several.cookies.push(("pubcookie_l".into(), changed));
    several.cookies.push(("pubcookie_l".into(), login.to_owned()));
    assert!(matches!(
        several.get("/").event,
        Event::Granted {
            by: Proof::EarlierLogin,
            ..
        }
    ));
}

#[test]
fn a_body_of_a_foreign_site_waits_for_a_click() {
    for (fetch_site, by_itself) in [
        (Some("same-site"), true),
        (Some("same-origin"), true),
        (Some("cross-site"), false),
        (Some("none"), false),
        (None, false),
    ] {
        let mut browser = Browser {
            fetch_site,
            ..Browser::asked(&request(&[("five", "POST")]))
        };
        let page = browser.post(&[("post_stuff", "transfer=1000&submit=Go")]);
        browser.fetch_site = Some("same-origin");
        let seen = browser.log_in(&page, "alice", "secret");
        assert_eq!(seen.submits_itself(), by_itself, "{fetch_site:?}");
        let form = &seen.document.forms[0];
        assert_eq!(form.action, "https://app1.example.edu:18444/secure/x");
        assert_eq!(form.encode(), "transfer=1000&submit=Go");
        browser.fetch_site = fetch_site;
        browser.keep("pubcookie_g_req", &encode(&request(&[])));
        let single_sign_on = browser.post(&[("post_stuff", "transfer=1000")]);
        assert_eq!(single_sign_on.submits_itself(), by_itself, "{fetch_site:?}");
    }
}

#[test]
fn a_body_that_cannot_be_carried_is_refused_in_plain_words() {
    let seen = Browser::asked(&request(&[])).post(&[("post_stuff", "=a+field+without+a+name")]);
    assert_refused(&seen, "post_stuff");
    assert!(
        seen.html.contains("cannot be carried through a login"),
        "{}",
        seen.html
    );
}

#[test]
fn no_page_can_be_framed_cached_or_scripted_and_tells_nobody_its_url() {
    let mut browser = Browser::asked(&request(&[]));
    let form = browser.get("/");
    let granted = browser.log_in(&form, "alice", "secret");
    let refused = Browser::asked(&request(&[("six", "..")])).get("/");
    for page in [
        form,
        granted,
        refused,
        posted(RELAY_URL),
        browser.get("/"),
        browser.get("/?logout_action=2"),
    ] {
        let policy = page.header("Content-Security-Policy");
        assert!(
            policy.contains("default-src 'none'") && policy.contains("frame-ancestors 'none'"),
            "{policy}"
        );
        assert!(
            !policy.contains("unsafe") && !policy.contains("form-action"),
            "{policy}"
        );
        assert!(page.header("Cache-Control").contains("no-store"));
        assert_eq!(page.header("Referrer-Policy"), "no-referrer");
        let secure = |text: &String| text.contains("; secure; HttpOnly");
        assert!(page.set_cookies.iter().all(secure), "{:?}", page.set_cookies);
    }
}

#[test]
fn a_host_outside_of_the_cookie_domain_is_told_to_use_the_post_method() {
    static ELSEWHERE: LazyLock<LoginServer> = LazyLock::new(|| {
        LoginServer::new(LoginConfig {
            domain: Some(".elsewhere.example".parse().unwrap()),
            ..config()
        })
    });
    let seen = Browser {
        server: &ELSEWHERE,
        ..Browser::asked(&request(&[]))
    }
    .get("/");
    assert_refused(&seen, "GET");
    assert!(
        seen.event.to_string().contains("PubcookieLoginMethod to POST"),
        "{}",
        seen.event
    );
}

/// What the original login server did wrong, and ours does not repeat: a host taken for a path, an index out of range, a
/// login cookie that decides who logs in, a login cookie for hosts that are not served, a granting request that is
/// believed and shown as it is (`a_host_is_a_name_that_has_a_key`, `nothing_reflected_is_markup`).
#[test]
fn faults_of_the_original_are_not_repeated() {
    for nine in ["-1", "99", "4294967295", "18446744073709551616", "PInit"] {
        let seen = Browser::asked(&request(&[("nine", nine)])).get("/");
        assert!((200..500).contains(&seen.status), "nine={nine}: {}", seen.event);
    }
    let mut browser = Browser::asked(&request(&[]));
    let page = browser.get("/");
    browser.log_in(&page, "alice", "secret");
    browser.keep("pubcookie_g_req", &encode(&request(&[("sess_re", "1")])));
    let page = browser.get("/");
    let seen = browser.log_in(&page, "bob", "pw&\"<>+ 1");
    assert_eq!(seen.checked.as_ref().unwrap().0, "bob");
    assert_eq!(
        open_login(seen.set_cookie("pubcookie_l").unwrap())
            .user
            .as_bytes(),
        b"bob"
    );
    browser.keep(
        "pubcookie_g_req",
        &encode(&request(&[("six", "nokey.example.edu")])),
    );
    assert_refused(&browser.get("/"), "nokey.example.edu");
}
