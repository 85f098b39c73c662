//! What is not a login: cookies that were changed, used, planted, or made for somebody else.

mod pubcookie_support;

use anyhow::{Context, Result, ensure};
use granting_cookie::{Cookie, CookieType, Encryption, User, Version};
use pubcookie_protocol::reason::Reason;
use pubcookie_support::{ask, begin_login, bring, granted, granting_request, now, sealed, user};
use testbed::application::Seen;
use testbed::browser::{Browser, Response};
use testbed::httpd::Mpm;
use testbed::site::{AppServer, Site};

/// Begins a login, brings what `change` makes of the granting cookie, and says what came of it.
fn bring_changed(site: &Site, browser: &Browser, change: impl FnOnce(&mut Cookie)) -> Result<Response> {
    let url = site.url("/app");
    let mut cookie = granted(&begin_login(browser, &url)?, "alice")?;
    change(&mut cookie);
    bring(browser, site, &sealed(site, &cookie, Encryption::Aes)?)?;
    ask(browser, &url)
}

/// The user is sent to log in again, for this reason.
fn sent_away(response: &Response, reason: Reason) -> Result<()> {
    ensure!(response.status == 200, "{}", response.summary());
    ensure!(
        Seen::in_page(&response.body).is_err(),
        "let in: {}",
        response.summary()
    );
    let asked = granting_request(response)?;
    ensure!(
        asked.reason == Some(reason),
        "{:?} instead of {reason}",
        asked.reason
    );
    Ok(())
}

#[test]
fn a_granting_cookie_of_our_own_encoder_is_taken() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    let response = bring_changed(&site, &browser, |_| {})?;
    assert_eq!(
        Seen::in_page(&response.body)?.variable("REMOTE_USER"),
        Some("alice")
    );
    assert_eq!(response.header("cache-control"), Some("private"));
    assert!(
        response
            .set_cookie("__Host-pubcookie_s_demo")
            .is_some_and(|text| {
                ["; path=/", "; secure", "; HttpOnly", "; SameSite=Lax"]
                    .iter()
                    .all(|part| text.contains(part))
            })
    );
    Ok(())
}

#[test]
fn what_does_not_fit_is_sent_away_with_its_reason() -> Result<()> {
    let site = Site::start()?;
    let other = |id: &str| granting_cookie::AppServerId::encode(id).map_err(anyhow::Error::from);
    let (other_server, other_application) = (
        other("other.example.org")?,
        granting_cookie::AppId::encode("other")?,
    );
    type Change = Box<dyn FnOnce(&mut Cookie)>;
    let cases: Vec<(&str, Reason, Change)> = vec![
        (
            "another token",
            Reason::WrongPreSession,
            Box::new(|c| c.pre_session_token ^= 1),
        ),
        (
            "61 seconds old",
            Reason::GrantingTooOld,
            Box::new(|c| c.create_time = now() - 62),
        ),
        (
            "from the future",
            Reason::GrantingTooOld,
            Box::new(|c| c.create_time = now() + 310),
        ),
        ("no time", Reason::GrantingTooOld, Box::new(|c| c.create_time = 0)),
        (
            "the end of time",
            Reason::GrantingTooOld,
            Box::new(|c| c.create_time = u32::MAX),
        ),
        (
            "another application",
            Reason::NoCookie,
            Box::new(move |c| c.app_id = other_application),
        ),
        (
            "another server",
            Reason::WrongAppServerId,
            Box::new(move |c| c.app_server_id = other_server),
        ),
        (
            "another protocol",
            Reason::WrongVersion,
            Box::new(|c| c.version = Version(*b"b5\0\0")),
        ),
        (
            "another flavour",
            Reason::WrongCreds,
            Box::new(|c| c.creds = b'2'),
        ),
        ("no flavour", Reason::WrongCreds, Box::new(|c| c.creds = b'0')),
        (
            "a session cookie",
            Reason::NoCookie,
            Box::new(|c| c.cookie_type = CookieType::SESSION),
        ),
        (
            "a login cookie",
            Reason::NoCookie,
            Box::new(|c| c.cookie_type = CookieType::LOGIN),
        ),
        (
            "a pre-session cookie",
            Reason::NoCookie,
            Box::new(|c| c.cookie_type = CookieType::PRE_SESSION),
        ),
        (
            "an unreadable user",
            Reason::NoCookie,
            Box::new(|c| {
                c.user = User::from_encoded("%FF").unwrap_or(c.user);
            }),
        ),
        (
            "a line end",
            Reason::NoCookie,
            Box::new(|c| {
                c.user = User::from_encoded("alice%0Abob").unwrap_or(c.user);
            }),
        ),
    ];
    for (what, reason, change) in cases {
        let browser = site.browser()?;
        let log = site.httpd.log_from_now();
        let response = bring_changed(&site, &browser, change)?;
        sent_away(&response, reason).map_err(|error| error.context(what))?;
        assert!(browser.cookie("__Host-pubcookie_s_demo").is_none(), "{what}");
        assert!(
            log.text().contains(&format!("to log in: {reason}")),
            "{what}: {}",
            log.text()
        );
    }
    assert!(site.stored_credentials()?.is_empty());
    Ok(())
}

#[test]
fn a_blank_user_gets_a_page_and_no_loop() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    let blank = User::encode("")?;
    let response = bring_changed(&site, &browser, |cookie| cookie.user = blank)?;
    assert_eq!(response.status, 403);
    assert!(
        response.body.contains("Required user login didn't happen"),
        "{}",
        response.body
    );
    assert_eq!(response.document().refresh, None);
    Ok(())
}

#[test]
fn a_changed_character_is_enough() -> Result<()> {
    for encryption in Encryption::ALL {
        let name = match encryption {
            Encryption::Des => testbed::site::Encryption::Des,
            Encryption::Aes => testbed::site::Encryption::Aes,
            Encryption::AesDomain => testbed::site::Encryption::AesDomain,
        };
        let site = Site::builder().encryption(name).start()?;
        let url = site.url("/app");
        for position in [0, 30, 200, 400, 600, 640] {
            let browser = site.browser()?;
            let mut cookie = sealed(
                &site,
                &granted(&begin_login(&browser, &url)?, "alice")?,
                encryption,
            )?;
            let changed = if cookie.as_bytes()[position] == b'A' {
                "B"
            } else {
                "A"
            };
            cookie.replace_range(position..=position, changed);
            bring(&browser, &site, &cookie)?;
            sent_away(&ask(&browser, &url)?, Reason::NoCookie)
                .map_err(|error| error.context(format!("{encryption} at {position}")))?;
        }
    }
    Ok(())
}

#[test]
fn a_granting_cookie_works_once_in_the_whole_server() -> Result<()> {
    for mpm in Mpm::ALL {
        let site = Site::builder().mpm(mpm).start()?;
        let url = site.url("/app");
        let browser = site.browser()?;
        let asked = begin_login(&browser, &url)?;
        let cookie = sealed(&site, &granted(&asked, "alice")?, Encryption::Aes)?;
        bring(&browser, &site, &cookie)?;
        // As the browser was before the login: what a thief of its cookies has.
        let stolen = browser.with_stolen_cookies();
        let other_machine = site.browser()?;
        bring(&other_machine, &site, &cookie)?;
        assert_eq!(user(&browser.get(&url)?)?.as_deref(), Some("alice"));
        // A parallel request of the same browser is the same login, and no second logon.
        let parallel = ask(&stolen.with_stolen_cookies(), &url)?;
        let seen = Seen::in_page(&parallel.body)?;
        assert_eq!(seen.variable("REMOTE_USER"), Some("alice"));
        assert_eq!(site.myproxy.issued()?, 1, "{mpm:?}");
        // Without the pre-session it is nothing, and later it is nothing.
        let response = ask(&other_machine, &url)?;
        assert_eq!(response.status, 400, "{}", response.summary());
        std::thread::sleep(std::time::Duration::from_secs(7));
        for _ in 0..8 {
            let late = stolen.with_stolen_cookies();
            sent_away(&ask(&late, &url)?, Reason::NoCookie)?;
        }
        assert_eq!(site.myproxy.issued()?, 1, "{mpm:?}");
    }
    Ok(())
}

#[test]
fn a_session_is_one_applications_and_cannot_be_changed() -> Result<()> {
    let other = "<Location /other>\nAuthType webiso\nRequire valid-user\nPubcookieAppID other\n</Location>";
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration(other))
        .start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    sent_away(&ask(&browser, &site.url("/other"))?, Reason::NoCookie)?;
    let session = browser
        .cookie("__Host-pubcookie_s_demo")
        .expect("there is a session");
    for (name, value) in [
        ("__Host-pubcookie_s_other", session.value.clone()),
        ("__Host-pubcookie_s_demo", format!("A{}", &session.value[1..])),
        ("__Host-pubcookie_s_demo", String::new()),
        ("__Host-pubcookie_s_demo", "clear".to_owned()),
        // The original's name is not read.
        ("pubcookie_s_demo", session.value.clone()),
    ] {
        let thief = site.browser()?;
        thief.set_cookie(&site.url("/"), &format!("{name}={value}; path=/; secure"))?;
        let path = if name.ends_with("other") { "/other" } else { "/app" };
        sent_away(
            &ask(&thief, &site.url(path))?,
            if name.ends_with("other") {
                Reason::WrongAppId
            } else {
                Reason::NoCookie
            },
        )?;
    }
    Ok(())
}

#[test]
fn planted_cookies_send_nobody_in_circles() -> Result<()> {
    let site = Site::builder()
        .login_method(testbed::site::LoginMethod::Post)
        .start()?;
    let browser = site.browser()?;
    site.log_in(&browser, "/app")?;
    browser.remove_cookie(&browser.cookie("__Host-pubcookie_s_demo").context("no session")?);
    browser.set_cookie(
        &site.url("/"),
        &format!("pubcookie_g={}; path=/; secure", "x".repeat(652)),
    )?;
    // The first finds no login under way, so that the planted cookie is no answer to one.
    for _ in 0..3 {
        let response = ask(&browser, &site.url("/app"))?;
        assert_eq!(response.status, 200, "{}", response.body);
    }
    Ok(())
}

#[test]
fn planted_cookies_hide_no_good_one_and_bad_ones_are_cleared_once() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    let good = granted(&begin_login(&browser, &site.url("/app"))?, "alice")?;
    let pre_session = browser
        .cookie("__Host-pubcookie_pre_s")
        .context("no pre-session")?;
    let ask_with = |granting: &[&str]| {
        let granting: Vec<_> = granting
            .iter()
            .map(|value| format!("pubcookie_g={value}"))
            .collect();
        let head = format!(
            "GET /app HTTP/1.1\r\nHost: app.demo.localhost:{}\r\nCookie: {}; __Host-pubcookie_pre_s={}\r\n\
             Connection: close\r\n\r\n",
            site.httpd.port(),
            granting.join("; "),
            pre_session.value
        );
        browser.raw(&site.url("/"), head.as_bytes())
    };
    let old = Cookie {
        create_time: now() - 70,
        ..good.clone()
    };
    let old = sealed(&site, &old, Encryption::Aes)?;
    let answer = ask_with(&[&old, &old])?;
    assert_eq!(
        answer.matches("Set-Cookie: pubcookie_g=;").count(),
        2,
        "host and domain: {answer}"
    );
    let long = "x".repeat(4097);
    let good = sealed(&site, &good, Encryption::Aes)?;
    let answer = ask_with(&["x", "x", "x", "x", "x", "x", &long, "clear", &good])?;
    assert!(
        answer.contains("Set-Cookie: __Host-pubcookie_s_demo="),
        "{answer}"
    );
    Ok(())
}

#[test]
fn what_was_for_us_and_refused_is_a_warning() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    let url = site.url("/app");
    let good = granted(&begin_login(&browser, &url)?, "alice")?;
    let used = sealed(&site, &good, Encryption::Aes)?;
    let other_token = Cookie {
        pre_session_token: good.pre_session_token ^ 1,
        ..good.clone()
    };
    let tampered = format!("{}AAAA{}", &used[..400], &used[404..]);
    for (cookie, words, level) in [
        (
            sealed(&site, &other_token, Encryption::Aes)?,
            "does not count: 12",
            "warn",
        ),
        (tampered.clone(), "does not verify", "warn"),
    ] {
        let log = site.httpd.log_from_now();
        bring(&browser, &site, &cookie)?;
        ask(&browser, &url)?;
        let lines = log.lines_with(words);
        assert!(
            lines
                .iter()
                .any(|line| line.contains(&format!("[pubcookie:{level}]"))),
            "{}",
            log.text()
        );
    }
    // Where no login is under way, anybody may have put it there.
    let stranger = site.browser()?;
    bring(&stranger, &site, &tampered)?;
    let log = site.httpd.log_from_now();
    ask(&stranger, &url)?;
    assert!(
        log.lines_with("does not verify")[0].contains("[pubcookie:info]"),
        "{}",
        log.text()
    );
    Ok(())
}
