//! The pages about Pubcookie: httpd loads every configuration in them, and what they say of reasons and error pages is
//! what the module says.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use pubcookie_protocol::error_page::Problem;
use pubcookie_protocol::reason::Reason;
use regex::Regex;
use testbed::PrivateDirectory;
use testbed::httpd::Httpd;
use testbed::pki::{self, Authority};

const PAGES: [&str; 3] = [
    "coming-from-mod_pubcookie.md",
    "application-server.md",
    "troubleshooting-pubcookie.md",
];

/// What stands around a block that is a part of a configuration; the block may say it again.
const AROUND: &str = "ServerName portal.example.org
PubcookieLogin https://login.example.org/
PubcookieAuthTypeNames webiso EXAMPLE_UNIVERSITY
PubcookieGrantingCertFile /etc/pubcookie/granting.pem
PubcookieSessionKeyFile /etc/pubcookie/session.key
PubcookieSessionCertFile /etc/pubcookie/session.pem
PubcookieKeyDir /etc/pubcookie/keys
";

#[test]
fn httpd_loads_every_configuration() -> Result<()> {
    let directory = PrivateDirectory::new("pages")?;
    for host in ["portal", "wiki"] {
        let name = format!("{host}.example.org");
        let pair = if host == "portal" { "session" } else { host };
        pki::self_signed(directory.path(), pair, &name)?;
        fs::create_dir_all(directory.join("keys"))?;
        pki::crypt_key(&directory.join("keys"), &name)?;
    }
    pki::self_signed(directory.path(), "granting", "login.example.org")?;
    pki::self_signed(directory.path(), "before", "portal.example.org")?;
    let tls =
        Authority::new(directory.path(), "authority")?.server_certificate("tls", &["portal.example.org"])?;
    let here = directory.path().display();

    let mut blocks = 0;
    for page in PAGES {
        for block in configurations(&read(page)?) {
            blocks += 1;
            let block = match block.strip_prefix("# .htaccess\n") {
                Some(place) => format!("<Directory \"/srv/www/portal\">\n{place}</Directory>\n"),
                None => block,
            };
            let configuration = format!("{AROUND}{block}")
                .replace("/etc/pubcookie/", &format!("{here}/"))
                .replace(
                    "/etc/ssl/portal/certificate.pem",
                    &tls.certificate.display().to_string(),
                )
                .replace("/etc/ssl/portal/key.pem", &tls.key.display().to_string());
            let mut httpd = Httpd::builder(directory.path())?.with_our_modules();
            for module in ["proxy", "proxy_http", "socache_redis"] {
                httpd = httpd.module(module);
            }
            let verdict = httpd.configuration(&configuration).configtest()?;
            ensure!(verdict.is_ok(), "{page}: {verdict:?}\n{block}");
        }
    }
    ensure!(blocks >= 20, "only {blocks} configurations were found");
    Ok(())
}

#[test]
fn every_reason_is_explained_in_its_words() -> Result<()> {
    let page = read("troubleshooting-pubcookie.md")?;
    for reason in Reason::ALL {
        let words = reason.for_log();
        let words = words.split(':').next().unwrap_or(words);
        let row = format!("| {} | {words} | ", reason.number());
        ensure!(page.contains(&row), "no row {row:?}");
    }
    Ok(())
}

#[test]
fn every_error_page_is_explained() -> Result<()> {
    let page = read("troubleshooting-pubcookie.md")?;
    let problems = [
        Problem::NoUser,
        Problem::NoReauthentication,
        Problem::NoCookiesKept,
        Problem::GoesInCircles(Reason::NoCookie),
        Problem::PlainHttp,
        Problem::BadReply,
        Problem::QueryTooLong,
        Problem::Multipart,
        Problem::BadBody,
        Problem::BodyTooLarge,
    ];
    for problem in problems {
        let quoted = format!("\"{}\"", problem.message());
        ensure!(page.contains(&quoted), "nothing is said of {quoted}");
    }
    Ok(())
}

#[test]
fn every_directive_that_is_named_is_there() -> Result<()> {
    let source = fs::read_to_string(root().join("src/pubcookie/directives.rs"))?;
    let name = Regex::new(r"\bPubcookie[A-Z]\w+")?;
    let mut unknown = BTreeSet::new();
    for page in PAGES {
        let text = read(page)?;
        let names = name.find_iter(&text).map(|found| found.as_str().to_owned());
        unknown.extend(names.filter(|name| !source.contains(&format!("c\"{name}\""))));
    }
    ensure!(unknown.is_empty(), "there is no {unknown:?}");
    Ok(())
}

/// The blocks of a page that are httpd's configuration.
fn configurations(page: &str) -> Vec<String> {
    let blocks = page.split("```apache\n").skip(1);
    blocks
        .filter_map(|block| Some(block.split_once("```")?.0.to_owned()))
        .collect()
}

fn read(page: &str) -> Result<String> {
    fs::read_to_string(root().join("docs").join(page)).with_context(|| page.to_owned())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
