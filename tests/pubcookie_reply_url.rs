//! The reply URL of the POST method: whose replies it takes, and where it leads.

mod pubcookie_support;

use anyhow::{Context, Result};
use granting_cookie::{AppServerId, Cookie, CookieType, Encryption};
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod as Method};
use pubcookie_support::{ask, granted, now, sealed, user};
use testbed::application::Seen;
use testbed::browser::{Browser, Request, Response};
use testbed::site::{AppServer, LoginMethod, Site, USER};
use url::{Url, form_urlencoded};

const FORM: &str = "application/x-www-form-urlencoded";

/// A login by POST that has begun: what the browser was told to ask.
fn begin(browser: &Browser, url: &str) -> Result<GrantingRequest> {
    let response = ask(browser, url)?;
    let form = response.document().forms.into_iter().next().context("no form")?;
    let field = form.field("pubcookie_g_req").context("no granting request")?;
    Ok(GrantingRequest::decode(field.as_bytes(), Method::Post)?)
}

/// What the login server would post to the reply URL.
fn reply(site: &Site, browser: &Browser, form: &[(&str, &str)]) -> Result<Response> {
    let body: String = form_urlencoded::Serializer::new(String::new())
        .extend_pairs(form)
        .finish();
    let url = Url::parse(&site.url("/PubCookie.reply"))?;
    let login = Url::parse(&site.url_at("login", "/"))?;
    browser.exchange(&Request::post(url, FORM, body).caused_by(&login))
}

#[test]
fn the_reply_url_leads_nowhere_else() -> Result<()> {
    let site = Site::builder().login_method(LoginMethod::Post).start()?;
    let (port, own) = (
        site.httpd.port(),
        format!("app.demo.localhost:{}", site.httpd.port()),
    );
    let base64 = |path: &str| openssl::base64::encode_block(path.as_bytes());
    let path = base64("/app");
    let mut redirects = vec![
        format!("https://evil.example/{path}"),
        format!("http://{own}/{path}"),
        format!("https://app.demo.localhost/{path}"),
        format!("https://app.demo.localhost:{}/{path}", port ^ 1),
        format!("https://{own}@evil.example/{path}"),
        format!("https://evil.example\\@{own}/{path}"),
        format!("https://{own}.evil.example/{path}"),
        format!("//{own}/{path}"),
        format!("/{path}"),
        "javascript:alert(1)".to_owned(),
        String::new(),
    ];
    for leaving in [
        "//evil.example/",
        "/\\evil.example/",
        "\\\\evil.example",
        "https://evil.example/",
        "/\t/evil.example",
        "/..//evil.example",
        "/.//evil.example",
        "/%2e%2e//evil.example",
        "/a\r\nX: y",
        "evil.example",
        "\u{1}/app",
    ] {
        redirects.push(format!("https://{own}/{}", base64(leaving)));
    }
    for redirect in redirects {
        let browser = site.browser()?;
        let asked = begin(&browser, &site.url("/app"))?;
        let cookie = sealed(&site, &granted(&asked, USER)?, Encryption::Aes)?;
        let response = reply(
            &site,
            &browser,
            &[("pubcookie_g", &cookie), ("redirect_url", &redirect)],
        )?;
        assert_eq!(response.status, 400, "{redirect}: {}", response.summary());
        assert!(browser.cookie("pubcookie_g").is_none(), "{redirect}");
        assert!(
            response.header("location").is_none() && !response.body.contains("evil"),
            "{redirect}"
        );
    }
    // The good one is a path alone.
    let browser = site.browser()?;
    let asked = begin(&browser, &site.url("/app?q=%22&r"))?;
    let cookie = sealed(&site, &granted(&asked, USER)?, Encryption::Aes)?;
    let good = format!("https://{own}/{path}");
    let form = [
        ("pubcookie_g", &*cookie),
        ("redirect_url", &*good),
        ("get_args", "q=%22&r"),
    ];
    let response = reply(&site, &browser, &form)?;
    assert_eq!(
        (response.status, response.header("location")),
        (302, Some("/app?q=%22&r"))
    );
    assert_eq!(
        user(&browser.get(&site.url("/app?q=%22&r"))?)?.as_deref(),
        Some(USER)
    );
    Ok(())
}

#[test]
fn nobody_can_be_logged_in_as_somebody_else() -> Result<()> {
    let site = Site::builder().login_method(LoginMethod::Post).start()?;
    let own = format!(
        "https://app.demo.localhost:{}/{}",
        site.httpd.port(),
        openssl::base64::encode_block(b"/app")
    );
    let attacker = site.browser()?;
    let asked = begin(&attacker, &site.url("/app"))?;
    let cookie = sealed(&site, &granted(&asked, "mallory")?, Encryption::Aes)?;
    let form = [("pubcookie_g", &*cookie), ("redirect_url", &*own)];
    // A victim without a login under way, and one with: neither gets the attacker's cookie.
    let victim = site.browser()?;
    let response = reply(&site, &victim, &form)?;
    assert_eq!(response.status, 400, "{}", response.summary());
    assert!(response.body.contains("keeps no cookies"), "{}", response.body);
    begin(&victim, &site.url("/app"))?;
    let response = reply(&site, &victim, &form)?;
    assert_eq!(
        (response.status, response.header("location")),
        (302, Some("/app"))
    );
    assert!(victim.cookie("pubcookie_g").is_none());
    assert!(victim.get(&site.url("/app"))?.form_with("pass").is_ok());
    // With a body there is nothing to go on with.
    let with_body = [form[0], form[1], ("post_stuff", "a=1")];
    assert_eq!(reply(&site, &victim, &with_body)?.status, 400);
    Ok(())
}

#[test]
fn forms_that_are_no_reply_are_refused() -> Result<()> {
    let site = Site::builder().login_method(LoginMethod::Post).start()?;
    let browser = site.browser()?;
    let own = format!(
        "https://app.demo.localhost:{}/{}",
        site.httpd.port(),
        openssl::base64::encode_block(b"/app")
    );
    let asked = begin(&browser, &site.url("/app"))?;
    let cookie = sealed(&site, &granted(&asked, USER)?, Encryption::Aes)?;
    let (own, cookie) = (own.as_str(), cookie.as_str());
    for form in [
        &[][..],
        &[("pubcookie_g", cookie)],
        &[("redirect_url", own)],
        &[("pubcookie_g", "AAAA;evil=1"), ("redirect_url", own)],
        &[("pubcookie_g", "AAAA"), ("redirect_url", own)],
        &[
            ("pubcookie_g", cookie),
            ("pubcookie_g", cookie),
            ("redirect_url", own),
        ],
        &[("pubcookie_g", &cookie[4..]), ("redirect_url", own)],
    ] {
        let response = reply(&site, &browser, form)?;
        assert_eq!(response.status, 400, "{form:?}: {}", response.summary());
        assert!(response.set_cookie("pubcookie_g").is_none());
    }
    assert_eq!(ask(&browser, &site.url("/PubCookie.reply"))?.status, 400);
    Ok(())
}

#[test]
fn only_a_granting_cookie_for_this_server_is_a_reply() -> Result<()> {
    let site = Site::builder().login_method(LoginMethod::Post).start()?;
    let own = format!(
        "https://app.demo.localhost:{}/{}",
        site.httpd.port(),
        openssl::base64::encode_block(b"/app")
    );
    let browser = site.browser()?;
    let good = granted(&begin(&browser, &site.url("/app"))?, USER)?;
    let pre_session = browser
        .cookie("__Host-pubcookie_pre_s")
        .context("no pre-session")?;
    let bad = [
        Cookie {
            cookie_type: CookieType::LOGIN,
            ..good.clone()
        },
        Cookie {
            create_time: now() - 62,
            ..good.clone()
        },
        Cookie {
            app_server_id: AppServerId::encode("other.example.org")?,
            ..good.clone()
        },
        // Nor does it count that none of them belongs to a login of this browser.
        Cookie {
            cookie_type: CookieType::LOGIN,
            pre_session_token: good.pre_session_token ^ 1,
            ..good.clone()
        },
    ];
    for cookie in bad {
        let response = reply(
            &site,
            &browser,
            &[
                ("pubcookie_g", &sealed(&site, &cookie, Encryption::Aes)?),
                ("redirect_url", &own),
            ],
        )?;
        assert_eq!(response.status, 400, "{}", response.summary());
        assert!(
            response.body.contains("answer of the login page cannot be used"),
            "{}",
            response.body
        );
        assert_eq!(
            response.headers("set-cookie").count(),
            0,
            "{}",
            response.summary()
        );
    }
    let kept = browser
        .cookie("__Host-pubcookie_pre_s")
        .context("no pre-session")?;
    assert_eq!(kept.value, pre_session.value);
    let cookie = sealed(&site, &good, Encryption::Aes)?;
    reply(
        &site,
        &browser,
        &[("pubcookie_g", &cookie), ("redirect_url", &own)],
    )?;
    assert_eq!(user(&browser.get(&site.url("/app"))?)?.as_deref(), Some(USER));
    Ok(())
}

#[test]
fn the_reply_url_is_ours_whatever_else_is_configured() -> Result<()> {
    for configuration in [
        "ProxyPass / http://127.0.0.1:9/",
        "<Location />\nSetHandler server-status\n</Location>",
        "<Location />\nAuthType Basic\nAuthName x\nAuthBasicProvider file\nAuthUserFile /dev/null\nRequire user nobody\n\
         </Location>\n<Location /app>\nAuthType webiso\nRequire valid-user\n</Location>",
        "RewriteEngine On\nRewriteRule ^/PubCookie /elsewhere [R,L]",
        "PubcookiePostURL /my/reply",
    ] {
        let site = Site::builder()
            .module("proxy")
            .module("proxy_http")
            .module("status")
            .module("rewrite")
            .app_server(
                AppServer::new("app")
                    .login_method(LoginMethod::Post)
                    .configuration(configuration),
            )
            .start()?;
        let browser = site.browser()?;
        let page = site.log_in(&browser, "/app")?;
        assert!(
            browser.cookie("__Host-pubcookie_s_demo").is_some(),
            "{configuration}: {}",
            page.story()
        );
    }
    Ok(())
}

#[test]
fn by_get_there_is_no_reply_url() -> Result<()> {
    let site = Site::start()?;
    let seen = Seen::in_page(&ask(&site.browser()?, &site.url("/PubCookie.reply"))?.body)?;
    assert_eq!(seen.variable("REMOTE_USER"), None);
    Ok(())
}
