use pubcookie_protocol::app_id::{AppId, AppServerId};
use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::error_page::Problem;
use pubcookie_protocol::granting_request::{GrantingRequest, Reauthentication};
use pubcookie_protocol::reason::Reason;
use std::time::Duration;

use super::*;

const PAGE: &str = "https://app.example.org/app";
const LOGIN: &str = "https://login.example.org/";

fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

fn hop(address: &str, status: u16, kind: Kind) -> Hop {
    Hop {
        method: "GET",
        url: url(address),
        status,
        took: Duration::ZERO,
        seconds_ahead: None,
        challenge: None,
        sent: Vec::new(),
        cookies: Vec::new(),
        heading: String::new(),
        alert: String::new(),
        reason: None,
        kind,
    }
}

fn asks(method: LoginMethod, reason: Reason) -> Hop {
    let asked = GrantingRequest {
        app_server_id: AppServerId::configured("app.example.org").unwrap(),
        app_id: AppId::configured("app").unwrap(),
        creds: Creds::FIRST,
        encryption: granting_cookie::Encryption::Aes,
        request_method: "GET".to_owned(),
        host: "app.example.org".parse().unwrap(),
        path: "/app".to_owned(),
        query: String::new(),
        server_name: "app.example.org".to_owned(),
        reason: Some(reason),
        file: String::new(),
        referer: None,
        reauthentication: Reauthentication::NotDemanded,
        pre_session_token: 1,
        no_prompt: false,
        additional: Vec::new(),
    };
    let asked = Ok(Box::new(asked));
    let to = url(LOGIN);
    Hop {
        reason: Some(reason),
        ..hop(PAGE, 200, Kind::AsksForLogin { to, method, asked })
    }
}

fn grants(method: LoginMethod, to: &str) -> Hop {
    hop(LOGIN, 200, Kind::Grants { to: url(to), method })
}

fn journey(hops: Vec<Hop>, end: End) -> Journey {
    Journey {
        url: url(PAGE),
        hops,
        end,
        session_serves: None,
    }
}

/// The problem's words, and the first directive.
fn told(journey: &Journey) -> (String, &'static str) {
    let finding = problem(journey).unwrap();
    let directives = finding.remedy.directives;
    (finding.what, directives.first().copied().unwrap_or_default())
}

#[test]
fn each_reason_after_a_login_has_its_directive() {
    for (reason, directive) in [
        (Reason::NoCookie, "PubcookieGrantingCertFile"),
        (Reason::SessionTooOld, "PubcookieHardExpire"),
        (Reason::SessionInactive, "PubcookieHardExpire"),
        (Reason::GrantingTooOld, ""),
        (Reason::WrongAppId, "PubcookieAppID"),
        (Reason::WrongAppServerId, "PubcookieAppSrvID"),
        (Reason::WrongVersion, "PubcookieEncryption"),
        (Reason::WrongCreds, "PubcookieAuthTypeNames"),
        (Reason::WrongPreSession, "PubcookieSessionKeyFile"),
        (Reason::ReauthenticationDemanded, "PubcookieSessionCauseReAuth"),
    ] {
        let get = LoginMethod::Get;
        let mut again = asks(get, reason);
        again.sent.push("pubcookie_g".to_owned());
        let hops = vec![asks(get, Reason::NoCookie), grants(get, PAGE), again];
        let (what, named) = told(&journey(hops, End::AskedAgain));
        assert_eq!(named, directive, "{reason}");
        assert!(what.ends_with(&format!("reason {reason}")), "{what}");
    }
}

#[test]
fn a_granting_cookie_that_does_not_come_along_is_no_question_of_keys() {
    let get = LoginMethod::Get;
    let hops = vec![
        asks(get, Reason::NoCookie),
        grants(get, PAGE),
        asks(get, Reason::NoCookie),
    ];
    assert_eq!(told(&journey(hops, End::AskedAgain)).1, "PubcookieDomain");
}

#[test]
fn pages_of_an_application_server_are_known_by_their_words() {
    for (problem, directive) in [
        (Problem::PlainHttp, "Redirect"),
        (Problem::NoCookiesKept, "PubcookieSessionKeyFile"),
        (
            Problem::GoesInCircles(Reason::WrongAppServerId),
            "PubcookieAppSrvID",
        ),
        (
            Problem::UnusableReply(Reason::WrongAppServerId),
            "PubcookieAppSrvID",
        ),
        (Problem::BadReply, "ServerName"),
        (Problem::NoUser, "PubcookieNoPrompt"),
        (Problem::NoReauthentication, "PubcookieSessionCauseReAuth"),
        (Problem::QueryTooLong, "LimitRequestLine"),
    ] {
        let mut page = hop(PAGE, problem.status(), Kind::Page);
        page.heading = problem.message().to_owned();
        page.reason = Some(Reason::WrongAppServerId);
        let asked = asks(LoginMethod::Get, Reason::NoCookie);
        let (what, named) = told(&journey(vec![asked, page], End::Arrived));
        assert_eq!(named, directive, "{what}");
        assert!(
            what.starts_with(&format!("{}: reason 9 (", problem.message())),
            "{what}"
        );
    }
}

#[test]
fn what_answers_after_a_login() {
    let post = LoginMethod::Post;
    let reply = "https://app.example.org/PubCookie.reply";
    for (address, status, directive) in [
        (reply, 404, "PubcookiePostURL"),
        (PAGE, 404, "DocumentRoot"),
        (PAGE, 401, "Require"),
        (PAGE, 403, "Require"),
        (PAGE, 500, "PubcookieLogin"),
        (PAGE, 503, "ProxyPass"),
        (PAGE, 200, "AuthType"),
    ] {
        let hops = vec![
            asks(post, Reason::NoCookie),
            grants(post, reply),
            hop(address, status, Kind::Page),
        ];
        assert_eq!(
            told(&journey(hops, End::Arrived)).1,
            directive,
            "{address} {status}"
        );
    }
}

#[test]
fn what_answers_in_place_of_the_login_form() {
    for (status, challenge, directive) in [
        (200, None, "PubcookieKeyDir"),
        (401, Some("Negotiate"), "PubcookieLoginTrustRemoteUser"),
        (404, None, "PubcookieLogin"),
        (500, None, "PubcookieGrantingKeyFile"),
    ] {
        let mut page = hop(LOGIN, status, Kind::Page);
        page.challenge = challenge.map(str::to_owned);
        let hops = vec![asks(LoginMethod::Get, Reason::NoCookie), page];
        assert_eq!(told(&journey(hops, End::Arrived)).1, directive, "{status}");
    }
}

#[test]
fn clocks_and_names_are_compared() {
    let get = LoginMethod::Get;
    let mut hops = vec![
        asks(get, Reason::NoCookie),
        grants(get, PAGE),
        hop(PAGE, 200, Kind::Page),
    ];
    for (hop, ahead) in hops.iter_mut().zip([-40, 50, -39]) {
        hop.seconds_ahead = Some(ahead);
    }
    hops[0].url = url("https://www.example.org/app");
    let mut good = journey(hops, End::Arrived);
    good.session_serves = Some(true);
    assert!(problem(&good).is_none());
    let odd = oddities(&good);
    let odd: Vec<&str> = odd.iter().map(|finding| finding.what.as_str()).collect();
    assert_eq!(
        odd,
        [
            "its clock is 90 s ahead of that of www.example.org",
            "the login comes back to app.example.org, not to www.example.org"
        ]
    );
    good.hops[1].seconds_ahead = Some(-36);
    good.hops[0].url = url(PAGE);
    assert!(oddities(&good).is_empty());
}

#[test]
fn what_cannot_be_read_is_told() {
    let end = End::UnreadableRequest {
        problem: "no field `two`".to_owned(),
    };
    let (what, directive) = told(&journey(vec![hop(PAGE, 200, Kind::Page)], end));
    assert!(what.ends_with(": no field `two`"), "{what}");
    assert_eq!(directive, "PubcookieAddlRequest");
}

#[test]
fn what_goes_round_is_told() {
    let hops = (0..20)
        .map(|_| hop(PAGE, 302, Kind::Redirect { to: url(PAGE) }))
        .collect();
    let (what, directive) = told(&journey(hops, End::TooManyHops));
    assert_eq!(
        (what.as_str(), directive),
        (
            "the browser is sent to and fro: 20 hops without an end",
            "Redirect"
        )
    );
}
