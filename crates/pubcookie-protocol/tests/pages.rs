//! Pages, forms, destinations and cookies of the app server, against what the original sent in the same place.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod recorded;

use pubcookie_protocol::app_id::{AppId, AppServerId};
use pubcookie_protocol::app_pages::{self, carry_on, login_page, redirect, to_logout};
use pubcookie_protocol::end_session::logout_url;
use pubcookie_protocol::error_page::{Problem, error_page};
use pubcookie_protocol::form::{Carriage, Form, FormError, check_content_type};
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod};
use pubcookie_protocol::host::Host;
use pubcookie_protocol::page::{Nonce, Page};
use pubcookie_protocol::reply::{Reply, ReplyError};
use pubcookie_protocol::set_cookie;
use pubcookie_protocol::settings::{CookieDomain, EndSession, LoginUrl, ReplyPath};
use recorded::html::extract;
use recorded::{headers, steps};
use serde_json::Value;

fn nonce() -> Nonce {
    Nonce::random().unwrap()
}

fn login() -> LoginUrl {
    "https://login.example.edu:18443".parse().unwrap()
}

fn header<'a>(page: &'a Page, name: &str) -> &'a str {
    &page.headers.iter().find(|(header, _)| *header == name).unwrap().1
}

/// The steps at an app server, with its host.
fn app_steps() -> Vec<(String, Host, Value)> {
    let host = |step: &Value| {
        let url = url::Url::parse(step["request"]["url"].as_str().unwrap()).unwrap();
        Host::new(url.host_str().unwrap(), url.port_or_known_default().unwrap()).unwrap()
    };
    let steps = steps().into_iter().map(|(name, step)| (name, host(&step), step));
    steps
        .filter(|(_, host, _)| host.name().starts_with("app"))
        .collect()
}

fn sent_form(step: &Value) -> Form {
    let fields: Vec<String> = step["request"]["form"]
        .as_array()
        .map(|fields| {
            fields
                .iter()
                .map(|field| {
                    format!(
                        "{}={}",
                        field[0].as_str().unwrap(),
                        field[1].as_str().unwrap_or("")
                    )
                })
                .collect()
        })
        .unwrap_or_default();
    Form::parse(fields.join("&").as_bytes(), 1 << 20).unwrap()
}

/// The granting request that a step's answer carries, in the method in which it does.
fn granting_request(response: &Value) -> Option<(String, LoginMethod)> {
    for cookie in headers(response, "Set-Cookie") {
        if let Some(value) = cookie.strip_prefix("pubcookie_g_req=") {
            return Some((value.split(';').next().unwrap().to_owned(), LoginMethod::Get));
        }
    }
    let fields = response["page"]["forms"][0]["fields"].as_array()?;
    let field = fields.iter().find(|field| field[1] == "pubcookie_g_req")?;
    Some((field[2].as_str().unwrap().to_owned(), LoginMethod::Post))
}

#[test]
fn granting_requests_of_the_original_are_read_and_written() {
    let mut compared = 0;
    for (name, _, step) in app_steps() {
        let Some((encoded, method)) = granting_request(&step["response"]) else {
            continue;
        };
        let request = GrantingRequest::decode(encoded.as_bytes(), method).unwrap();
        // The one difference: the Referer's `&` and `=` stay inside its field.
        let recorded = encoded_text(&encoded).replace("x?y=1&z=2", "x?y%3D1%26z%3D2");
        if !recorded.contains("z%3D2") {
            assert_eq!(request.clear(method), recorded, "{name}");
            assert_eq!(request.encode(method), encoded, "{name}");
        }
        compared += 1;
    }
    assert!(compared > 60, "{compared}");
}

fn encoded_text(encoded: &str) -> String {
    use base64::Engine as _;
    String::from_utf8(base64::engine::general_purpose::STANDARD.decode(encoded).unwrap()).unwrap()
}

#[test]
fn granting_requests_at_the_login_server_are_read_or_refused() {
    let cookie = |step: &Value| {
        let header = headers(&step["request"], "Cookie").into_iter().next()?.to_owned();
        Some(
            header
                .split("pubcookie_g_req=")
                .nth(1)?
                .split(';')
                .next()?
                .to_owned(),
        )
    };
    let mut refusals = Vec::new();
    let mut read = 0;
    for (name, step) in steps()
        .into_iter()
        .filter(|(name, _)| name == "login-server-cases.json")
    {
        let Some(encoded) = cookie(&step) else { continue };
        match GrantingRequest::decode(encoded.as_bytes(), LoginMethod::Get) {
            Ok(_) => read += 1,
            Err(error) => refusals.push(format!("{name}: {error}")),
        }
    }
    assert!(read > 20, "{read}");
    // Differences: the original took a path for a host, and DES for every version that it did not know.
    let refused = |part: &str| refusals.iter().filter(|refusal| refusal.contains(part)).count();
    assert_eq!(refused("not base64"), 2, "{refusals:#?}");
    assert_eq!(refused("`../keys/app1.example.edu`"), 1, "{refusals:#?}");
    assert_eq!(refused("not a version"), 3, "{refusals:#?}");
    assert_eq!(refusals.len(), 6, "{refusals:#?}");
}

#[test]
fn login_pages_have_the_forms_and_destinations_of_the_original() {
    let mut compared = 0;
    for (name, own, step) in app_steps() {
        let Some((encoded, method)) = granting_request(&step["response"]) else {
            continue;
        };
        let form = sent_form(&step);
        let has_body = step["request"]["form"].is_array();
        if let [content_type] = headers(&step["request"], "Content-Type")[..]
            && let Err(error) = check_content_type(Some(content_type))
        {
            // Difference: the original carries the text/plain body of a PUT and makes a form's POST of it.
            assert_eq!(error, FormError::NotAForm("text/plain".into()), "{name}");
            continue;
        }
        let relay_url = app_pages::relay_url(&own, &ReplyPath::default());
        let page = login_page(
            method,
            &login(),
            &encoded,
            has_body.then_some(&form),
            &relay_url,
            &nonce(),
        );
        assert_eq!(page.status, 200);
        let (ours, original) = (extract(&page.body), &step["response"]["page"]);
        assert_eq!(ours["meta_refresh"], original["meta_refresh"], "{name}");
        let forms = original["forms"].as_array().cloned().unwrap_or_default();
        assert_eq!(ours["forms"], Value::Array(forms), "{name}");
        // What the original's onload does, a script does that the policy knows by its nonce.
        let submits = original["onload"].is_string();
        assert_eq!(page.body.contains("<script nonce="), submits, "{name}");
        assert_eq!(
            header(&page, "Content-Security-Policy").contains("script-src 'nonce-"),
            submits,
            "{name}"
        );
        compared += 1;
    }
    assert!(compared > 60, "{compared}");
}

#[test]
fn no_page_is_framed_cached_or_tells_its_address() {
    let page = login_page(LoginMethod::Post, &login(), "b25l", None, "https://a/r", &nonce());
    let policy = header(&page, "Content-Security-Policy");
    assert!(
        policy.contains("frame-ancestors 'none'") && policy.contains("default-src 'none'"),
        "{policy}"
    );
    assert!(
        !policy.contains("form-action") && !policy.contains("unsafe"),
        "{policy}"
    );
    assert_eq!(header(&page, "Referrer-Policy"), "no-referrer");
    assert!(header(&page, "Cache-Control").contains("no-store"));
    let other = login_page(LoginMethod::Post, &login(), "b25l", None, "https://a/r", &nonce());
    assert_ne!(policy, header(&other, "Content-Security-Policy"));
}

#[test]
fn logouts_lead_where_the_original_led() {
    let mut compared = 0;
    for (name, host, step) in app_steps() {
        let Some(refresh) = step["response"]["page"]["meta_refresh"].as_str() else {
            continue;
        };
        let Some((_, query)) = refresh.split_once("?logout_action=") else {
            continue;
        };
        let app_id = query.split_once("&two=").unwrap().1.split('&').next().unwrap();
        let end_session = if query.starts_with('0') {
            EndSession::Redirect
        } else {
            EndSession::ClearLogin
        };
        let app_server_id = AppServerId::configured(host.name()).unwrap();
        let url = logout_url(
            end_session,
            &login(),
            &AppId::configured(app_id).unwrap(),
            &app_server_id,
        )
        .unwrap();
        assert_eq!(
            extract(&to_logout(&url, &nonce()).body)["meta_refresh"],
            refresh,
            "{name}"
        );
        compared += 1;
    }
    assert!(compared >= 5, "{compared}");
}

#[test]
fn error_pages_say_what_the_original_said() {
    let mut compared = 0;
    for (name, own, step) in app_steps() {
        let Some(message) = step["response"]["page"]["error_message"].as_str() else {
            continue;
        };
        let problem = match message.split(['.', ' ']).next().unwrap() {
            "Required" if message.contains("login") => Problem::NoUser,
            "Required" => Problem::NoReauthentication,
            "GET" => Problem::QueryTooLong,
            "multipart/form-data" => {
                let content_type = headers(&step["request"], "Content-Type")[0];
                Problem::from(&check_content_type(Some(content_type)).unwrap_err())
            }
            "Invalid" if message.contains("POST data") => Problem::from(&FormError::Empty),
            "No" | "Invalid" => Problem::from(&Reply::parse(&sent_form(&step), &own).unwrap_err()),
            _ => panic!("{name}: {message}"),
        };
        let page = error_page(problem, "reference-17", None, &nonce());
        assert!(
            page.body.contains("<title>A problem has occurred</title>"),
            "{name}"
        );
        assert!(page.body.contains("reference-17"), "{name}");
        assert!(matches!(page.status, 400 | 403), "{name}");
        // The reply URL has one message for everything that is not a reply.
        let expected = if message == "Invalid relay URL" {
            "No granting reply"
        } else {
            problem.message()
        };
        assert!(
            message == "Invalid relay URL" || message.starts_with(expected),
            "{name}: {message}"
        );
        assert!(page.body.contains(expected), "{name}: {message}");
        compared += 1;
    }
    assert!(compared > 8, "{compared}");
}

/// Replies for which the original does something else: what it did, what we do, and why.
const REPLY_DIFFERENCES: [(&str, Result<&str, &str>, &str); 11] = [
    (
        "https://app2.example.edu:18445/s/a",
        Err("not one of this server"),
        "a line end is nothing to repair",
    ),
    (
        "https://evil.example.com/x",
        Err("not for this server"),
        "it leads to another host",
    ),
    (
        "http://app2.example.edu/x",
        Err("not for this server"),
        "it leads away from HTTPS",
    ),
    (
        "https://app2.example.edu",
        Err("not for this server"),
        "it leads to another port",
    ),
    (
        "https://app2.example.edu/",
        Err("not for this server"),
        "it leads to another port",
    ),
    (
        "https://app2.example.edu/\u{b1}\u{e7}.\u{ad}\u{ef}\u{e2}\u{9d}\u{d7}\u{b1}et-Cooki",
        Err("not for this server"),
        "it leads to another port",
    ),
    (
        "https://app2.example.edu:18445/s/%22%3C%3E:%3B%3F%%3D&x y",
        Ok("/s/%22%3C%3E:;%3F%=&x%20y"),
        "we encode what has no place",
    ),
    (
        "https://app2.example.edu:18445/s/a:b",
        Ok("/s/a%3Ab"),
        "the path stays as the user's request had it",
    ),
    (
        "https://app2.example.edu:18445/s?a=1&#13;&#10;X: y",
        Err("not one of this server"),
        "a line end is nothing to repair",
    ),
    (
        "https://app2.example.edu:18445/s?a=%22%3C%3E%28%29:%3B'&b=%22",
        Ok("/s?a=%22%3C%3E():;'&b=%22"),
        "the query stays as it was",
    ),
    (
        "https://app2.example.edu:18445/s%3At%3Fu",
        Ok("/s:t%3Fu"),
        "the path stays as it was",
    ),
];

#[test]
fn replies_lead_where_the_original_led() {
    let mut compared = 0;
    for (name, own, step) in app_steps() {
        let line = step["request"]["line"].as_str().unwrap();
        if !line.starts_with("POST /PubCookie.reply ") || own.name() != "app2.example.edu" {
            continue;
        }
        let ours = Reply::parse(&sent_form(&step), &own);
        let location = headers(&step["response"], "Location").first().copied();
        let Some(original) = location.or_else(|| step["response"]["page"]["forms"][0]["action"].as_str())
        else {
            assert!(ours.is_err(), "{name}: the original refused this");
            continue;
        };
        compared += 1;
        let difference = REPLY_DIFFERENCES
            .iter()
            .find(|(destination, ..)| *destination == original);
        match (difference, ours) {
            (Some((_, Err(part), why)), Err(error)) => {
                assert!(error.to_string().contains(part), "{why}: {error}")
            }
            (Some((_, Ok(destination), why)), Ok(reply)) => {
                assert_eq!(reply.destination.as_str(), *destination, "{why}")
            }
            (None, Ok(reply)) => {
                assert_eq!(format!("https://{own}{}", reply.destination), original, "{name}");
                assert_eq!(
                    header(&redirect(&reply.destination), "Location"),
                    reply.destination.as_str()
                );
            }
            // Nothing but base64 is a granting cookie; the original cut the rest off.
            (None, Err(ReplyError::NotACookie)) => {
                assert!(["AAA", "AAAA"].contains(&planted(&step).as_str()), "{name}")
            }
            (difference, ours) => panic!("{name}: {original}: {difference:?} {ours:?}"),
        }
    }
    assert_eq!(compared, 25);
}

/// The granting cookie that the original set.
fn planted(step: &Value) -> String {
    let cookie = headers(&step["response"], "Set-Cookie")[0].to_owned();
    cookie
        .trim_start_matches("pubcookie_g=")
        .split(';')
        .next()
        .unwrap()
        .to_owned()
}

#[test]
fn bodies_go_on_as_the_user_sent_them() {
    let mut compared = 0;
    for (name, own, step) in app_steps() {
        let form = &step["response"]["page"]["forms"][0];
        if form["name"] != "relay" || step["response"]["page"]["onload"] != "dotheclick();" {
            continue;
        }
        let reply = Reply::parse(&sent_form(&step), &own).unwrap();
        let body = Form::parse(&reply.post_stuff, 1 << 20).unwrap();
        let page = carry_on(&reply.destination, &body, Carriage::ByItself, &own, &nonce());
        let ours = extract(&page.body)["forms"][0].clone();
        assert_eq!(ours["action"], reply.destination.as_str(), "{name}");
        let hidden = |form: &Value| -> Vec<Value> {
            form["fields"]
                .as_array()
                .unwrap()
                .iter()
                .filter(|field| field[0] == "hidden")
                .cloned()
                .collect()
        };
        // Differences: the original reads UTF-8 as Latin-1, and has "(null)" for a field without a value.
        let recorded = form
            .to_string()
            .replace("\u{c3}\u{a9}", "\u{e9}")
            .replace("(null)", "");
        assert_eq!(
            hidden(&ours),
            hidden(&serde_json::from_str(&recorded).unwrap()),
            "{name}"
        );
        compared += 1;
        // From another site it waits for a click: the same form, and no script.
        let waiting = carry_on(&reply.destination, &body, Carriage::OnClick, &own, &nonce());
        assert_eq!(extract(&waiting.body)["forms"][0], ours, "{name}");
        assert!(!waiting.body.contains("<script"), "{name}");
        assert!(waiting.body.contains(&own.to_string()), "{name}");
    }
    assert_eq!(compared, 4);
}

#[test]
fn cookies_are_set_and_cleared_where_the_original_did() {
    let domain: CookieDomain = ".example.edu".parse().unwrap();
    let mut compared = 0;
    for (name, own, step) in app_steps() {
        let method = if own.name() == "app2.example.edu" || own.name() == "app4.example.edu" {
            LoginMethod::Post
        } else {
            LoginMethod::Get
        };
        for cookie in headers(&step["response"], "Set-Cookie") {
            let (cookie_name, rest) = cookie.split_once('=').unwrap();
            let (value, attributes) = rest.split_once("; ").unwrap();
            let cleared = attributes.contains("expires=");
            let ours = match cookie_name {
                "pubcookie_g_req" => set_cookie::granting_request(value, Some(&domain)),
                "pubcookie_g" if cleared => set_cookie::clear_granting(method, Some(&domain)),
                "pubcookie_g" => set_cookie::granting(value).to_string(),
                "pubcookie_pre_s" if cleared => set_cookie::clear_pre_session()[1].clone(),
                // Difference: ours is sealed and has another name.
                "pubcookie_pre_s" => set_cookie::pre_session(value, method).replace("__Host-", ""),
                _ if cookie_name.starts_with("pubcookie_s_") => {
                    let app_id = AppId::configured(&cookie_name["pubcookie_s_".len()..]).unwrap();
                    let cookie = set_cookie::session_cookie(&set_cookie::legacy_session(&app_id), value);
                    if cleared {
                        set_cookie::clear_session(&app_id)[1].clone()
                    } else {
                        cookie.to_string()
                    }
                }
                // Differences: files are refused and not marked by a cookie; no credentials are forwarded.
                "pubcookie_formmultipart" | "pubcookie_transcred" => continue,
                _ => panic!("{name}: {cookie}"),
            };
            // Difference: HttpOnly and SameSite.
            let ours = ours
                .replace("; HttpOnly", "")
                .replace("; SameSite=Lax", "")
                .replace("; SameSite=None", "");
            assert_eq!(ours, cookie, "{name}");
            compared += 1;
        }
    }
    assert!(compared > 200, "{compared}");
}
