//! Sessions in a real browser: many tabs at once, and a user who comes back late.

mod visitor;

use anyhow::{Result, ensure};
use testbed::Clock;
use testbed::site::{LoginMethod, Site, USER};
use testbed_chromium::{Chromium, JavaScript};
use visitor::{LOGIN_FORM, application, send_login_form, user};

#[test]
fn eight_tabs_opened_at_once_come_to_their_pages() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = Site::builder().login_method(method).start()?;
        let chromium = Chromium::start(JavaScript::On)?;
        chromium.visit(&site.url("/public"))?;
        chromium.run(&format!(
            "for (let tab = 1; tab <= 8; tab++) window.open('{}?tab=' + tab)",
            site.url("/app")
        ))?;
        let tabs = chromium.tabs()?;
        assert_eq!(tabs.len(), 9);
        for (number, tab) in tabs.iter().enumerate().skip(1) {
            chromium.turn_to(tab)?;
            // The first login serves those that have yet to come to the form; the others are sent in turn.
            chromium.wait_for(&format!("{LOGIN_FORM}, {}", visitor::APPLICATION))?;
            if chromium.source()?.contains("name=\"pass\"") {
                send_login_form(&chromium)?;
            }
            let seen = application(&chromium)?;
            assert_eq!(
                seen.variable("REMOTE_USER"),
                Some(USER),
                "{method:?}, tab {number}"
            );
            let query = seen.variable("QUERY_STRING").unwrap_or_default();
            ensure!(
                query.starts_with("tab="),
                "{method:?}: tab {number} came to {}",
                chromium.address()?
            );
        }
        assert_eq!(site.myproxy.issued()?, 1, "one logon for all of them");
    }
    Ok(())
}

#[test]
fn who_was_idle_too_long_logs_in_again_and_comes_to_the_same_page() -> Result<()> {
    let clock = Clock::new()?;
    let site = clock
        .drive(Site::builder())
        .configuration("<Location /app>\nPubcookieInactiveExpire 300\n</Location>")
        .start()?;
    let chromium = Chromium::start(JavaScript::On)?;
    chromium.visit(&site.url("/app"))?;
    send_login_form(&chromium)?;
    assert_eq!(user(&chromium)?, USER);

    // The login server still knows the user: nothing is asked.
    clock.set_ahead(400)?;
    chromium.visit(&site.url("/app?again"))?;
    assert_eq!(user(&chromium)?, USER);
    assert_eq!(chromium.address()?, site.url("/app?again"));
    ensure!(
        site.httpd.log().text().contains("inactive for too long"),
        "the log does not say why: {}",
        site.httpd.log().text()
    );

    // The next morning it does not.
    clock.set_ahead(10 * 3600)?;
    chromium.visit(&site.url("/app?tomorrow"))?;
    chromium.wait_for(LOGIN_FORM)?;
    chromium.keep_picture("login-form-after-a-night")?;
    send_login_form(&chromium)?;
    assert_eq!(user(&chromium)?, USER);
    assert_eq!(chromium.address()?, site.url("/app?tomorrow"));
    Ok(())
}
