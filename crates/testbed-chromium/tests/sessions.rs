//! Sessions in a real browser: many tabs at once, and a user who comes back late.

mod visitor;

use anyhow::{Result, ensure};
use testbed::Clock;
use testbed::site::{LoginMethod, Site, USER};
use testbed_chromium::{Chromium, JavaScript};
use visitor::{APPLICATION, LOGIN_FORM, send_login_form, user};

/// What the login server shows to a user who is logged in and wants nothing.
const STATUS: &str = "main a[href*=logout], main form[action*=logout]";

#[test]
fn eight_tabs_opened_at_once_come_to_their_pages() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = Site::builder().login_method(method).start()?;
        let chromium = Chromium::start(JavaScript::On)?;
        chromium.visit(&site.url("/public"))?;
        let first = site.url("/app?tab=");
        chromium.run(&format!(
            "for (let tab = 1; tab <= 8; tab++) window.open('{first}' + tab)"
        ))?;
        let tabs = chromium.tabs()?;
        assert_eq!(tabs.len(), 9);
        let mut shown = Vec::new();
        for tab in &tabs[1..] {
            chromium.turn_to(tab)?;
            chromium.wait_for(&format!("{LOGIN_FORM}, {APPLICATION}, {STATUS}"))?;
            if chromium.source()?.contains("name=\"pass\"") {
                send_login_form(&chromium)?;
                chromium.wait_for(&format!("{APPLICATION}, {STATUS}"))?;
            }
            shown.push(chromium.address()?);
        }
        shown.sort();
        let own_pages: Vec<String> = (1..=8).map(|tab| format!("{first}{tab}")).collect();
        match method {
            LoginMethod::Post => assert_eq!(shown, own_pages),
            // The tabs of one moment share the one cookie with the granting request: each comes to the page of one of
            // them, or to the login server's, and no one to an error.
            LoginMethod::Get => {
                let login_server = site.url_at("login", "/");
                let known = |page: &String| own_pages.contains(page) || *page == login_server;
                ensure!(shown.iter().all(known), "{shown:?}");
            }
        }
        for page in &own_pages {
            chromium.visit(page)?;
            assert_eq!(user(&chromium)?, USER, "{method:?}: one login serves them all");
        }
        assert_eq!(site.myproxy.issued()?, 1, "{method:?}: so does one logon");
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
