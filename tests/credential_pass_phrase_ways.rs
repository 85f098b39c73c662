//! Others that ask the provider: a chain of providers, mod_authn_socache, mod_auth_form, our login server.

#[path = "credential_pass_phrase_support/mod.rs"]
mod support;

use std::fs;

use anyhow::{Result, ensure};
use support::{BASIC, PASS_PHRASE, Site, USER, seen};
use testbed::browser::Request;
use testbed::{Accepts, MyProxyServer};

const WRONG: &str = "close-sesame";
/// A user whose name no certificate of the MyProxy server's can have.
const STRANGER: &str = ".stranger";

#[test]
fn a_chain_of_providers_goes_on_where_the_user_is_unknown() -> Result<()> {
    let hash = openssl::base64::encode_block(&openssl::sha::sha1(b"of-the-file"));
    let directory = testbed::PrivateDirectory::new("passwords")?;
    let passwords = directory.write("passwords", 0o644, format!("{STRANGER}:{{SHA}}{hash}\n"))?;
    let file = format!("AuthUserFile \"{}\"", passwords.display());
    let site = Site::builder()
        .configuration(&format!(
            "<Location /last>\n{BASIC}AuthBasicProvider myproxy file\n{file}\n</Location>\n\
             <Location /first>\n{BASIC}AuthBasicProvider file myproxy\n{file}\n</Location>\n\
             <Location /app/last>\nAuthBasicProvider myproxy file\n{file}\n</Location>"
        ))
        .start()?;
    for (path, user, password, status, asked) in [
        ("/last", STRANGER, "of-the-file", 200, 1),
        ("/last", STRANGER, WRONG, 401, 1),
        ("/last", USER, PASS_PHRASE, 200, 1),
        ("/last", USER, WRONG, 401, 1),
        ("/first", STRANGER, "of-the-file", 200, 0),
        ("/first", STRANGER, WRONG, 401, 0),
        ("/first", USER, PASS_PHRASE, 200, 1),
        ("/first", USER, WRONG, 401, 1),
    ] {
        let before = site.asked();
        let answer = site.fetch(path, user, password)?;
        assert_eq!(answer.status, status, "{path} {user} {password}");
        assert_eq!(site.asked() - before, asked, "{path} {user} {password}");
    }
    // A user of the file has no credential, and was refused nothing.
    let page = seen(&site.fetch("/app/last", STRANGER, "of-the-file")?)?;
    assert_eq!(page.variable("REMOTE_USER"), Some(STRANGER));
    assert_eq!(page.variable("MYPROXY_ERROR"), Some("none"));
    Ok(())
}

/// mod_dir asks for the index in a subrequest, and a section of its own makes httpd authenticate that one too.
#[test]
fn a_request_shows_its_pass_phrase_once() -> Result<()> {
    let site = Site::builder()
        .configuration(&format!(
            "<Location /files>\n{BASIC}AuthBasicProvider myproxy\n</Location>\n\
             <FilesMatch \"\\.html$\">\nSetEnv SEEN yes\n</FilesMatch>"
        ))
        .start()?;
    fs::write(site.directory().join("htdocs/index.html"), "the index")?;
    let answer = site.fetch("/files/", USER, PASS_PHRASE)?;
    assert_eq!((answer.status, answer.body.as_str()), (200, "the index"));
    assert_eq!(site.asked(), 1);
    assert_eq!(site.fetch("/files/", USER, WRONG)?.status, 401);
    assert_eq!(site.asked(), 2);
    Ok(())
}

#[test]
fn mod_authn_socache_answers_for_clients_without_cookies() -> Result<()> {
    let site = Site::builder()
        .module("authn_socache")
        .user("long", &"x".repeat(72))
        .user("edge", &"x".repeat(71))
        .configuration(
            "<Location /app>\n\
             AuthBasicProvider socache myproxy\n\
             AuthnCacheProvideFor myproxy\n\
             AuthnCacheContext test\n\
             </Location>",
        )
        .start()?;
    let fetch = |user: &str, pass_phrase: &str| site.fetch("/app", user, pass_phrase);
    for _ in 0..3 {
        seen(&fetch(USER, PASS_PHRASE)?)?.credential()?;
    }
    assert_eq!(site.asked(), 1);
    // The cache denies by itself.
    assert_eq!(fetch(USER, WRONG)?.status, 401);
    assert_eq!(site.asked(), 1);

    // bcrypt ends at 72 bytes: what is longer must not be right with another ending.
    for asked in [2, 3] {
        assert_eq!(fetch("long", &"x".repeat(72))?.status, 200);
        assert_eq!(site.asked(), asked);
    }
    assert_eq!(fetch("long", &"x".repeat(73))?.status, 401);
    assert_eq!(fetch("edge", &"x".repeat(71))?.status, 200);
    assert_eq!(fetch("edge", &"x".repeat(71))?.status, 200);
    assert_eq!(site.asked(), 5);
    assert_eq!(fetch("edge", &"x".repeat(72))?.status, 401);
    assert_eq!(fetch("edge", &"x".repeat(70))?.status, 401);
    Ok(())
}

#[test]
fn a_form_logs_on_once_and_its_session_proves_the_pass_phrase() -> Result<()> {
    let form = "AuthType Form\nAuthName demo\nAuthFormProvider myproxy\nSession On\n\
                SessionCookieName form path=/;HttpOnly;Secure\nSessionCryptoPassphrase a-secret-of-the-test\n\
                MyProxyCredential On\nMyProxyAuthMethod passphrase\n";
    let site = Site::builder()
        .module("request")
        .module("session")
        .module("session_cookie")
        .module("session_crypto")
        .module("auth_form")
        .configuration(&format!(
            "<Location /form>\n{form}Require valid-user\n</Location>\n\
             <Location /login>\nSetHandler form-login-handler\n{form}\
             AuthFormLoginSuccessLocation /form/page\n</Location>"
        ))
        .start()?;
    for (number, login) in ["/form/page", "/login"].into_iter().enumerate() {
        let number = number as u64;
        let browser = site.browser()?;
        let post = |pass_phrase: &str| -> Result<_> {
            let form = format!("httpd_username={USER}&httpd_password={pass_phrase}");
            let post = Request::post(
                site.url(login).parse()?,
                "application/x-www-form-urlencoded",
                form,
            );
            browser.navigate(post)
        };
        let refused = post(WRONG)?;
        assert_eq!(refused.status, 401, "{login}: {}", refused.story());
        let page = post(PASS_PHRASE)?;
        assert_eq!(page.status, 200, "{login}: {}", page.story());
        let page = browser.get(&site.url("/form/page"))?;
        let page = seen(&page)?;
        assert_eq!(page.variable("REMOTE_USER"), Some(USER), "{login}");
        ensure!(
            page.variable("AUTH_TYPE")
                .is_some_and(|name| name.eq_ignore_ascii_case("form"))
        );
        page.credential()?;
        for _ in 0..4 {
            seen(&*browser.get(&site.url("/form/page"))?)?.credential()?;
        }
        assert_eq!(
            (site.asked(), site.myproxy.issued()?),
            (2 * number + 2, number + 1),
            "{login}"
        );
    }
    Ok(())
}

#[test]
fn the_login_server_asks_a_myproxy_server_and_stores_nothing() -> Result<()> {
    use testbed::application::Seen;
    let checks = MyProxyServer::builder(Accepts::PassPhrases(vec![(
        USER.to_owned(),
        PASS_PHRASE.to_owned(),
    )]))
    .start()?;
    let site = testbed::site::Site::builder()
        .login_configuration(&format!(
            "PubcookieLoginProvider myproxy\nMyProxyServer {}\nMyProxyTrustDir \"{}\"",
            checks.address(),
            checks.trust_directory().display()
        ))
        .start()?;
    let browser = site.browser()?;
    let wrong = site.log_in_as(&browser, &site.url("/app"), USER, WRONG)?;
    ensure!(wrong.form_with("pass").is_ok(), "{}", wrong.story());
    let page = site.log_in_as(&browser, &site.url("/app"), USER, PASS_PHRASE)?;
    Seen::in_page(&page.body)?.credential()?;
    // The application's credential is the granting cookie's.
    assert_eq!((checks.issued()?, site.myproxy.issued()?), (0, 1));
    Ok(())
}

/// Whoever may write an .htaccess could say there who is the user.
#[test]
fn an_htaccess_that_lets_users_in_by_its_own_passwords_gets_no_credential_of_theirs() -> Result<()> {
    let place = |name: &str, overrides: &str| {
        format!(
            "<Directory \"HTDOCS/{name}\">\n{overrides}\nOptions ExecCGI\nSetHandler cgi-script\n{BASIC}\
             AuthBasicProvider myproxy\nMyProxyCredential On\nMyProxyAuthMethod passphrase\n</Directory>\n\
             <Location /files/{name}>\nRequire valid-user\n</Location>"
        )
    };
    let site = Site::builder()
        .configuration(&place("config", "AllowOverride AuthConfig"))
        .configuration(&place(
            "list",
            "AllowOverride None\nAllowOverrideList AuthUserFile AuthBasicProvider",
        ))
        .start()?;
    let hash = openssl::base64::encode_block(&openssl::sha::sha1(b"of-the-writer"));
    let passwords = site.directory().join("passwords");
    fs::write(&passwords, format!("{USER}:{{SHA}}{hash}\n"))?;
    for name in ["config", "list"] {
        let directory = site.directory().join("htdocs").join(name);
        fs::create_dir(&directory)?;
        fs::copy(site.directory().join("application"), directory.join("show.cgi"))?;
        let show = format!("/files/{name}/show.cgi");
        // Where the pass phrase is shown all is well, at first and from the store.
        let browser = site.browser()?;
        for _ in 0..2 {
            seen(&site.visit(&browser, &show, USER, PASS_PHRASE)?)?.credential()?;
        }

        let file = format!(
            "AuthBasicProvider file\nAuthUserFile \"{}\"\n",
            passwords.display()
        );
        fs::write(directory.join(".htaccess"), file)?;
        for client in [&browser, &site.browser()?] {
            let page = seen(&site.visit(client, &show, USER, "of-the-writer")?)?;
            assert_eq!(page.variable("REMOTE_USER"), Some(USER), "{name}");
            assert_eq!(page.variable("X509_USER_PROXY"), None, "{name}");
            assert_eq!(page.variable("MYPROXY_ERROR"), Some("none"), "{name}");
        }
        // It is still there for others.
        seen(&site.visit(&browser, "/app", USER, PASS_PHRASE)?)?.credential()?;
    }
    Ok(())
}
