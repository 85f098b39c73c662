//! What the tests do as a visitor of a site.
#![allow(dead_code, reason = "each test program uses a part of it")]

use anyhow::{Context, Result};
use testbed::application::Seen;
use testbed::site::{PASSWORD, USER};
use testbed_chromium::Chromium;

/// The login server's form.
pub const LOGIN_FORM: &str = "input[name=pass]";
/// What a page shows that waits for the user to go on.
pub const GO_ON: &str = "form button";
/// The application's page: it ends with what there is of the environment.
pub const APPLICATION: &str = "details > summary";

/// Fills in the login form and sends it.
pub fn send_login_form(chromium: &Chromium) -> Result<()> {
    chromium.fill_in("input[name=user]", USER)?;
    chromium.fill_in(LOGIN_FORM, PASSWORD)?;
    chromium.click(GO_ON)
}

/// What the application shows, once its page is there.
pub fn application(chromium: &Chromium) -> Result<Seen> {
    chromium.wait_for(APPLICATION)?;
    Seen::in_page(&chromium.source()?)
}

/// The user whom the application saw, once its page is there.
pub fn user(chromium: &Chromium) -> Result<String> {
    let seen = application(chromium)?;
    let user = seen
        .variable("REMOTE_USER")
        .context("the application sees no user")?;
    Ok(user.to_owned())
}
