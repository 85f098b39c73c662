//! Nobody is led off the site: more than 900 spellings of somebody else's address, wherever an address is taken from.

mod pubcookie_support;

use anyhow::{Context, Result, bail, ensure};
use granting_cookie::Encryption;
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod as Method};
use pubcookie_support::{ask, granted, sealed};
use testbed::browser::{Browser, Document, Request, Response};
use testbed::site::{LoginMethod, PASSWORD, Site, USER};
use url::{Url, form_urlencoded};

const FORM: &str = "application/x-www-form-urlencoded";

const SCHEMES: [&str; 6] = [
    "",
    "https:",
    "HtTp:",
    "javascript:",
    "\thttps:",
    "data:text/html,",
];
/// What separates a scheme from a host for some reader: slashes, backslashes, controls, encodings of them (also twice,
/// and overlong), and what looks like them.
const SLASHES: [&str; 19] = [
    "//",
    "/\\",
    "\\\\",
    "///",
    "/\t/",
    "/\r\n/",
    "/\0/",
    "%2f%2f",
    "%5c%5c",
    "/%5c",
    "/%09/",
    "/.//",
    "/..//",
    "/a/../..//",
    "/%2e%2e//",
    "%252f%252f",
    "%c0%af%c0%af",
    "\u{ff0f}\u{ff0f}",
    "/;@",
];
/// Somebody else's host; `OWN` is ours.
const HOSTS: [&str; 8] = [
    "evil.example",
    "OWN@evil.example",
    "OWN.evil.example",
    "evil.example\\@OWN",
    "[::ffff:6.6.6.6]:443",
    "0x06060606",
    "evil\u{3002}example",
    "OWN%0d%0aLocation: https://evil.example/",
];

/// How many of them at least are harmless where they stand, and led on: who refuses everything passes no test here. The
/// others hold controls or what else no request may.
const LED_ON: usize = 400;

fn payloads(own: &str) -> Vec<String> {
    let mut payloads = Vec::new();
    for scheme in SCHEMES {
        for slashes in SLASHES {
            for host in HOSTS {
                payloads.push(format!("{scheme}{slashes}{}", host.replace("OWN", own)));
            }
        }
    }
    assert!(payloads.len() >= 900);
    payloads
}

/// An application server and a login server, and a browser that is logged in at the latter.
struct Target {
    site: Site,
    browser: Browser,
    own: String,
    asked: GrantingRequest,
}

impl Target {
    fn new() -> Result<Self> {
        let site = Site::builder().login_method(LoginMethod::Post).start()?;
        let browser = site.browser()?;
        let page = browser.get(&site.url_at("login", "/"))?;
        browser.submit(
            &page,
            &page.form_with("pass")?.fill("user", USER).fill("pass", PASSWORD),
        )?;
        let response = ask(&browser, &site.url("/app"))?;
        let forms = response.document().forms;
        let encoded = forms.first().and_then(|form| form.field("pubcookie_g_req"));
        let asked =
            GrantingRequest::decode(encoded.context("no granting request")?.as_bytes(), Method::Post)?;
        Ok(Target {
            own: format!("app.demo.localhost:{}", site.httpd.port()),
            site,
            browser,
            asked,
        })
    }

    fn post(&self, url: &str, fields: &[(&str, &str)]) -> Result<Response> {
        let body = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(fields)
            .finish();
        let login = Url::parse(&self.site.url_at("login", "/"))?;
        self.browser
            .exchange(&Request::post(Url::parse(url)?, FORM, body).caused_by(&login))
    }

    /// Wherever the response leads, as a browser reads it, is one of our two servers.
    fn stays(&self, url: &Url, location: Option<&str>, body: &str) -> Result<()> {
        let document = Document::parse(body);
        let forms = document.forms.iter().map(|form| form.action.as_str());
        for target in location
            .into_iter()
            .chain(document.refresh.as_deref())
            .chain(forms)
        {
            let Ok(target) = url.join(target) else {
                bail!("it leads to {target:?}, which is no address");
            };
            let host = target.host_str().unwrap_or_default();
            let ours = ["app.demo.localhost", "login.demo.localhost"].contains(&host);
            ensure!(
                ours && target.scheme() == "https" && target.port() == Some(self.site.httpd.port()),
                "it leads to {target}"
            );
        }
        Ok(())
    }

    fn check(&self, payload: &str, place: &str, response: &Response) -> Result<()> {
        let what = || format!("{payload:?} as {place}: {}", response.summary());
        ensure!(
            matches!(response.status, 200 | 302 | 400 | 403 | 413),
            "{}",
            what()
        );
        self.stays(&response.url, response.header("location"), &response.body)
            .with_context(what)
    }

    fn is_alive(&self, children: &[u32]) -> Result<()> {
        let log = self.site.httpd.log().text();
        for words in ["exit signal", "Segmentation", "internal error", "panicked"] {
            ensure!(!log.contains(words), "{log}");
        }
        let now = self.children()?;
        ensure!(
            children.iter().all(|child| now.contains(child)),
            "a child has gone: {log}"
        );
        Ok(())
    }

    fn children(&self) -> Result<Vec<u32>> {
        Ok(self
            .site
            .httpd
            .children()?
            .into_iter()
            .map(|child| child.pid)
            .collect())
    }
}

fn base64(text: &str) -> String {
    openssl::base64::encode_block(text.as_bytes())
}

#[test]
fn the_reply_url_leads_to_paths_of_ours_alone() -> Result<()> {
    let target = Target::new()?;
    let children = target.children()?;
    let cookie = sealed(&target.site, &granted(&target.asked, USER)?, Encryption::Aes)?;
    let reply = target.site.url("/PubCookie.reply");
    let good = format!("https://{}/{}", target.own, base64("/app"));
    let mut led_on = 0;
    for payload in payloads(&target.own) {
        let encoded = format!("https://{}/{}", target.own, base64(&payload));
        for (place, form) in [
            (
                "redirect_url",
                [("redirect_url", &*payload), ("get_args", ""), ("post_stuff", "")],
            ),
            (
                "the path in redirect_url",
                [("redirect_url", &encoded), ("get_args", ""), ("post_stuff", "")],
            ),
            (
                "get_args and post_stuff",
                [
                    ("redirect_url", &good),
                    ("get_args", &payload),
                    ("post_stuff", &payload),
                ],
            ),
        ] {
            let fields = [&form[..], &[("pubcookie_g", &*cookie)]].concat();
            let response = target.post(&reply, &fields)?;
            target.check(&payload, place, &response)?;
            led_on += usize::from(response.status != 400);
        }
    }
    // The cookie was good: what is harmless was led on.
    ensure!(led_on > LED_ON, "only {led_on}");
    target.is_alive(&children)
}

#[test]
fn the_login_server_leads_back_to_the_host_that_asked() -> Result<()> {
    let target = Target::new()?;
    let children = target.children()?;
    let login = target.site.url_at("login", "/");
    let relay_url = target.site.url("/PubCookie.reply");
    let clear = target.asked.clear(Method::Post);
    let with = |changed: &[(&str, &str)]| -> String {
        let fields = clear.split('&').map(|pair| {
            let name = pair.split('=').next();
            match changed.iter().find(|(field, _)| Some(*field) == name) {
                Some((field, value)) => format!("{field}={value}"),
                None => pair.to_owned(),
            }
        });
        base64(&fields.collect::<Vec<_>>().join("&"))
    };
    let good = base64(&clear);
    let mut led_on = 0;
    for payload in payloads(&target.own) {
        for (place, request, relay_url) in [
            ("six", with(&[("six", &payload)]), &*relay_url),
            (
                "seven and referer",
                with(&[("seven", &base64(&payload)), ("referer", &payload)]),
                &relay_url,
            ),
            ("relay_url", good.clone(), &payload),
        ] {
            let response = target.post(&login, &[("pubcookie_g_req", &request), ("relay_url", relay_url)])?;
            target.check(&payload, place, &response)?;
            led_on += usize::from(response.status == 200);
        }
    }
    ensure!(led_on > LED_ON, "only {led_on}");
    target.is_alive(&children)
}

#[test]
fn a_path_of_the_application_leads_to_the_login_server_and_back() -> Result<()> {
    let target = Target::new()?;
    let children = target.children()?;
    let own = target.own.clone();
    let paths: Vec<String> = payloads(&own)
        .iter()
        .map(|payload| {
            // As it is where a request line can hold it.
            let plain = |c: char| matches!(c, '!'..='~');
            payload
                .chars()
                .map(|c| {
                    if plain(c) {
                        c.to_string()
                    } else {
                        form_urlencoded::byte_serialize(c.to_string().as_bytes()).collect()
                    }
                })
                .collect()
        })
        .collect();
    let mut rest = &paths[..];
    let mut asked_to_log_in = 0;
    while !rest.is_empty() {
        let batch = &rest[..rest.len().min(90)];
        let requests: String = batch
            .iter()
            .map(|path| format!("GET /app/{path} HTTP/1.1\r\nHost: {own}\r\n\r\n"))
            .collect();
        let last = format!("{requests}GET /last HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n");
        let answers = target.browser.raw(&target.site.url("/"), last.as_bytes())?;
        // httpd closes the connection after what it does not understand.
        let answers: Vec<&str> = answers.split("HTTP/1.1 ").skip(1).collect();
        ensure!(!answers.is_empty(), "no answer to {:?}", batch[0]);
        for (path, answer) in batch.iter().zip(&answers) {
            let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((answer, ""));
            let location = head.lines().find_map(|line| line.strip_prefix("Location: "));
            let url = Url::parse(&target.site.url("/app"))?;
            target.stays(&url, location, body).with_context(|| path.clone())?;
            let forms = Document::parse(body).forms;
            if let Some(request) = forms.first().and_then(|form| form.field("pubcookie_g_req")) {
                let asked = GrantingRequest::decode(request.as_bytes(), Method::Post)?;
                ensure!(asked.host.to_string() == own, "{path}: {}", asked.host);
                ensure!(asked.path.starts_with("/app"), "{path}: {}", asked.path);
                ensure!(
                    !asked.no_prompt && asked.additional.is_empty(),
                    "{path}: {asked:?}"
                );
                asked_to_log_in += 1;
            }
        }
        rest = &rest[answers.len().min(batch.len())..];
    }
    ensure!(asked_to_log_in > 600, "only {asked_to_log_in}");
    target.is_alive(&children)
}
