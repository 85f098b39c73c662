//! What the directives of servers and virtual hosts do, one beside the other in one httpd.

mod pubcookie_support;

use std::fs;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use granting_cookie::Encryption;
use pubcookie_support::{ask, granting_request, user};
use testbed::PrivateDirectory;
use testbed::application;
use testbed::browser::{Browser, Page};
use testbed::httpd::{Httpd, configtest};
use testbed::pki::{self, Authority};

const DOMAIN: &str = "example.localhost";
const PATIENCE: Duration = Duration::from_secs(30);

/// The virtual hosts and what each says of its own; `PORT` and `DIR` stand for httpd's port and directory.
const HOSTS: [(&str, &str); 9] = [
    (
        "main",
        "PubcookieLogin https://login.example.localhost:PORT\nPubcookieKeyDir DIR/no-keys\nPubcookieCryptKeyFile DIR/crypt-key",
    ),
    (
        "own",
        "PubcookieLogin https://LOGIN.example.localhost:PORT/cgi/index.cgi\nPubcookieLoginMethod POST\n\
         PubcookiePostURL my/reply\nPubcookieAppSrvID \"own server\"\nPubcookieEncryption DES\n\
         PubcookieAuthTypeNames null NetID\nPubcookieMaxPost 10",
    ),
    (
        "domain",
        "PubcookieLogin https://login.example.localhost:PORT/\nPubcookieDomain .domain.example.localhost",
    ),
    ("nowhere", ""),
    ("file", "PubcookieConfigFile DIR/old-config"),
    (
        "over-file",
        "PubcookieConfigFile DIR/old-config\nPubcookieLogin https://login.example.localhost:PORT/\n",
    ),
    (
        "students",
        "PubcookieLogin https://login.example.localhost:PORT/\nPubcookieEncryption AES+DOMAIN\nUseCanonicalName Off\n\
         ServerAlias *.students.example.localhost alias.example.localhost",
    ),
    (
        "pupils",
        "PubcookieLogin https://login.example.localhost:PORT/\nUseCanonicalName Off\n\
         ServerAlias *.pupils.example.localhost",
    ),
    (
        "login",
        "PubcookieLogin https://login.example.localhost:PORT/\nPubcookieGrantingKeyFile DIR/granting.key\n\
         PubcookieLoginProvider file\n<Location />\nSetHandler pubcookie-login\nAuthUserFile DIR/passwords\n</Location>",
    ),
];

struct Servers {
    httpd: Httpd,
    authority: Authority,
    // Last, so that it is removed when httpd has gone.
    _directory: PrivateDirectory,
}

fn host(label: &str) -> String {
    format!("{label}.{DOMAIN}")
}

impl Servers {
    fn start() -> Result<Self> {
        let directory = PrivateDirectory::new("server-directives")?;
        pki::self_signed(directory.path(), "granting", &host("login"))?;
        pki::self_signed(directory.path(), "session", &host("main"))?;
        let keys = directory.make_directory("keys", 0o700)?;
        // One session key for all, and a key file for each host; one of the students' for all of them.
        for (label, _) in HOSTS {
            pki::crypt_key(&keys, &host(label))?;
        }
        directory.make_directory("no-keys", 0o700)?;
        directory.write("crypt-key", 0o600, fs::read(keys.join(host("main")))?)?;
        directory.write("passwords", 0o644, "alice:{SHA}W6ph5Mm5Pz8GgiULbPgzG37mj9g=\n")?;
        let application = application::install(directory.path())?;
        let authority = Authority::new(directory.path(), "tls")?;
        let mut names: Vec<String> = HOSTS.map(|(label, _)| host(label)).to_vec();
        names.extend(["abe.students", "bess.students", "abe.pupils", "alias"].map(host));
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let certificate = authority.server_certificate("tls", &names)?;

        let mut httpd = Httpd::builder(directory.path())?.with_our_modules();
        let port = httpd.port().to_string();
        let filled = |text: &str| {
            text.replace("PORT", &port)
                .replace("DIR", &directory.path().display().to_string())
        };
        directory.write(
            "old-config",
            0o644,
            filled("# of the original\nlogging_level: 1\nlogin_uri: https://login.example.localhost:PORT/from-file\n"),
        )?;
        httpd = httpd.configuration(&filled(
            "PubcookieGrantingCertFile DIR/granting.pem\nPubcookieSessionKeyFile DIR/session.key\n\
             PubcookieSessionCertFile DIR/session.pem\nPubcookieKeyDir DIR/keys\nPubcookieDomain Example.localhost\n\
             PubcookieAuthTypeNames NetID null OTP\nPubcookieEncryption AES",
        ));
        let places = format!(
            "ScriptAliasMatch \"^/\" \"{}\"\n<Location />\nRequire all granted\n</Location>\n\
             <Location /app>\nAuthType NetID\nRequire valid-user\nPubcookieAppID demo\n</Location>\n\
             <Location /otp>\nPubcookieAuthType OTP\nRequire valid-user\n</Location>\n",
            application.display()
        );
        for (label, own) in HOSTS {
            httpd = httpd.host(&host(label), &certificate, &format!("{places}{}", filled(own)));
        }
        Ok(Servers {
            httpd: httpd.start()?,
            authority,
            _directory: directory,
        })
    }

    fn url(&self, label: &str, path: &str) -> String {
        self.httpd.url(&host(label), path)
    }

    fn browser(&self) -> Result<Browser> {
        Browser::new(self.authority.certificate())
    }

    fn log_in(&self, browser: &Browser, label: &str) -> Result<Page> {
        let page = browser.get(&self.url(label, "/app"))?;
        let form = page
            .form_with("user")?
            .fill("user", "alice")
            .fill("pass", "password");
        browser.submit(&page, &form)
    }

    /// Where a page of the GET method sends the browser.
    fn sent_to(&self, label: &str) -> Result<String> {
        let response = ask(&self.browser()?, &self.url(label, "/app"))?;
        response.document().refresh.with_context(|| response.summary())
    }
}

#[test]
fn a_virtual_host_says_what_it_has_of_its_own() -> Result<()> {
    let servers = Servers::start()?;
    let port = servers.httpd.port();

    // What the main server says counts, and what is added to it is there.
    let response = ask(&servers.browser()?, &servers.url("main", "/app"))?;
    let asked = granting_request(&response)?;
    assert_eq!(asked.app_server_id.as_str(), "main.example.localhost");
    assert_eq!(asked.encryption, Encryption::Aes);
    assert_eq!(asked.creds.digit(), b'1');
    assert_eq!(asked.host.to_string(), format!("main.example.localhost:{port}"));
    let cookie = response.set_cookie("pubcookie_g_req").unwrap_or_default();
    ensure!(cookie.contains("domain=.example.localhost;"), "{cookie}");
    assert_eq!(
        servers.sent_to("main")?,
        format!("https://login.example.localhost:{port}/")
    );
    let otp = granting_request(&ask(&servers.browser()?, &servers.url("main", "/otp"))?)?;
    assert_eq!(otp.creds.digit(), b'3');

    // The virtual host's own word comes first.
    let response = ask(&servers.browser()?, &servers.url("own", "/app"))?;
    let document = response.document();
    let form = document.forms.first().with_context(|| response.summary())?;
    assert_eq!(
        form.action,
        format!("https://login.example.localhost:{port}/cgi/index.cgi")
    );
    assert_eq!(
        form.field("relay_url"),
        Some(format!("https://own.example.localhost:{port}/my/reply").as_str())
    );
    let asked = pubcookie_protocol::granting_request::GrantingRequest::decode(
        form.field("pubcookie_g_req").unwrap_or_default().as_bytes(),
        pubcookie_protocol::granting_request::LoginMethod::Post,
    )?;
    assert_eq!(asked.app_server_id.as_str(), "own+server");
    assert_eq!(asked.encryption, Encryption::Des);
    assert_eq!(asked.creds.digit(), b'2');
    let response = ask(&servers.browser()?, &servers.url("own", "/otp"))?;
    assert_eq!(
        response.status,
        500,
        "OTP is none of its names: {}",
        response.summary()
    );

    let response = ask(&servers.browser()?, &servers.url("domain", "/app"))?;
    let cookie = response.set_cookie("pubcookie_g_req").unwrap_or_default();
    ensure!(cookie.contains("domain=.domain.example.localhost;"), "{cookie}");
    let log = servers.httpd.log();
    ensure!(
        !log.lines_with("so that logins by GET cannot work; name a domain that both are in")
            .is_empty()
    );
    Ok(())
}

#[test]
fn where_no_login_server_is_named_a_protected_request_is_answered_500() -> Result<()> {
    let servers = Servers::start()?;
    let warning = "PubcookieLogin is not set for nowhere.example.localhost";
    ensure!(!servers.httpd.log().lines_with(warning).is_empty());
    let log = servers.httpd.log_from_now();
    let response = ask(&servers.browser()?, &servers.url("nowhere", "/app"))?;
    assert_eq!(response.status, 500, "{}", response.summary());
    log.wait_for("PubcookieLogin is not set for this server", PATIENCE)?;
    assert_eq!(
        ask(&servers.browser()?, &servers.url("nowhere", "/"))?.status,
        200
    );
    Ok(())
}

#[test]
fn an_old_configuration_file_fills_in_what_is_left_out() -> Result<()> {
    let servers = Servers::start()?;
    let port = servers.httpd.port();
    let of_the_file = format!("https://login.example.localhost:{port}/from-file");
    assert_eq!(servers.sent_to("file")?, of_the_file);
    assert_eq!(
        servers.sent_to("over-file")?,
        format!("https://login.example.localhost:{port}/")
    );
    let told = servers
        .httpd
        .log()
        .lines_with("line 2: logging_level is left aside");
    ensure!(!told.is_empty(), "nothing says what is not used");
    Ok(())
}

#[test]
fn virtual_hosts_have_keys_of_their_own_under_one_session_key() -> Result<()> {
    let servers = Servers::start()?;
    for label in ["main", "pupils", "students"] {
        let page = servers.log_in(&servers.browser()?, label)?;
        assert_eq!(
            user(&page)?.as_deref(),
            Some("alice"),
            "{label}: {}",
            page.story()
        );
    }
    Ok(())
}

#[test]
fn one_key_serves_all_names_of_a_wildcard_where_each_name_is_part_of_it() -> Result<()> {
    let servers = Servers::start()?;
    let port = servers.httpd.port();
    let asked = granting_request(&ask(&servers.browser()?, &servers.url("abe.students", "/app"))?)?;
    assert_eq!(
        asked.host.to_string(),
        format!("abe.students.example.localhost:{port}")
    );
    assert_eq!(asked.app_server_id.as_str(), "abe.students.example.localhost");
    let browser = servers.browser()?;
    let page = servers.log_in(&browser, "abe.students")?;
    assert_eq!(user(&page)?.as_deref(), Some("alice"), "{}", page.story());
    assert_eq!(page.url.host_str(), Some("abe.students.example.localhost"));

    // A session with one is none with another, though one key has sealed it.
    let session = browser.cookie("__Host-pubcookie_s_demo").context("no session")?;
    let elsewhere = servers.browser()?;
    let moved = format!("{}={}; path=/; secure", session.name, session.value);
    elsewhere.set_cookie(&servers.url("bess.students", "/"), &moved)?;
    granting_request(&ask(&elsewhere, &servers.url("bess.students", "/app"))?)?;

    // A name of its own is sent to ServerName, and so is every name where the key does not tell them apart.
    for (label, to) in [("alias", "students"), ("abe.pupils", "pupils")] {
        let response = ask(&servers.browser()?, &servers.url(label, "/app"))?;
        let place = format!("https://{}:{port}/app", host(to));
        assert_eq!(
            response.header("location"),
            Some(place.as_str()),
            "{label}: {}",
            response.summary()
        );
    }
    // A name that nobody has configured stays the client's own business.
    let request = "GET /app HTTP/1.1\r\nHost: evil.example.org\r\nConnection: close\r\nSec-Fetch-Mode: navigate\r\n\r\n";
    let answer = servers
        .browser()?
        .raw(&servers.url("main", "/"), request.as_bytes())?;
    ensure!(!answer.contains("evil"), "{answer}");
    Ok(())
}

#[test]
fn what_an_old_configuration_file_lacks_is_named_and_what_is_wrong_in_it_too() -> Result<()> {
    let directory = PrivateDirectory::new("old-config")?;
    pki::self_signed(directory.path(), "granting", "login.example.org")?;
    pki::self_signed(directory.path(), "session", "app.example.org")?;
    let keys = directory.make_directory("keys", 0o700)?;
    pki::crypt_key(&keys, "app.example.org")?;
    let at = |file: &str| directory.join(file).display().to_string();
    let lines = [
        ("login_uri", "https://login.example.org/".to_owned(), ""),
        (
            "granting_cert_file",
            at("granting.pem"),
            "PubcookieGrantingCertFile: not set",
        ),
        (
            "ssl_key_file",
            at("session.key"),
            "PubcookieSessionKeyFile: not set",
        ),
        (
            "ssl_cert_file",
            at("session.pem"),
            "PubcookieSessionCertFile: not set",
        ),
        ("keydir", at("keys"), "PubcookieKeyDir"),
    ];
    let file = at("config");
    let configuration = format!("ServerName app.example.org\nPubcookieConfigFile \"{file}\"");
    let text = |without: &str| -> String {
        let lines = lines.iter().filter(|(key, ..)| *key != without);
        lines.map(|(key, value, _)| format!("{key}: {value}\n")).collect()
    };
    fs::write(&file, text(""))?;
    configtest(&configuration).unwrap_or_else(|words| panic!("{words}"));
    for (missing, _, complaint) in lines.iter().filter(|(_, _, complaint)| !complaint.is_empty()) {
        fs::write(&file, text(missing))?;
        let words = configtest(&configuration).expect_err(missing);
        assert!(words.contains(complaint), "{missing}: {words}");
    }
    for (wrong, complaint) in [
        ("keydir /x", "line 1: no `key: value`"),
        ("#\nkeydir:", "line 2: no value"),
        (
            "login_uri: http://login.example.org/",
            "line 1: login_uri: `http://login.example.org/` is not an https",
        ),
        (
            "enterprise_domain: org",
            "line 1: enterprise_domain: `org` has no dot",
        ),
    ] {
        fs::write(&file, wrong)?;
        let words = configtest(&configuration).expect_err(wrong);
        let complaint = format!("PubcookieConfigFile: {file}: {complaint}");
        assert!(words.contains(&complaint), "{wrong}: {words}");
    }
    fs::remove_file(&file)?;
    let words = configtest(&configuration).expect_err("no file");
    assert!(
        words.contains(&format!("PubcookieConfigFile: {file}: cannot be read")),
        "{words}"
    );
    Ok(())
}

#[test]
fn directives_of_old_configurations_are_accepted_where_they_stood() {
    let idle = "PubcookieEgdDevice /dev/egd-pool\nPubcookieNoBlank on\n<Location /x>\nPubcookieSuperDebug on\n</Location>\n\
                <VirtualHost *:1>\nPubcookieNoBlank off\nPubcookieEgdDevice /dev/random\n\
                <Directory /x>\nPubcookieSuperDebug off\n</Directory>\n</VirtualHost>\n";
    let words = configtest(idle).unwrap_or_else(|words| panic!("{words}"));
    for directive in ["PubcookieEgdDevice", "PubcookieNoBlank", "PubcookieSuperDebug"] {
        let told = words
            .lines()
            .filter(|line| line.contains(&format!("{directive} (")))
            .count();
        assert_eq!(told, 1, "{directive}: {words}");
    }
    for (line, complaint) in [
        (
            "PubcookieEgdDevice",
            "PubcookieEgdDevice: wrong number of arguments (0)",
        ),
        (
            "PubcookieNoBlank a b",
            "PubcookieNoBlank: wrong number of arguments (2)",
        ),
        (
            "<Location /x>\nPubcookieSuperDebug maybe\n</Location>",
            "PubcookieSuperDebug: must be On or Off, not \"maybe\"",
        ),
        ("PubcookieSuperDebug on", "not allowed here"),
    ] {
        let words = configtest(line).expect_err(line);
        assert!(words.contains(complaint), "{line}: {words}");
    }
}
