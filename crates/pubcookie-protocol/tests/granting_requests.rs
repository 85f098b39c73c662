//! Granting requests, both ways.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use granting_cookie::Encryption;
use proptest::prelude::*;
use pubcookie_protocol::app_id::{AppId, AppServerId};
use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::granting_request::*;
use pubcookie_protocol::percent;
use pubcookie_protocol::reason::Reason;
use pubcookie_protocol::settings::AdditionalRequests;

fn request() -> GrantingRequest {
    GrantingRequest {
        app_server_id: AppServerId::configured("app1.example.edu").unwrap(),
        app_id: AppId::configured("secureapp").unwrap(),
        creds: Creds::FIRST,
        encryption: Encryption::Aes,
        request_method: "GET".into(),
        host: "app1.example.edu:18444".parse().unwrap(),
        path: "/secure/env.cgi".into(),
        query: "x=%C3%A9&y=2".into(),
        server_name: "app1.example.edu".into(),
        reason: Some(Reason::NoCookie),
        file: String::new(),
        referer: None,
        reauthentication: Reauthentication::NotDemanded,
        pre_session_token: -2123955254,
        no_prompt: false,
        additional: vec![],
    }
}

#[test]
fn no_additional_request_takes_the_place_of_a_field() {
    let clear = request().clear(LoginMethod::Get);
    for (name, _) in clear.split('&').filter_map(|field| field.split_once('=')) {
        let refusal = AdditionalRequests::default()
            .add(&format!("{name}=x"))
            .unwrap_err();
        assert!(refusal.to_string().contains("every login has"), "{refusal}");
    }
    let mut additional = AdditionalRequests::default();
    additional.add("theme=a+b%26sess_re%3D0").unwrap();
    let asked = GrantingRequest {
        additional: additional.fields().to_vec(),
        ..request()
    };
    let encoded = asked.encode(LoginMethod::Get);
    assert_eq!(
        GrantingRequest::decode(encoded.as_bytes(), LoginMethod::Get).unwrap(),
        asked
    );
}

#[test]
fn fields_stand_in_the_order_of_the_original() {
    assert_eq!(
        request().clear(LoginMethod::Get),
        "one=app1.example.edu&two=secureapp&three=1&four=a5a&five=GET&six=app1.example.edu:18444\
         &seven=/secure/env.cgi&eight=eD0lQzMlQTkmeT0y&hostname=app1.example.edu&nine=1&file=&referer=(null)\
         &sess_re=0&pre_sess_tok=-2123955254&flag=0"
    );
    assert!(
        request()
            .clear(LoginMethod::Post)
            .contains("&seven=L3NlY3VyZS9lbnYuY2dp&")
    );
}

#[test]
fn a_path_cannot_become_a_field() {
    let request = GrantingRequest {
        path: "/a&sess_re=0/%20b+c".into(),
        query: "~~~???>>>".into(),
        referer: Some("https://ref.example.org/?a=1&nine=9".into()),
        additional: vec![("opt".into(), "a&b=c".into())],
        no_prompt: true,
        reauthentication: Reauthentication::UnlessWithin(600),
        ..request()
    };
    let clear = request.clear(LoginMethod::Get);
    assert!(clear.contains("&seven=/a%26sess_re%3D0/%2520b%2Bc&"), "{clear}");
    assert!(!clear.contains('+'), "{clear}");
    for method in [LoginMethod::Get, LoginMethod::Post] {
        let again = GrantingRequest::decode(request.encode(method).as_bytes(), method).unwrap();
        assert_eq!(
            again,
            GrantingRequest {
                query: "~~~???%3E%3E%3E".into(),
                ..request.clone()
            }
        );
    }
}

#[test]
fn a_referer_is_left_out_where_the_request_would_not_arrive_with_it() {
    for (method, fits, too_long) in [(LoginMethod::Get, 2500, 3000), (LoginMethod::Post, 5500, 6000)] {
        let with_referer = |length| GrantingRequest {
            referer: Some("r".repeat(length)),
            ..request()
        };
        let arrives = |request: &GrantingRequest| {
            let encoded = request.encode(method);
            assert!(
                encoded.len() <= method.encoded_limit(),
                "{method:?}: {} bytes",
                encoded.len()
            );
            GrantingRequest::decode(encoded.as_bytes(), method).unwrap()
        };
        assert_eq!(arrives(&with_referer(fits)), with_referer(fits));
        assert_eq!(arrives(&with_referer(too_long)), request());
    }
}

#[test]
fn what_is_ambiguous_or_out_of_kind_is_refused() {
    let clear = request().clear(LoginMethod::Get);
    let long = format!("{clear}&x={}", "y".repeat(ENCODED_LIMIT));
    let many: String = (0..FIELD_LIMIT).fold(clear.clone(), |clear, n| format!("{clear}&f{n}=1"));
    for (text, part) in [
        (format!("{clear}&sess_re=1"), "`sess_re` twice"),
        (format!("{clear}&x=1&x=1"), "`x` twice"),
        (clear.replace("two=secureapp&", ""), "no field `two`"),
        (
            clear.replace("six=app1.example.edu:18444", "six=../keys/app1.example.edu"),
            "not a host",
        ),
        (clear.replace("four=a5a", "four=b5"), "not a version"),
        (clear.replace("nine=1", "nine=-1"), "`nine`"),
        (clear.replace("nine=1", "nine=99999"), "`nine`"),
        (clear.replace("three=1", "three=x"), "one digit"),
        (clear.replace("three=1", "three="), "one digit"),
        (clear.replace("-2123955254", "99999999999"), "`pre_sess_tok`"),
        (clear.replace("one=app1.example.edu", "one="), "must not be empty"),
        (
            clear.replace("one=app1", &format!("one={}", "a".repeat(40))),
            "room for 39",
        ),
        (clear.replace("five=GET", "five=GET%0d%0aX"), "control"),
        (format!("{clear}&x=%00"), "control"),
        (clear.replace("eight=", "eight=*"), "not base64"),
        (many, "more than 48 fields"),
        (long, "at most 8192"),
        (String::new(), "no field `one`"),
    ] {
        let encoded = STANDARD.encode(&text);
        let error = GrantingRequest::decode(encoded.as_bytes(), LoginMethod::Get)
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{part}: {error}");
    }
    for garbage in [&b"*"[..], b"AA=A", &[0xff, 0xfe], b"/////w=="] {
        assert_eq!(
            GrantingRequest::decode(garbage, LoginMethod::Get),
            Err(GrantingRequestError::NotBase64),
            "{garbage:?}"
        );
    }
}

#[test]
fn a_number_without_a_meaning_is_no_reason() {
    let clear = request().clear(LoginMethod::Get).replace("nine=1", "nine=99");
    let read = GrantingRequest::decode(STANDARD.encode(clear).as_bytes(), LoginMethod::Get).unwrap();
    assert_eq!(read.reason, None);
}

proptest! {
    #[test]
    fn no_input_makes_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..400), post in any::<bool>()) {
        let method = if post { LoginMethod::Post } else { LoginMethod::Get };
        let _ = GrantingRequest::decode(&bytes, method);
        let _ = GrantingRequest::decode(STANDARD.encode(&bytes).as_bytes(), method);
    }

    #[test]
    fn what_was_encoded_is_decoded(
        path in "/[ -~]{0,40}", query in "[ -~]{0,40}", referer in "[!-~]{1,40}", token in any::<i32>(),
        name in "[a-z]{6,9}", value in "[ -~]{0,20}", post in any::<bool>(),
    ) {
        let method = if post { LoginMethod::Post } else { LoginMethod::Get };
        prop_assume!(!matches!(name.as_str(), "hostname" | "referer"));
        let request = GrantingRequest {
            path: percent::url_path(path.as_bytes()), query: percent::url_query(query.as_bytes()),
            referer: Some(referer), pre_session_token: token, additional: vec![(name, value)], ..request()
        };
        let read = GrantingRequest::decode(request.encode(method).as_bytes(), method).unwrap();
        prop_assert_eq!(read, request);
    }
}
