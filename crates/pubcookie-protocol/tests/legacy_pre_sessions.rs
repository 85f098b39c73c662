//! Pre-session cookies of the original: the recorded one is read, and ours say the same.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod recorded;

use granting_cookie::{Cookie, CookieType, EncryptedCookie, Encryption};
use pubcookie_protocol::app_id::{AppId, AppServerId};
use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::form::Carriage;
use pubcookie_protocol::legacy_cookie::{LegacyCookie, LegacyKeys};
use pubcookie_protocol::pre_session::PreSession;
use pubcookie_protocol::sealed::{Context, Purpose, SealingKeys};
use recorded::{certificate, crypt_key, json, legacy_keys, private_key};

const HOST: &str = "app1.example.edu";
/// When the recorded one was made, and its token.
const NOW: u64 = 1_795_291_382;
const TOKEN: i32 = -2_123_955_254;

struct Server {
    sealing: SealingKeys,
    legacy: LegacyKeys,
    app_server_id: AppServerId,
    app_id: AppId,
}

impl Server {
    fn new() -> Server {
        let app_server_id = AppServerId::configured(HOST).unwrap();
        let context = Context {
            server_name: HOST,
            app_server_id: &app_server_id,
        };
        Server {
            sealing: SealingKeys::derive(&private_key(HOST), None, Purpose::PreSession, context).unwrap(),
            legacy: legacy_keys(HOST, Encryption::Aes),
            app_server_id,
            app_id: AppId::configured("secureapp").unwrap(),
        }
    }

    fn read(&self, header: &str, now: u64) -> Option<PreSession> {
        PreSession::read(header.as_bytes(), &self.sealing, Some(&self.legacy), now)
    }

    /// As another member makes it.
    fn made(&self, cookie_type: CookieType, token: i32) -> String {
        let cookie = LegacyCookie {
            cookie_type,
            user: "presesuser",
            app_server_id: &self.app_server_id,
            app_id: &self.app_id,
            creds: Creds::NONE,
            token,
            create_time: NOW,
            last_time: NOW,
        };
        format!("pubcookie_pre_s={}", *self.legacy.make(&cookie).unwrap())
    }

    fn legacy_cookie(&self, pre_session: &PreSession) -> Option<String> {
        let cookie = pre_session.legacy_cookie(&self.app_server_id, &self.app_id)?;
        Some(format!("pubcookie_pre_s={}", *self.legacy.make(&cookie).unwrap()))
    }
}

fn recorded() -> String {
    let cookies = json("vectors/live.json");
    let mut cookies = cookies.as_array().unwrap().iter();
    let cookie = cookies
        .find(|cookie| cookie["name"] == "pubcookie_pre_s")
        .unwrap();
    format!("pubcookie_pre_s={}", cookie["cookie"].as_str().unwrap())
}

/// What a member of the original finds in the cookie.
fn opened(cookie: &str) -> Cookie {
    let (_, value) = cookie.split_once('=').unwrap();
    let encrypted = EncryptedCookie::from_base64(value).unwrap();
    let key = crypt_key(HOST);
    encrypted
        .open(Encryption::Aes, &key, HOST, [&certificate(HOST)])
        .unwrap()
        .cookie
}

#[test]
fn a_login_that_began_at_the_original_is_under_way() {
    let server = Server::new();
    let mut begun = server.read(&recorded(), NOW).unwrap();
    assert!(begun.holds(TOKEN) && !begun.holds(TOKEN ^ 1) && begun.awaits_a_login());
    // Whether the original carried a body is not known, nor from where.
    assert_eq!(begun.carriage(TOKEN), Some(Carriage::OnClick));
    begun.finish(TOKEN);
    assert!(begun.is_empty() && server.legacy_cookie(&begun).is_none());
}

#[test]
fn it_is_given_up_after_an_hour_as_ours_are() {
    let server = Server::new();
    assert!(server.read(&recorded(), NOW + 3600).unwrap().holds(TOKEN));
    assert!(server.read(&recorded(), NOW + 3601).unwrap().is_empty());
    assert!(server.read(&recorded(), NOW - 301).unwrap().is_empty());
}

#[test]
fn without_keys_for_it_there_is_none() {
    let server = Server::new();
    assert_eq!(
        PreSession::read(recorded().as_bytes(), &server.sealing, None, NOW),
        None
    );
}

#[test]
fn the_cookie_of_a_login_that_begins_here_says_what_the_originals_says() {
    let server = Server::new();
    let mut begun = PreSession::default();
    let token = begun.begin(Some(Carriage::ByItself), NOW).unwrap();
    let ours = opened(&server.legacy_cookie(&begun).unwrap());
    let originals = opened(&recorded());
    let same = Cookie {
        pre_session_token: TOKEN,
        // The original leaves its third and fourth byte to chance.
        version: originals.version,
        ..ours.clone()
    };
    assert_eq!(same, originals);
    assert!(ours.version.is_compatible());
    assert_eq!(ours.pre_session_token, token);
    // The login that begins last has the one cookie.
    let second = begun.begin(None, NOW).unwrap();
    assert_eq!(
        opened(&server.legacy_cookie(&begun).unwrap()).pre_session_token,
        second
    );
    begun.finish(second);
    assert!(server.legacy_cookie(&begun).is_none() && begun.holds(token));
}

#[test]
fn only_a_pre_session_that_was_signed_here_counts() {
    let server = Server::new();
    let of_another_type = server.made(CookieType::SESSION, 1);
    let cut = recorded()[..300].to_owned();
    for planted in [of_another_type, cut, "pubcookie_pre_s=x".to_owned()] {
        assert_eq!(
            server.read(&planted, NOW),
            Some(PreSession::default()),
            "{planted}"
        );
        let header = format!("{planted}; x{planted}; {}", recorded());
        assert!(server.read(&header, NOW).unwrap().holds(TOKEN), "{planted}");
    }
}

/// A neighbour that plants a pre-session of its own knows the token: whoever steals a granting cookie with it could use
/// it. So no login here goes by it.
#[test]
fn a_planted_login_is_neither_joined_nor_sealed() {
    let server = Server::new();
    let planted = server.made(CookieType::PRE_SESSION, 1);
    let mut begun = server.read(&planted, NOW).unwrap();
    assert!(begun.holds(1));
    assert_eq!(begun.just_begun(NOW), None);
    let token = begun.begin(None, NOW).unwrap();
    assert_ne!(token, 1);
    let sealed = format!("__Host-pubcookie_pre_s={}", begun.seal(&server.sealing).unwrap());
    let alone = server.read(&sealed, NOW).unwrap();
    assert!(alone.holds(token) && !alone.holds(1));
    // Beside it the true ones count.
    let header = format!("{planted}; {}; {sealed}", recorded());
    let beside = server.read(&header, NOW).unwrap();
    assert!(beside.holds(token) && beside.holds(TOKEN));
    assert_eq!(beside.just_begun(NOW), Some(token));
}
