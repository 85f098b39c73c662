//! What the original answered to good and bad granting and session cookies, and what we answer to the same.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod recorded;

use granting_cookie::{EncryptedCookie, Encryption};
use pubcookie_protocol::app_id::{AppId, AppServerId};
use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::cookie_header;
use pubcookie_protocol::grant::{Grant, GrantPolicy, GrantRefusal};
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod, Reauthentication};
use pubcookie_protocol::pre_session::PreSession;
use pubcookie_protocol::reason::Reason;
use pubcookie_protocol::sealed::{Context, Purpose, SealingKeys};
use pubcookie_protocol::session::SessionPolicy;
use pubcookie_protocol::session_cookie::SessionCookies;
use pubcookie_protocol::set_cookie;
use pubcookie_protocol::settings::{HardExpire, InactiveExpire};
use recorded::{certificate, crypt_key, headers, legacy_keys, private_key, steps};
use serde_json::Value;

const HOST: &str = "app1.example.edu";
/// When the exchange was recorded, to within two seconds: 21 November 2026, 19:53:00 UTC.
const NOW: u64 = 1_795_290_780;

#[derive(Debug, PartialEq, Eq)]
enum Answer {
    User(String),
    LogIn(Reason),
    ErrorPage,
}

/// Steps of `errors-app-get.json` where we differ on purpose: what we answer, and why.
const DIFFERENCES: [(usize, Answer, &str); 13] = [
    (
        6,
        Answer::LogIn(Reason::WrongPreSession),
        "a login that took more than an hour is given up",
    ),
    (
        11,
        Answer::LogIn(Reason::GrantingTooOld),
        "a granting cookie from the future is refused",
    ),
    (
        12,
        Answer::LogIn(Reason::WrongAppId),
        "the original reports inactivity of a session that was never there",
    ),
    (
        22,
        Answer::LogIn(Reason::NoCookie),
        "a session cookie signed with the granting key is no granting cookie",
    ),
    (
        23,
        Answer::LogIn(Reason::NoCookie),
        "a cookie without a type is no granting cookie",
    ),
    (
        30,
        Answer::LogIn(Reason::NoCookie),
        "xxpubcookie_g is not pubcookie_g",
    ),
    (
        36,
        Answer::LogIn(Reason::SessionTooOld),
        "a session from the future is refused",
    ),
    (
        40,
        Answer::LogIn(Reason::NoCookie),
        "a session of another version is not read at all",
    ),
    (
        42,
        Answer::LogIn(Reason::NoCookie),
        "a granting cookie signed with the session key is no session",
    ),
    (
        44,
        Answer::LogIn(Reason::NoCookie),
        "a pre-session cookie is no session",
    ),
    (
        45,
        Answer::LogIn(Reason::NoCookie),
        "a pre-session cookie is no session",
    ),
    (
        46,
        Answer::LogIn(Reason::NoCookie),
        "a login cookie is no session",
    ),
    (
        54,
        Answer::LogIn(Reason::NoCookie),
        "zzpubcookie_s_secureapp is not pubcookie_s_secureapp",
    ),
];

#[test]
fn reasons_are_those_of_the_original() {
    let verifier = Verifier::new();
    let mut compared = 0;
    let steps = steps()
        .into_iter()
        .filter(|(name, _)| name == "errors-app-get.json");
    for (number, (_, step)) in steps.enumerate() {
        let Some(original) = answer_of_the_original(&step["response"]) else {
            continue;
        };
        let [header] = headers(&step["request"], "Cookie")[..] else {
            continue;
        };
        let ours = verifier.answer(header.as_bytes());
        match DIFFERENCES.iter().find(|(step, ..)| *step == number) {
            Some((_, expected, why)) => {
                assert_eq!(ours, *expected, "step {number}: {why}");
                assert_ne!(ours, original, "step {number} is no difference any more");
            }
            None => assert_eq!(ours, original, "step {number}: {header}"),
        }
        compared += 1;
    }
    assert!(compared > 55, "only {compared} steps were compared");
}

fn answer_of_the_original(response: &Value) -> Option<Answer> {
    let environment = response["environment"].as_array();
    let user = environment.and_then(|lines| {
        lines
            .iter()
            .find_map(|line| line.as_str()?.strip_prefix("REMOTE_USER="))
    });
    if let Some(user) = user {
        return Some(Answer::User(user.into()));
    }
    if response["page"]["error_message"]
        .as_str()
        .is_some_and(|message| message.starts_with("Required"))
    {
        return Some(Answer::ErrorPage);
    }
    headers(response, "Set-Cookie").into_iter().find_map(|cookie| {
        let encoded = cookie.strip_prefix("pubcookie_g_req=")?.split(';').next()?;
        let request = GrantingRequest::decode(encoded.as_bytes(), LoginMethod::Get).unwrap();
        Some(Answer::LogIn(request.reason.unwrap()))
    })
}

/// An app server with the keys that the original had.
struct Verifier {
    app_id: AppId,
    app_server_id: AppServerId,
    sessions: SessionCookies,
    sealing: SealingKeys,
}

impl Verifier {
    fn new() -> Verifier {
        let app_server_id = AppServerId::configured(HOST).unwrap();
        let context = Context {
            server_name: HOST,
            app_server_id: &app_server_id,
        };
        Verifier {
            sealing: SealingKeys::derive(&private_key(HOST), None, Purpose::PreSession, context).unwrap(),
            app_id: AppId::configured("secureapp").unwrap(),
            sessions: SessionCookies::Legacy(legacy_keys(HOST, Encryption::Aes)),
            app_server_id,
        }
    }

    fn answer(&self, header: &[u8]) -> Answer {
        let policy = GrantPolicy {
            app_id: &self.app_id,
            app_server_id: &self.app_server_id,
            creds: Creds::FIRST,
            reauthentication: Reauthentication::NotDemanded,
            strict_reauthentication: false,
            blank_user: false,
        };
        let mut reason = Reason::NoCookie;
        let pre_session = PreSession::read(header, &self.sealing, self.sessions.legacy_keys(), NOW);
        for value in cookie_header::values(header, set_cookie::GRANTING) {
            let Some(cookie) = self.open(value, "pubcookie_granting") else {
                continue;
            };
            match Grant::check(&cookie, &policy, pre_session.as_ref(), NOW) {
                Ok(grant) => return Answer::User(grant.user),
                Err(GrantRefusal::LogInAnew(why)) => reason = why,
                Err(_) => return Answer::ErrorPage,
            }
        }
        if !matches!(reason, Reason::NoCookie | Reason::WrongAppId) {
            return Answer::LogIn(reason);
        }
        let policy = SessionPolicy {
            app_id: &self.app_id,
            app_server_id: &self.app_server_id,
            creds: Creds::FIRST,
            hard_expire: HardExpire::default(),
            inactive_expire: InactiveExpire::default(),
            reauthentication: false,
            blank_user: false,
        };
        for found in self.sessions.read(header, &self.app_id) {
            match found.session.check(&policy, NOW) {
                Ok(()) => return Answer::User(found.session.user),
                Err(why) => reason = why,
            }
        }
        Answer::LogIn(reason)
    }

    fn open(&self, value: &[u8], signer: &str) -> Option<granting_cookie::Cookie> {
        let cookie = EncryptedCookie::from_base64(std::str::from_utf8(value).ok()?).ok()?;
        let opened = cookie
            .open(Encryption::Aes, &crypt_key(HOST), HOST, [&certificate(signer)])
            .ok()?;
        Some(opened.cookie)
    }
}
