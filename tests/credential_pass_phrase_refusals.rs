//! A wrong pass phrase is 401 and an unreachable MyProxy server 500, never the other way round; the page about it knows why.

#[path = "credential_pass_phrase_support/mod.rs"]
mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;
use std::time::Duration;

use anyhow::{Result, ensure};
use regex::Regex;
use support::{BASIC, PASS_PHRASE, Site, USER, seen};
use testbed::browser::Response;
use testbed::httpd::Mpm;
use testbed::{PrivateDirectory, wait_until};

const WRONG: &str = "close-sesame";

/// What the page about a refusal sees.
fn told(answer: &Response) -> Result<(u16, String, String)> {
    let page = seen(answer)?;
    ensure!(page.variable("X509_USER_PROXY").is_none(), "{page:?}");
    let variable = |name| page.variable(name).unwrap_or_default().to_owned();
    Ok((
        answer.status,
        variable("MYPROXY_ERROR"),
        variable("MYPROXY_ERROR_DESC"),
    ))
}

fn is_refused(answer: &Response, words: &str) -> Result<()> {
    let (status, error, description) = told(answer)?;
    assert_eq!((status, error.as_str()), (401, "refused"), "{words}");
    ensure!(
        description.contains(words),
        "{description:?} does not say {words:?}"
    );
    ensure!(
        answer.header("WWW-Authenticate").is_some(),
        "{}",
        answer.summary()
    );
    Ok(())
}

#[test]
fn what_is_wrong_is_401_and_what_cannot_be_sent_is_never_shown_to_the_server() -> Result<()> {
    let site = Site::builder().start()?;
    let log = site.httpd.log_from_now();
    let wrong = "the user name or the pass phrase is wrong";
    is_refused(&site.fetch("/app", USER, WRONG)?, wrong)?;
    // Whoever guesses does not learn which names there are.
    is_refused(&site.fetch("/app", "nobody-here", PASS_PHRASE)?, wrong)?;
    assert_eq!(site.asked(), 2);

    is_refused(&site.fetch("/app", USER, "")?, "empty")?;
    is_refused(&site.fetch("/app", USER, &"x".repeat(1025))?, "1024")?;
    is_refused(&site.fetch("/app", USER, "open\nsesame")?, "pass phrase")?;
    is_refused(&site.fetch("/app", USER, "LIFETIME=1")?, "LIFETIME=")?;
    is_refused(&site.fetch("/app", "", PASS_PHRASE)?, "")?;
    assert_eq!(site.asked(), 2, "refused before anything is sent");
    // As many bytes as the server takes.
    is_refused(&site.fetch("/app", USER, &"x".repeat(1024))?, wrong)?;
    assert_eq!((site.asked(), site.myproxy.issued()?), (3, 0));
    assert_eq!(
        site.stored_credentials()?.len() + site.stored_sessions()?.len(),
        0
    );

    // The lines that fail2ban's filter apache-auth looks for, and ours with the server's words.
    let lines = log.text();
    for line in [
        r#"\[client 127\.0\.0\.1:\d+\] (AH\d+: )?user alice: authentication failure for "/app": Password Mismatch"#,
        r"\[client 127\.0\.0\.1:\d+\] .*the pass phrase of alice was refused: .*invalid password",
        r"\[client 127\.0\.0\.1:\d+\] .*the pass phrase of nobody-here was refused: .*invalid password",
    ] {
        ensure!(
            Regex::new(line)?.is_match(&lines),
            "no line like {line} in:\n{lines}"
        );
    }
    Ok(())
}

#[test]
fn a_server_that_trusts_our_certificate_lets_no_wrong_pass_phrase_through() -> Result<()> {
    let hash = openssl::base64::encode_block(&openssl::sha::sha1(b"of-the-file"));
    let directory = PrivateDirectory::new("passwords")?;
    let passwords = directory.write("passwords", 0o644, format!("carol:{{SHA}}{hash}\n"))?;
    let site = Site::builder()
        .trusted()
        .configuration(&format!(
            "<Location /check>\n{BASIC}AuthBasicProvider myproxy\n</Location>\n\
             <Location /app/vouched>\nAuthBasicProvider file\nAuthUserFile \"{}\"\n</Location>",
            passwords.display()
        ))
        .start()?;
    // It does trust us: a user whose pass phrase it never sees gets a credential.
    let page = seen(&site.fetch("/app/vouched", "carol", "of-the-file")?)?;
    ensure!(page.credential()?.subject.ends_with("/CN=carol"));
    assert_eq!(site.myproxy.issued()?, 1);

    for path in ["/app", "/check"] {
        for wrong in [WRONG, "", " "] {
            for user in [USER, "carol"] {
                let answer = site.fetch(path, user, wrong)?;
                assert_eq!(answer.status, 401, "{path} {user} {wrong:?}");
            }
        }
    }
    assert_eq!(site.myproxy.issued()?, 1);
    seen(&site.fetch("/app", USER, PASS_PHRASE)?)?.credential()?;
    Ok(())
}

#[test]
fn a_server_that_cannot_be_asked_is_500_for_every_pass_phrase() -> Result<()> {
    let mut site = Site::builder()
        .mpm(Mpm::Worker)
        .configuration(&format!(
            "<Location /check>\n{BASIC}AuthBasicProvider myproxy\n</Location>\n\
             <Location /chain>\n{BASIC}AuthBasicProvider myproxy file\nAuthUserFile none\n</Location>"
        ))
        .start()?;
    let browser = site.browser()?;
    seen(&site.visit(&browser, "/app", USER, PASS_PHRASE)?)?.credential()?;
    site.myproxy.stop();
    for path in ["/app", "/check", "/chain"] {
        for pass_phrase in [PASS_PHRASE, WRONG] {
            let answer = site.fetch(path, USER, pass_phrase)?;
            let (status, error, description) = told(&answer)?;
            assert_eq!(
                (status, error.as_str()),
                (500, "unreachable"),
                "{path} {pass_phrase}: {description}"
            );
            ensure!(
                answer.header("WWW-Authenticate").is_none(),
                "{}",
                answer.summary()
            );
        }
    }
    let log = site.httpd.log();
    log.wait_for(
        "whether the pass phrase of alice is right cannot be told: unreachable",
        Duration::from_secs(5),
    )?;
    // An empty one is wrong whatever the server would say.
    is_refused(&site.fetch("/app", USER, "")?, "empty")?;
    // Who has proved it needs no server; another pass phrase does.
    seen(&site.visit(&browser, "/app", USER, PASS_PHRASE)?)?.credential()?;
    assert_eq!(site.visit(&browser, "/app", USER, WRONG)?.status, 500);

    site.restart_myproxy()?;
    seen(&site.fetch("/app", USER, PASS_PHRASE)?)?.credential()?;
    is_refused(&site.fetch("/app", USER, WRONG)?, "wrong")
}

#[test]
fn a_server_that_is_not_trusted_is_500_and_too_many_checks_at_once_are() -> Result<()> {
    let site = Site::builder()
        .configuration("MyProxyMaxConcurrent 1\nMyProxyTimeout 20 20")
        .start()?;
    // The one check that may go on waits for the server.
    site.delay(Duration::from_secs(1));
    thread::scope(|scope| {
        let slow = scope.spawn(|| site.fetch("/app", USER, PASS_PHRASE));
        ensure!(
            wait_until(Duration::from_secs(10), || site.asked() == 1),
            "it was not asked"
        );
        let (status, error, description) = told(&site.fetch("/app", USER, WRONG)?)?;
        assert_eq!((status, error.as_str()), (500, "unreachable"), "{description}");
        ensure!(description.contains("MyProxyMaxConcurrent"), "{description}");
        site.delay(Duration::ZERO);
        let slow = slow.join().map_err(|_| anyhow::anyhow!("a request panicked"))??;
        seen(&slow)?.credential().map(|_| ())
    })?;
    drop(site);

    let site = Site::builder()
        .configuration("MyProxyServerName elsewhere.example.org")
        .start()?;
    for pass_phrase in [PASS_PHRASE, WRONG] {
        let (status, error, _) = told(&site.fetch("/app", USER, pass_phrase)?)?;
        assert_eq!((status, error.as_str()), (500, "untrusted"));
    }
    assert_eq!(site.myproxy.issued()?, 0);
    Ok(())
}

/// A certification authority signs no key on an elliptic curve.
#[test]
fn what_the_server_refuses_for_another_reason_is_a_denial_with_its_words() -> Result<()> {
    let site = Site::builder().configuration("MyProxyKey ec:p256").start()?;
    let log = site.httpd.log_from_now();
    is_refused(
        &site.fetch("/app", USER, PASS_PHRASE)?,
        "an EC key was not signed",
    )?;
    ensure!(
        Regex::new(r"\[myproxy:warn\] .*the pass phrase of alice was refused: .*its words")?
            .is_match(&log.text()),
        "{}",
        log.text()
    );
    assert_eq!(
        site.stored_credentials()?.len() + site.stored_sessions()?.len(),
        0
    );
    Ok(())
}

#[test]
fn a_store_that_fails_keeps_nobody_out() -> Result<()> {
    let site = Site::builder().mpm(Mpm::Prefork).start()?;
    let browser = site.browser()?;
    let store = site.directory().join("credentials");
    fs::set_permissions(&store, fs::Permissions::from_mode(0o777))?;
    let page = site.visit(&browser, "/app", USER, PASS_PHRASE)?;
    assert_eq!(page.status, 200);
    assert_eq!(seen(&page)?.variable("MYPROXY_ERROR"), Some("store"));
    assert_eq!(site.visit(&browser, "/app", USER, WRONG)?.status, 401);

    fs::set_permissions(&store, fs::Permissions::from_mode(0o700))?;
    seen(&site.visit(&browser, "/app", USER, PASS_PHRASE)?)?.credential()?;
    Ok(())
}
