//! The pages that say what went wrong, in a real browser: each is kept as a picture.

mod visitor;

use anyhow::{Result, ensure};
use testbed::Clock;
use testbed::site::{AppServer, Site, USER};
use testbed_chromium::{Chromium, JavaScript};
use visitor::{GO_ON, LOGIN_FORM, send_login_form, user};

/// Waits for a page with this heading and keeps its picture.
fn refused(chromium: &Chromium, heading: &str, picture: &str) -> Result<()> {
    chromium.wait_for("[role=alert], main h1")?;
    let source = chromium.source()?;
    ensure!(source.contains(heading), "instead of \"{heading}\": {source}");
    chromium.keep_picture(picture)?;
    Ok(())
}

#[test]
fn what_cannot_be_carried_through_a_login_is_refused_with_a_page() -> Result<()> {
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration("PubcookieMaxPost 1000"))
        .start()?;
    let chromium = Chromium::start(JavaScript::On)?;
    let encodings = [
        (
            "multipart/form-data",
            "a",
            "multipart/form-data not allowed",
            "refused-multipart",
        ),
        (
            "application/x-www-form-urlencoded",
            "",
            "Invalid POST data",
            "refused-empty",
        ),
        (
            "application/x-www-form-urlencoded",
            "long",
            "POST data larger",
            "refused-too-large",
        ),
    ];
    for (encoding, field, heading, picture) in encodings {
        chromium.visit(&site.url("/public"))?;
        chromium.run(&format!(
            "document.body.innerHTML = `<form method=post enctype='{encoding}' action='{}'>
               <textarea name='{field}'></textarea><button>Send</button></form>`;
             document.querySelector('textarea').value = '{field}'.repeat(400);",
            site.url("/app")
        ))?;
        chromium.click("form button")?;
        refused(&chromium, heading, picture)?;
    }
    chromium.visit(&format!("{}?{}", site.url("/app"), "long".repeat(600)))?;
    refused(&chromium, "GET arguments longer than supported", "refused-query")
}

#[test]
fn a_password_is_asked_for_again_and_a_guesser_has_to_wait() -> Result<()> {
    let clock = Clock::new()?;
    let place = "<Location /app/again>\nPubcookieSessionCauseReAuth on\n</Location>";
    let site = clock
        .drive(Site::builder().app_server(AppServer::new("app").configuration(place)))
        .login_configuration("PubcookieLoginDelay 2 600")
        .start()?;
    let chromium = Chromium::start(JavaScript::On)?;
    chromium.visit(&site.url("/app"))?;
    send_login_form(&chromium)?;
    assert_eq!(user(&chromium)?, USER);

    chromium.visit(&site.url("/app/again"))?;
    chromium.wait_for("input[name=user][readonly]")?;
    chromium.keep_picture("login-form-again")?;
    // The delay doubles with each wrong password, until it is longer than typing takes.
    let mut guesses = 0;
    while !chromium.source()?.contains("too many wrong passwords") {
        guesses += 1;
        ensure!(guesses < 20, "no delay after {guesses} wrong passwords");
        chromium.fill_in(LOGIN_FORM, "not it")?;
        chromium.click(GO_ON)?;
        chromium.wait_for("[role=alert]")?;
    }
    chromium.keep_picture("too-many-wrong-passwords")?;
    // An hour later it is forgiven.
    clock.set_ahead(3600)?;
    chromium.visit(&site.url("/app/again"))?;
    chromium.fill_in(LOGIN_FORM, testbed::site::PASSWORD)?;
    chromium.click(GO_ON)?;
    assert_eq!(user(&chromium)?, USER);
    Ok(())
}

#[test]
fn a_browser_without_cookies_is_told_so() -> Result<()> {
    let site = Site::start()?;
    let chromium = Chromium::without_cookies()?;
    chromium.visit(&site.url("/app"))?;
    // By GET the granting request is lost on the way: the login server asks for a login of its own, which it cannot
    // tie to this browser.
    send_login_form(&chromium)?;
    refused(&chromium, "cookies", "no-cookies")
}
