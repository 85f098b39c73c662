//! What `apachectl configtest` says of the directives of `pubcookie_module`.

use std::fmt::Write;
use std::fs;

use anyhow::Result;
use testbed::PrivateDirectory;
use testbed::httpd::configtest;
use testbed::pki;

/// The keys of a server that is application server and login server.
struct Keys(PrivateDirectory);

const HOST: &str = "app.example.org";

impl Keys {
    fn make() -> Result<Self> {
        let directory = PrivateDirectory::new("keys")?;
        pki::self_signed(directory.path(), "granting", HOST)?;
        pki::self_signed(directory.path(), "session", HOST)?;
        let keys = directory.make_directory("keys", 0o700)?;
        pki::crypt_key(&keys, HOST)?;
        Ok(Keys(directory))
    }

    fn path(&self, file: &str) -> String {
        self.0.join(file).display().to_string()
    }

    /// What an application server needs, line by line.
    fn app_server(&self) -> Vec<(&'static str, String)> {
        vec![
            ("PubcookieLogin", "https://login.example.org/".to_owned()),
            ("PubcookieGrantingCertFile", self.path("granting.pem")),
            ("PubcookieSessionKeyFile", self.path("session.key")),
            ("PubcookieSessionCertFile", self.path("session.pem")),
            ("PubcookieKeyDir", self.path("keys")),
        ]
    }

    /// What a login server needs besides.
    fn login_server(&self) -> Vec<(&'static str, String)> {
        let mut lines = self.app_server();
        lines.push(("PubcookieGrantingKeyFile", self.path("granting.key")));
        lines.push(("PubcookieLoginProvider", "file".to_owned()));
        lines
    }
}

fn text(lines: &[(&str, String)]) -> String {
    lines.iter().fold(String::new(), |mut text, (directive, value)| {
        let _ = writeln!(text, "{directive} {value}");
        text
    })
}

/// The refusal of a configuration, which has to be one.
fn refusal(configuration: &str) -> String {
    match configtest(configuration) {
        Ok(words) => panic!("accepted:\n{configuration}\n{words}"),
        Err(words) => words,
    }
}

#[test]
fn a_server_that_merely_loads_the_module_needs_nothing() {
    let words = configtest("").unwrap_or_else(|words| panic!("{words}"));
    assert!(!words.to_lowercase().contains("pubcookie"), "{words}");
}

#[test]
fn what_is_complete_is_accepted_and_what_is_not_names_what_is_missing() -> Result<()> {
    let keys = Keys::make()?;
    for lines in [keys.app_server(), keys.login_server()] {
        configtest(&text(&lines)).unwrap_or_else(|words| panic!("{words}"));
        for missing in lines.iter().map(|(directive, _)| *directive) {
            let rest: Vec<_> = lines
                .iter()
                .filter(|(directive, _)| *directive != missing)
                .cloned()
                .collect();
            match missing {
                // A login server is also its own application server here, or only one of both.
                "PubcookieGrantingKeyFile" | "PubcookieLoginProvider" if lines.len() == 5 => {}
                "PubcookieGrantingKeyFile" => {
                    configtest(&text(&rest)).unwrap_or_else(|words| panic!("{words}"));
                }
                // It starts, with a warning; only what is protected is closed.
                "PubcookieLogin" if lines.len() == 5 => {
                    let words = configtest(&text(&rest)).unwrap_or_else(|words| panic!("{words}"));
                    assert!(words.contains("PubcookieLogin is not set"), "{words}");
                }
                "PubcookieGrantingCertFile" if lines.len() > 5 => {
                    configtest(&text(&rest)).unwrap_or_else(|words| panic!("{words}"));
                }
                missing => {
                    let words = refusal(&text(&rest));
                    assert!(words.contains(missing), "{missing}: {words}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn a_key_that_is_none_is_refused_by_its_directive() -> Result<()> {
    let keys = Keys::make()?;
    fs::write(keys.path("garbage"), "no key")?;
    fs::write(keys.path("short"), vec![7; 2047])?;
    fs::create_dir(keys.path("empty"))?;
    for (directive, value) in [
        ("PubcookieGrantingCertFile", "garbage"),
        ("PubcookieGrantingCertFile", "nowhere"),
        ("PubcookieGrantingCertFile", "session.key"),
        ("PubcookieGrantingKeyFile", "garbage"),
        ("PubcookieGrantingKeyFile", "granting.pem"),
        ("PubcookieSessionKeyFile", "garbage"),
        ("PubcookieSessionKeyFile", "nowhere"),
        ("PubcookieSessionCertFile", "garbage"),
        ("PubcookieSessionCertFile", "nowhere"),
        ("PubcookieKeyDir", "empty"),
        ("PubcookieKeyDir", "nowhere"),
    ] {
        let mut lines = keys.login_server();
        lines.retain(|(name, _)| *name != directive);
        lines.push((directive, keys.path(value)));
        let words = refusal(&text(&lines));
        assert!(
            words.contains(&format!("{directive}:")),
            "{directive} {value}: {words}"
        );
    }
    for value in ["short", "nowhere", "empty"] {
        let mut lines = keys.app_server();
        lines.push(("PubcookieCryptKeyFile", keys.path(value)));
        let words = refusal(&text(&lines));
        assert!(words.contains("PubcookieCryptKeyFile:"), "{value}: {words}");
    }
    // What is signed with one key and verified with another would send everybody to log in again and again.
    for (mut lines, format) in [(keys.app_server(), "legacy"), (keys.login_server(), "sealed")] {
        lines.push(("PubcookieSessionFormat", format.to_owned()));
        lines.push(("PubcookieSessionCertFile", keys.path("granting.pem")));
        let words = refusal(&text(&lines));
        assert!(
            words.contains("PubcookieSessionCertFile: the certificate is not that of the key"),
            "{words}"
        );
    }
    // Two granting certificates and two session keys are one change of keys.
    let mut lines = keys.app_server();
    lines.push(("PubcookieGrantingCertFile", keys.path("session.pem")));
    lines.push((
        "PubcookieSessionKeyFile",
        format!("{} {}", keys.path("session.key"), keys.path("granting.key")),
    ));
    configtest(&text(&lines)).unwrap_or_else(|words| panic!("{words}"));
    Ok(())
}

#[test]
fn values_out_of_range_are_refused_with_directive_value_and_limit() {
    let in_place = |line: &str| format!("<Location /x>\n{line}\n</Location>");
    for (configuration, words) in [
        (
            "PubcookieLogin http://login.example.org/",
            ["PubcookieLogin:", "http://login.example.org/", "https"],
        ),
        (
            "PubcookieLogin login.example.org",
            ["PubcookieLogin:", "login.example.org", "https://"],
        ),
        (
            "PubcookieLoginMethod PUT",
            ["PubcookieLoginMethod:", "PUT", "GET, POST"],
        ),
        ("PubcookiePostURL /a?b", ["PubcookiePostURL:", "/a?b", "path"]),
        ("PubcookieDomain org", ["PubcookieDomain:", "org", "dot"]),
        (
            "PubcookieEncryption ROT13",
            ["PubcookieEncryption:", "ROT13", "AES+DOMAIN"],
        ),
        (
            "PubcookieSessionFormat sealed sealed",
            ["PubcookieSessionFormat:", "sealed sealed", "legacy"],
        ),
        (
            "PubcookieAuthTypeNames a a",
            ["PubcookieAuthTypeNames:", "`a`", "twice"],
        ),
        (
            "PubcookieAuthTypeNames Basic",
            ["PubcookieAuthTypeNames:", "Basic", "httpd"],
        ),
        (
            "PubcookieAuthTypeNames 1 2 3 4 5 6 7 8 9 ten",
            ["PubcookieAuthTypeNames:", "ten", "nine"],
        ),
        (
            "PubcookieAppSrvID \"1234567890123456789012345678901234567890\"",
            ["PubcookieAppSrvID:", "1234567890", "39"],
        ),
        (
            "PubcookieMaxPost 10485761",
            ["PubcookieMaxPost:", "10485761", "10485760"],
        ),
        ("PubcookieMaxPost -1", ["PubcookieMaxPost:", "-1", "10485760"]),
        (
            "PubcookieStrictReauth maybe",
            ["PubcookieStrictReauth:", "maybe", "Off"],
        ),
        (
            "PubcookieReplayCache nothing",
            ["PubcookieReplayCache:", "nothing", "socache_nothing_module"],
        ),
        (
            "PubcookieLoginProvider nobody",
            ["PubcookieLoginProvider:", "nobody", "provider"],
        ),
        (
            &in_place("PubcookieInactiveExpire 299"),
            ["PubcookieInactiveExpire:", "299", "300"],
        ),
        (
            &in_place("PubcookieInactiveExpire -2"),
            ["PubcookieInactiveExpire:", "-2", "300"],
        ),
        (
            &in_place("PubcookieHardExpire 3599"),
            ["PubcookieHardExpire:", "3599", "3600"],
        ),
        (
            &in_place("PubcookieHardExpire 43201"),
            ["PubcookieHardExpire:", "43201", "43200"],
        ),
        (
            &in_place("PubcookieEndSession maybe"),
            ["PubcookieEndSession:", "maybe", "clearLogin"],
        ),
        (
            &in_place(&format!("PubcookieAppID {}", "x".repeat(128))),
            ["PubcookieAppID:", "xxx", "127"],
        ),
        (
            "<VirtualHost *:1>\nPubcookieReplayCache shmcb\n</VirtualHost>",
            ["PubcookieReplayCache:", "whole httpd", "virtual hosts"],
        ),
    ] {
        let said = refusal(configuration);
        for word in words {
            assert!(said.contains(word), "{configuration}: {word} is not in: {said}");
        }
    }
}

#[test]
fn the_limits_themselves_and_any_case_are_accepted() {
    let place = "<Location /x>\nPUBCOOKIEINACTIVEEXPIRE 300\npubcookiehardexpire 3600\nPubcookieAppID \"my app\"\n\
                 PubcookieEndSession CLEARLOGIN\nPubcookieAuthType webiso\n</Location>\n\
                 <Location /y>\nPubcookieInactiveExpire -1\nPubcookieHardExpire 43200\n</Location>\n";
    let server = "PubcookieLogin https://login.example.org\nPubcookieLoginMethod post\nPubcookieEncryption aes+domain\n\
                  PubcookieAuthTypeNames EGNetID null SecurID\nPubcookieDomain example.org\nPubcookieSessionFormat sealed \
                  legacy\nPubcookieReplayCache shmcb:run/replay(65536)\nPubcookieMaxPost 0\nPubcookieStrictReauth on\n";
    let keys = Keys::make().expect("keys");
    let mut lines = keys.app_server();
    lines.remove(0);
    configtest(&format!("{server}{}{place}", text(&lines))).unwrap_or_else(|words| panic!("{words}"));
}

#[test]
fn directives_stand_where_they_belong() {
    for line in [
        "PubcookieLogin https://login.example.org/",
        "PubcookieSessionKeyFile x",
        "PubcookieReplayCache shmcb",
    ] {
        let words = refusal(&format!("<Location /x>\n{line}\n</Location>"));
        assert!(
            words.contains("not allowed") && words.contains("Location"),
            "{line}: {words}"
        );
    }
    for line in [
        "PubcookieAppID x",
        "PubcookieHardExpire 3600",
        "PubcookieEndSession on",
        "PubcookieAuthType webiso",
    ] {
        let words = refusal(line);
        assert!(words.contains("not allowed here"), "{line}: {words}");
    }
}

#[test]
fn virtual_hosts_inherit_keys_and_one_without_directives_needs_none() -> Result<()> {
    let keys = Keys::make()?;
    let all = text(&keys.app_server());
    let plain = "<VirtualHost *:80>\nServerName plain.example.org\n</VirtualHost>\n";
    configtest(&format!("{all}{plain}")).unwrap_or_else(|words| panic!("{words}"));
    // Common settings outside, the keys in the virtual host that they are for.
    let (common, own) = keys
        .app_server()
        .into_iter()
        .partition::<Vec<_>, _>(|(name, _)| matches!(*name, "PubcookieLogin" | "PubcookieGrantingCertFile"));
    let host = format!(
        "<VirtualHost *:443>\nServerName {HOST}\n{}</VirtualHost>\n",
        text(&own)
    );
    configtest(&format!("{}{plain}{host}", text(&common))).unwrap_or_else(|words| panic!("{words}"));
    let lacking = host.replace("PubcookieSessionKeyFile", "#");
    let words = refusal(&format!("{}{plain}{lacking}", text(&common)));
    assert!(
        words.contains("PubcookieSessionKeyFile: not set") && words.contains(HOST),
        "{words}"
    );
    Ok(())
}
