//! An answer of either side, and the facts of it that are compared.

use std::borrow::Cow;
use std::collections::BTreeMap;

use pubcookie_protocol::pre_session::PreSession;
use pubcookie_protocol::sealed::Purpose;
use pubcookie_protocol::set_cookie::PRE_SESSION;
use testbed::application::Seen;
use testbed::browser::Document;
use url::Url;

use super::aspect::{Aspect, Kind};
use super::contents::{contents, granting_request, relative, sealed_session};
use super::keys::Keys;
use super::set_cookie::{SetCookie, set_cookies};
use super::transcript;

/// One fact for each aspect that an answer has.
pub type Facts = BTreeMap<Aspect, String>;

/// An answer, whoever gave it.
pub struct Answer {
    pub url: Url,
    pub status: String,
    pub location: Option<String>,
    /// What caches may do: all `Cache-Control` headers.
    pub cache_control: String,
    pub set_cookies: Vec<String>,
    pub refresh: Option<String>,
    pub forms: Vec<Form>,
    pub submits_itself: bool,
    /// Title, or error message.
    pub page: Option<String>,
    pub variables: Option<BTreeMap<String, String>>,
    pub body: Option<String>,
}

/// A form's method, destination and all fields with a name, buttons among them.
#[derive(Clone)]
pub struct Form {
    pub method: String,
    pub action: String,
    pub fields: Vec<(String, String)>,
}

impl Form {
    pub fn field(&self, name: &str) -> Option<&str> {
        let field = self.fields.iter().find(|(field, _)| field == name);
        field.map(|(_, value)| value.as_str())
    }
}

/// The variables that the recording has.
const VARIABLES: [&str; 7] = [
    "AUTH_TYPE",
    "CONTENT_LENGTH",
    "CONTENT_TYPE",
    "QUERY_STRING",
    "REMOTE_REALM",
    "REMOTE_USER",
    "REQUEST_METHOD",
];

impl Answer {
    /// What the original answered.
    pub fn recorded(url: &Url, response: &transcript::Response) -> Answer {
        let page = &response.page;
        let variables = response.environment.as_ref().map(|variables| {
            let pairs = variables.iter().filter_map(|variable| variable.split_once('='));
            pairs
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect()
        });
        let forms = page.forms.iter().map(|form| Form {
            method: form.method.clone(),
            action: form.action.clone(),
            fields: form
                .fields
                .iter()
                .filter_map(|(_, name, value)| Some((name.clone()?, value.clone().unwrap_or_default())))
                .collect(),
        });
        Answer {
            url: url.clone(),
            status: response.status().to_owned(),
            location: response.header("Location").map(str::to_owned),
            cache_control: cache_control(&response.headers),
            set_cookies: set_cookies(&response.headers),
            refresh: page.meta_refresh.as_ref().map(|refresh| {
                let (_, url) = refresh.split_once("URL=").unwrap_or(("", refresh));
                url.to_owned()
            }),
            forms: forms.collect(),
            submits_itself: page.onload.as_ref().is_some_and(|script| {
                ["submit()", "click()", "dotheclick"]
                    .iter()
                    .any(|call| script.contains(call))
            }),
            page: page.error_message.clone().or(page.title.clone()),
            // The recorder's own headings are no bodies.
            body: response
                .body_received_by_application
                .clone()
                .filter(|body| !body.starts_with("####")),
            variables,
        }
    }

    /// What our httpd answered.
    pub fn ours(url: &Url, status: &str, headers: &[(String, String)], body: &str) -> Answer {
        let document = Document::parse(body);
        let seen = Seen::in_page(body).ok();
        let location = headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("location"))
            .map(|(_, value)| value.clone());
        let title = body
            .split_once("<title>")
            .and_then(|(_, rest)| rest.split_once("</title>"))
            .map(|(title, _)| title.to_owned());
        Answer {
            url: url.clone(),
            status: status.to_owned(),
            location,
            cache_control: cache_control(headers),
            set_cookies: set_cookies(headers),
            refresh: document.refresh,
            forms: document
                .forms
                .into_iter()
                .map(|form| Form {
                    method: if form.post { "post" } else { "get" }.to_owned(),
                    action: form.action,
                    fields: [form.fields, form.buttons].concat(),
                })
                .collect(),
            submits_itself: document.submits_itself,
            page: title,
            body: seen
                .as_ref()
                .map(|seen| seen.body.clone())
                .filter(|body| !body.is_empty()),
            variables: seen.map(|seen| seen.environment),
        }
    }

    /// The facts, with times relative to `now`.
    pub fn facts(&self, keys: &Keys, now: u64) -> Facts {
        let mut facts = Facts::new();
        let mut add = |kind: Kind, name: &str, value: String| {
            let name = Cow::Owned(name.to_owned());
            facts
                .entry(Aspect { kind, name })
                .and_modify(|values: &mut String| {
                    // The old and the new name of a cookie may be cleared alike.
                    if !values.split(" and ").any(|known| known == value) {
                        *values = format!("{values} and {value}");
                    }
                })
                .or_insert(value.clone());
        };
        add(Kind::Status, "", self.status.clone());
        add(Kind::GoesOn, "", self.goes_on());
        let caching = ["no-store", "private"]
            .into_iter()
            .find(|word| self.cache_control.contains(word));
        add(Kind::Caching, "", caching.unwrap_or("as ever").to_owned());
        if let (Some(page), None, None, None, false) = (
            &self.page,
            &self.refresh,
            &self.location,
            &self.variables,
            self.submits_itself,
        ) {
            add(Kind::Page, "", page.clone());
        }
        for cookie in self.kept_cookies() {
            let name = cookie.name.strip_prefix("__Host-").unwrap_or(cookie.name);
            add(Kind::Cookie, name, cookie.to_string());
            if cookie.is_set() {
                add(Kind::CookieName, name, cookie.name.to_owned());
                let protection = if cookie.protection.is_empty() {
                    "none".to_owned()
                } else {
                    cookie.protection.join("; ")
                };
                add(Kind::CookieProtection, name, protection);
                if name == "pubcookie_pre_s" {
                    add(
                        Kind::CookieContents,
                        name,
                        self.pre_session(cookie.value, keys, now),
                    );
                    continue;
                }
                let host = self.url.host_str().unwrap_or_default();
                let contents = contents(cookie.value, keys, now)
                    .or_else(|| sealed_session(cookie.name, cookie.value, host, keys, now));
                if let Some((said, made)) = contents {
                    add(Kind::CookieContents, name, said);
                    add(Kind::CookieMaking, name, made);
                }
            }
        }
        if let Some(asked) = self.granting_request() {
            add(Kind::GrantingRequest, "", "made".to_owned());
            for (field, value) in granting_request(asked) {
                add(Kind::GrantingRequest, &field, value);
            }
        }
        if let Some(form) = self.forms.first() {
            let destination = self.resolve(&form.action);
            add(
                Kind::Form,
                "",
                format!("{} {destination}", form.method.to_lowercase()),
            );
            for (name, value) in &form.fields {
                let value = match name.as_str() {
                    "pubcookie_g_req" => "a granting request".to_owned(),
                    "pubcookie_g" => contents(value, keys, now)
                        .map_or_else(|| value.clone(), |(said, made)| format!("{said}, {made}")),
                    "seal" | "first_kiss" => "new each time".to_owned(),
                    "create_ts" => relative(value.parse().unwrap_or_default(), now),
                    // A page's line ends are one to its reader.
                    _ => value.replace("\r\n", "\n"),
                };
                add(Kind::Field, name, value);
            }
        }
        if let Some(variables) = &self.variables {
            add(Kind::Variable, "", "answers".to_owned());
            for name in VARIABLES {
                if let Some(value) = variables.get(name) {
                    add(Kind::Variable, name, value.clone());
                }
            }
            let cookies = variables.get("HTTP_COOKIE").map_or("", String::as_str);
            for (name, value) in cookies.split("; ").filter_map(|cookie| cookie.split_once('=')) {
                let hidden = value.bytes().all(|byte| byte == b'X');
                let shown = if hidden { "hidden" } else { "shown" };
                let name = name.strip_prefix("__Host-").unwrap_or(name);
                add(Kind::Variable, &format!("HTTP_COOKIE {name}"), shown.to_owned());
            }
        }
        if let Some(body) = &self.body {
            add(Kind::Body, "", body.clone());
        }
        facts
    }

    /// The granting request, in the cookie or in the form.
    fn granting_request(&self) -> Option<&str> {
        let cookie = self
            .kept_cookies()
            .into_iter()
            .find(|cookie| cookie.name == "pubcookie_g_req" && cookie.is_set())
            .map(|cookie| cookie.value);
        cookie.or_else(|| self.forms.first()?.field("pubcookie_g_req"))
    }

    /// Whether a pre-session cookie, of the original or of ours, holds the token of the granting request beside it.
    fn pre_session(&self, text: &str, keys: &Keys, now: u64) -> String {
        let fields = granting_request(self.granting_request().unwrap_or_default());
        let token = fields
            .into_iter()
            .find(|(name, _)| name == "pre_sess_tok")
            .and_then(|(_, token)| token.parse().ok());
        let holds = |token: i32| match keys.open(text) {
            Some(opened) => opened.cookie.pre_session_token == token,
            None => self
                .url
                .host_str()
                .and_then(|host| keys.sealing(Purpose::PreSession, host))
                .and_then(|keys| {
                    PreSession::read(format!("{PRE_SESSION}={text}").as_bytes(), &keys, None, now)
                })
                .is_some_and(|ours| ours.holds(token)),
        };
        match token {
            Some(token) if holds(token) => "the token of the granting request",
            Some(_) => "another token than the granting request",
            None => "of no granting request",
        }
        .to_owned()
    }

    fn goes_on(&self) -> String {
        match (&self.location, &self.refresh) {
            (Some(location), _) => format!("by redirect to {}", self.resolve(location)),
            (None, Some(refresh)) => format!("by refresh to {}", self.resolve(refresh)),
            (None, None) if self.submits_itself => "by submitting the form".to_owned(),
            (None, None) => "no".to_owned(),
        }
    }

    /// An address of the page as the browser understands it; what it does not is left as it is.
    fn resolve(&self, address: &str) -> String {
        self.url
            .join(address)
            .map_or_else(|_| address.to_owned(), |url| url.to_string())
    }

    /// What a browser does with the cookies: of those with one name and domain the last counts. Those by the name
    /// `__Host-...` come last, and stand for those without: the old one is cleared beside the new one.
    fn kept_cookies(&self) -> Vec<SetCookie<'_>> {
        let mut kept: BTreeMap<(bool, &str, String), SetCookie<'_>> = BTreeMap::new();
        for text in &self.set_cookies {
            let cookie = SetCookie::parse(text);
            kept.insert(
                (cookie.name.starts_with("__Host-"), cookie.name, cookie.scope()),
                cookie,
            );
        }
        kept.into_values().collect()
    }

    /// Names and values of the cookies that are set, and names of those that are cleared.
    pub fn cookie_changes(&self) -> Vec<(String, Option<String>)> {
        self.kept_cookies()
            .into_iter()
            .map(|cookie| {
                (
                    cookie.name.to_owned(),
                    cookie.is_set().then(|| cookie.value.to_owned()),
                )
            })
            .collect()
    }
}

fn cache_control(headers: &[(String, String)]) -> String {
    let headers = headers
        .iter()
        .filter(|(name, _)| name.eq_ignore_ascii_case("cache-control"));
    let values: Vec<&str> = headers.map(|(_, value)| value.as_str()).collect();
    values.join(", ")
}
