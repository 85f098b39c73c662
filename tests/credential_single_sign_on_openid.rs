//! Users whom mod_auth_openidc has logged in, with a real OpenID provider.

use anyhow::Result;
use serde_json::json;
use testbed::application::Seen;
use testbed::openid_provider::OpenIdUser;
use testbed::site::{PASSWORD, Site};

fn user(name: &str) -> OpenIdUser {
    OpenIdUser::new(
        name,
        PASSWORD,
        json!({
            "sub": format!("users/{name}"),
            "preferred_username": name,
            "email": format!("{name}@example.org"),
        }),
    )
}

/// Our login server in between: applications of Pubcookie join the other sign-on, and their users' granting cookies
/// bring credentials.
#[test]
fn a_login_server_that_trusts_mod_auth_openidc_grants_credentials() -> Result<()> {
    let site = Site::builder()
        .openid_user(user("alice"))
        .configuration("OIDCRemoteUserClaim preferred_username")
        .login_configuration(
            "PubcookieLoginTrustRemoteUser On\n\
             <Location />\nAuthType openid-connect\nRequire valid-user\n</Location>",
        )
        .start()?;
    let browser = site.browser()?;
    let page = site.log_in(&browser, "/app")?;
    let seen = Seen::in_page(&page.body)?;
    assert_eq!(seen.variable("REMOTE_USER"), Some("alice"), "{}", page.story());
    assert_eq!(seen.variable("AUTH_TYPE"), Some("webiso"));
    seen.credential()?;
    Ok(())
}
