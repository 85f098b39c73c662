//! `mod-myproxy test-login` at a whole site: hosts that work, and hosts with one thing wrong.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::Write;
use std::net::TcpListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use serde_json::Value;
use testbed::site::{AppServer, LoginMethod, PASSWORD, Site, USER};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mod-myproxy");

/// Hosts with one thing wrong: their label, how they log in, their configuration, and the directive to be named.
const BROKEN: [(&str, LoginMethod, &str, &str); 6] = [
    (
        "domain",
        LoginMethod::Get,
        "PubcookieDomain .domain.demo.localhost",
        "PubcookieDomain",
    ),
    (
        "id",
        LoginMethod::Get,
        "PubcookieAppSrvID another",
        "PubcookieAppSrvID",
    ),
    (
        "flavour",
        LoginMethod::Get,
        "PubcookieAuthTypeNames null webiso",
        "PubcookieAuthTypeNames",
    ),
    (
        "nobody",
        LoginMethod::Get,
        "<Location /app>\nAuthType nobody\n</Location>",
        "PubcookieLogin",
    ),
    (
        "bob",
        LoginMethod::Post,
        "<Location /app>\nRequire user bob\n</Location>",
        "Require",
    ),
    (
        "script",
        LoginMethod::Post,
        "RequestHeader set X-Requested-With x early",
        "RequestHeader",
    ),
];

/// All tests share one site, which ends with their process.
fn site() -> &'static Site {
    static SITE: OnceLock<Site> = OnceLock::new();
    SITE.get_or_init(|| {
        let hosts = [
            ("app", LoginMethod::Get),
            ("post", LoginMethod::Post),
            ("no-key", LoginMethod::Get),
            ("other-key-get", LoginMethod::Get),
            ("other-key-post", LoginMethod::Post),
        ];
        let hosts = hosts.into_iter().map(|(label, method)| (label, method, ""));
        let broken = BROKEN
            .into_iter()
            .map(|(label, method, text, _)| (label, method, text));
        let mut builder = Site::builder().module("headers");
        for (label, method, text) in hosts.chain(broken) {
            let host = AppServer::new(label).login_method(method).configuration(text);
            builder = builder.app_server(host.protected("MyProxyCredential Off"));
        }
        let site = builder.start().unwrap();
        let key = |directory: &str, label: &str| {
            let directory = &site.keys.of(&format!("{directory}.demo.localhost")).key_directory;
            directory.join(format!("{label}.demo.localhost"))
        };
        fs::remove_file(key("login", "no-key")).unwrap();
        for label in ["other-key-get", "other-key-post"] {
            fs::copy(key("app", "app"), key(label, label)).unwrap();
        }
        site.httpd.full_restart().unwrap();
        site
    })
}

/// What the command says as JSON.
struct Said {
    output: Output,
    report: Value,
}

impl Said {
    fn is_good(&self) -> bool {
        let reached = self.report["reached"].as_bool().unwrap();
        assert_eq!(
            self.output.status.code(),
            Some(i32::from(!reached)),
            "{}",
            self.report
        );
        reached
    }

    /// The one problem, and that its advice begins with this directive.
    #[track_caller]
    fn problem(&self, directive: &str) -> String {
        assert!(!self.is_good());
        let problem = &self.report["problem"];
        assert_eq!(problem["directives"][0], directive, "{:#}", self.report);
        let what = problem["what"].as_str().unwrap().to_owned();
        let line = str::from_utf8(&self.output.stderr).unwrap();
        assert!(line.contains(&what), "{line}");
        what
    }

    fn pages(&self) -> Vec<&str> {
        let hops = self.report["hops"].as_array().unwrap();
        hops.iter().map(|hop| hop["page"].as_str().unwrap()).collect()
    }
}

/// The command, with the password on standard input.
fn command(authority: &Path, url: &str, options: &[&str]) -> Command {
    let mut command = Command::new(PROGRAM);
    command
        .args(["test-login", "-S", "--ca"])
        .arg(authority)
        .args(options)
        .arg(url);
    command
}

fn feed(mut command: Command, password: &str) -> Output {
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that needs no password does not read it.
    let _ = process.stdin.take().unwrap().write_all(password.as_bytes());
    process.wait_with_output().unwrap()
}

/// The command with JSON, as the user [`USER`].
fn try_login(authority: &Path, url: &str, password: &str) -> Said {
    let output = feed(command(authority, url, &["--json", "--user", USER]), password);
    let report = serde_json::from_slice(&output.stdout);
    let report = report.unwrap_or_else(|_| panic!("{output:?}"));
    Said { output, report }
}

fn test_login(label: &str, path: &str) -> Said {
    try_login(site().authority(), &site().url_at(label, path), PASSWORD)
}

#[test]
fn a_login_that_works_is_shown_hop_by_hop() {
    for (label, method) in [("app", "GET"), ("post", "POST")] {
        let said = test_login(label, "/app");
        assert!(said.is_good(), "{:#}", said.report);
        let pages = said.pages();
        let (login, host) = (site().url_at("login", "/"), format!("{label}.demo.localhost"));
        let asks = format!(
            "asks for a login at {login} ({method} method): app ID demo, app server ID {host}, AES, back to {host}:{}",
            site().httpd.port()
        );
        assert_eq!(pages[..2], [asks.as_str(), "the login form"]);
        let grants = format!("grants the login, and goes back to https://{host}:");
        assert!(pages[2].starts_with(&grants), "{pages:?}");
        assert_eq!(pages.last(), Some(&"a page"));
        assert_eq!(said.report["hops"][0]["reason"]["number"], 1);
        assert_eq!(said.report["problem"], Value::Null);
        assert_eq!(said.report["clocks"].as_array().unwrap().len(), 2);
    }
}

#[test]
fn cookies_are_named_and_never_shown() {
    let url = site().url("/app?secret=42");
    let output = feed(command(site().authority(), &url, &["--user", USER]), PASSWORD);
    let text = str::from_utf8(&output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for part in [
        "sets __Host-pubcookie_s_demo",
        "clears __Host-pubcookie_pre_s",
        "Clock of login.demo.localhost",
        "reason 1 (no granting or session cookie that can be read)",
        "with a session that serves",
    ] {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
    for part in [PASSWORD, "secret=42", "__Host-pubcookie_s_demo="] {
        assert!(!text.contains(part), "{part:?} in\n{text}");
    }
    // A granting cookie has 688 characters, and no name has 100.
    let longest = text.split_whitespace().map(str::len).max();
    assert!(longest < Some(100), "{text}");
}

#[test]
fn what_is_not_protected_is_told_without_a_password() {
    let what = test_login("app", "/open").problem("AuthType");
    assert!(what.contains("nothing protects it"), "{what}");
    let what = test_login("app", "/basic").problem("AuthType");
    assert!(what.contains("(Basic)"), "{what}");
    test_login("app", "/end-session/redirect").problem("PubcookieEndSession");
    let without_tls = site().url("/app").replace("https:", "http:");
    try_login(site().authority(), &without_tls, "").problem("Redirect");
}

#[test]
fn a_wrong_password_is_the_users() {
    let said = try_login(site().authority(), &site().url("/app"), "wrong");
    let what = said.problem("PubcookieLoginProvider");
    assert!(
        what.contains("does not accept user and password; the page says"),
        "{what}"
    );
}

#[test]
fn no_password_follows_a_redirect_to_another_server() {
    let elsewhere =
        "<If \"%{REQUEST_METHOD} == 'POST'\">\nRedirect 307 / https://elsewhere.localhost/\n</If>";
    let site = Site::builder().login_configuration(elsewhere).start().unwrap();
    let said = try_login(site.authority(), &site.url("/app"), PASSWORD);
    let what = said.problem("PubcookieLogin");
    assert!(what.contains("no password was sent there"), "{what}");
}

#[test]
fn servers_that_are_not_there_or_not_trusted() {
    let authority = site().authority();
    let unused = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    try_login(authority, &format!("https://app.demo.localhost:{unused}/app"), "").problem("Listen");
    try_login(authority, "https://no-such-host.invalid/app", "").problem("ServerName");

    let other_name = site()
        .url("/app")
        .replace("app.demo.localhost", "other.localhost");
    let what = try_login(authority, &other_name, "").problem("SSLCertificateFile");
    assert!(what.to_lowercase().contains("hostname mismatch"), "{what}");
    assert!(what.contains("app.demo.localhost"), "{what}");

    let another = &site().keys.granting.certificate;
    let what = try_login(another, &site().url("/app"), "").problem("SSLCertificateFile");
    assert!(what.contains("issued by tls"), "{what}");
}

#[test]
fn keys_that_two_servers_do_not_share() {
    let what = test_login("no-key", "/app").problem("PubcookieKeyDir");
    assert!(what.contains("does not serve no-key.demo.localhost"), "{what}");
    let what = test_login("other-key-get", "/app").problem("PubcookieGrantingCertFile");
    assert!(what.contains("another one is asked for: reason 1 "), "{what}");
    let what = test_login("other-key-post", "/app").problem("PubcookieGrantingCertFile");
    assert!(what.contains(": reason 1 "), "{what}");
}

#[test]
fn a_configuration_with_one_thing_wrong() {
    for (label, _, _, directive) in BROKEN {
        test_login(label, "/app").problem(directive);
    }
}

#[test]
fn clocks_are_compared_with_ours() {
    let mut command = command(
        site().authority(),
        &site().url("/app"),
        &["--json", "--user", USER],
    );
    command
        // `$LIB` is for the dynamic linker: Debian and Fedora have it in different places.
        .env("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1")
        .env("FAKETIME", "+3600s")
        .env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let report: Value = serde_json::from_slice(&feed(command, PASSWORD).stdout).unwrap();
    assert_eq!(report["reached"], true, "{report:#}");
    for clock in report["clocks"].as_array().unwrap() {
        let ahead = clock["seconds_ahead"].as_i64().unwrap();
        // Requests take their time on a machine that has much to do.
        assert!((-3610..=-3590).contains(&ahead), "{clock}");
    }
    assert!(report["oddities"].as_array().unwrap().is_empty(), "{report:#}");
}

#[test]
fn passwords_come_from_a_file_too_and_arguments_are_checked() {
    let file = site()
        .directory()
        .write("password", 0o600, format!("{PASSWORD}\nsecond line"))
        .unwrap();
    let mut command = Command::new(PROGRAM);
    command
        .args(["test-login", "--user", USER, "--ca"])
        .arg(site().authority());
    command.arg("--password-file").arg(file).arg(site().url("/app"));
    assert!(feed(command, "").status.success());

    for options in [
        ["--timeout", "0"],
        ["--ca-dir", "/dev/null/none"],
        ["--password-file", "x"],
    ] {
        let output = feed(
            self::command(site().authority(), "https://app.demo.localhost/", &options),
            "",
        );
        assert!(
            !output.status.success() && output.stdout.is_empty(),
            "{options:?}: {output:?}"
        );
    }
    let output = feed(
        self::command(site().authority(), "ftp://app.demo.localhost/", &[]),
        "",
    );
    assert!(
        str::from_utf8(&output.stderr)
            .unwrap()
            .contains("begins with https://")
    );
}
