//! `PubcookieOnDemand` in a wide place: anybody can bring the cookie, and it opens nothing that is protected without it.

mod pubcookie_support;

use anyhow::{Context, Result};
use pubcookie_support::{ask, begin_login, session_cookie};
use testbed::application::Seen;
use testbed::browser::{Browser, Response};
use testbed::site::{AppServer, Site, USER};

const PLACES: &str = r#"
<Location /wide>
    PubcookieAppID demo
    PubcookieOnDemand key "AuthType webiso, Require valid-user, PubcookieNoPrompt on"
</Location>
<Location /wide/bobs>
    AuthType webiso
    Require user bob
</Location>
<Location /wide/users>
    AuthType webiso
    Require valid-user
</Location>
<Location /wide/stronger>
    AuthType uwsecurid
    Require valid-user
</Location>
<Location /wide/closed>
    Require all denied
</Location>
"#;

fn browser_with_the_key(site: &Site) -> Result<Browser> {
    let browser = site.browser()?;
    browser.set_cookie(&site.url("/"), "OnDemandKey=key; path=/; secure")?;
    Ok(browser)
}

/// The user and the key that the application saw.
fn seen(response: &Response) -> Result<(Option<String>, Option<String>)> {
    let seen = Seen::in_page(&response.body).with_context(|| response.summary())?;
    let variable = |name| seen.variable(name).map(str::to_owned);
    Ok((variable("REMOTE_USER"), variable("ON_DEMAND_KEY")))
}

#[test]
fn no_key_of_a_wide_place_opens_a_narrower_one() -> Result<()> {
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration(PLACES))
        .start()?;
    let (key, alice) = (Some("key".to_owned()), Some(USER.to_owned()));

    let nobody = browser_with_the_key(&site)?;
    let page = nobody.get(&site.url("/wide/page"))?;
    assert_eq!(seen(&page)?, (None, key.clone()), "{}", page.story());
    let page = nobody.get(&site.url("/wide/users"))?;
    assert!(page.form_with("pass").is_ok(), "{}", page.story());

    let browser = browser_with_the_key(&site)?;
    browser.set_cookie(&site.url("/"), &session_cookie(&site, 10, 10)?)?;
    assert_eq!(
        seen(&ask(&browser, &site.url("/wide/page"))?)?,
        (alice.clone(), key)
    );
    assert_eq!(seen(&ask(&browser, &site.url("/wide/users"))?)?, (alice, None));
    assert_eq!(ask(&browser, &site.url("/wide/bobs"))?.status, 401);
    assert_eq!(ask(&browser, &site.url("/wide/closed"))?.status, 403);
    let stronger = begin_login(&browser, &site.url("/wide/stronger"))?;
    assert_eq!(stronger.creds.digit(), b'3');
    Ok(())
}
