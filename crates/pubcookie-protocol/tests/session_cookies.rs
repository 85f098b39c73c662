//! Session cookies in both formats, against cookies that the original made.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod recorded;

use granting_cookie::Encryption;
use proptest::prelude::*;
use pubcookie_protocol::app_id::{AppId, AppServerId};
use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::legacy_cookie::LegacyCookieError;
use pubcookie_protocol::sealed::{Context, Purpose, SealingKeys};
use pubcookie_protocol::session::Session;
use pubcookie_protocol::session_cookie::{SessionCookieError, SessionCookies, SessionFormat};
use recorded::{json, legacy_keys, private_key};
use std::sync::LazyLock;

const HOST: &str = "app1.example.edu";

fn sealing_keys() -> SealingKeys {
    let app_server_id = &AppServerId::configured(HOST).unwrap();
    let context = Context {
        server_name: HOST,
        app_server_id,
    };
    SealingKeys::derive(&private_key(HOST), None, Purpose::Session, context).unwrap()
}

fn session() -> Session {
    Session {
        user: "alice".into(),
        app_id: AppId::configured("secureapp").unwrap(),
        app_server_id: AppServerId::configured(HOST).unwrap(),
        creds: Creds::FIRST,
        reauthenticated: false,
        create_time: 1_795_291_382,
        last_time: 1_795_291_400,
    }
}

fn sent_back(set_cookie: &str) -> String {
    format!("other=1; {}", set_cookie.split(';').next().unwrap())
}

#[test]
fn sessions_of_the_original_are_read() {
    let mut read = 0;
    for cookie in json("vectors/live.json").as_array().unwrap() {
        let Some(name) = cookie["name"]
            .as_str()
            .filter(|name| name.starts_with("pubcookie_s_"))
        else {
            continue;
        };
        let host = cookie["peer"].as_str().unwrap();
        let encryption = if cookie["alg"] == "A" {
            Encryption::AesDomain
        } else {
            Encryption::Aes
        };
        let cookies = SessionCookies::Legacy(legacy_keys(host, encryption));
        let header = format!("{name}={}", cookie["cookie"].as_str().unwrap());
        let found = cookies.read(header.as_bytes(), &AppId::configured("secureapp").unwrap());
        let [found] = &found[..] else {
            panic!("{name} of {host} was not read")
        };
        assert_eq!(found.session.user, cookie["decoded"]["user"].as_str().unwrap());
        assert_eq!(found.session.app_server_id.as_str(), host);
        assert_eq!(found.session.creds, Creds::FIRST);
        assert!(!found.session.reauthenticated);
        assert_eq!(
            found.session.create_time.to_string(),
            cookie["decoded"]["create"].as_str().unwrap()
        );
        assert_eq!(
            found.session.last_time.to_string(),
            cookie["decoded"]["last"].as_str().unwrap()
        );
        read += 1;
    }
    assert_eq!(read, 6);
}

#[test]
fn no_other_cookie_of_the_original_is_a_session() {
    let cookies = SessionCookies::Legacy(legacy_keys(HOST, Encryption::Aes));
    for cookie in json("vectors/live.json").as_array().unwrap() {
        let is_session =
            cookie["name"].as_str().unwrap().starts_with("pubcookie_s_") && cookie["peer"] == HOST;
        let header = format!("pubcookie_s_secureapp={}", cookie["cookie"].as_str().unwrap());
        let found = cookies.read(header.as_bytes(), &AppId::configured("secureapp").unwrap());
        assert_eq!(!found.is_empty(), is_session, "{}", cookie["name"]);
    }
}

#[test]
fn each_format_writes_one_and_reads_what_it_says() {
    let [sealed, legacy, both, back] = [
        SessionCookies::Sealed(sealing_keys()),
        SessionCookies::Legacy(legacy_keys(HOST, Encryption::Aes)),
        SessionCookies::SealedLegacy(sealing_keys(), legacy_keys(HOST, Encryption::Aes)),
        SessionCookies::LegacySealed(sealing_keys(), legacy_keys(HOST, Encryption::Aes)),
    ];
    let session = Session {
        reauthenticated: true,
        user: "a b+c@é".into(),
        ..session()
    };
    let (sealed_cookie, legacy_cookie) = (sealed.write(&session).unwrap(), legacy.write(&session).unwrap());
    assert!(
        sealed_cookie.starts_with("__Host-pubcookie_s_secureapp="),
        "{sealed_cookie:?}"
    );
    assert!(
        legacy_cookie.starts_with("pubcookie_s_secureapp="),
        "{legacy_cookie:?}"
    );
    assert!(both.write(&session).unwrap().starts_with("__Host-"));
    assert!(back.write(&session).unwrap().starts_with("pubcookie_s_"));
    for (cookies, cookie, outdated) in [
        (&sealed, &sealed_cookie, Some(false)),
        (&sealed, &legacy_cookie, None),
        (&legacy, &sealed_cookie, None),
        (&legacy, &legacy_cookie, Some(false)),
        (&both, &sealed_cookie, Some(false)),
        (&both, &legacy_cookie, Some(true)),
        (&back, &sealed_cookie, Some(true)),
        (&back, &legacy_cookie, Some(false)),
    ] {
        let found = cookies.read(sent_back(cookie).as_bytes(), &session.app_id);
        assert_eq!(
            found.iter().map(|found| found.outdated).next(),
            outdated,
            "{cookies:?} {cookie:?}"
        );
        assert!(found.iter().all(|found| found.session == session));
    }
}

#[test]
fn a_planted_cookie_does_not_hide_the_session() {
    let cookies = SessionCookies::Sealed(sealing_keys());
    let cookie = cookies.write(&session()).unwrap();
    let value = cookie.split(';').next().unwrap();
    let header = format!("__Host-pubcookie_s_secureapp=planted; x{value}; {value}");
    assert_eq!(cookies.read(header.as_bytes(), &session().app_id).len(), 1);
    // The same value under another application's name is read, and its app ID tells.
    let other = AppId::configured("other").unwrap();
    let moved = value.replace("s_secureapp=", "s_other=");
    let found = cookies.read(moved.as_bytes(), &other);
    assert_ne!(found[0].session.app_id, other);
}

#[test]
fn what_does_not_fit_is_refused_never_cut() {
    let long = Session {
        user: "u".repeat(4000),
        ..session()
    };
    let sealed = SessionCookies::Sealed(sealing_keys());
    assert!(matches!(sealed.write(&long), Err(SessionCookieError::TooLong(_))));
    let legacy = SessionCookies::Legacy(legacy_keys(HOST, Encryption::Des));
    assert!(
        legacy
            .write(&Session {
                user: "u".repeat(41),
                ..session()
            })
            .is_ok()
    );
    let error = legacy
        .write(&Session {
            user: "u".repeat(42),
            ..session()
        })
        .unwrap_err();
    assert!(error.to_string().contains("room for 41"), "{error}");
    assert!(matches!(
        legacy.write(&Session {
            last_time: 1 << 32,
            ..session()
        }),
        Err(SessionCookieError::Legacy(LegacyCookieError::Time(_)))
    ));
}

#[test]
fn session_formats_are_words() {
    assert_eq!("sealed".parse(), Ok(SessionFormat::Sealed));
    assert_eq!("Sealed  Legacy".parse(), Ok(SessionFormat::SealedLegacy));
    assert_eq!("legacy sealed".parse(), Ok(SessionFormat::LegacySealed));
    assert_eq!("legacy".parse(), Ok(SessionFormat::Legacy));
    for text in ["", "none", "sealed sealed", "sealed legacy sealed"] {
        assert!(text.parse::<SessionFormat>().is_err(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn any_session_survives(
        user in "\\PC{0,41}", app_id in "\\PC{1,10}", creds in 0u8..=9, reauthenticated: bool,
        create_time: u64, last_time: u64,
    ) {
        static COOKIES: LazyLock<SessionCookies> = LazyLock::new(|| SessionCookies::Sealed(sealing_keys()));
        let session = Session {
            user, app_id: AppId::configured(&app_id).unwrap(), creds: Creds::new(creds).unwrap(), reauthenticated,
            create_time, last_time, ..session()
        };
        let cookie = COOKIES.write(&session).unwrap();
        let found = COOKIES.read(sent_back(&cookie).as_bytes(), &session.app_id);
        prop_assert_eq!(found.len(), 1);
        prop_assert_eq!(&found[0].session, &session);
    }
}
