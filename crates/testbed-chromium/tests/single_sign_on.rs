//! A login by another single sign-on, in a real browser.

mod visitor;

use anyhow::Result;
use serde_json::json;
use testbed::openid_provider::OpenIdUser;
use testbed::site::{LoginMethod, PASSWORD, Site, USER};
use testbed_chromium::{Chromium, JavaScript};
use visitor::{LOGIN_FORM, application, send_login_form};

/// An application that sends its visitors with a form: mod_auth_openidc at the login server has to keep that form while
/// the user is away at the provider.
#[test]
fn a_posted_login_survives_the_way_to_the_openid_provider() -> Result<()> {
    let site = Site::builder()
        .login_method(LoginMethod::Post)
        .openid_user(OpenIdUser::new(USER, PASSWORD, json!({ "sub": USER })))
        .login_configuration(
            "PubcookieLoginTrustRemoteUser On\nOIDCRemoteUserClaim sub\n\
             <Location />\nAuthType openid-connect\nRequire valid-user\nOIDCPreservePost On\n</Location>",
        )
        .start()?;
    let chromium = Chromium::start(JavaScript::On)?;
    chromium.visit(&site.url("/app"))?;
    chromium.wait_for(LOGIN_FORM)?;
    send_login_form(&chromium)?;
    let seen = application(&chromium)?;
    assert_eq!(seen.variable("REMOTE_USER"), Some(USER));
    seen.credential()?;
    Ok(())
}
