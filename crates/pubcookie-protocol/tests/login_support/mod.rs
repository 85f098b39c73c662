//! A login server with the keys that were in use when the exchanges were recorded, and a browser in front of it.

#![allow(dead_code, reason = "each test uses a part of it")]
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::recorded;
use granting_cookie::{
    Cookie, CryptKey, CryptKeys, EncryptedCookie, Encryption, KeyFileError, SigningKey, VerifyingCertificate,
};
use pubcookie_protocol::granting_request::GrantingRequest;
use pubcookie_protocol::login::{
    Answer, Event, LoginConfig, LoginKeys, LoginServer, Method, Step, VisitInput, form_sealing_keys,
};
use pubcookie_protocol::page::Nonce;
use pubcookie_protocol::sealed::SealingKeys;
use std::sync::{Arc, LazyLock};
use testbed::browser::{Document, Form};

pub const LOGIN_HOST: &str = "login.example.edu";
pub const LOGIN_URL: &str = "https://login.example.edu:18443/";
/// When the cases of the login server were recorded, to within two seconds.
pub const NOW: u64 = 1_795_290_876;

/// The keys of the recorded login server, which knows app1 to app4.
pub struct Keys {
    granting_key: SigningKey,
    session_key: SigningKey,
    session_certificates: Vec<VerifyingCertificate>,
    form_sealing_keys: SealingKeys,
    own_crypt_key: CryptKey,
}

impl Keys {
    pub fn recorded() -> Keys {
        let session_key = recorded::private_key(LOGIN_HOST);
        Keys {
            granting_key: SigningKey::from_pem(&recorded::private_key("pubcookie_granting")).unwrap(),
            session_key: SigningKey::from_pem(&session_key).unwrap(),
            session_certificates: vec![recorded::certificate(LOGIN_HOST)],
            form_sealing_keys: form_sealing_keys(&session_key, None, &LOGIN_URL.parse().unwrap()).unwrap(),
            own_crypt_key: recorded::crypt_key(LOGIN_HOST),
        }
    }
}

impl LoginKeys for Keys {
    fn granting_key(&self) -> &SigningKey {
        &self.granting_key
    }

    fn session_key(&self) -> &SigningKey {
        &self.session_key
    }

    fn session_certificates(&self) -> &[VerifyingCertificate] {
        &self.session_certificates
    }

    fn form_sealing_keys(&self) -> &SealingKeys {
        &self.form_sealing_keys
    }

    fn own_crypt_keys(&self) -> Arc<CryptKeys> {
        Arc::new(self.own_crypt_key.clone().into())
    }

    fn crypt_key_for(&self, host: &str) -> Result<CryptKey, KeyFileError> {
        match host {
            "app1.example.edu" | "app2.example.edu" | "app3.example.edu" | "app4.example.edu" => {
                Ok(recorded::crypt_key(host))
            }
            _ => Err(KeyFileError::NoCryptKey {
                peer: host.into(),
                directory: "keys".into(),
            }),
        }
    }

    fn crypt_key_named(&self, app_server_id: &str) -> Option<CryptKey> {
        // Two IDs that app1 may have besides its name; the second is as long as an ID can be.
        let of_app1 = app_server_id == "portal" || app_server_id == "a".repeat(39);
        let host = if of_app1 {
            "app1.example.edu"
        } else {
            app_server_id
        };
        self.crypt_key_for(host).ok()
    }
}

pub static KEYS: LazyLock<Keys> = LazyLock::new(Keys::recorded);
pub static SERVER: LazyLock<LoginServer> = LazyLock::new(|| LoginServer::new(config()));

pub fn config() -> LoginConfig {
    LoginConfig::new(LOGIN_URL.parse().unwrap(), Some(".example.edu".parse().unwrap()))
}

/// The users of the recorded login server, and two that it calls otherwise than they are typed.
fn known_as(user: &str, password: &str) -> Option<&'static str> {
    match (user, password) {
        ("alice" | "Alice", "secret") => Some("alice"),
        ("bob", "pw&\"<>+ 1") => Some("bob"),
        ("long", "x") => Some("averyveryverylongusernamethatexceedsfortytwo"),
        _ => None,
    }
}

/// A browser at the login server: it keeps cookies, and the time stands still for it.
#[derive(Clone, Debug)]
pub struct Browser {
    pub cookies: Vec<(String, String)>,
    pub now: u64,
    /// What it says of the site that sent it (`Sec-Fetch-Site`).
    pub fetch_site: Option<&'static str>,
    /// The user whom httpd has authenticated.
    pub remote_user: Option<&'static str>,
    /// The login server that it talks to.
    pub server: &'static LoginServer,
}

/// What a browser got.
pub struct Seen {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub set_cookies: Vec<String>,
    pub html: String,
    pub document: Document,
    pub event: Event,
    /// What the password check was asked, if it was.
    pub checked: Option<(String, String)>,
}

impl Browser {
    pub fn new() -> Browser {
        Browser {
            cookies: Vec::new(),
            now: NOW,
            fetch_site: Some("same-site"),
            remote_user: None,
            server: &SERVER,
        }
    }

    /// One that comes with a granting request in its cookie.
    pub fn asked(clear: &str) -> Browser {
        let mut browser = Browser::new();
        browser.keep("pubcookie_g_req", &encode(clear));
        browser
    }

    pub fn keep(&mut self, name: &str, value: &str) {
        self.cookies.retain(|(kept, _)| kept != name);
        self.cookies.push((name.into(), value.into()));
    }

    pub fn forget(&mut self, name: &str) {
        self.cookies.retain(|(kept, _)| kept != name);
    }

    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies
            .iter()
            .find(|(kept, _)| kept == name)
            .map(|(_, value)| value.as_str())
    }

    /// Name and value of the cookie that binds login forms to this browser.
    pub fn form_cookie(&self) -> Option<(String, String)> {
        let mut cookies = self.cookies.iter();
        cookies
            .find(|(name, _)| name.starts_with("__Host-pubcookie_login_form_"))
            .cloned()
    }

    pub fn get(&mut self, path_and_query: &str) -> Seen {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        self.visit(Method::Get, path, query, b"")
    }

    pub fn post(&mut self, fields: &[(&str, &str)]) -> Seen {
        let body = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        self.visit(Method::Post, "/", "", body.as_bytes())
    }

    /// Submits a login form as it is, from the login server's own page.
    pub fn submit(&mut self, form: &Form) -> Seen {
        let fetch_site = self.fetch_site.replace("same-origin");
        let seen = self.visit(Method::Post, "/", "", form.encode().as_bytes());
        self.fetch_site = fetch_site;
        seen
    }

    /// Fills in the login form of a page, and submits it.
    pub fn log_in(&mut self, page: &Seen, user: &str, password: &str) -> Seen {
        self.submit(&page.login_form().fill("user", user).fill("pass", password))
    }

    pub fn cookie_header(&self) -> String {
        let cookies = self.cookies.iter().map(|(name, value)| format!("{name}={value}"));
        cookies.collect::<Vec<_>>().join("; ")
    }

    pub fn visit(&mut self, method: Method, path: &str, query: &str, form: &[u8]) -> Seen {
        let cookies = self.cookie_header();
        let nonce = Nonce::random().unwrap();
        let input = VisitInput {
            method,
            path,
            query,
            cookies: cookies.as_bytes(),
            form,
            fetch_site: self.fetch_site,
            origin: None,
            remote_user: self.remote_user,
            nonce: &nonce,
            now: self.now,
        };
        let mut checked = None;
        let answer = match self.server.visit(&input, &*KEYS) {
            Step::Answer(answer) => answer,
            Step::CheckPassword {
                user,
                password,
                continuation,
                ..
            } => {
                checked = Some((user.to_string(), password.to_string()));
                match known_as(user.as_str(), &password) {
                    Some(name) => continuation.granted(name, self.now, &*KEYS),
                    None => continuation.denied(self.now, &*KEYS),
                }
            }
        };
        self.see(answer, checked)
    }

    fn see(&mut self, answer: Answer, checked: Option<(String, String)>) -> Seen {
        let set_cookies: Vec<String> = answer.set_cookies.iter().map(|text| text.to_string()).collect();
        for text in &set_cookies {
            let (name, value) = text.split(';').next().unwrap().split_once('=').unwrap();
            if text.contains("; expires=") {
                self.forget(name)
            } else {
                self.keep(name, value)
            }
        }
        Seen {
            status: answer.page.status,
            headers: answer.page.headers,
            set_cookies,
            document: Document::parse(&answer.page.body),
            html: answer.page.body.to_string(),
            event: answer.event,
            checked,
        }
    }
}

impl Seen {
    /// The login form of the page.
    pub fn login_form(&self) -> Form {
        match &self.document.forms[..] {
            [form] if form.name == "query" && form.field("pass").is_some() => form.clone(),
            forms => panic!("no login form: {forms:?} ({})", self.event),
        }
    }

    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(header, _)| *header == name)
            .map_or("", |(_, value)| value)
    }

    /// The value of a cookie that was set and not cleared.
    pub fn set_cookie(&self, name: &str) -> Option<&str> {
        let set = self
            .set_cookies
            .iter()
            .filter(|text| !text.contains("; expires="));
        set.filter_map(|text| text.split(';').next()?.split_once('='))
            .find(|(set, _)| *set == name)
            .map(|(_, value)| value)
    }

    /// The granting cookie, wherever it is: in a cookie or in the form that takes it to the application.
    pub fn granting_cookie(&self) -> Option<String> {
        let in_form = self
            .document
            .forms
            .first()
            .and_then(|form| form.field("pubcookie_g"));
        self.set_cookie("pubcookie_g").or(in_form).map(str::to_owned)
    }

    /// Whether the page's script submits its form.
    pub fn submits_itself(&self) -> bool {
        self.html.contains("submit.call(document.forms[0])")
    }

    pub fn is_refused(&self) -> bool {
        matches!(self.event, Event::Refused { .. })
    }
}

/// A refusal: a status that says so, nobody logged in, and no way on.
pub fn assert_refused(seen: &Seen, what: &str) {
    assert!(seen.is_refused(), "{what}: {}", seen.event);
    assert!((400..500).contains(&seen.status), "{what}: {}", seen.status);
    assert!(
        seen.granting_cookie().is_none() && seen.set_cookie("pubcookie_l").is_none(),
        "{what}"
    );
    assert!(
        seen.document.forms.is_empty() && seen.document.refresh.is_none(),
        "{what}"
    );
}

/// A granting request in base64.
pub fn encode(clear: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(clear)
}

/// A granting request of app1 by the GET method, with some of its fields changed.
pub fn request(changes: &[(&str, &str)]) -> String {
    let fields = [
        ("one", "app1.example.edu"),
        ("two", "secureapp"),
        ("three", "1"),
        ("four", "a5a"),
        ("five", "GET"),
        ("six", "app1.example.edu:18444"),
        ("seven", "/secure/x"),
        ("eight", ""),
        ("hostname", "app1.example.edu"),
        ("nine", "1"),
        ("file", ""),
        ("referer", "(null)"),
        ("sess_re", "0"),
        ("pre_sess_tok", "5"),
        ("flag", "0"),
    ];
    let changed = |name: &str, value: &'static str| {
        changes
            .iter()
            .find(|(changed, _)| *changed == name)
            .map_or(value.to_owned(), |(_, value)| (*value).to_owned())
    };
    fields
        .map(|(name, value)| format!("{name}={}", changed(name, value)))
        .join("&")
}

/// Opens a granting cookie as the application that asked for it.
pub fn open_granting(cookie: &str, request: &GrantingRequest) -> Cookie {
    let host = request.host.name();
    let key = recorded::crypt_key(host);
    let certificate = recorded::certificate("pubcookie_granting");
    open(cookie, request.encryption, &key, host, &certificate)
}

/// Opens a login cookie.
pub fn open_login(cookie: &str) -> Cookie {
    let certificate = recorded::certificate(LOGIN_HOST);
    open(
        cookie,
        Encryption::Aes,
        &recorded::crypt_key(LOGIN_HOST),
        LOGIN_HOST,
        &certificate,
    )
}

fn open(
    cookie: &str,
    encryption: Encryption,
    key: &CryptKey,
    peer: &str,
    certificate: &VerifyingCertificate,
) -> Cookie {
    let encrypted = EncryptedCookie::from_base64(cookie).unwrap();
    encrypted
        .open(encryption, key, peer, [certificate])
        .unwrap()
        .cookie
}
