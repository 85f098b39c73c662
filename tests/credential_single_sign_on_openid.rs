//! Users whom mod_auth_openidc has logged in, with a real OpenID provider.

use anyhow::{Result, ensure};
use serde_json::{Value, json};
use testbed::application::Seen;
use testbed::browser::{Browser, Page, Request};
use testbed::httpd::Mpm;
use testbed::openid_provider::OpenIdUser;
use testbed::site::{AppServer, PASSWORD, Site};
use url::Url;

/// The user's name at the MyProxy server is a claim. Whoever has no session passes at `/openid/open`.
const PLACES: &str = r#"
MyProxyLogoutURI "^/openid/redirect\?(.*&)?logout="
<Location /openid>
    AuthType openid-connect
    Require valid-user
    MyProxyCredential On
    MyProxyAuthMethod certificate
    MyProxyUser "%{reqenv:OIDC_CLAIM_preferred_username}"
</Location>
<Location /openid/open>
    OIDCUnAuthAction pass
    Require all granted
</Location>
"#;

fn user(name: &str, preferred_username: Option<&str>) -> OpenIdUser {
    let mut claims = json!({ "sub": format!("users/{name}"), "email": format!("{name}@example.org") });
    claims["preferred_username"] = preferred_username.map_or(Value::Null, Value::from);
    OpenIdUser::new(name, PASSWORD, claims)
}

fn site() -> Result<Site> {
    Site::builder()
        .mpm(Mpm::Worker)
        .trusted_retriever()
        .openid_user(user("alice", Some("alice")))
        .openid_user(user("bob", Some("bob")))
        .openid_user(user("nameless", None))
        .openid_user(user("eve", Some("eve\nUSERNAME=alice")))
        .openid_user(user("mallory", Some("alice")))
        .configuration("OIDCRemoteUserClaim sub")
        .app_server(AppServer::new("app").configuration(PLACES))
        .start()
}

fn log_in(site: &Site, browser: &Browser, user: &str) -> Result<Seen> {
    let page = site.log_in_as(browser, &site.url("/openid"), user, PASSWORD)?;
    Seen::in_page(&page.body)
}

fn forget(browser: &Browser, cookie: &str) {
    if let Some(cookie) = browser.cookie(cookie) {
        browser.remove_cookie(&cookie);
    }
}

/// Whether a navigation ended at the provider's login form.
fn is_asked_to_log_in(page: &Page) -> bool {
    page.url.path() == "/authorize" && page.form_with("pass").is_ok()
}

#[test]
fn a_credential_goes_by_the_claim_and_with_the_login() -> Result<()> {
    let site = site()?;
    nobody_gets_what_the_provider_has_not_said(&site)?;

    let browser = site.browser()?;
    let seen = log_in(&site, &browser, "alice")?;
    assert_eq!(seen.variable("REMOTE_USER"), Some("users/alice"));
    assert_eq!(seen.variable("AUTH_TYPE"), Some("openid-connect"));
    assert_is_of("alice", &seen)?;
    assert!(site.credential_directory().join("users%2Falice").exists());

    // Another user whose claim says the same name.
    let seen = log_in(&site, &site.browser()?, "mallory")?;
    assert_eq!(seen.variable("MYPROXY_ERROR"), Some("refused"), "{seen:?}");
    assert!(seen.credential.is_none());

    // The session of ours is worth nothing without the other one.
    let stolen = browser.with_stolen_cookies();
    forget(&stolen, "mod_auth_openidc_session");
    assert!(is_asked_to_log_in(&stolen.get(&site.url("/openid"))?));

    // Another user with the same browser: the session before ends.
    forget(&browser, "mod_auth_openidc_session");
    let seen = log_in(&site, &browser, "bob")?;
    assert_eq!(seen.variable("REMOTE_USER"), Some("users/bob"));
    assert_is_of("bob", &seen)?;
    assert!(!site.credential_directory().join("users%2Falice").exists());

    // Logging out of mod_auth_openidc ends both, and leads on by way of the provider.
    let target = site.url("/after");
    let logout = Url::parse_with_params(&site.url("/openid/redirect"), [("logout", &target)])?;
    let page = browser.get(logout.as_str())?;
    assert_eq!(page.url.as_str(), target, "{}", page.story());
    assert!(
        page.all().any(|hop| hop.url.path() == "/logout"),
        "{}",
        page.story()
    );
    assert!(!site.credential_directory().join("users%2Fbob").exists());
    assert!(browser.cookie("MM_SESSION").is_none());
    assert!(is_asked_to_log_in(&browser.get(&site.url("/openid"))?));
    Ok(())
}

fn nobody_gets_what_the_provider_has_not_said(site: &Site) -> Result<()> {
    let forged = |path: &str| -> Result<Request> {
        let request = Request::get(Url::parse(&site.url(path))?).by_script();
        let names = [
            "OIDC_CLAIM_preferred_username",
            "OIDC-CLAIM-preferred-username",
            "OIDC_CLAIM_sub",
            "REMOTE_USER",
        ];
        Ok(names
            .iter()
            .fold(request, |request, name| request.header(name, "alice")))
    };
    // A script is told, and not sent to log in.
    let stranger = site.browser()?;
    let refused = stranger.exchange(&forged("/openid")?)?;
    assert_eq!((refused.status, refused.header("location")), (401, None));
    let passed = Seen::in_page(&stranger.exchange(&forged("/openid/open")?)?.body)?;
    assert_eq!(passed.variable("MYPROXY_ERROR"), Some("none"), "{passed:?}");

    // Who is logged in stays who that is.
    let browser = site.browser()?;
    log_in(site, &browser, "bob")?.credential()?;
    assert_is_of(
        "bob",
        &Seen::in_page(&browser.exchange(&forged("/openid")?)?.body)?,
    )?;
    assert_eq!(site.myproxy.issued()?, 1);

    // No claim, and one that would break into the protocol.
    for (user, words) in [("nameless", "empty user name"), ("eve", "contains a line feed")] {
        let seen = log_in(site, &site.browser()?, user)?;
        assert_eq!(seen.variable("MYPROXY_ERROR"), Some("refused"), "{seen:?}");
        let description = seen.variable("MYPROXY_ERROR_DESC").unwrap_or_default();
        assert!(description.contains(words), "{user}: {description}");
    }
    assert_eq!(site.myproxy.issued()?, 1);
    Ok(())
}

fn assert_is_of(user: &str, seen: &Seen) -> Result<()> {
    let subject = &seen.credential()?.subject;
    ensure!(subject.ends_with(&format!("/CN={user}")), "{subject}");
    Ok(())
}

/// Our login server in between: applications of Pubcookie join the other sign-on, and their users' granting cookies
/// bring credentials.
#[test]
fn a_login_server_that_trusts_mod_auth_openidc_grants_credentials() -> Result<()> {
    let site = Site::builder()
        .openid_user(user("alice", Some("alice")))
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
