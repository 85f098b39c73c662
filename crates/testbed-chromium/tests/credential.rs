//! The page where a user downloads the own credential, in a real browser: its policy, and the headers that it sends with
//! the form.

mod visitor;

use std::time::Duration;

use anyhow::{Result, ensure};
use testbed::site::{AppServer, Site};
use testbed_chromium::{Chromium, JavaScript};
use visitor::send_login_form;

const DOWNLOAD: &str = "button[value=pem]";

#[test]
fn a_user_downloads_the_own_credential() -> Result<()> {
    let place = "<Location /app/credential>\nSetHandler myproxy-credential\n</Location>";
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration(place))
        .start()?;
    let chromium = Chromium::start(JavaScript::On)?;
    chromium.visit(&site.url("/app/credential"))?;
    send_login_form(&chromium)?;
    chromium.wait_for(DOWNLOAD)?;
    chromium.keep_picture("credential-download")?;

    chromium.fill_in("input[name=pass_phrase]", "seven and five")?;
    chromium.fill_in("input[name=again]", "seven and six")?;
    chromium.click(DOWNLOAD)?;
    chromium.wait_for("[role=alert]")?;
    ensure!(chromium.source()?.contains("differ"));
    chromium.keep_picture("credential-download-again")?;

    let log = site.httpd.log_from_now();
    chromium.fill_in("input[name=pass_phrase]", "seven and five")?;
    chromium.fill_in("input[name=again]", "seven and five")?;
    // It leads to no other page.
    chromium.run(&format!("document.querySelector('{DOWNLOAD}').click()"))?;
    log.wait_for("alice downloads the own credential", Duration::from_secs(20))?;

    chromium.visit(&site.url("/logout"))?;
    chromium.visit(&site.url("/app/credential"))?;
    chromium.wait_for("[role=alert]")?;
    chromium.keep_picture("credential-download-nothing")?;
    Ok(())
}
