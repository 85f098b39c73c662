//! The bed itself, with httpd's own modules alone.

use std::time::Duration;

use anyhow::Result;
use testbed::PrivateDirectory;
use testbed::application::{self, Seen};
use testbed::browser::{Browser, Request};
use testbed::httpd::{Httpd, Mpm};
use testbed::pki::Authority;
use testbed::redis::Redis;
use url::Url;

struct Bed {
    httpd: Httpd,
    browser: Browser,
    // Dropped last.
    _directory: PrivateDirectory,
}

/// The application on `app.demo.localhost`, and on `other.demo.localhost` whatever `other` says.
fn bed(mpm: Mpm, other: &str) -> Result<Bed> {
    let directory = PrivateDirectory::new("stock-httpd")?;
    let authority = Authority::new(directory.path(), "tls")?;
    let certificate = authority.server_certificate("tls", &["app.demo.localhost", "*.demo.localhost"])?;
    let program = application::install(directory.path())?;
    let script = format!(
        "ScriptAliasMatch \"^/\" \"{}\"\n<Location />\nRequire all granted\n</Location>",
        program.display()
    );
    let httpd = Httpd::builder(directory.path())?
        .mpm(mpm)
        .host("app.demo.localhost", &certificate, &script)
        .host("other.demo.localhost", &certificate, other)
        .start()?;
    let browser = Browser::new(authority.certificate())?;
    Ok(Bed {
        httpd,
        browser,
        _directory: directory,
    })
}

#[test]
fn serves_the_application_with_every_mpm_and_restarts() -> Result<()> {
    for mpm in Mpm::ALL {
        let Bed {
            httpd,
            browser,
            _directory,
        } = bed(mpm, "")?;
        let url = httpd.url("app.demo.localhost", "/a?b=%3Cscript%3E");
        let seen = Seen::in_page(&browser.get(&url)?.body)?;
        assert_eq!(seen.variable("QUERY_STRING"), Some("b=%3Cscript%3E"));
        assert_eq!(seen.variable("HTTP_SEC_FETCH_SITE"), Some("none"));
        assert_eq!(seen.variable("HTTP_ACCEPT_ENCODING"), None);
        assert_eq!(seen.credential, None);

        let before = httpd.children()?;
        assert!(
            before.len() >= 2 && before.iter().all(|child| child.resident_memory > 1 << 20),
            "{before:?}"
        );
        httpd.graceful_restart()?;
        httpd.full_restart()?;
        let after = httpd.children()?;
        assert!(
            after
                .iter()
                .all(|child| before.iter().all(|old| old.pid != child.pid)),
            "{before:?} {after:?}"
        );
        assert_eq!(browser.get(&url)?.status, 200);
        httpd.stop()?;
    }
    Ok(())
}

#[test]
fn follows_a_redirect_and_a_refresh_and_submits_a_form() -> Result<()> {
    let other = "Redirect /moved /page\n\
        <Location /page>\n\
        ErrorDocument 404 \"<meta http-equiv=refresh content='0;URL=/form'>\"\n\
        Header always set Set-Cookie \"where=page; path=/; domain=.demo.localhost; secure\"\n\
        Header always add Set-Cookie \"bad=1; domain=.localhost\"\n\
        </Location>\n\
        <Location /form>\n\
        ErrorDocument 404 \"<form method=post action=/moved2><input name=a value='1&amp;2'><input type=submit></form>\"\n\
        </Location>\n";
    let port_of_app = |httpd: &Httpd| httpd.url("app.demo.localhost", "/end");
    let Bed {
        httpd,
        browser,
        _directory,
    } = bed(Mpm::Event, other)?;

    let form = browser.get(&httpd.url("other.demo.localhost", "/moved"))?;
    let way: Vec<u16> = form.all().map(|response| response.status).collect();
    assert_eq!(way, [302, 404, 404], "{}", form.story());
    assert_eq!(form.hop_that_set("where")?.refused_cookies.len(), 1);
    assert_eq!(browser.cookies().len(), 1);

    let mut filled = form.form_with("a")?.fill("b", "x y");
    filled.action = port_of_app(&httpd);
    let seen = Seen::in_page(&browser.submit(&form, &filled)?.body)?;
    assert_eq!(seen.body, "a=1%262&b=x+y");
    assert_eq!(seen.variable("HTTP_COOKIE"), Some("where=page"));
    assert_eq!(seen.variable("HTTP_SEC_FETCH_SITE"), Some("same-site"));
    let origin = httpd.url("other.demo.localhost", "");
    assert_eq!(seen.variable("HTTP_ORIGIN"), Some(origin.as_str()));
    assert_eq!(seen.variable("HTTP_REFERER"), Some(format!("{origin}/").as_str()));
    Ok(())
}

#[test]
fn two_browsers_share_nothing_and_two_tabs_share_all() -> Result<()> {
    let Bed {
        httpd,
        browser,
        _directory,
    } = bed(Mpm::Event, "")?;
    let url = httpd.url("app.demo.localhost", "/");
    browser.clone().set_cookie(&url, "__Host-s=1; path=/; secure")?;
    let cookie = |browser: &Browser| -> Result<Option<String>> {
        Ok(Seen::in_page(&browser.get(&url)?.body)?
            .variable("HTTP_COOKIE")
            .map(str::to_owned))
    };
    let thief = browser.with_stolen_cookies();
    assert_eq!(cookie(&browser)?.as_deref(), Some("__Host-s=1"));
    browser.remove_cookie(&browser.cookie("__Host-s").expect("the cookie just set"));
    assert_eq!(cookie(&browser)?, None);
    assert_eq!(cookie(&thief)?.as_deref(), Some("__Host-s=1"));
    Ok(())
}

#[test]
fn fifty_requests_at_once_and_raw_bytes() -> Result<()> {
    let Bed {
        httpd,
        browser,
        _directory,
    } = bed(Mpm::Event, "")?;
    let url = httpd.url("app.demo.localhost", "/");
    std::thread::scope(|scope| {
        let answers: Vec<_> = (0..50).map(|_| scope.spawn(|| browser.get(&url))).collect();
        for answer in answers {
            assert_eq!(answer.join().expect("no panic")?.status, 200);
        }
        anyhow::Ok(())
    })?;
    let answer = browser.raw(
        &url,
        b"GET / HTTP/1.1\r\nHost: app.demo.localhost\r\nBad Header\r\n\r\n",
    )?;
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");

    let twice = Request::get(Url::parse(&url)?)
        .header("X-A", "1")
        .header("X-A", "2");
    let seen = Seen::in_page(&browser.exchange(&twice)?.body)?;
    assert_eq!(seen.variable("HTTP_X_A"), Some("1, 2"));
    Ok(())
}

#[test]
fn a_browser_trusts_its_authority_alone() -> Result<()> {
    let Bed {
        httpd, _directory, ..
    } = bed(Mpm::Event, "")?;
    let stranger = Authority::new(_directory.path(), "stranger")?;
    let url = httpd.url("app.demo.localhost", "/");
    let browser = Browser::new(stranger.certificate())?;
    assert!(browser.get(&url).is_err());
    assert!(browser.raw(&url, b"GET / HTTP/1.0\r\n\r\n").is_err());
    Ok(())
}

#[test]
fn a_configuration_that_httpd_refuses_says_why() -> Result<()> {
    let directory = PrivateDirectory::new("refused")?;
    let refused = Httpd::builder(directory.path())?
        .configuration("NoSuchDirective on")
        .start();
    let error = format!("{:#}", refused.err().expect("httpd does not know the directive"));
    assert!(error.contains("Invalid command 'NoSuchDirective'"), "{error}");
    let words = Httpd::builder(directory.path())?
        .configuration("NoSuchDirective on")
        .configtest()?;
    assert!(words.unwrap_err().contains("Invalid command 'NoSuchDirective'"));
    let words = Httpd::builder(directory.path())?.configtest()?;
    assert!(words.unwrap().contains("Syntax OK"));
    Ok(())
}

#[test]
fn the_log_is_waited_for_and_redis_answers() -> Result<()> {
    let redis = Redis::start()?;
    assert!(redis.socache().starts_with("redis:127.0.0.1:"));
    let Bed {
        httpd, _directory, ..
    } = bed(Mpm::Event, "")?;
    assert!(
        httpd
            .log()
            .wait_for("resuming normal operations", Duration::from_secs(5))
            .is_ok()
    );
    assert!(
        httpd
            .log_from_now()
            .wait_for("resuming normal operations", Duration::from_millis(50))
            .is_err()
    );
    Ok(())
}
