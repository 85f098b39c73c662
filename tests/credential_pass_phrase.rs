//! `AuthBasicProvider myproxy`: a pass phrase is right if the MyProxy server takes it, and brings a credential.

#[path = "credential_pass_phrase_support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::thread;

use anyhow::{Result, ensure};
use support::{BASIC, PASS_PHRASE, Site, USER, seen};
use testbed::browser::Browser;
use testbed::httpd::Mpm;

const WRONG: &str = "close-sesame";

#[test]
fn a_session_that_has_proved_its_pass_phrase_asks_the_server_once_under_every_mpm() -> Result<()> {
    for mpm in Mpm::ALL {
        let site = Site::builder().mpm(mpm).start()?;
        let browser = site.browser()?;
        let first = site.visit(&browser, "/app", USER, PASS_PHRASE)?;
        assert_eq!(first.status, 200, "{mpm:?}: {}", first.body);
        assert!(first.set_cookie("MM_SESSION").is_some());
        let page = seen(&first)?;
        assert_eq!(page.variable("REMOTE_USER"), Some(USER));
        assert_eq!(page.variable("AUTH_TYPE"), Some("Basic"));
        ensure!(page.credential()?.subject.ends_with("/CN=alice"), "{page:?}");
        assert_eq!(
            (site.asked(), site.myproxy.issued()?),
            (1, 1),
            "{mpm:?}: one logon, not two"
        );

        // Every child knows it.
        for _ in 0..12 {
            seen(&site.visit(&browser, "/app", USER, PASS_PHRASE)?)?.credential()?;
        }
        assert_eq!(site.asked(), 1, "{mpm:?}");

        assert_eq!(site.visit(&browser, "/app", USER, WRONG)?.status, 401, "{mpm:?}");
        assert_eq!(site.asked(), 2, "{mpm:?}: another pass phrase");
        seen(&site.visit(&browser, "/app", USER, PASS_PHRASE)?)?.credential()?;
        assert_eq!(site.asked(), 2, "{mpm:?}");

        right_and_wrong_at_once(&site, &browser)?;
        no_trace_of(PASS_PHRASE, site.directory())?;
        no_trace_of(WRONG, site.directory())?;
    }
    Ok(())
}

/// With one session's cookie, and without any.
fn right_and_wrong_at_once(site: &Site, browser: &Browser) -> Result<()> {
    let stranger = site.browser()?;
    thread::scope(|scope| {
        let asks: Vec<_> = [browser, &stranger]
            .into_iter()
            .flat_map(|client| [(client, PASS_PHRASE, 200), (client, WRONG, 401)].repeat(2))
            .map(|(client, pass_phrase, status)| {
                let client = client.with_stolen_cookies();
                scope.spawn(move || {
                    let answer = site.visit(&client, "/app", USER, pass_phrase)?;
                    ensure!(answer.status == status, "{pass_phrase}: {}", answer.summary());
                    Ok(())
                })
            })
            .collect();
        for ask in asks {
            ask.join().map_err(|_| anyhow::anyhow!("a request panicked"))??;
        }
        Ok(())
    })
}

/// Not in any file: as it is, as a header has it, or as a digest that anybody could make.
fn no_trace_of(pass_phrase: &str, directory: &Path) -> Result<()> {
    let base64 = openssl::base64::encode_block(format!("{USER}:{pass_phrase}").as_bytes());
    let digest = openssl::sha::sha256(pass_phrase.as_bytes());
    let digest: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let mut searched = 0;
    let mut waiting = vec![directory.to_owned()];
    while let Some(path) = waiting.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(path)? {
                waiting.push(entry?.path());
            }
        } else if path.is_file() {
            searched += 1;
            let text = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
            for trace in [pass_phrase, &base64, &digest] {
                ensure!(!text.contains(trace), "{} holds {trace}", path.display());
            }
        }
    }
    ensure!(searched > 5, "only {searched} files");
    Ok(())
}

#[test]
fn another_session_a_logout_and_a_restart_ask_the_server_anew() -> Result<()> {
    let site = Site::builder().user("bob", "bobs-own-phrase").start()?;
    let browser = site.browser()?;
    let expect = |browser: &Browser, asked: u64| -> Result<()> {
        seen(&site.visit(browser, "/app", USER, PASS_PHRASE)?)?.credential()?;
        assert_eq!(site.asked(), asked);
        Ok(())
    };
    expect(&browser, 1)?;
    let other = site.browser()?;
    expect(&other, 2)?;
    // Each goes on with its own proof.
    expect(&browser, 2)?;
    expect(&other, 2)?;

    // The session of one user proves nothing for another.
    assert_eq!(site.visit(&browser, "/app", "bob", PASS_PHRASE)?.status, 401);
    assert_eq!(site.asked(), 3);

    let stolen = browser.with_stolen_cookies();
    browser.get(&site.url("/logout"))?;
    assert_eq!(site.stored_credentials()?, [""; 0], "a logout leaves nothing");
    expect(&stolen, 4)?;
    expect(&browser, 5)?;

    // Its credential gone, by whatever way.
    fs::remove_file(site.directory().join("credentials/alice"))?;
    expect(&browser, 6)?;

    site.httpd.full_restart()?;
    expect(&browser, 7)?;
    expect(&browser, 7)?;

    // Another user in the same browser has a session of its own, and ends this one.
    let page = site.visit(&browser, "/app", "bob", "bobs-own-phrase")?;
    ensure!(seen(&page)?.credential()?.subject.ends_with("/CN=bob"));
    expect(&browser, 9)
}

#[test]
fn a_client_without_cookies_asks_each_time_and_leaves_one_session_behind() -> Result<()> {
    let site = Site::builder().start()?;
    for asked in 1..=4 {
        let page = seen(&site.fetch("/app", USER, PASS_PHRASE)?)?;
        page.credential()?;
        assert_eq!(site.asked(), asked);
    }
    assert_eq!(site.stored_sessions()?.len(), 1);
    assert_eq!(site.fetch("/app", USER, WRONG)?.status, 401);
    Ok(())
}

#[test]
fn where_no_credential_is_wanted_the_check_makes_none() -> Result<()> {
    let site = Site::builder()
        .configuration(&format!(
            "<Location /check>\n{BASIC}AuthBasicProvider myproxy\n</Location>\n\
             <Location /app/off>\nMyProxyCredential Off\n</Location>"
        ))
        .start()?;
    for path in ["/check", "/app/off"] {
        let before = site.asked();
        let browser = site.browser()?;
        let page = site.visit(&browser, path, USER, PASS_PHRASE)?;
        assert_eq!(page.status, 200, "{path}");
        assert!(page.set_cookie("MM_SESSION").is_none(), "{path}");
        let page = seen(&page)?;
        assert_eq!(page.variable("X509_USER_PROXY"), None, "{path}");
        assert_eq!(page.variable("MYPROXY_ERROR"), None, "{path}");
        assert_eq!(site.visit(&browser, path, USER, WRONG)?.status, 401, "{path}");
        assert_eq!(site.asked(), before + 2, "{path}");
    }
    assert_eq!(site.myproxy.issued()?, 0);
    assert_eq!(
        site.stored_credentials()?.len() + site.stored_sessions()?.len(),
        0
    );
    Ok(())
}
