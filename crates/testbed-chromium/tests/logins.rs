//! Logging in and out in a real browser.

mod visitor;

use anyhow::{Result, ensure};
use testbed::application::Seen;
use testbed::site::{AppServer, LoginMethod, Site, USER};
use testbed_chromium::{Chromium, JavaScript};
use visitor::{GO_ON, LOGIN_FORM, application, send_login_form, user};

#[test]
fn a_user_logs_in_by_both_methods_with_and_without_javascript() -> Result<()> {
    for method in LoginMethod::ALL {
        let site = Site::builder().login_method(method).start()?;
        for java_script in [JavaScript::On, JavaScript::Off] {
            let name = format!("login-{method:?}-javascript-{java_script:?}").to_lowercase();
            let chromium = Chromium::start(java_script)?;
            // Without scripts the forms of the POST method wait for the user.
            let waits = method == LoginMethod::Post && java_script == JavaScript::Off;
            chromium.visit(&site.url("/app?a=1&b=%2B"))?;
            if waits {
                chromium.wait_for(GO_ON)?;
                chromium.keep_picture(&format!("{name}-1-to-the-login-server"))?;
                chromium.click(GO_ON)?;
            }
            chromium.wait_for(LOGIN_FORM)?;
            chromium.keep_picture(&format!("{name}-2-login-form"))?;
            send_login_form(&chromium)?;
            if waits {
                chromium
                    .wait_for("input[name=pubcookie_g] ~ button, form:has(input[name=pubcookie_g]) button")?;
                chromium.keep_picture(&format!("{name}-3-back-to-the-application"))?;
                chromium.click(GO_ON)?;
            }
            let seen = application(&chromium)?;
            chromium.keep_picture(&format!("{name}-4-application"))?;
            assert_eq!(seen.variable("REMOTE_USER"), Some(USER));
            assert_eq!(seen.variable("QUERY_STRING"), Some("a=1&b=%2B"));
            seen.credential()?;
            assert_eq!(chromium.address()?, site.url("/app?a=1&b=%2B"));
            let cookies = chromium.cookie_names()?;
            ensure!(
                cookies.contains(&"__Host-pubcookie_s_demo".to_owned())
                    && !cookies.contains(&"pubcookie_g".to_owned())
                    && !cookies.contains(&"pubcookie_g_req".to_owned()),
                "after the login: {cookies:?}"
            );
        }
    }
    Ok(())
}

#[test]
fn a_wrong_password_is_told_and_can_be_mended() -> Result<()> {
    let site = Site::start()?;
    let chromium = Chromium::start(JavaScript::On)?;
    chromium.visit(&site.url("/app"))?;
    chromium.fill_in("input[name=user]", USER)?;
    chromium.fill_in(LOGIN_FORM, "not it")?;
    chromium.click(GO_ON)?;
    chromium.wait_for("[role=alert]")?;
    chromium.keep_picture("wrong-password")?;
    send_login_form(&chromium)?;
    assert_eq!(user(&chromium)?, USER);
    Ok(())
}

#[test]
fn a_user_logs_out_in_each_of_the_three_ways() -> Result<()> {
    let site = Site::start()?;
    // Whether the login server still knows the user afterwards, so that no password is asked for.
    for (way, still_logged_in) in [("on", true), ("redirect", true), ("clearLogin", false)] {
        let chromium = Chromium::start(JavaScript::On)?;
        chromium.visit(&site.url("/app"))?;
        send_login_form(&chromium)?;
        application(&chromium)?.credential()?;

        chromium.visit(&site.url(&format!("/end-session/{way}")))?;
        if way == "on" {
            assert_eq!(application(&chromium)?.variable("REMOTE_USER"), None);
        } else {
            chromium.wait_for("main h1")?;
            ensure!(
                Seen::in_page(&chromium.source()?).is_err(),
                "no page of the login server"
            );
        }
        chromium.keep_picture(&format!("logout-{}", way.to_lowercase()))?;
        assert_eq!(site.stored_credentials()?, [""; 0], "{way}");
        chromium.visit(&site.url("/public"))?;
        let cookies = chromium.cookie_names()?;
        ensure!(
            !cookies.contains(&"__Host-pubcookie_s_demo".to_owned()),
            "{way} leaves {cookies:?}"
        );

        chromium.visit(&site.url("/app"))?;
        if !still_logged_in {
            chromium.wait_for(LOGIN_FORM)?;
            chromium.keep_picture("login-form-after-logout")?;
            send_login_form(&chromium)?;
        }
        assert_eq!(user(&chromium)?, USER, "{way}");
        chromium.visit(&site.url("/end-session/clearLogin"))?;
        chromium.wait_for("main h1")?;
    }
    Ok(())
}

#[test]
fn the_login_server_by_itself_shows_who_is_logged_in() -> Result<()> {
    let site = Site::builder()
        .app_server(AppServer::new("app").login_method(LoginMethod::Post))
        .start()?;
    let chromium = Chromium::start(JavaScript::On)?;
    chromium.visit(&site.url_at("login", "/"))?;
    send_login_form(&chromium)?;
    chromium.wait_for("main h1")?;
    chromium.visit(&site.url_at("login", "/"))?;
    chromium.wait_for("main h1")?;
    ensure!(chromium.source()?.contains(USER));
    chromium.keep_picture("login-server-status")?;
    chromium.visit(&site.url("/app"))?;
    assert_eq!(user(&chromium)?, USER, "single sign-on");
    Ok(())
}
