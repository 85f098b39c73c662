//! What the login form carries through the login, sealed so that it comes back as it went out.
//!
//! The form holds the granting request field by field, as the original's does. A seal over all of it and over a
//! random cookie of this browser proves that this server made the form for this browser: nobody can have a stranger
//! log in for a request of theirs, and nothing in it can be changed on the way.

use super::fields::Fields;
use super::login_request::{CarriedBody, LoginRequest};
use super::refusal::Refusal;
use super::visit::VisitInput;
use crate::app_id::AppServerId;
use crate::auth_type::Creds;
use crate::cookie_header;
use crate::form::Carriage;
use crate::granting_request::{self, GrantingRequest, LoginMethod};
use crate::percent;
use crate::sealed::{Context, Purpose, SealingError, SealingKeys};
use crate::settings::LoginUrl;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use percent_encoding::{AsciiSet, CONTROLS};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

/// What the name of the cookie begins with that tells one browser's forms from another's: 128 random bits in base64url,
/// of which the first four letters end the name. Tabs that get their forms at the same moment get a cookie each.
const BROWSER_COOKIE: &str = "__Host-pubcookie_login_form_";

/// The field that says that the login form was submitted.
pub(super) const SUBMITTED: &str = "reply";

/// The field with the seal.
const SEAL: &str = "seal";

/// The fields that are carried and sealed, in the original's order.
const CARRIED: [&str; 21] = [
    "one",
    "two",
    "creds_from_greq",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "relay_url",
    "eight",
    "hostname",
    "nine",
    "file",
    "flag",
    "referer",
    "post_stuff",
    "confirm_post",
    "sess_re",
    "pre_sess_tok",
    "pinit",
    "create_ts",
];

/// What a granting request's fields are joined with, or escaped by.
const ENDS_A_FIELD: &AsciiSet = &CONTROLS.add(b'%').add(b'&').add(b'=').add(b'+');

/// What the user logs in for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum LoginFor {
    /// An application.
    Request(LoginRequest),
    /// The login server itself, ahead of need.
    Itself,
}

/// A login form that came back. The seal holds; user and password are as typed, and may be anything.
pub(super) struct SubmittedForm {
    pub login_for: LoginFor,
    /// When the form was made, in Unix seconds.
    pub created: u64,
    pub user: String,
    pub password: Zeroizing<String>,
}

/// The hidden fields of a login form, and the cookie that the browser needs for it where it has none yet.
pub(super) struct SealedForm {
    pub fields: Vec<(&'static str, Zeroizing<String>)>,
    pub set_cookie: Option<String>,
}

/// The keys that seal login forms, from the private session keys in PEM format (`PubcookieSessionKeyFile new
/// [previous]`).
pub fn form_sealing_keys(
    current: &[u8],
    previous: Option<&[u8]>,
    url: &LoginUrl,
) -> Result<SealingKeys, SealingError> {
    let app_server_id = &AppServerId::configured("login").expect("an ID of five letters fits");
    let context = Context {
        server_name: url.host().name(),
        app_server_id,
    };
    SealingKeys::derive(current, previous, Purpose::LoginForm, context)
}

/// Makes the hidden fields of a form for a login of this flavour.
pub(super) fn seal(
    login_for: &LoginFor,
    creds: Creds,
    url: &LoginUrl,
    input: &VisitInput<'_>,
    keys: &SealingKeys,
) -> Result<SealedForm, SealingError> {
    let carried = match login_for {
        LoginFor::Request(request) => fields_of(request, input.now),
        LoginFor::Itself => fields_of_itself(creds, url, input.now),
    };
    let known = browser_cookies(input.cookies).next();
    let browser = known.map_or_else(new_browser, |known| Ok(known.to_owned()))?;
    let seal = keys.seal(&digest(&browser, |name| value_of(&carried, name)))?;
    let new_cookie = || {
        let name = &browser[..4];
        format!("{BROWSER_COOKIE}{name}={browser}; path=/; secure; HttpOnly; SameSite=None")
    };
    let mut fields: Vec<_> = CARRIED
        .iter()
        .map(|name| (*name, Zeroizing::new(value_of(&carried, name).to_owned())))
        .collect();
    fields.insert(fields.len() - 1, (SUBMITTED, Zeroizing::new("1".to_owned())));
    fields.push((SEAL, Zeroizing::new(seal)));
    Ok(SealedForm {
        fields,
        set_cookie: known.is_none().then(new_cookie),
    })
}

/// Reads a form that came back. Whatever this server did not seal for this browser is refused, and what another site
/// made the browser submit: its pages are not where the form is shown.
pub(super) fn open(
    form: &Fields,
    input: &VisitInput<'_>,
    keys: &SealingKeys,
) -> Result<SubmittedForm, Refusal> {
    if matches!(input.fetch_site, Some(site) if !matches!(site, "same-origin" | "none")) {
        return Err(Refusal::FormFromElsewhere);
    }
    let sealed = keys
        .open(form.text(SEAL).as_bytes())
        .ok_or(Refusal::ForeignForm)?
        .bytes;
    let complete = CARRIED.iter().all(|name| form.get(name).is_some());
    let ours = |browser| digest(browser, |name| form.text(name))[..] == sealed[..];
    if !complete || !browser_cookies(input.cookies).any(ours) {
        return Err(Refusal::ForeignForm);
    }
    let login_for = if form.text("pinit") == "1" {
        LoginFor::Itself
    } else {
        LoginFor::Request(request_of(form)?)
    };
    Ok(SubmittedForm {
        login_for,
        created: form.text("create_ts").parse().map_err(|_| Refusal::ForeignForm)?,
        user: form.text("user").to_owned(),
        password: Zeroizing::new(form.text("pass").to_owned()),
    })
}

type Carried = Vec<(String, Zeroizing<String>)>;

/// The granting request's fields are those of its own encoding, decoded; what it does not know is left behind.
fn fields_of(request: &LoginRequest, now: u64) -> Carried {
    let granting = request.granting();
    let relay_url = request.relay_url().map(ToString::to_string).unwrap_or_default();
    let carried = request.carried();
    let mut fields: Carried = Vec::new();
    let mut add = |name: &str, value: &str| fields.push((name.to_owned(), Zeroizing::new(value.to_owned())));
    for field in granting.clear(request.method()).split('&') {
        let (name, value) = field.split_once('=').unwrap_or((field, ""));
        if granting_request::FIELDS.contains(&name) {
            let decoded = if is_id(name) {
                value.into()
            } else {
                percent::decode(value.as_bytes())
            };
            add(name, &String::from_utf8_lossy(&decoded));
        }
    }
    add("creds_from_greq", &granting.creds.to_string());
    add("relay_url", &relay_url);
    add("post_stuff", carried.map_or("", |carried| &carried.body));
    add(
        "confirm_post",
        if carried.is_some_and(|carried| carried.carriage == Carriage::OnClick) {
            "1"
        } else {
            "0"
        },
    );
    add("pinit", "0");
    add("create_ts", &now.to_string());
    fields
}

/// A login for the login server itself, as the original writes it.
fn fields_of_itself(creds: Creds, url: &LoginUrl, now: u64) -> Carried {
    let (host, creds, now) = (url.host().name(), creds.to_string(), now.to_string());
    [
        ("one", host),
        ("two", "pinit"),
        ("creds_from_greq", &creds),
        ("three", &creds),
        ("four", "a5"),
        ("six", host),
        ("seven", url.path()),
        ("nine", "PInit"),
        ("confirm_post", "0"),
        ("sess_re", "0"),
        ("pre_sess_tok", "0"),
        ("pinit", "1"),
        ("create_ts", &now),
    ]
    .map(|(name, value)| (name.to_owned(), Zeroizing::new(value.to_owned())))
    .into()
}

/// App IDs and app server IDs are carried in their URL-encoded spelling, which is printable and ends no field.
fn is_id(name: &str) -> bool {
    matches!(name, "one" | "two")
}

fn value_of<'a>(carried: &'a Carried, name: &str) -> &'a str {
    carried
        .iter()
        .find(|(field, _)| field == name)
        .map_or("", |(_, value)| value)
}

/// The carried fields as the granting request that they were, read by the same reader as at first.
fn request_of(form: &Fields) -> Result<LoginRequest, Refusal> {
    let carriage = if form.text("confirm_post") == "1" {
        Carriage::OnClick
    } else {
        Carriage::ByItself
    };
    let carried = CarriedBody::new(form.text("post_stuff"), carriage)?;
    let spelled = |name: &str| match form.text(name) {
        id if is_id(name) => id.to_owned(),
        text => percent::encode(text.as_bytes(), ENDS_A_FIELD),
    };
    let fields = granting_request::FIELDS.map(|name| format!("{name}={}", spelled(name)));
    let read = |method| GrantingRequest::read(&fields.join("&"), method);
    match form.text("relay_url") {
        "" => Ok(LoginRequest::by_get(read(LoginMethod::Get)?, carried)),
        relay_url => LoginRequest::by_post(read(LoginMethod::Post)?, relay_url, carried),
    }
}

/// SHA-256 of the browser's cookie and all carried fields, each with its length.
fn digest<'a>(browser: &str, value: impl Fn(&str) -> &'a str) -> [u8; 32] {
    let mut digest = Sha256::new();
    for text in std::iter::once(browser).chain(CARRIED.map(value)) {
        digest.update((text.len() as u64).to_be_bytes());
        digest.update(text);
    }
    digest.finalize().into()
}

/// The most browser cookies that are tried.
const TRIED_LIMIT: usize = 32;

fn new_browser() -> Result<String, SealingError> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(SealingError::NoRandomness)?;
    Ok(URL_SAFE_NO_PAD.encode(bits))
}

fn browser_cookies(cookies: &[u8]) -> impl Iterator<Item = &str> {
    cookie_header::values_of_names_with(cookies, BROWSER_COOKIE)
        .take(TRIED_LIMIT)
        .filter_map(|value| std::str::from_utf8(value).ok())
        .filter(|value| {
            value.len() == 22
                && value
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        })
}
