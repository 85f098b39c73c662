//! What `apachectl configtest` says of the directives of `myproxy_module`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use anyhow::{Result, ensure};
use testbed::PrivateDirectory;
use testbed::httpd::{Httpd, configtest};

/// The refusal of a configuration, which has to be one.
fn refusal(configuration: &str) -> String {
    match configtest(configuration) {
        Ok(words) => panic!("accepted:\n{configuration}\n{words}"),
        Err(words) => words,
    }
}

fn in_place(lines: &str) -> String {
    format!("<Location /app>\n{lines}\n</Location>")
}

/// A server that is complete, with a trust directory that is there.
fn server(trust: &Path) -> Vec<String> {
    vec![
        "MyProxyServer myproxy.example.org".to_owned(),
        format!("MyProxyTrustDir \"{}\"", trust.display()),
        "MyProxyCredStoreDir credentials".to_owned(),
        "MyProxySessionStore dir:sessions".to_owned(),
    ]
}

/// What a server cannot be told, and the answer.
const WRONG_FOR_A_SERVER: [(&str, &str); 30] = [
    (
        "MyProxyServer host:0",
        r#""0" is not a port: write a number from 1 to 65535"#,
    ),
    ("MyProxyServer host:65536", r#""65536" is not a port"#),
    ("MyProxyServer host:port", r#""port" is not a port"#),
    ("MyProxyServer :7512", r#"":7512" is not a host name"#),
    (
        r#"MyProxyServer good.example.org "no host""#,
        r#""no host" is not a host name"#,
    ),
    (
        "MyProxyServer host:7512=",
        r#""" is not a host name that a server certificate can have"#,
    ),
    (
        "MyProxyServerDN CN=host",
        r#""CN=host" is not a distinguished name in slash form"#,
    ),
    ("MyProxyServerName no/name", r#""no/name" is not a host name"#),
    ("MyProxyTimeout 0", r#""0" is not a whole number from 1 to 600"#),
    (
        "MyProxyTimeout 601",
        r#""601" is not a whole number from 1 to 600"#,
    ),
    ("MyProxyTimeout soon", r#""soon" is not a whole number"#),
    ("MyProxyTimeout 20 10", "the total must not be less"),
    (
        "MyProxyMaxConcurrent 0",
        r#""0" is not a whole number from 1 to 65535"#,
    ),
    ("MyProxyMaxConcurrent many", r#""many" is not a whole number"#),
    (
        "MyProxySessionStore sessions",
        r#""sessions" must be dir: and a directory"#,
    ),
    (
        "MyProxySessionStore dir:",
        r#""dir:" must be dir: and a directory"#,
    ),
    (
        "MyProxyFilePermissions 0644",
        "mode 0644 is not fit for a credential",
    ),
    (
        "MyProxyFilePermissions 0660",
        "mode 0660 is not fit for a credential",
    ),
    (
        "MyProxyFilePermissions 0200",
        "mode 0200 is not fit for a credential",
    ),
    (
        "MyProxyFilePermissions rw-------",
        r#""rw-------" is not a mode in octal"#,
    ),
    (
        "MyProxyFilePermissions 0600 no-such-user",
        r#"there is no user "no-such-user""#,
    ),
    (
        "MyProxyFilePermissions 0640 root no-such-group",
        r#"there is no group "no-such-group""#,
    ),
    ("MyProxyDirPermissions 0755", "mode 0755 is not fit for a store"),
    ("MyProxyDirPermissions 0600", "mode 0600 is not fit for a store"),
    ("MyProxyDirPermissions seven", r#""seven" is not a mode in octal"#),
    (
        r#"MyProxySessionCookie "a b""#,
        r#""a b" cannot be the name of a cookie"#,
    ),
    (
        "MyProxySessionCookie MM_SESSION Colour=blue",
        r#""Colour=blue" is not an attribute"#,
    ),
    (
        r#"MyProxySessionCookie MM_SESSION "Path=/; Domain=org""#,
        r#""Path=/; Domain=org" is not an attribute"#,
    ),
    ("MyProxySweepInterval -1", r#""-1" is not a whole number from 0"#),
    ("MyProxySweepInterval often", r#""often" is not a whole number"#),
];

/// What a place cannot be told, and the answer.
const WRONG_FOR_A_PLACE: [(&str, &str); 17] = [
    ("MyProxyCredential perhaps", r#"must be On or Off, not "perhaps""#),
    (
        "MyProxyLifetime 59",
        r#""59" is not a whole number from 60 to 31536000"#,
    ),
    (
        "MyProxyLifetime 31536001",
        r#""31536001" is not a whole number from 60 to 31536000"#,
    ),
    ("MyProxyLifetime long", r#""long" is not a whole number"#),
    ("MyProxyMinLifetime -1", r#""-1" is not a whole number from 0"#),
    (r#"MyProxyCredName """#, "wrong number of arguments (0)"),
    (
        "MyProxyForwardCookie raw",
        r#""raw" is neither plain nor encrypted"#,
    ),
    (
        "MyProxyUser %{no-such-variable",
        r#"cannot parse the expression "%{no-such-variable""#,
    ),
    ("MyProxySessionIdle 59", r#""59" is not a whole number from 60"#),
    (
        "MyProxyEnvName x509",
        r#""x509" must be made of capitals, digits and _"#,
    ),
    ("MyProxyEnvName 509_PROXY", "not begin with a digit"),
    (
        "MyProxyEnvName LD_PRELOAD",
        r#""LD_PRELOAD" means something else"#,
    ),
    ("MyProxyEnvName PATH", r#""PATH" means something else"#),
    (
        "MyProxyEnvName HTTP_COOKIE",
        r#""HTTP_COOKIE" means something else"#,
    ),
    (
        "MyProxyEnvName REMOTE_USER",
        r#""REMOTE_USER" means something else"#,
    ),
    (
        "MyProxyEnvName MYPROXY_ERROR",
        r#""MYPROXY_ERROR" means something else"#,
    ),
    (
        "MyProxyLogoutURI (logout",
        r#""(logout" is not a regular expression"#,
    ),
];

#[test]
fn a_wrong_value_is_refused_with_its_directive_and_what_would_be_right() {
    let of_places = WRONG_FOR_A_PLACE.map(|(line, words)| (in_place(line), line, words));
    let of_servers = WRONG_FOR_A_SERVER.map(|(line, words)| (line.to_owned(), line, words));
    for (configuration, line, words) in of_servers.into_iter().chain(of_places) {
        let said = refusal(&configuration);
        let directive = line.split(' ').next().unwrap_or_default();
        assert!(said.contains(&format!("{directive}: ")), "{line}: {said}");
        assert!(said.contains(words), "{line}: {words:?} is not in: {said}");
    }
}

#[test]
fn what_is_given_twice_or_excludes_another_is_refused() {
    let both = "MyProxyServerDN /CN=host\nMyProxyServerName host";
    for configuration in [both, "MyProxyServerName one\nMyProxyServerName other"] {
        let said = refusal(configuration);
        assert!(
            said.contains("only one of MyProxyServerDN and MyProxyServerName"),
            "{said}"
        );
    }
    let said = refusal("MyProxyTimeout 20 10");
    assert!(
        said.contains("MyProxyTimeout") && said.contains("total"),
        "{said}"
    );
    let said = refusal(&format!(
        "{}\n<Location /other>\nMyProxyCredName two\n</Location>",
        in_place("MyProxyCredName one")
    ));
    assert!(said.contains("MyProxyCredName") && said.contains("two"), "{said}");
}

#[test]
fn the_limits_themselves_and_any_case_are_accepted() -> Result<()> {
    let directory = PrivateDirectory::new("configuration")?;
    let mut lines = server(directory.path());
    lines.extend(
        [
            "myproxyserver one.example.org:1 two.example.org:65535=name.example.org",
            "MYPROXYSERVERDN /DC=org/DC=example/CN=host",
            "MyProxyTimeout 1 600",
            "MyProxyMaxConcurrent 65535",
            "MyProxyFilePermissions 640",
            "MyProxyDirPermissions 0751",
            "MyProxySessionCookie __Host-session SameSite=Strict",
            "MyProxySweepInterval 0",
        ]
        .map(str::to_owned),
    );
    lines.push(in_place(
        "MyProxyCredential on\nMyProxyLifetime 31536000\nMyProxyMinLifetime 0\nMyProxyForwardCookie ENCRYPTED\n\
         MyProxyUser \"%{REMOTE_USER}@%{HTTP_HOST}\"\nMyProxySessionIdle 60\nMyProxyEnvName GRID_PROXY_2\n\
         MyProxyCredName \"my credential\"\nMyProxyLogoutURI ^/logout",
    ));
    configtest(&lines.join("\n")).unwrap_or_else(|words| panic!("{words}"));
    Ok(())
}

#[test]
fn what_is_incomplete_names_what_is_missing() -> Result<()> {
    let directory = PrivateDirectory::new("configuration")?;
    let complete = server(directory.path());
    for wanting in ["MyProxyCredential On", "MyProxyLogoutURI ^/logout"] {
        configtest(&format!("{}\n{}", complete.join("\n"), in_place(wanting)))
            .unwrap_or_else(|words| panic!("{words}"));
        for missing in ["MyProxyServer", "MyProxyCredStoreDir", "MyProxySessionStore"] {
            let lines: Vec<_> = complete
                .iter()
                .filter(|line| !line.starts_with(&format!("{missing} ")))
                .cloned()
                .collect();
            let said = refusal(&format!("{}\n{}", lines.join("\n"), in_place(wanting)));
            assert!(
                said.contains(missing) && said.contains(wanting.split(' ').next().unwrap_or_default()),
                "{wanting} without {missing}: {said}"
            );
        }
    }
    // Nothing is demanded of a server that has nothing to do with credentials.
    configtest("MyProxyTimeout 5").unwrap_or_else(|words| panic!("{words}"));
    Ok(())
}

/// httpd's children write the files, and are not root.
#[test]
fn files_are_given_to_nobody_who_cannot_have_them() -> Result<()> {
    let directory = PrivateDirectory::new("configuration")?;
    let complete = server(directory.path()).join("\n");
    for (owner, words) in [
        ("0600 root", "cannot give files"),
        ("0640 www-data daemon", "not in group"),
    ] {
        let line = format!("MyProxyFilePermissions {owner}");
        let said = refusal(&format!(
            "{complete}\n{line}\n{}",
            in_place("MyProxyCredential On")
        ));
        ensure!(
            said.contains("MyProxyFilePermissions") && said.contains(words),
            "{owner}: {said}"
        );
    }
    Ok(())
}

#[test]
fn directories_that_cannot_serve_are_refused() -> Result<()> {
    let directory = PrivateDirectory::new("configuration")?;
    let complete = server(directory.path());
    let with = |from: &str, to: &str| {
        let lines = complete.join("\n").replace(from, to);
        assert!(lines.contains(to), "{lines}");
        refusal(&format!("{lines}\n{}", in_place("MyProxyCredential On")))
    };
    for sessions in ["dir:credentials", "dir:credentials/sessions"] {
        let said = with("dir:sessions", sessions);
        ensure!(
            said.contains("MyProxyCredStoreDir and MyProxySessionStore"),
            "{said}"
        );
    }
    let nowhere = directory.join("nowhere").display().to_string();
    let said = with(&directory.path().display().to_string(), &nowhere);
    ensure!(
        said.contains("MyProxyTrustDir") && said.contains(&nowhere),
        "{said}"
    );
    let link = directory.join("link");
    symlink(directory.make_directory("elsewhere", 0o700)?, &link)?;
    let said = with(
        "MyProxyCredStoreDir credentials",
        &format!("MyProxyCredStoreDir {}", link.display()),
    );
    ensure!(
        said.contains("MyProxyCredStoreDir:") && said.contains("link"),
        "{said}"
    );
    Ok(())
}

#[test]
fn directives_stand_where_they_belong() {
    for line in [
        "MyProxyServer myproxy.example.org",
        "MyProxyTrustDir /etc",
        "MyProxyCredStoreDir credentials",
        "MyProxyFilePermissions 0600",
        "MyProxySweepInterval 300",
    ] {
        let said = refusal(&in_place(line));
        let directive = line.split(' ').next().unwrap_or_default();
        assert!(
            said.contains(directive) && said.contains("not allowed"),
            "{line}: {said}"
        );
    }
}

/// Whoever may write an .htaccess must not get others' credentials.
#[test]
fn an_htaccess_file_can_only_switch_credentials_off() -> Result<()> {
    for (line, allowed) in [
        ("MyProxyCredential Off", true),
        ("MyProxyCredential On", false),
        ("MyProxyUser alice", false),
        ("MyProxyEnvName OTHER", false),
        ("MyProxyLogoutURI .", false),
        ("MyProxyCredName other", false),
        ("MyProxyCredScope session", false),
        ("MyProxyOnMissing deny", true),
    ] {
        let directory = PrivateDirectory::new("htaccess")?;
        let documents = directory.make_directory("htdocs", 0o755)?;
        let httpd = Httpd::builder(directory.path())?.with_our_modules();
        let port = httpd.port();
        let httpd = httpd
            .configuration(&format!(
                "<Directory \"{}\">\nAllowOverride All\nRequire all granted\n</Directory>",
                documents.display()
            ))
            .start()?;
        fs::write(documents.join("page"), "here")?;
        fs::write(documents.join(".htaccess"), line)?;
        let answer = get(port, "/page")?;
        let status = if allowed { "200" } else { "500" };
        ensure!(
            answer.starts_with(&format!("HTTP/1.1 {status}")),
            "{line}: {answer}"
        );
        let directive = line.split(' ').next().unwrap_or_default();
        assert_eq!(httpd.log().lines_with(directive).is_empty(), allowed, "{line}");
    }
    Ok(())
}

fn get(port: u16, path: &str) -> Result<String> {
    use std::io::{Read, Write};
    let mut connection = std::net::TcpStream::connect(("127.0.0.1", port))?;
    write!(connection, "GET {path} HTTP/1.0\r\n\r\n")?;
    let mut answer = String::new();
    connection.read_to_string(&mut answer)?;
    Ok(answer)
}
