//! What the original login server answered, and what ours answers to the same.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod login_support;
mod recorded;

use granting_cookie::Cookie;
use login_support::{Browser, LOGIN_URL, NOW, Seen, encode, open_granting, open_login};
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod};
use pubcookie_protocol::login::Method;
use recorded::{headers, steps};
use serde_json::Value;

/// Where we differ on purpose: transcript, steps, a part of our answer, why.
const DIFFERENCES: &[(&str, &[usize], &str, &str)] = &[
    ("get-aes-login.json", &[2], "user=alice", WRONG_PASSWORD),
    ("post-aes-login.json", &[2], "user=alice", WRONG_PASSWORD),
    ("post-aesdomain-login.json", &[2], "user=alice", WRONG_PASSWORD),
    (CASES, &[43, 46], "user=alice; ", WRONG_PASSWORD),
    (CASES, &[44], "user=nobody; ", WRONG_PASSWORD),
    (CASES, &[53], "user=ALICE; ", WRONG_PASSWORD),
    (CASES, &[56], "user=a\"<'b; ", WRONG_PASSWORD),
    ("pinit.json", &[0], "seven=/; ", OWN_PATH),
    (CASES, &[0, 2], "seven=/; ", OWN_PATH),
    (
        CASES,
        &[58],
        "seven=/; ",
        "a password in a URL ends up in logs: only a posted form logs in",
    ),
    (CASES, &[3], "page; pubcookie_g_req=clear", CLEARED),
    (
        CASES,
        &[20, 21, 22, 23, 61],
        "page; pubcookie_g_req=clear",
        CLEARED,
    ),
    (CASES, &[24, 25], "page; pubcookie_g_req=clear", CLEARED),
    (
        CASES,
        &[9, 10],
        "user=; ",
        "a login cookie of another version is not read at all",
    ),
    (
        CASES,
        &[11, 12],
        "form query",
        "only a cookie of type 3 is a login cookie",
    ),
    (CASES, &[17], "form query", REAUTHENTICATION),
    ("reauth-get.json", &[5], "form query", REAUTHENTICATION),
    (
        CASES,
        &[26],
        "page; pubcookie_g_req=clear",
        "a host is a name, never a path in the key directory",
    ),
    (
        CASES,
        &[60],
        "page; pubcookie_g_req=clear",
        "a host is a name, without a user or anything else before it",
    ),
    (
        CASES,
        &[27],
        "goes to https://app1.example.edu:18444/secure/x",
        "case does not count in host names",
    ),
    (
        CASES,
        &[30, 31, 32],
        "page; pubcookie_g_req=clear",
        "a version other than a5, a5a and a5A is refused",
    ),
    (
        CASES,
        &[36],
        "/s/a:b'c%3Cd%3E%60%23x",
        "colon and apostrophe have a place in paths (RFC 3986)",
    ),
    (
        CASES,
        &[38, 67],
        "?a=1&b=%22%3C%3E':%23",
        "colon and apostrophe have a place in queries (RFC 3986)",
    ),
    (
        CASES,
        &[39],
        "goes to https://app1.example.edu:18444/secure/x;",
        "the field fr decides no destination",
    ),
    (
        CASES,
        &[40, 41],
        "nine=0; ",
        "a reason without a meaning is none, and no index out of range",
    ),
    (
        CASES,
        &[47],
        "goes to ",
        "a login form counts for 30 minutes, not for two",
    ),
    (CASES, &[49], "form query", "a login form of 1970 is too old"),
    (
        CASES,
        &[50, 57],
        "page",
        "a login form without all its sealed fields is not ours",
    ),
    (
        CASES,
        &[52],
        "user=alice@EXAMPLE",
        "a realm is a part of the name: the authentication provider judges it",
    ),
    (
        CASES,
        &[54],
        "form query",
        "a user name that does not fit is refused, never cut",
    ),
    (
        CASES,
        &[59],
        "page; pubcookie_g_req=clear",
        "no login cookie is set for a host that is not served",
    ),
    (
        CASES,
        &[66],
        "login of alice",
        "the user who is typed logs in, whoever was logged in before",
    ),
    (
        CASES,
        &[69],
        "page",
        "a granting request in a form needs a relay_url",
    ),
    (CASES, &[70], "page", "in the POST method the path is in base64"),
    (
        CASES,
        &[72],
        "form query",
        "the cookie pubcookie_formmultipart is the app server's affair: ours sends no such request on",
    ),
    (
        "poststuff-get-method.json",
        &[2],
        "utf=é",
        "pages are in UTF-8; the original's are in ISO-8859-1, whatever is posted",
    ),
    (
        "logout-action-no-cookies.json",
        &[1],
        "page",
        "nobody is logged in: there is no login cookie to expire",
    ),
];

const CASES: &str = "login-server-cases.json";
const WRONG_PASSWORD: &str = "after a wrong password the user name need not be typed again";
const OWN_PATH: &str = "the login server's own path is the configured one";
const CLEARED: &str =
    "a granting request that was refused goes, so that the next visit does not meet it again";
const REAUTHENTICATION: &str =
    "reauthentication that is demanded always happens, even a second after a login";

/// One exchange, in lines: what the browser sees, what it is sent on with, its cookies and what they say.
type Lines = Vec<String>;

#[test]
fn every_recorded_exchange_is_answered_alike_or_differs_for_a_named_reason() {
    let mut replay = Replay {
        now: NOW,
        problems: Vec::new(),
        compared: 0,
    };
    let mut transcript = String::new();
    let mut number = 0;
    for (name, step) in steps() {
        number = if name == transcript { number + 1 } else { 0 };
        transcript.clone_from(&name);
        if step["request"]["url"].as_str().unwrap().starts_with(LOGIN_URL) {
            replay.step(&name, number, &step);
        }
    }
    assert_eq!(replay.compared, 147);
    assert!(replay.problems.is_empty(), "{}", replay.problems.join("\n\n"));
}

struct Replay {
    now: u64,
    problems: Vec<String>,
    compared: usize,
}

impl Replay {
    fn step(&mut self, name: &str, number: usize, step: &Value) {
        self.now = time_of(step).unwrap_or(self.now);
        let request = &step["request"];
        let theirs = lines_of_recorded(step);
        let seen = visit(request, self.now);
        let ours = lines_of(&seen, step);
        self.compared += 1;
        let difference = DIFFERENCES
            .iter()
            .find(|(file, steps, ..)| *file == name && steps.contains(&number));
        let as_told = match difference {
            None => ours == theirs,
            Some((_, _, answer, _)) => ours != theirs && ours.join("; ").contains(answer),
        };
        if !as_told {
            let told = difference.map_or("the same", |difference| difference.2);
            self.problems.push(format!(
                "{name} {number}: expected {told}\n original: {}\n ours:     {}\n ({})",
                theirs.join("; "),
                ours.join("; "),
                seen.event
            ));
        }
    }
}

/// Sends a recorded request to our login server. A submitted login form is asked for first, with the recorded granting
/// request, and comes back with the recorded user and password: ours has a seal that the recorded one has not.
fn visit(request: &Value, now: u64) -> Seen {
    let mut browser = Browser {
        now,
        ..Browser::new()
    };
    for (name, value) in cookies_of(request) {
        browser.cookies.push((name, value));
    }
    let form = form_of(request);
    let field = |name: &str| {
        form.iter()
            .find(|(field, _)| field == name)
            .map_or("", |(_, value)| value)
    };
    if form.iter().all(|(name, _)| name != "reply") {
        let url = url::Url::parse(request["url"].as_str().unwrap()).unwrap();
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&form)
            .finish();
        let method = if request["line"].as_str().unwrap().starts_with("POST") {
            Method::Post
        } else {
            Method::Get
        };
        return browser.visit(method, url.path(), url.query().unwrap_or(""), body.as_bytes());
    }
    if field("reply") != "1" || field("create_ts").is_empty() {
        let fields: Vec<_> = form
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()))
            .collect();
        return browser.post(&fields);
    }
    let mut newcomer = Browser {
        now: field("create_ts").parse().unwrap_or(now),
        ..Browser::new()
    };
    let clear = clear_of(&form);
    let page = match (field("pinit"), field("relay_url")) {
        ("1", _) => newcomer.get("/"),
        (_, "") => {
            newcomer.keep("pubcookie_g_req", &encode(&clear));
            newcomer.post(&[("post_stuff", field("post_stuff"))])
        }
        (_, relay_url) => newcomer.post(&[
            ("pubcookie_g_req", &encode(&clear)),
            ("post_stuff", field("post_stuff")),
            ("relay_url", relay_url),
        ]),
    };
    if page.is_refused() {
        return page;
    }
    let (name, value) = newcomer.form_cookie().unwrap();
    browser.keep(&name, &value);
    browser.log_in(&page, field("user"), field("pass"))
}

fn cookies_of(request: &Value) -> Vec<(String, String)> {
    let header = headers(request, "Cookie").join("; ");
    header
        .split("; ")
        .filter_map(|cookie| cookie.split_once('='))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

/// The form of a request, decoded.
fn form_of(request: &Value) -> Vec<(String, String)> {
    let encoded: Vec<String> = request["form"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|field| format!("{}={}", field[0].as_str().unwrap(), field[1].as_str().unwrap()))
        .collect();
    url::form_urlencoded::parse(encoded.join("&").as_bytes())
        .into_owned()
        .collect()
}

/// The granting request that a login form carries.
fn clear_of(form: &[(String, String)]) -> String {
    let names = [
        "one",
        "two",
        "three",
        "four",
        "five",
        "six",
        "seven",
        "eight",
        "hostname",
        "nine",
        "file",
        "referer",
        "sess_re",
        "pre_sess_tok",
        "flag",
    ];
    let value = |name: &str| {
        form.iter()
            .find(|(field, _)| field == name)
            .map_or("", |(_, value)| value)
    };
    names
        .map(|name| format!("{name}={}", value(name).replace('+', "%2B")))
        .join("&")
}

/// The granting request that a recorded request brings, in whichever way.
fn granting_request_of(request: &Value) -> Option<GrantingRequest> {
    let form = form_of(request);
    let field = |name: &str| {
        form.iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.clone())
    };
    let method = if field("relay_url").is_none_or(|url| url.is_empty()) {
        LoginMethod::Get
    } else {
        LoginMethod::Post
    };
    let cookie = || {
        cookies_of(request)
            .into_iter()
            .find(|(name, _)| name == "pubcookie_g_req")
            .map(|(_, value)| value)
    };
    let carried = field("one").map(|_| encode(&clear_of(&form)));
    let encoded = carried.or(field("pubcookie_g_req")).or(cookie())?;
    GrantingRequest::decode(encoded.as_bytes(), method).ok()
}

/// When an exchange was recorded: the response says it in a form or in a cookie.
fn time_of(step: &Value) -> Option<u64> {
    let response = &step["response"];
    let in_form = recorded_fields(response)
        .into_iter()
        .find(|(name, _)| name == "create_ts");
    if let Some((_, time)) = in_form {
        return time.parse().ok();
    }
    let (granting, login) = recorded_cookies(step);
    let login = login.filter(|_| {
        cookies_of(&step["request"])
            .iter()
            .all(|(name, _)| name != "pubcookie_l")
    });
    granting.or(login).map(|cookie| u64::from(cookie.create_time))
}

/// The granting and login cookies of a recorded response.
fn recorded_cookies(step: &Value) -> (Option<Cookie>, Option<Cookie>) {
    let set: Vec<(&str, &str)> = headers(&step["response"], "Set-Cookie")
        .into_iter()
        .filter_map(|text| text.split(';').next()?.split_once('='))
        .filter(|(_, value)| *value != "clear")
        .collect();
    let value = |wanted: &str| {
        set.iter()
            .find(|(name, _)| *name == wanted)
            .map(|(_, value)| (*value).to_owned())
    };
    let in_form = recorded_fields(&step["response"])
        .into_iter()
        .find(|(name, _)| name == "pubcookie_g");
    let granting = value("pubcookie_g").or(in_form.map(|(_, value)| value));
    let request = granting_request_of(&step["request"]);
    let granting = granting
        .zip(request)
        .map(|(cookie, request)| open_granting(&cookie, &request));
    (granting, value("pubcookie_l").map(|cookie| open_login(&cookie)))
}

/// The fields of the only form of a recorded page, buttons included.
fn recorded_fields(response: &Value) -> Vec<(String, String)> {
    let fields = response["page"]["forms"][0]["fields"].as_array();
    fields.into_iter().flatten().filter_map(named).collect()
}

fn named(field: &Value) -> Option<(String, String)> {
    Some((
        field[1].as_str()?.to_owned(),
        field[2].as_str().unwrap_or("").to_owned(),
    ))
}

fn lines_of_recorded(step: &Value) -> Lines {
    let response = &step["response"];
    let page = &response["page"];
    let form = &page["forms"][0];
    let fields = recorded_fields(response);
    let action = form["action"].as_str().unwrap_or("");
    let mut lines = match (form["name"].as_str(), page["meta_refresh"].as_str()) {
        (Some(name), _) => lines_of_form(name, action, &fields),
        (None, Some(refresh)) if refresh.starts_with("0;URL=") => vec![format!("goes to {}", &refresh[6..])],
        _ => vec!["page".to_owned()],
    };
    lines.extend(headers(response, "Set-Cookie").into_iter().map(line_of_cookie));
    let (granting, login) = recorded_cookies(step);
    lines.extend(granting.as_ref().map(line_of_granting));
    lines.extend(login.as_ref().map(line_of_login));
    lines
}

fn lines_of(seen: &Seen, step: &Value) -> Lines {
    let mut lines = match (&seen.document.forms[..], &seen.document.refresh) {
        ([form], _) => {
            let fields: Vec<_> = form.fields.iter().chain(&form.buttons).cloned().collect();
            lines_of_form(&form.name, &form.action, &fields)
        }
        (_, Some(refresh)) => vec![format!("goes to {refresh}")],
        _ => vec!["page".to_owned()],
    };
    let of_protocol = |text: &&String| !text.starts_with("__Host-pubcookie_login_form_");
    lines.extend(
        seen.set_cookies
            .iter()
            .filter(of_protocol)
            .map(|text| line_of_cookie(text)),
    );
    let granting = seen.granting_cookie().zip(granting_request_of(&step["request"]));
    lines.extend(granting.map(|(cookie, request)| line_of_granting(&open_granting(&cookie, &request))));
    lines.extend(
        seen.set_cookie("pubcookie_l")
            .map(|cookie| line_of_login(&open_login(cookie))),
    );
    lines
}

/// A form: where it goes, and its fields in their order. Left out are the fields that differ in every form: `fr` (the
/// original takes it for a path to return to) and `first_kiss` (a number for its log) are not carried by ours;
/// `confirm_post` and `seal` are ours alone. User and password stand before the hidden fields there, behind them here.
fn lines_of_form(name: &str, action: &str, fields: &[(String, String)]) -> Lines {
    let mut lines = vec![format!("form {name} to {action}")];
    let is_login = fields.iter().any(|(name, _)| name == "pass");
    let everywhere = ["fr", "first_kiss", "confirm_post", "seal", "user", "pass"];
    let kept = fields
        .iter()
        .filter(|(name, _)| !is_login || !everywhere.contains(&name.as_str()));
    let line = |(name, value): &(String, String)| match name.as_str() {
        "pubcookie_g" => name.clone(),
        // Both mean that there was none.
        "referer" if value.is_empty() => "referer=(null)".to_owned(),
        _ => format!("{name}={value}"),
    };
    let mut rest: Lines = kept.map(line).collect();
    if is_login {
        // The original hides the name of a user who is asked again; ours shows it.
        for typed in ["pass", "user"] {
            lines.extend(fields.iter().filter(|(name, _)| name == typed).map(line));
        }
    } else if name == "query" {
        // The original puts a field called `submit` last, as a button.
        rest.sort();
    }
    lines.extend(rest);
    lines
}

/// Name, domain, path and clearing. HttpOnly and SameSite are ours alone.
fn line_of_cookie(text: &str) -> String {
    let mut parts = text.split("; ");
    let (name, value) = parts.next().unwrap().split_once('=').unwrap();
    let kept: Vec<&str> = parts
        .filter(|part| !matches!(part.split('=').next(), Some("HttpOnly" | "SameSite")))
        .collect();
    let value = if value == "clear" { "clear" } else { "..." };
    format!("{name}={value}; {}", kept.join("; "))
}

/// All but the version, whose last two bytes the original leaves to chance.
fn line_of_granting(cookie: &Cookie) -> String {
    format!(
        "granting {:?}",
        Cookie {
            version: granting_cookie::Version(*b"a5  "),
            ..cookie.clone()
        }
    )
}

/// What a login cookie says that is read again.
fn line_of_login(cookie: &Cookie) -> String {
    let Cookie {
        user,
        creds,
        create_time,
        last_time,
        ..
    } = cookie;
    format!(
        "login of {user} creds {} from {create_time} to {last_time}",
        char::from(*creds)
    )
}
