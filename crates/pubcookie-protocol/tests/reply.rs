//! Where a reply of the login server leads, and where it never leads.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use pubcookie_protocol::form::Form;
use pubcookie_protocol::reply::{Reply, ReplyError};
use url::Url;
use url::form_urlencoded::byte_serialize;

const OWN: &str = "app2.example.edu:18445";

fn parse(fields: &[(&str, &str)]) -> Result<Reply, ReplyError> {
    let spell = |text: &str| byte_serialize(text.as_bytes()).collect::<String>();
    let body: Vec<String> = fields
        .iter()
        .map(|(name, value)| format!("{}={}", spell(name), spell(value)))
        .collect();
    Reply::parse(
        &Form::parse(body.join("&").as_bytes(), 1 << 20).unwrap(),
        &OWN.parse().unwrap(),
    )
}

fn reply(redirect_url: &str, get_args: &str) -> Result<Reply, ReplyError> {
    parse(&[
        ("pubcookie_g", "AbC+/w=="),
        ("redirect_url", redirect_url),
        ("get_args", get_args),
    ])
}

fn reply_to_path(path: &[u8], get_args: &str) -> Result<Reply, ReplyError> {
    reply(&format!("https://{OWN}/{}", STANDARD.encode(path)), get_args)
}

#[test]
fn a_reply_leads_to_a_path_of_ours() {
    let reply = reply("https://app2.example.edu:18445/L3NlY3VyZS94", "a=1&b=2").unwrap();
    assert_eq!(reply.destination.as_str(), "/secure/x?a=1&b=2");
    assert_eq!(*reply.granting_cookie, "AbC+/w==");
    assert!(reply.post_stuff.is_empty());
    for (path, query, destination) in [
        ("/s/a b?c#d", "", "/s/a%20b%3Fc%23d"),
        ("/s/\"<>:;&=", "x=\"<>#", "/s/%22%3C%3E:;&=?x=%22%3C%3E%23"),
        ("/s/a%3Ab", "%20", "/s/a%3Ab?%20"),
        ("/é", "é", "/%C3%A9?%C3%A9"),
        ("/", "", "/"),
        ("", "q", "/?q"),
    ] {
        assert_eq!(
            reply_to_path(path.as_bytes(), query)
                .unwrap()
                .destination
                .as_str(),
            destination,
            "{path}"
        );
    }
}

#[test]
fn plus_may_have_become_a_space() {
    let fields = [
        ("pubcookie_g", "AbC /w=="),
        ("redirect_url", "https://app2.example.edu:18445/Lz8 Pj8/"),
        ("post_stuff", "a=1"),
    ];
    let reply = parse(&fields).unwrap();
    assert_eq!(*reply.granting_cookie, "AbC+/w==");
    assert_eq!(reply.destination.as_str(), "/%3F%3E%3E%3F%3F");
    assert_eq!(*reply.post_stuff, b"a=1");
}

#[test]
fn what_is_missing_or_twice_is_refused() {
    let good = [
        ("pubcookie_g", "AbC+/w=="),
        ("redirect_url", "https://app2.example.edu:18445/L3M="),
    ];
    assert!(parse(&good).is_ok());
    assert_eq!(parse(&good[..1]), Err(ReplyError::Missing("redirect_url")));
    assert_eq!(parse(&good[1..]), Err(ReplyError::Missing("pubcookie_g")));
    assert_eq!(
        parse(&[good[0], good[1], good[0]]),
        Err(ReplyError::Missing("pubcookie_g"))
    );
    assert_eq!(
        parse(&[good[0], good[1], good[1]]),
        Err(ReplyError::Missing("redirect_url"))
    );
    for cookie in [
        "",
        "AAA;evil=1",
        "AAAA\n",
        "A\r\nSet-Cookie: x",
        &"A".repeat(4100),
    ] {
        assert_eq!(
            parse(&[("pubcookie_g", cookie), good[1]]),
            Err(ReplyError::NotACookie),
            "{cookie}"
        );
    }
    assert!(matches!(
        reply_to_path(b"/s", &"q".repeat(5701)),
        Err(ReplyError::QueryTooLong(5701))
    ));
}

#[test]
fn a_reply_for_another_server_is_refused() {
    for url in [
        "http://app2.example.edu:18445/L3g=",
        "https://app2.example.edu/L3g=",
        "https://app2.example.edu:443/L3g=",
        "https://app1.example.edu:18445/L3g=",
        "https://evil.example.com:18445/L3g=",
        "https://app2.example.edu.evil.example.com:18445/L3g=",
        "https://xapp2.example.edu:18445/L3g=",
        "ftp://app2.example.edu:18445/L3g=",
    ] {
        assert!(
            matches!(reply(url, ""), Err(ReplyError::OtherServer { .. })),
            "{url}"
        );
    }
    for url in [
        "javascript:alert(1)",
        "//app2.example.edu:18445/L3g=",
        "/L3g=",
        "L3g=",
        "",
        "https:app2.example.edu:18445/L3g=",
        "https:/app2.example.edu:18445/L3g=",
        "https:///L3g=",
        "https://a@app2.example.edu:18445/L3g=",
        "https://app2.example.edu:18445@evil.example.com/L3g=",
        "https://evil.example.com\\@app2.example.edu:18445/L3g=",
        "https://app2.example.edu:18445\\.evil.example.com/L3g=",
        "https://app2.example.edu:18445?L3g=",
        "https://app2.example.edu:18445#/L3g=",
        "https://app2.example.edu:18445/not-base64",
        "https://app2.example.edu:18445 .evil.example.com/L3g=",
        "https://app2.example.edu:18445%2eevil.example.com/L3g=",
        "https://app2.example.edu\t:18445/L3g=",
        "\u{0}https://app2.example.edu:18445/L3g=",
    ] {
        assert!(
            matches!(
                reply(url, ""),
                Err(ReplyError::NotAUrl(_) | ReplyError::OtherServer { .. })
            ),
            "{url}"
        );
    }
}

/// Ways to write another server where a path should stand, put together from what has fooled readers of URLs.
fn open_redirects() -> Vec<Vec<u8>> {
    let beginnings = [
        "",
        "/",
        "//",
        "///",
        "////",
        "\\",
        "\\\\",
        "/\\",
        "\\/",
        "/\t/",
        "/\n/",
        "/\r\n/",
        "\t//",
        " //",
        "/ /",
        "/%09/",
        "/%0a/",
        "/%2f",
        "%2f%2f",
        "/%5c",
        "%5c%5c",
        "/.//",
        "/..//",
        "/./\\",
        "/x/..//",
        "/%2e//",
        "/.%2f/",
        "/;//",
        "/?//",
        "/#//",
        "https://",
        "https:",
        "https:/",
        "https:\\\\",
        "http://",
        "ftp://",
        "javascript:",
        "java\tscript:",
        "data:text/html,",
        "vbscript:",
        "/@",
        "@",
        "//app2.example.edu@",
        "//app2.example.edu:18445@",
        "https://app2.example.edu@",
        "/\u{0}/",
        "\u{0}//",
        "\u{feff}//",
        "\u{2028}//",
        "/\u{3002}/",
        "\u{ff0f}\u{ff0f}",
        "/\u{ff0f}",
        "/\u{a0}/",
        "/\u{b}/",
        "/\u{c}/",
        "/\u{7f}/",
        ".//",
        "..//",
        "///\\;@",
    ];
    let servers = [
        "evil.example.com",
        "evil.example.com/",
        "evil.example.com/%2e%2e",
        "evil.example.com:443/x",
        "evil.example.com?x",
        "evil.example.com#x",
        "evil.example.com\\@app2.example.edu",
        "app2.example.edu.evil.example.com",
        "user:pass@evil.example.com/",
        "[::1]/",
        "2130706433/",
        "0x7f.1/",
        "evil%E3%80%82example%E3%80%82com",
        "evil\u{3002}example\u{3002}com",
        "alert(1)//",
    ];
    let join = |beginning: &str| servers.map(|server| format!("{beginning}{server}").into_bytes());
    beginnings.iter().flat_map(|beginning| join(beginning)).collect()
}

#[test]
fn no_reply_leads_off_the_server() {
    let payloads = open_redirects();
    assert!(payloads.len() > 800, "{}", payloads.len());
    let base = Url::parse(&format!("https://{OWN}/PubCookie.reply")).unwrap();
    let mut refused = 0;
    for payload in &payloads {
        for (path, query) in [(&payload[..], ""), (b"/s", std::str::from_utf8(payload).unwrap())] {
            let Ok(reply) = reply_to_path(path, query) else {
                refused += 1;
                continue;
            };
            let destination = reply.destination.as_str();
            assert!(
                destination.starts_with('/') && !destination[1..].starts_with(['/', '\\']),
                "{destination}"
            );
            assert!(
                destination.bytes().all(|byte| byte.is_ascii_graphic()),
                "{destination}"
            );
            let url = base.join(destination).unwrap();
            assert_eq!(url.origin(), base.origin(), "{destination}");
            assert!(!url.path().starts_with("//"), "{destination}");
        }
    }
    assert!(refused > 500, "{refused}");
}

proptest! {
    #[test]
    fn no_bytes_lead_off_the_server(path: Vec<u8>, query in "\\PC{0,20}") {
        let base = Url::parse(&format!("https://{OWN}/PubCookie.reply")).unwrap();
        let slashed = [b"/", &path[..]].concat();
        for path in [&path, &slashed] {
            if let Ok(reply) = reply_to_path(path, &query) {
                let url = base.join(reply.destination.as_str()).unwrap();
                prop_assert_eq!(url.origin(), base.origin());
            }
        }
    }

    #[test]
    fn no_form_makes_it_panic(body: Vec<u8>) {
        let _ = Reply::parse(&Form::parse(&body, 4096).unwrap_or_default(), &OWN.parse().unwrap());
    }
}
