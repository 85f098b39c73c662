//! A form that is sent while nobody is logged in, in a real browser.

mod visitor;

use anyhow::{Result, ensure};
use testbed::application::Seen;
use testbed::site::{LoginMethod, Site, USER};
use testbed_chromium::{Chromium, JavaScript};
use visitor::{APPLICATION, GO_ON, LOGIN_FORM, application, send_login_form};

/// What a browser makes of the form's fields.
const BODY: &str = "submit=Go%21&q=%22%27%3C%3E%26&lines=a%0D%0Ab&empty=&word=%C3%A9+%2B%3D";

/// Puts a form for the application into the page that is shown, as if it had been written there, and sends it.
fn send_form(chromium: &Chromium, action: &str) -> Result<()> {
    chromium.run(&format!(
        "document.body.innerHTML = `<form method=post action='{action}'>
           <input name=submit value='Go!'>
           <input name=q>
           <textarea name=lines></textarea>
           <input name=empty>
           <input name=word>
           <button>Send</button></form>`;
         document.querySelector('[name=q]').value = `\"'<>&`;
         document.querySelector('[name=lines]').value = 'a\\nb';
         document.querySelector('[name=word]').value = 'é +=';"
    ))?;
    chromium.click("form button")
}

fn arrived_as_it_was(seen: &Seen) {
    assert_eq!(seen.variable("REMOTE_USER"), Some(USER));
    assert_eq!(seen.variable("REQUEST_METHOD"), Some("POST"));
    assert_eq!(seen.variable("QUERY_STRING"), Some("x=1"));
    assert_eq!(seen.body, BODY);
}

#[test]
fn a_form_of_our_own_page_is_sent_on_after_the_login() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = Site::builder().login_method(method).start()?;
        let chromium = Chromium::start(JavaScript::On)?;
        chromium.visit(&site.url("/public"))?;
        send_form(&chromium, &site.url("/app/form?x=1"))?;
        send_login_form(&chromium)?;
        arrived_as_it_was(&application(&chromium)?);
    }
    Ok(())
}

#[test]
fn a_form_of_a_foreign_page_waits_for_a_click() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = Site::builder().login_method(method).start()?;
        let chromium = Chromium::start(JavaScript::On)?;
        // By its address the same httpd is another site to a browser.
        chromium.visit(&site.httpd.url("127.0.0.1", "/public"))?;
        send_form(&chromium, &site.url("/app/form?x=1"))?;
        chromium.wait_for(LOGIN_FORM)?;
        send_login_form(&chromium)?;
        chromium.wait_for("main code, main strong")?;
        chromium.wait_for(GO_ON)?;
        chromium.keep_picture(&format!("foreign-form-{method:?}").to_lowercase())?;
        let waiting = chromium.source()?;
        ensure!(
            Seen::in_page(&waiting).is_err() && waiting.contains("/app/form"),
            "the page does not say where it goes: {waiting}"
        );
        chromium.click(GO_ON)?;
        chromium.wait_for(APPLICATION)?;
        arrived_as_it_was(&application(&chromium)?);
    }
    Ok(())
}

#[test]
fn without_javascript_a_form_is_carried_by_clicks() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = Site::builder().login_method(method).start()?;
        let chromium = Chromium::start(JavaScript::Off)?;
        chromium.visit(&site.url("/public"))?;
        send_form(&chromium, &site.url("/app/form?x=1"))?;
        // To the login server, back from there, and, by POST, on from the reply URL.
        let mut clicks = 0;
        while Seen::in_page(&chromium.source()?).is_err() {
            chromium.wait_for(&format!("{GO_ON}, {APPLICATION}"))?;
            if chromium.source()?.contains("name=\"pass\"") {
                send_login_form(&chromium)?;
            } else {
                chromium
                    .keep_picture(&format!("form-{method:?}-without-javascript-{clicks}").to_lowercase())?;
                chromium.click(GO_ON)?;
            }
            clicks += 1;
            ensure!(clicks < 8, "no end: {}", chromium.address()?);
        }
        arrived_as_it_was(&application(&chromium)?);
    }
    Ok(())
}
