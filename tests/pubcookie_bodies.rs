//! Bodies that are carried through a login byte for byte, however they come: over HTTP/1.1 with and without a length,
//! and over HTTP/2.

mod pubcookie_support;

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use pubcookie_support::ask;
use testbed::application::Seen;
use testbed::browser::{Browser, Document, Page, Request};
use testbed::site::{AppServer, LoginMethod, PASSWORD, Site, USER};
use url::Url;

const FORM: &str = "application/x-www-form-urlencoded";

/// As a browser writes them: everything that can be in a form.
const BODIES: [&str; 6] = [
    "submit=Go%21&submit=&action=x&method=get&target=_top&name=relay&id=1&elements=2&length=3",
    "quotes=%22%27%60%3C%3E%26%3C%2Finput%3E%3C%2Fform%3E%26quot%3B%26amp%3B",
    "lines=%0D%0Aone%0D%0A%0D%0Atwo%0D%0A&tab=%09&spaces=++a++&controls=%01%1F%7F",
    "utf-8=%C3%A9%E2%82%AC%F0%9F%94%91%E2%80%AE%EF%BB%BF&%C3%BC%26%3D=%2525",
    "empty=&a=1&a=&a=1&b=%2B%3D%26%23%3F%2F%3A%3B%40",
    "post_stuff=a%3D1%26b%3D2&pubcookie_g=x&pubcookie_g_req=y&relay_url=z&user=u&pass=p&redirect_url=r&get_args=g",
];

/// Follows a response as a browser that came from a page of ours would, and logs in.
fn go_on(site: &Site, browser: &Browser, body: &str) -> Result<Page> {
    let url = Url::parse(&site.url("/app/form"))?;
    let form = Document::parse(body)
        .forms
        .into_iter()
        .next()
        .context("no form")?;
    let next = Request::post(url.join(&form.action)?, FORM, form.encode()).caused_by(&url);
    let page = browser.navigate(next)?;
    match page.form_with("pass") {
        Ok(form) => browser.submit(&page, &form.fill("user", USER).fill("pass", PASSWORD)),
        Err(_) => Ok(page),
    }
}

#[test]
fn every_byte_comes_back() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = Site::builder().login_method(method).start()?;
        let browser = site.browser()?;
        for body in BODIES {
            let url = Url::parse(&site.url("/app/form?x=%25%26+&y"))?;
            let first = browser.exchange(&Request::post(url.clone(), FORM, body).caused_by(&url))?;
            let page = go_on(&site, &browser, &first.body)?;
            let seen = Seen::in_page(&page.body).with_context(|| page.story())?;
            assert_eq!(seen.variable("QUERY_STRING"), Some("x=%25%26+&y"), "{method:?}");
            assert_eq!(seen.body, body, "{method:?}");
            browser.remove_cookie(&browser.cookie("__Host-pubcookie_s_demo").context("no session")?);
        }
    }
    Ok(())
}

/// What the body arrives in.
#[derive(Clone, Copy, Debug)]
enum Transport {
    WithLength,
    Chunked,
    Http2,
    Http2WithoutLength,
}

/// Posts a body with curl, and gives the cookies of the answer to the browser: the status, the HTTP version and the page.
fn post_with_curl(
    site: &Site,
    browser: &Browser,
    transport: Transport,
    content_type: &str,
    body: &str,
) -> Result<(String, String)> {
    let url = site.url("/app/form");
    let own = Url::parse(&url)?.origin().ascii_serialization();
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--show-error",
        "--max-time",
        "60",
        "--include",
        "--request",
        "POST",
        "--cacert",
    ])
    .arg(site.authority())
    .args([
        "--noproxy",
        "*",
        "--resolve",
        &format!("app.demo.localhost:{}:127.0.0.1", site.httpd.port()),
    ])
    .args(["--header", &format!("Content-Type: {content_type}")])
    .args([
        "--header",
        &format!("Origin: {own}"),
        "--header",
        "Sec-Fetch-Site: same-origin",
    ])
    .args(["--header", "Expect:"]);
    match transport {
        Transport::WithLength => curl.args(["--http1.1", "--data-binary", "@-"]),
        Transport::Chunked => curl.args(["--http1.1", "--upload-file", "-"]),
        Transport::Http2 => curl.args(["--http2", "--data-binary", "@-"]),
        Transport::Http2WithoutLength => curl.args(["--http2", "--upload-file", "-"]),
    };
    let mut curl = curl
        .arg(&url)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("no curl here: install the package curl")?;
    curl.stdin
        .take()
        .context("no stdin")?
        .write_all(body.as_bytes())?;
    let output = curl.wait_with_output()?;
    let answer = String::from_utf8_lossy(&output.stdout).into_owned();
    let (head, page) = answer.split_once("\r\n\r\n").with_context(|| {
        format!(
            "{transport:?}: {answer}{}",
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    for line in head.lines() {
        if let Some((name, value)) = line.split_once(": ")
            && name.eq_ignore_ascii_case("set-cookie")
        {
            browser.set_cookie(&url, value)?;
        }
    }
    Ok((
        head.lines().next().unwrap_or_default().trim().to_owned(),
        page.to_owned(),
    ))
}

#[test]
fn a_body_is_carried_whatever_it_comes_in() -> Result<()> {
    for method in LoginMethod::ALL {
        let server = AppServer::new("app")
            .login_method(method)
            .configuration("Protocols h2 http/1.1\nPubcookieMaxPost 100000\nLimitRequestBody 0");
        let site = Site::builder().module("http2").app_server(server).start()?;
        // So large that it comes in many pieces.
        let body = format!("large={}&{}", "x".repeat(60_000), BODIES[0]);
        let too_large = format!("{body}{}", "y".repeat(60_000));
        for (transport, version) in [
            (Transport::WithLength, "HTTP/1.1"),
            (Transport::Chunked, "HTTP/1.1"),
            (Transport::Http2, "HTTP/2"),
            (Transport::Http2WithoutLength, "HTTP/2"),
        ] {
            let browser = site.browser()?;
            let (status, first) = post_with_curl(&site, &browser, transport, FORM, &body)?;
            ensure!(
                status.starts_with(&format!("{version} 200")),
                "{transport:?}: {status}"
            );
            let page = go_on(&site, &browser, &first)?;
            let seen = Seen::in_page(&page.body).with_context(|| page.story())?;
            ensure!(
                seen.body == body,
                "{method:?} {transport:?}: {} bytes",
                seen.body.len()
            );
            // Over HTTP/2 curl stumbles over an answer that comes before its body has ended.
            if version == "HTTP/2" {
                continue;
            }
            for (content_type, body, words) in [
                (
                    "multipart/form-data; boundary=b",
                    "--b--",
                    "multipart/form-data not allowed",
                ),
                (FORM, "", "is empty"),
                (FORM, &too_large, "POST data larger than supported"),
            ] {
                let (status, page) = post_with_curl(&site, &browser, transport, content_type, body)?;
                ensure!(
                    status.starts_with(&format!("{version} 400")),
                    "{transport:?} {words}: {status}"
                );
                ensure!(page.contains(words), "{transport:?} {words}: {page}");
            }
        }
        ensure!(!site.httpd.log().text().contains("exit signal"));
    }
    Ok(())
}

#[test]
fn the_limit_of_httpd_counts_besides_ours() -> Result<()> {
    let server = AppServer::new("app").configuration("Protocols h2 http/1.1\nLimitRequestBody 20000");
    let site = Site::builder().module("http2").app_server(server).start()?;
    let browser = site.browser()?;
    let body = format!("large={}", "x".repeat(40_000));
    for (transport, words) in [
        (Transport::WithLength, "POST data larger than supported"),
        // httpd has sent its own page by the time we see that the body does not end.
        (Transport::Chunked, "exceeds the capacity limit"),
    ] {
        let log = site.httpd.log_from_now();
        let (status, page) = post_with_curl(&site, &browser, transport, FORM, &body)?;
        ensure!(status.starts_with("HTTP/1.1 4"), "{transport:?}: {status}");
        ensure!(page.contains(words), "{transport:?}: {page}");
        let text = log.text();
        ensure!(
            text.contains("20000 bytes") && text.contains("LimitRequestBody"),
            "{transport:?}: {text}"
        );
    }
    ask(&browser, &site.url("/app"))?;
    Ok(())
}
