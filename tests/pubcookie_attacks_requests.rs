//! Requests that no browser sends: oversized, cut off, contradictory, or random. None of them gets access, and none
//! ends or blocks a process of httpd.

mod pubcookie_support;

use anyhow::{Context, Result, ensure};
use granting_cookie::Encryption;
use pubcookie_protocol::granting_request::GrantingRequest;
use pubcookie_protocol::granting_request::LoginMethod as Method;
use pubcookie_support::{ask, granted, sealed, session_cookie};
use testbed::browser::{Browser, Request};
use testbed::site::{AppServer, LoginMethod, Site, USER};
use url::{Url, form_urlencoded};

const FORM: &str = "application/x-www-form-urlencoded";

/// A site that can be asked in vain, and the processes that must outlive it.
struct Target {
    site: Site,
    browser: Browser,
    children: Vec<u32>,
}

impl Target {
    fn new() -> Result<Self> {
        let site = Site::builder()
            .app_server(AppServer::new("app"))
            .app_server(AppServer::new("post").login_method(LoginMethod::Post))
            .start()?;
        let children = site
            .httpd
            .children()?
            .into_iter()
            .map(|child| child.pid)
            .collect();
        let browser = site.browser()?;
        Ok(Target {
            site,
            browser,
            children,
        })
    }

    /// Where strangers may knock.
    fn doors(&self) -> [(&'static str, String, &'static str); 4] {
        [
            ("app", self.site.url("/"), "/app"),
            ("post", self.site.url_at("post", "/"), "/app"),
            ("post", self.site.url_at("post", "/"), "/PubCookie.reply"),
            ("login", self.site.url_at("login", "/"), "/"),
        ]
    }

    /// Sends bytes, and sees that the answer gives nothing away.
    fn knock(&self, url: &str, request: &[u8]) -> Result<()> {
        let shown = String::from_utf8_lossy(&request[..request.len().min(200)]).into_owned();
        // Some of them httpd does not answer at all.
        let answer = self.browser.raw(url, request).unwrap_or_default();
        gives_nothing_away(&answer).with_context(|| format!("{shown:?}: {answer}"))
    }

    fn is_alive(&self) -> Result<()> {
        let log = self.site.httpd.log().text();
        for words in ["exit signal", "Segmentation", "internal error", "panicked"] {
            ensure!(!log.contains(words), "{log}");
        }
        let now: Vec<u32> = self
            .site
            .httpd
            .children()?
            .into_iter()
            .map(|child| child.pid)
            .collect();
        ensure!(
            self.children.iter().all(|child| now.contains(child)),
            "a child has gone: {log}"
        );
        ensure!(!log.contains("logged in to"), "somebody got in: {log}");
        ask(&self.browser, &self.site.url("/"))?;
        Ok(())
    }
}

/// Neither a page of the application for a user, nor a session, nor a way off the site.
fn gives_nothing_away(answer: &str) -> Result<()> {
    ensure!(!answer.contains("\"REMOTE_USER\""), "it lets somebody in");
    ensure!(
        !answer.contains("Set-Cookie: __Host-pubcookie_s_"),
        "it begins a session"
    );
    for line in answer.lines().filter_map(|line| line.strip_prefix("Location: ")) {
        ensure!(
            line.starts_with("/") || line.contains("demo.localhost"),
            "it leads to {line}"
        );
    }
    Ok(())
}

#[test]
fn headers_that_no_browser_sends() -> Result<()> {
    let target = Target::new()?;
    let session = session_cookie(&target.site, 100, 10)?;
    let session = session.split(';').next().unwrap_or_default();
    let long = |bytes: usize| "A".repeat(bytes);
    let mut headers = vec![
        format!("Cookie: pubcookie_g={}", long(8_000)),
        format!("Cookie: pubcookie_g={}", long(65_536)),
        format!("Cookie: {}", "pubcookie_g=AAAA; ".repeat(450)),
        format!("Cookie: {}", format!("pubcookie_g={}; ", long(700)).repeat(11)),
        format!(
            "Cookie: {}",
            format!("__Host-pubcookie_pre_s={}; ", long(300)).repeat(20)
        ),
        format!("Cookie: __Host-pubcookie_s_demo={}", long(7_000)),
        format!("Cookie: x{session}"),
        format!("Cookie: {session}A"),
        format!("Cookie: {}", &session[..session.len() - 4]),
        format!("Cookie: {}", session.replace("__Host-", "")),
        format!("Cookie: \"{session}\""),
        "Cookie: pubcookie_g".to_owned(),
        "Cookie: =;=;;;==; pubcookie_g==; pubcookie_l=;;".to_owned(),
        "Cookie: pubcookie_g=\u{ff}\u{fe}%00%0a".to_owned(),
        format!("Cookie: pubcookie_g_req={}", long(8_000)),
        format!("Cookie: pubcookie_l={}", long(8_000)),
        "Content-Length: -1".to_owned(),
        "Content-Length: 99999999999999999999".to_owned(),
        "Content-Length: 10, 20".to_owned(),
        "Content-Length: 0x10".to_owned(),
        "Content-Length: 5\r\nContent-Length: 6".to_owned(),
        "Content-Length: 5\r\nTransfer-Encoding: chunked".to_owned(),
        "Transfer-Encoding: xchunked".to_owned(),
        "Transfer-Encoding: chunked, identity".to_owned(),
        "Transfer-Encoding: gzip, chunked".to_owned(),
        format!("Sec-Fetch-Site: {}", long(8_000)),
        format!("Origin: {}", long(8_000)),
        format!("Referer: https://evil.example/{}", long(8_000)),
        format!("Content-Type: {}", long(8_000)),
        "Content-Type: application/x-www-form-urlencoded; charset=\u{ff}".to_owned(),
        format!("X-{}: y", long(8_000)),
    ];
    headers.push(
        (0..150)
            .map(|n| format!("X-{n}: y"))
            .collect::<Vec<_>>()
            .join("\r\n"),
    );
    for (label, url, path) in target.doors() {
        let host = format!("{label}.demo.localhost:{}", target.site.httpd.port());
        for header in &headers {
            let (method, rest) = match header.split(':').next() {
                Some("Content-Length" | "Transfer-Encoding") => {
                    ("POST", "\r\n5\r\na=1&b\r\n0\r\n\r\n".to_owned())
                }
                Some("Cookie") => ("GET", "\r\n".to_owned()),
                _ => (
                    "POST",
                    format!("Content-Type: {FORM}\r\nContent-Length: 3\r\n\r\na=1"),
                ),
            };
            let head =
                format!("{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{header}\r\n");
            target.knock(&url, format!("{head}{rest}").as_bytes())?;
        }
        for name in [
            "evil.example",
            "",
            "app.demo.localhost:99999",
            "app.demo.localhost@evil.example",
            "evil.example\\@app.demo.localhost",
            "[::1]",
            "app.demo.localhost\r\nHost: evil.example",
            "app.demo.localhost:443:443",
            "..",
            &long(8_000),
        ] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: {name}\r\nConnection: close\r\n\r\n");
            target.knock(&url, request.as_bytes())?;
        }
    }
    target.is_alive()
}

#[test]
fn bodies_that_no_browser_sends() -> Result<()> {
    let target = Target::new()?;
    let chunks = [
        "ffffffffffffffff\r\n",
        "-1\r\n",
        "5;x=\"\r\na=1&b\r\n0\r\n\r\n",
        "zz\r\n",
        "3\r\na=1",
        "0\r\nX: y\r\n\r\n",
        "3\r\na=1XX0\r\n\r\n",
    ];
    for (label, url, path) in target.doors() {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: {label}.demo.localhost:{}\r\nConnection: close\r\nContent-Type: {FORM}\r\n",
            target.site.httpd.port()
        );
        for chunk in chunks {
            let request = format!("{head}Transfer-Encoding: chunked\r\n\r\n{chunk}");
            // One that is not all there: httpd has to be told that no more will come.
            if chunk != "3\r\na=1" {
                target.knock(&url, request.as_bytes())?;
            }
        }
        let many = "a=1&".repeat(20_000);
        let deep = "%25".repeat(20_000);
        let wide = format!(
            "pubcookie_g_req={}&relay_url={}",
            "A".repeat(9_000),
            "B".repeat(9_000)
        );
        let nul = "pubcookie_g=%00&redirect_url=%00&post_stuff=%00&user=%00&pass=%00&reply=1";
        let twice = "pubcookie_g=A&pubcookie_g=B&pubcookie_g_req=A&pubcookie_g_req=B&reply=1&reply=1";
        for body in [
            &many,
            &deep,
            &wide,
            nul,
            twice,
            "&&&&====&",
            "\0\0\0",
            "%",
            "%f",
            "=",
            "\u{ff}=\u{fe}",
        ] {
            let request = format!("{head}Content-Length: {}\r\n\r\n{body}", body.len());
            target.knock(&url, request.as_bytes())?;
        }
    }
    target.is_alive()
}

/// Numbers that look random, the same in every run (xorshift).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap_or(1)).unwrap_or(0)
    }

    /// The text with a few bytes changed, cut out or doubled.
    fn damaged(&mut self, text: &[u8]) -> Vec<u8> {
        let mut bytes = text.to_vec();
        for _ in 0..=self.below(3) {
            let at = self.below(bytes.len());
            match self.below(4) {
                0 if !bytes.is_empty() => bytes[at] = self.next().to_le_bytes()[0],
                1 => bytes.truncate(at),
                2 => {
                    let part = bytes[at..].to_vec();
                    bytes.extend(part);
                }
                _ => bytes.insert(at, self.next().to_le_bytes()[0]),
            }
        }
        bytes
    }
}

#[test]
fn granting_requests_cookies_and_replies_that_were_damaged() -> Result<()> {
    let target = Target::new()?;
    let mut numbers = Numbers(0x9e37_79b9_7f4a_7c15);
    // A good login of each method, which is never brought to its end.
    let response = ask(&target.browser, &target.site.url_at("post", "/app"))?;
    let forms = response.document().forms;
    let request = forms
        .first()
        .and_then(|form| form.field("pubcookie_g_req"))
        .context("no granting request")?;
    let asked = GrantingRequest::decode(request.as_bytes(), Method::Post)?;
    let clear = asked.clear(Method::Post);
    let cookie = sealed(&target.site, &granted(&asked, USER)?, Encryption::Aes)?;
    let relay_url = target.site.url_at("post", "/PubCookie.reply");
    let login = Url::parse(&target.site.url_at("login", "/"))?;
    let encode = |bytes: &[u8]| form_urlencoded::byte_serialize(bytes).collect::<String>();
    for _ in 0..150 {
        // At the login server, before and after base64.
        let inside = openssl::base64::encode_block(&numbers.damaged(clear.as_bytes()));
        let outside = numbers.damaged(request.as_bytes());
        for damaged in [inside.as_bytes(), &outside] {
            let body = format!(
                "pubcookie_g_req={}&relay_url={}",
                encode(damaged),
                encode(relay_url.as_bytes())
            );
            let response = target
                .browser
                .exchange(&Request::post(login.clone(), FORM, body))?;
            ensure!(
                matches!(response.status, 200 | 400 | 403 | 413),
                "{}",
                response.summary()
            );
            ensure!(
                response.set_cookie("pubcookie_l").is_none(),
                "{}",
                response.summary()
            );
        }
        // At the reply URL and, as a cookie, at the application.
        let damaged = numbers.damaged(cookie.as_bytes());
        let redirect = numbers.damaged(relay_url.as_bytes());
        if damaged != cookie.as_bytes() {
            let body = format!(
                "pubcookie_g={}&redirect_url={}",
                encode(&damaged),
                encode(&redirect)
            );
            let response = target
                .browser
                .exchange(&Request::post(Url::parse(&relay_url)?, FORM, body))?;
            ensure!(response.status == 400, "{}", response.summary());
            ensure!(
                response.set_cookie("pubcookie_g").is_none(),
                "{}",
                response.summary()
            );
        }
    }
    target.is_alive()
}
