//! Users of any single sign-on get a credential, under every MPM: the one site here has all ways in.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::json;
use testbed::PrivateDirectory;
use testbed::application::Seen;
use testbed::browser::{Browser, Request, Response};
use testbed::httpd::Mpm;
use testbed::openid_provider::OpenIdUser;
use testbed::site::{AppServer, PASSWORD, Site};

/// A way in: where, and who comes by it. Each has a user of its own, because files are named after users.
struct Way {
    path: &'static str,
    auth_type: &'static str,
    user: &'static str,
    /// Who that is at the MyProxy server.
    myproxy_user: &'static str,
    logout: &'static str,
    visit: fn(&Site, &Browser, &Way) -> Result<Response>,
}

const WAYS: [Way; 4] = [
    Way {
        path: "/app",
        auth_type: "webiso",
        user: "alice",
        myproxy_user: "alice",
        logout: "/logout",
        visit: by_login_form,
    },
    Way {
        path: "/basic",
        auth_type: "Basic",
        user: "bob",
        myproxy_user: "robert",
        logout: "/logout",
        visit: by_basic,
    },
    Way {
        path: "/form",
        auth_type: "form",
        user: "carol",
        myproxy_user: "carol",
        logout: "/form/logout",
        visit: by_form,
    },
    Way {
        path: "/openid",
        auth_type: "openid-connect",
        user: "dave",
        myproxy_user: "dave",
        logout: "/logout",
        visit: by_login_form,
    },
];

/// What the test bed's places do not have.
const PLACES: &str = r#"
MyProxyLogoutURI "^/logout|^/form/logout"
RewriteEngine On
RewriteMap grid-users "txt:{table}"
<Location /basic>
    RewriteEngine On
    RewriteRule "^" "-" [E=GRID_USER:${grid-users:%{REMOTE_USER}}]
    MyProxyAuthMethod certificate
    MyProxyUser "%{reqenv:GRID_USER}"
</Location>
<Location /form>
    AuthType form
    AuthName form
    AuthFormProvider file
    AuthUserFile passwords
    AuthFormLoginRequiredLocation "/login.html"
    Session On
    SessionCookieName portal_session path=/;secure;httponly;samesite=lax
    SessionCryptoPassphrase only-for-this-test
    Require valid-user
    MyProxyCredential On
    MyProxyAuthMethod certificate
</Location>
<Location /form/login>
    SetHandler form-login-handler
    AuthFormLoginSuccessLocation "/form/"
    MyProxyCredential Off
</Location>
<Location /form/logout>
    SetHandler form-logout-handler
    AuthFormLogoutLocation "/login.html"
    SessionMaxAge 1
    MyProxyCredential Off
</Location>
<Location /openid>
    AuthType openid-connect
    Require valid-user
    MyProxyCredential On
    MyProxyAuthMethod certificate
    MyProxyUser "%{reqenv:OIDC_CLAIM_preferred_username}"
</Location>
"#;

fn site(mpm: Mpm, table: &Path) -> Result<Site> {
    let claims = json!({ "sub": "dave", "preferred_username": "dave" });
    let places = PLACES.replace("{table}", &table.display().to_string());
    let mut site = Site::builder()
        .mpm(mpm)
        .trusted_retriever()
        .openid_user(OpenIdUser::new("dave", PASSWORD, claims))
        .configuration("OIDCRemoteUserClaim sub")
        .app_server(AppServer::new("app").configuration(&places));
    for module in [
        "auth_form",
        "request",
        "rewrite",
        "session",
        "session_cookie",
        "session_crypto",
    ] {
        site = site.module(module);
    }
    site.user("bob", PASSWORD).user("carol", PASSWORD).start()
}

/// A page with a form for user and password: our login server's, or the OpenID provider's.
fn by_login_form(site: &Site, browser: &Browser, way: &Way) -> Result<Response> {
    Ok(site
        .log_in_as(browser, &site.url(way.path), way.user, PASSWORD)?
        .response)
}

fn by_basic(site: &Site, browser: &Browser, way: &Way) -> Result<Response> {
    let credentials = openssl::base64::encode_block(format!("{}:{PASSWORD}", way.user).as_bytes());
    let request = Request::get(site.url(way.path).parse()?);
    browser.exchange(&request.header("Authorization", &format!("Basic {credentials}")))
}

fn by_form(site: &Site, browser: &Browser, way: &Way) -> Result<Response> {
    let asked = browser.get(&site.url(way.path))?;
    ensure!(asked.url.path() == "/login.html", "{}", asked.story());
    let url = site.url("/form/login").parse()?;
    let fields = format!("httpd_username={}&httpd_password={PASSWORD}", way.user);
    let form = Request::post(url, "application/x-www-form-urlencoded", fields).caused_by(&asked.url);
    let page = browser.navigate(form)?;
    Ok(page.response)
}

#[test]
fn each_way_in_brings_a_credential_under_every_mpm() -> Result<()> {
    let directory = PrivateDirectory::new("names")?;
    let table = directory.write("grid-users", 0o644, "bob robert\n")?;
    for mpm in Mpm::ALL {
        let site = site(mpm, &table)?;
        for way in &WAYS {
            try_way(&site, way).with_context(|| format!("{mpm:?}, {}", way.path))?;
        }
    }
    Ok(())
}

fn try_way(site: &Site, way: &Way) -> Result<()> {
    let before = site.myproxy.issued()?;
    let browser = site.browser()?;
    let seen = Seen::in_page(&(way.visit)(site, &browser, way)?.body)?;
    assert_eq!(seen.variable("AUTH_TYPE"), Some(way.auth_type));
    assert_eq!(seen.variable("REMOTE_USER"), Some(way.user));
    let credential = seen.credential()?;
    let name = format!("/CN={}", way.myproxy_user);
    ensure!(credential.subject.ends_with(&name), "{}", credential.subject);

    // The same login is served from the store from now on.
    let next = match way.path {
        "/basic" => (way.visit)(site, &browser, way)?,
        path => browser.get(&site.url(path))?.response,
    };
    let next = Seen::in_page(&next.body)?;
    assert_eq!(next.credential()?, credential);
    assert_eq!(site.myproxy.issued()?, before + 1);
    // The sign-on's cookie and ours do not touch each other.
    let ours = browser
        .cookie("MM_SESSION")
        .context("there is no session of ours")?;
    let shown = next.variable("HTTP_COOKIE").unwrap_or_default();
    ensure!(!shown.contains(&ours.value), "the application sees {shown}");

    let file = site.credential_directory().join(way.user);
    assert!(file.exists());
    browser.get(&site.url(way.logout))?;
    assert!(!file.exists(), "the credential outlived the logout");
    if way.path == "/form" {
        let asked = browser.get(&site.url(way.path))?;
        ensure!(asked.url.path() == "/login.html", "{}", asked.story());
    }
    Ok(())
}
