//! Every directive of a place: what it does in each context that it has, in any spelling of its name, and what it refuses.

mod pubcookie_support;

use std::fmt::Write;
use std::fs;

use anyhow::{Context, Result, ensure};
use pubcookie_protocol::granting_request::{GrantingRequest, Reauthentication};
use pubcookie_protocol::reason::Reason;
use pubcookie_protocol::session::Session;
use pubcookie_support::{ask, cookie_of, granting_request, session};
use testbed::browser::Response;
use testbed::httpd::configtest;
use testbed::site::{AppServer, Site};

/// A directive, and what an answer shows where it stands. The user is `alice@example.edu`, logged in 4000 seconds ago
/// and idle for 400.
struct Case {
    directive: &'static str,
    value: &'static str,
    shows: fn(&Response) -> Result<bool>,
}

const USER: &str = "alice@example.edu";

const CASES: [Case; 11] =
    [
        Case {
            directive: "PubcookieAuthType",
            value: "uwsecurid",
            shows: |answer| Ok(asked(answer)?.creds.digit() == b'3'),
        },
        Case {
            directive: "PubcookieAppID",
            value: "another",
            shows: |answer| Ok(asked(answer)?.app_id.as_str() == "another"),
        },
        Case {
            directive: "PubcookieCatenateAppIDs",
            value: "on",
            shows: |answer| Ok(asked(answer)?.app_id.as_str().ends_with("/demo")),
        },
        Case {
            directive: "PubcookieInactiveExpire",
            value: "300",
            shows: |answer| Ok(asked(answer)?.reason == Some(Reason::SessionInactive)),
        },
        Case {
            directive: "PubcookieHardExpire",
            value: "3600",
            shows: |answer| Ok(asked(answer)?.reason == Some(Reason::SessionTooOld)),
        },
        Case {
            directive: "PubcookieEndSession",
            value: "on",
            shows: |answer| {
                let cleared = answer.set_cookie("__Host-pubcookie_s_demo");
                Ok(cleared.is_some_and(|cookie| cookie.contains("=clear"))
                    && answer.body.contains("user=(none)"))
            },
        },
        Case {
            directive: "PubcookieSessionCauseReAuth",
            value: "900",
            shows: |answer| {
                let asked = asked(answer)?;
                Ok(asked.reauthentication == Reauthentication::UnlessWithin(900)
                    && asked.reason == Some(Reason::ReauthenticationDemanded))
            },
        },
        Case {
            directive: "PubcookieNoPrompt",
            value: "on\nPubcookieAppID unknown",
            shows: |answer| Ok(asked(answer)?.no_prompt),
        },
        Case {
            directive: "PubcookieAcceptRealm",
            value: "other.edu third.edu",
            shows: |answer| Ok(answer.status == 401),
        },
        Case {
            directive: "PubcookieStripRealm",
            value: "on",
            shows: |answer| Ok(answer.body.contains("user=alice realm=example.edu")),
        },
        Case {
            directive: "PubcookieAddlRequest",
            value: "theme=dark lang=en\nPubcookieAppID unknown",
            shows: |answer| {
                let expected =
                    [("theme", "dark"), ("lang", "en")].map(|(name, value)| (name.into(), value.into()));
                Ok(asked(answer)?.additional == expected)
            },
        },
    ];

fn asked(answer: &Response) -> Result<GrantingRequest> {
    granting_request(answer)
}

const CONTEXTS: [&str; 3] = ["location", "directory", "htaccess"];

/// The case's lines, its name in a spelling of the context's own.
fn lines(case: &Case, context: &str) -> String {
    let name = match context {
        "location" => case.directive.to_ascii_lowercase(),
        "directory" => case.directive.to_ascii_uppercase(),
        _ => case.directive.replace("Pubcookie", "PubCookie"),
    };
    format!("{name} {}\n", case.value)
}

/// Pages that show the user, one for each case and context, protected by places around them.
fn configuration() -> String {
    let files = std::env::temp_dir().join("*/htdocs/files");
    let files = files.display();
    let mut text = format!(
        "RewriteEngine On\nRewriteRule ^/(?:files|plain)/(.*) %{{DOCUMENT_ROOT}}/files/$1 [L]\n\
         <Directory \"{files}\">\nAllowOverride AuthConfig\nOptions +Includes\nSetOutputFilter INCLUDES\n\
         PubcookieAppID demo\n</Directory>\n\
         <LocationMatch ^/(files|plain)/>\nAuthType webiso\nRequire valid-user\n</LocationMatch>\n"
    );
    for case in &CASES {
        let directive = case.directive;
        let _ = write!(
            text,
            "<Location /files/location/{directive}>\n{}</Location>\n\
             <Directory \"{files}/directory/{directive}\">\n{}</Directory>\n",
            lines(case, "location"),
            lines(case, "directory")
        );
    }
    text
}

fn write_pages(site: &Site) -> Result<()> {
    let files = site.directory().join("htdocs/files");
    for context in CONTEXTS {
        for case in &CASES {
            let directory = files.join(context).join(case.directive);
            fs::create_dir_all(&directory)?;
            let page = "user=<!--#echo var=\"REMOTE_USER\" --> realm=<!--#echo var=\"REMOTE_REALM\" -->\n";
            fs::write(directory.join("page.html"), page)?;
            if context == "htaccess" {
                fs::write(directory.join(".htaccess"), lines(case, context))?;
            }
        }
    }
    Ok(())
}

/// What a user's browser is answered.
fn visit(site: &Site, url: &str) -> Result<Response> {
    let browser = site.browser()?;
    let session = Session {
        user: USER.to_owned(),
        ..session(4000, 400)?
    };
    browser.set_cookie(&site.url("/"), &cookie_of(site, &session)?)?;
    ask(&browser, url)
}

#[test]
fn each_works_in_each_context_whatever_its_spelling() -> Result<()> {
    let site = Site::builder()
        .module("rewrite")
        .module("include")
        .app_server(AppServer::new("app").configuration(&configuration()))
        .start()?;
    write_pages(&site)?;
    for context in CONTEXTS {
        for case in &CASES {
            let url = site.url(&format!("/files/{context}/{}/page.html", case.directive));
            let answer = visit(&site, &url)?;
            if (context, case.directive) == ("htaccess", "PubcookieCatenateAppIDs") {
                // That would take its own application ID out of the others' again.
                ensure!(answer.status == 500, "{url}: {}", answer.summary());
                continue;
            }
            let shows = (case.shows)(&answer)
                .with_context(|| format!("{url}: {}\n{}", answer.summary(), answer.body))?;
            ensure!(shows, "{url}: {}\n{}", answer.summary(), answer.body);
            // And not without it.
            let plain = site.url(&format!("/plain/location/{}/page.html", case.directive));
            let answer = visit(&site, &plain)?;
            let expected = format!("user={USER} realm=example.edu");
            ensure!(answer.body.contains(&expected), "{plain}: {}", answer.summary());
        }
    }
    Ok(())
}

/// What a place says, what a narrower one says, and what then holds: an answer that this word is in.
#[test]
fn a_narrower_place_has_the_last_word() -> Result<()> {
    let outer = "PubcookieStripRealm on\nPubcookieAcceptRealm other.edu\nPubcookieCatenateAppIDs on\n\
                 PubcookieNoObscureCookies on\n\
                 <Location /wide>\nAuthType webiso\nRequire valid-user\nPubcookieAppID demo\n\
                 PubcookieNoPrompt on\nPubcookieSessionCauseReAuth on\nPubcookieEndSession on\n\
                 PubcookieAddlRequest a=1 b=2\nPubcookieInactiveExpire 300\nPubcookieHardExpire 3600\n</Location>\n\
                 <Location /wide/narrow>\nPubcookieNoPrompt off\nPubcookieSessionCauseReAuth off\n\
                 PubcookieEndSession off\nPubcookieAddlRequest b=3 c=4\nPubcookieStripRealm off\n\
                 PubcookieCatenateAppIDs off\nPubcookieAcceptRealm example.edu\nPubcookieInactiveExpire -1\n\
                 PubcookieHardExpire 43200\n</Location>";
    let site = Site::builder()
        .app_server(AppServer::new("app").configuration(outer))
        .start()?;
    let answer = visit(&site, &site.url("/wide/narrow"))?;
    let seen = testbed::application::Seen::in_page(&answer.body).with_context(|| answer.summary())?;
    assert_eq!(seen.variable("REMOTE_USER"), Some(USER));

    let asked = granting_request(&ask(&site.browser()?, &site.url("/wide/narrow"))?)?;
    assert_eq!((asked.app_id.as_str(), asked.no_prompt), ("demo", false));
    assert_eq!(asked.reauthentication, Reauthentication::NotDemanded);
    let additional: Vec<_> = asked
        .additional
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    assert_eq!(additional, ["a=1", "b=3", "c=4"]);
    // What the virtual host says holds where nothing narrower says otherwise.
    let plain = ask(&site.browser()?, &site.url("/app"))?;
    assert_eq!(granting_request(&plain)?.app_id.as_str(), "/demo");
    Ok(())
}

#[test]
fn a_wrong_value_is_refused_with_its_limit() {
    let long = "x".repeat(128);
    for (line, words) in [
        (&*format!("PubcookieAppID {long}"), "128 bytes"),
        ("PubcookieCatenateAppIDs maybe", "must be On or Off"),
        ("PubcookieInactiveExpire 299", "at least 300"),
        ("PubcookieHardExpire 3599", "3600 to 43200"),
        ("PubcookieHardExpire 43201", "3600 to 43200"),
        ("PubcookieEndSession perhaps", "on, redirect, clearLogin, off"),
        ("PubcookieSessionCauseReAuth -1", "0 to 2147483647"),
        ("PubcookieSessionCauseReAuth 15m", "0 to 2147483647"),
        ("PubcookieNoPrompt 1", "must be On or Off"),
        ("PubcookieAcceptRealm @example.edu", "without @"),
        ("PubcookieStripRealm yes", "must be On or Off"),
        ("PubcookieAddlRequest option", "option=value"),
        ("PubcookieAddlRequest a=1&sess_re=0", "%26"),
        ("PubcookieAddlRequest flag=Q", "every login has"),
        ("PubcookieAddlRequest a=1 a=2", "twice"),
        ("PubcookieSuperDebug loud", "must be On or Off"),
    ] {
        let (directive, value) = line.split_once(' ').unwrap_or((line, ""));
        let value = value.split(' ').next_back().unwrap_or_default();
        let answer = configtest(&format!("<Location /x>\n{line}\n</Location>"));
        let refusal = answer.expect_err(line);
        let shown = &value[..value.len().min(60)];
        for expected in [&format!("{directive}: "), words, shown] {
            assert!(refusal.contains(expected), "{line}: {refusal}");
        }
    }
    for (line, words) in [
        ("PubcookieDirDepthforAppID -1", "from 0 to 65535"),
        ("PubcookieDirDepthforAppID deep", "from 0 to 65535"),
        ("PubcookieNoObscureCookies never", "must be On or Off"),
        ("PubcookieNoCleanCreds never", "must be On or Off"),
    ] {
        let refusal = configtest(line).expect_err(line);
        let (directive, value) = line.split_once(' ').unwrap_or_default();
        for expected in [&format!("{directive}: "), words, value] {
            assert!(refusal.contains(expected), "{line}: {refusal}");
        }
    }
}

#[test]
fn each_stands_where_the_original_let_it_stand() {
    // Outside of all places, as in the original, these alone.
    let everywhere = "PubcookieCatenateAppIDs on\nPubcookieAcceptRealm a b\nPubcookieStripRealm on\n";
    configtest(everywhere).unwrap_or_else(|refusal| panic!("{refusal}"));
    for case in &CASES {
        let stands = everywhere.contains(case.directive);
        let answer = configtest(&format!(
            "{} {}",
            case.directive,
            case.value.lines().next().unwrap_or_default()
        ));
        assert_eq!(answer.is_ok(), stands, "{}: {answer:?}", case.directive);
    }
    // A server's directives stand in no place.
    for line in [
        "PubcookieDirDepthforAppID 1",
        "PubcookieNoObscureCookies on",
        "PubcookieNoCleanCreds on",
    ] {
        let answer = configtest(&format!("<Location /x>\n{line}\n</Location>"));
        assert!(
            answer.is_err_and(|refusal| refusal.contains("not allowed")),
            "{line}"
        );
    }
    let words = configtest("PubcookieNoCleanCreds on").unwrap_or_else(|refusal| panic!("{refusal}"));
    assert_eq!(words.matches("PubcookieNoCleanCreds").count(), 1, "{words}");
}

#[test]
fn an_htaccess_needs_the_right_that_each_needed() -> Result<()> {
    let files = std::env::temp_dir().join("*/htdocs");
    let mut configuration = "RewriteEngine On\nRewriteRule ^/files/(.*) %{DOCUMENT_ROOT}/$1 [L]\n".to_owned();
    let rights = ["AuthConfig", "Options", "FileInfo"];
    for right in rights {
        let _ = write!(
            configuration,
            "<Directory \"{}/{right}\">\nAllowOverride {right}\n</Directory>\n",
            files.display()
        );
    }
    let site = Site::builder()
        .module("rewrite")
        .app_server(AppServer::new("app").configuration(&configuration))
        .start()?;
    let browser = site.browser()?;
    for right in rights {
        let directory = site.directory().join("htdocs").join(right);
        fs::create_dir_all(&directory)?;
        fs::write(directory.join("page.txt"), "a page")?;
        for (line, allowed) in [
            ("PubcookieStripRealm on", &["AuthConfig", "Options"][..]),
            ("PubcookieAcceptRealm example.edu", &["AuthConfig", "Options"]),
            ("PubcookieNoPrompt on", &["AuthConfig"]),
            ("PubcookieCatenateAppIDs on", &[]),
        ] {
            fs::write(directory.join(".htaccess"), line)?;
            let answer = ask(&browser, &site.url(&format!("/files/{right}/page.txt")))?;
            let expected = if allowed.contains(&right) { 200 } else { 500 };
            assert_eq!(
                answer.status,
                expected,
                "{line}, AllowOverride {right}: {}",
                answer.summary()
            );
        }
    }
    Ok(())
}
