//! The pages of the login server: a site's own templates, what a logout says, and what stands in the log.

mod pubcookie_support;

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Result;
use pubcookie_support::user;
use testbed::PrivateDirectory;
use testbed::httpd::configtest;
use testbed::pki;
use testbed::site::{AppServer, LoginMethod, PASSWORD, Site, USER};

fn sample() -> String {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("conf/login-templates")
        .display()
        .to_string()
}

#[test]
fn a_sites_own_templates_take_the_place_of_the_built_in_ones() -> Result<()> {
    let pictures = PrivateDirectory::new("pictures")?;
    pictures.write("logo.svg", 0o644, "<svg/>")?;
    let site = Site::builder()
        .app_server(AppServer::new("one"))
        .app_server(AppServer::new("two").login_method(LoginMethod::Post))
        .login_configuration(&format!(
            "PubcookieLoginTemplates \"{}\"\nAlias /static \"{}\"\n\
             <Location /static>\nSetHandler none\nRequire all granted\n</Location>",
            sample(),
            pictures.path().display()
        ))
        .start()?;
    let browser = site.browser()?;
    let page = browser.get(&site.url("/app"))?;
    assert!(page.body.contains("Example University") && page.body.contains("one.demo.localhost"));
    let policy = page.header("content-security-policy").unwrap_or_default();
    let nonce = policy
        .split('\'')
        .find_map(|part| part.strip_prefix("nonce-"))
        .unwrap_or_default();
    assert!(
        !nonce.is_empty() && page.body.contains(&format!("<style nonce=\"{nonce}\">")),
        "{policy}"
    );
    assert!(policy.contains("img-src 'self' data:"), "{policy}");
    // A place without the handler has a site's pictures.
    let logo = browser.get(&site.url_at("login", "/static/logo.svg"))?;
    assert_eq!(logo.body, "<svg/>");
    let form = page
        .form_with("user")?
        .fill("user", "<b>\"'&")
        .fill("pass", "wrong");
    let wrong = browser.submit(&page, &form)?;
    assert!(
        wrong.body.contains("Example University") && !wrong.body.contains("<b>\""),
        "{}",
        wrong.body
    );
    assert_eq!(wrong.form_with("user")?.field("user"), Some("<b>\"'&"));
    assert_eq!(user(&site.log_in(&browser, "/app")?)?.as_deref(), Some(USER));
    // The form that takes the granting cookie along (POST method) submits itself.
    assert_eq!(
        user(&browser.get(&site.url_at("two", "/app"))?)?.as_deref(),
        Some(USER)
    );
    Ok(())
}

#[test]
fn a_template_that_does_not_work_is_refused_with_file_and_line() -> Result<()> {
    let directory = PrivateDirectory::new("templates")?;
    let of = |files: &[(&str, &str)]| -> Result<String> {
        let templates = directory.join("site");
        let _ = fs::remove_dir_all(&templates);
        fs::create_dir(&templates)?;
        for (name, text) in files {
            fs::write(templates.join(name), text)?;
        }
        let words = configtest(&format!("PubcookieLoginTemplates \"{}\"", templates.display()));
        Ok(words.err().unwrap_or_else(|| "accepted".to_owned()))
    };
    assert_eq!(of(&[("notes.txt", "{{"), (".login.html.swp", "{{")])?, "accepted");
    let head = "<html><head>{{ head }}</head>\n";
    for (name, text, words) in [
        (
            "refused.html",
            "{{ head }}\n{{ reasn }}",
            "refused.html:2: there is no variable `reasn` here",
        ),
        (
            "refused.html",
            "{{ head }}\n\n{% if reason %}",
            "refused.html:3: syntax error",
        ),
        (
            "login.html",
            head,
            "login.html: {{ form }} has to stand in the page",
        ),
        (
            "status.html",
            "hello",
            "status.html: {{ head }} has to stand in the page",
        ),
        ("logn.html", "", "no page has this name"),
        (
            "layout.html",
            "{{ head }}{% block main %}",
            "layout.html:1: syntax error",
        ),
    ] {
        let said = of(&[(name, text)])?;
        assert!(
            said.contains("PubcookieLoginTemplates:") && said.contains(words),
            "{name}: {said}"
        );
        assert!(said.contains("/site/"), "{name}: {said}");
    }
    let said = configtest("PubcookieLoginTemplates /nowhere/templates").unwrap_err();
    assert!(
        said.contains("PubcookieLoginTemplates: /nowhere/templates cannot be read"),
        "{said}"
    );
    Ok(())
}

#[test]
fn values_of_a_login_server_have_limits() {
    for (configuration, words) in [
        (
            "PubcookieLoginDelay 0",
            ["PubcookieLoginDelay:", "`0`", "1 to 1000"],
        ),
        (
            "PubcookieLoginDelay 1001",
            ["PubcookieLoginDelay:", "`1001`", "1 to 1000"],
        ),
        (
            "PubcookieLoginDelay 5 86401",
            ["PubcookieLoginDelay:", "`5 86401`", "1 to 86400"],
        ),
        (
            "PubcookieLoginDelay 1 2 3",
            ["PubcookieLoginDelay", "arguments", "3"],
        ),
        (
            "PubcookieLoginDelayCache nothing",
            ["PubcookieLoginDelayCache:", "nothing", "socache_nothing_module"],
        ),
        (
            "<VirtualHost *:1>\nPubcookieLoginDelayCache shmcb\n</VirtualHost>",
            ["PubcookieLoginDelayCache:", "whole httpd", "virtual hosts"],
        ),
        (
            "PubcookieLoginTrustRemoteUser maybe",
            ["PubcookieLoginTrustRemoteUser:", "maybe", "On or Off"],
        ),
        (
            "PubcookieLoginProvider flavour=x",
            ["PubcookieLoginProvider:", "provider", "flavour"],
        ),
        (
            "PubcookieLoginProvider flavour=x nobody",
            ["PubcookieLoginProvider:", "nobody", "provider"],
        ),
        (
            "<Location /x>\nPubcookieLoginTemplates /x\n</Location>",
            ["PubcookieLoginTemplates", "not allowed", "Location"],
        ),
    ] {
        let said = configtest(configuration).expect_err(configuration);
        for word in words {
            assert!(said.contains(word), "{configuration}: {word} is not in: {said}");
        }
    }
    for configuration in [
        "PubcookieLoginDelay 1 1",
        "PubcookieLoginDelay 1000 86400",
        "PubcookieLoginDelay Off",
        "PubcookieLoginDelayCache shmcb:run/delay(65536)",
        "PubcookieLoginTrustRemoteUser Off",
    ] {
        configtest(configuration).unwrap_or_else(|words| panic!("{configuration}: {words}"));
    }
}

#[test]
fn flavours_go_by_their_names() -> Result<()> {
    const HOST: &str = "login.example.org";
    let directory = PrivateDirectory::new("keys")?;
    pki::self_signed(directory.path(), "granting", HOST)?;
    pki::self_signed(directory.path(), "session", HOST)?;
    pki::crypt_key(&directory.make_directory("keys", 0o700)?, HOST)?;
    let here = directory.path().display();
    let server = format!(
        "PubcookieLogin https://{HOST}/\nPubcookieGrantingKeyFile {here}/granting.key\nPubcookieKeyDir {here}/keys\n\
         PubcookieSessionKeyFile {here}/session.key\nPubcookieSessionCertFile {here}/session.pem\n"
    );
    for accepted in [
        "PubcookieLoginProvider file",
        "PubcookieLoginProvider flavour=UWSecurID file",
        "PubcookieLoginProvider file\nPubcookieLoginProvider flavour=otp file\nPubcookieAuthTypeNames netid otp",
        "PubcookieLoginTrustRemoteUser on",
        "PubcookieLoginTrustRemoteUser on\nPubcookieLoginProvider flavour=uwsecurid file",
    ] {
        configtest(&format!("{server}{accepted}")).unwrap_or_else(|words| panic!("{accepted}: {words}"));
    }
    for (refused, words) in [
        ("", "PubcookieLoginProvider: not set"),
        (
            "PubcookieLoginTrustRemoteUser off",
            "PubcookieLoginProvider: not set",
        ),
        (
            "PubcookieLoginProvider flavour=otp file",
            "PubcookieLoginProvider: no flavour is called \"otp\"",
        ),
        (
            "PubcookieLoginProvider file\nPubcookieLoginProvider flavour=webiso file",
            "PubcookieLoginProvider: flavour 1 has providers under two names",
        ),
    ] {
        let said = configtest(&format!("{server}{refused}")).expect_err(refused);
        assert!(said.contains(words), "{refused}: {said}");
    }
    Ok(())
}

#[test]
fn a_logout_says_what_is_still_logged_in() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    let log = site.httpd.log_from_now();
    site.log_in(&browser, "/app")?;
    let logout = |action: u8, one: &str| {
        browser.get(&site.url_at("login", &format!("/?logout_action={action}&two=demo&one={one}")))
    };
    let kept = logout(0, "app.demo.localhost")?;
    assert!(
        kept.body
            .contains("still logged in here as <strong>alice</strong>"),
        "{}",
        kept.body
    );
    assert!(
        kept.body.contains("<strong>app.demo.localhost</strong>"),
        "{}",
        kept.body
    );
    // Only of a server that is known the page repeats what came with the address.
    for unknown in ["call-0900-1234", "..%2Fkeys%2Fapp.demo.localhost", "%3Cb%3E"] {
        let page = logout(0, unknown)?;
        assert!(!page.body.contains("That was"), "{unknown}: {}", page.body);
    }
    let out = logout(1, "app.demo.localhost")?;
    assert!(
        out.body.contains("not logged in here") && out.body.contains("may go on for a while"),
        "{}",
        out.body
    );
    for line in [
        "user alice: logged out at an application, stays logged in here: app server ID app.demo.localhost [127.0.0.1]",
        "user alice: logged out at an application, stays logged in here: app server ID %3Cb%3E [127.0.0.1]",
        "user alice: logged out: app server ID app.demo.localhost [127.0.0.1]",
    ] {
        log.wait_for(line, Duration::from_secs(5))?;
    }
    Ok(())
}

#[test]
fn nothing_that_is_typed_passes_for_another_line_of_the_log() -> Result<()> {
    let site = Site::start()?;
    let browser = site.browser()?;
    let log = site.httpd.log_from_now();
    for name in [
        "bob: wrong user name or password [10.0.0.1]",
        "é: [10.0.0.1]",
        "x [10.0.0.1] login server: user bob",
    ] {
        site.log_in_as(&browser, &site.url("/app"), name, PASSWORD)?;
    }
    log.wait_for("user x%20%5B10.0.0.1%5D", Duration::from_secs(5))?;
    let text = log.text();
    assert!(
        text.contains("user bob%3A%20wrong%20user%20name") && text.contains("user %C3%A9%3A%20"),
        "{text}"
    );
    assert!(
        !text.contains("[10.0.0.1]") && !text.contains("user bob:"),
        "{text}"
    );
    for line in log
        .lines_with("login server: ")
        .iter()
        .filter(|line| line.contains("login refused") || line.contains("wrong"))
    {
        assert!(
            line.contains("app server ID app.demo.localhost, app ID demo, at")
                && line.contains("[127.0.0.1]"),
            "{line}"
        );
    }
    Ok(())
}
