//! The recorded servers, with our modules in the place of the original programs: the same names, keys, places, methods
//! and encryptions, and a clock that can be set.
//!
//! They speak HTTP and have `https` in their `ServerName`, as behind a terminator of TLS.

use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use anyhow::{Context, Result};
use openssl::base64::encode_block;
use openssl::sha::sha1;
use testbed::application;
use testbed::httpd::{Httpd, Mpm};
use testbed::{PrivateDirectory, free_port, write_file};
use url::Url;

use super::answer::Answer;
use super::keys::{GRANTING, Keys};

/// What sets the clock of a program (`$LIB` is for the dynamic linker).
const FAKETIME: &str = "/usr/$LIB/faketime/libfaketime.so.1";

/// Who can log in, as at the recorded login server.
const USERS: [(&str, &str); 5] = [
    ("alice", "secret"),
    ("bob", "pw&\"<>+ 1"),
    ("alice@EXAMPLE", "secret"),
    ("averyveryverylongusernamethatexceedsfortytwo", "x"),
    ("presesuser", "secret"),
];

/// The application servers: name and port, method, encryption.
const APP_SERVERS: [(&str, &str, &str); 4] = [
    ("app1.example.edu:18444", "GET", "AES"),
    ("app2.example.edu:18445", "POST", "AES"),
    ("app3.example.edu:18446", "GET", "DES"),
    ("app4.example.edu:18447", "POST", "AES+DOMAIN"),
];

const LOGIN_SERVER: &str = "login.example.edu";

/// The places of an application server.
const PLACES: &str = r"
<Location />
Require all granted
</Location>
<LocationMatch ^/(secure|securid|secure2|logout|logout-redir|logout-clear|customout|reauth|noprompt)>
AuthType EGNetID
Require valid-user
</LocationMatch>
<LocationMatch ^/(secure/|logout)>
PubcookieAppID secureapp
</LocationMatch>
<Location /securid>
AuthType securid
</Location>
<Location /logout/>
PubcookieEndSession on
</Location>
<Location /logout-redir>
PubcookieEndSession redirect
</Location>
<Location /logout-clear>
PubcookieEndSession clearLogin
</Location>
<Location /customout>
PubcookieAppID customout
PubcookieEndSession redirect
</Location>
<Location /reauth>
PubcookieAppID reauthapp
PubcookieSessionCauseReAuth on
</Location>
<Location /noprompt>
PubcookieAppID nopromptapp
PubcookieNoPrompt on
</Location>
";

/// How session and pre-session cookies are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionFormat {
    /// As the original did, so that it can read them.
    Legacy,
    /// The default.
    Sealed,
}

/// The servers.
pub struct Servers {
    pub keys: Keys,
    httpd: Httpd,
    plain_port: u16,
    clock: PathBuf,
    _directory: PrivateDirectory,
}

/// What is sent.
pub struct Sent<'a> {
    pub method: &'a str,
    pub url: &'a Url,
    pub headers: Vec<(&'a str, String)>,
    pub body: Option<String>,
}

impl Servers {
    pub fn start(format: SessionFormat) -> Result<Servers> {
        let directory = PrivateDirectory::new("transcripts")?;
        let keys = Keys::write(directory.path())?;
        let clock = directory.write("clock", 0o644, "1795290576")?;
        let plain_port = free_port()?;
        let mut configuration = format!(
            "Listen 127.0.0.1:{plain_port}\n<Directory \"{}\">\nRequire all granted\n</Directory>\n",
            documents(&directory)?.display()
        );
        for server in APP_SERVERS {
            configuration += &app_server(server, format, &keys, &directory)?;
        }
        // Over HTTP without TLS, as recorded.
        let [app1, ..] = APP_SERVERS;
        configuration += &app_server(app1, format, &keys, &directory)?
            .replace("*:*", &format!("*:{plain_port}"))
            .replace(
                "ServerName https://app1.example.edu:18444",
                "ServerName http://app1.example.edu:18081",
            );
        configuration += &login_server(&keys, &directory, "https://login.example.edu:18443", "*:*")?;
        configuration += &login_server(
            &keys,
            &directory,
            "http://login.example.edu:18080",
            &format!("*:{plain_port}"),
        )?;
        let httpd = Httpd::builder(directory.path())?
            .with_our_modules()
            // libfaketime reads a clock that changes without a lock: threads could see half of it.
            .mpm(Mpm::Prefork)
            .environment("LD_PRELOAD", FAKETIME)
            .environment("FAKETIME_FMT", "%s")
            .environment("FAKETIME_TIMESTAMP_FILE", &clock.display().to_string())
            .environment("FAKETIME_NO_CACHE", "1")
            .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .environment("NO_FAKE_STAT", "1")
            .configuration(&configuration)
            .start()?;
        Ok(Servers {
            keys,
            httpd,
            plain_port,
            clock,
            _directory: directory,
        })
    }

    /// Sets the servers' clock, in Unix seconds. It stands still until it is set again.
    pub fn set_clock(&self, time: u64) -> Result<()> {
        write_file(&self.clock, 0o644, time.to_string().as_bytes())
    }

    pub fn ask(&self, request: &Sent<'_>) -> Result<Answer> {
        let Sent { method, url, .. } = request;
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let host = &url[url::Position::BeforeHost..url::Position::AfterPort];
        let mut head = format!("{method} {path} HTTP/1.0\r\nHost: {host}\r\n");
        for (name, value) in &request.headers {
            write!(head, "{name}: {value}\r\n")?;
        }
        if let Some(body) = &request.body {
            write!(head, "Content-Length: {}\r\n", body.len())?;
        }
        head += "\r\n";
        head += request.body.as_deref().unwrap_or_default();

        let port = if url.scheme() == "https" {
            self.httpd.port()
        } else {
            self.plain_port
        };
        let mut connection = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
        connection.set_read_timeout(Some(Duration::from_secs(60)))?;
        connection.write_all(head.as_bytes())?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer)?;
        let answer = String::from_utf8_lossy(&answer);
        let (head, body) = answer
            .split_once("\r\n\r\n")
            .context("an answer without a body")?;
        let mut lines = head.lines();
        let status = lines
            .next()
            .and_then(|line| line.split(' ').nth(1))
            .unwrap_or_default();
        let headers: Vec<(String, String)> = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Ok(Answer::ours(url, status, &headers, body))
    }
}

fn documents(directory: &PrivateDirectory) -> Result<PathBuf> {
    let documents = directory.make_directory("documents", 0o755)?;
    let pages = [
        "secure",
        "secure2",
        "securid",
        "logout",
        "logout-redir",
        "logout-clear",
        "customout",
        "reauth",
    ];
    for page in pages {
        directory.make_directory(&format!("documents/{page}"), 0o755)?;
        directory.write(&format!("documents/{page}/index.html"), 0o644, page)?;
    }
    // As old as the recorded one: its ETag is size and time.
    let file = directory.write("documents/secure/1k.txt", 0o644, "x".repeat(1024))?;
    let modified = UNIX_EPOCH + Duration::from_micros(0x6_60ce_9f4b_9736);
    fs::File::options()
        .write(true)
        .open(&file)?
        .set_modified(modified)?;
    Ok(documents)
}

fn app_server(
    (name, method, encryption): (&str, &str, &str),
    format: SessionFormat,
    keys: &Keys,
    directory: &PrivateDirectory,
) -> Result<String> {
    let application = application::install(directory.path())?;
    let (host, _) = name.split_once(':').unwrap_or((name, ""));
    Ok(format!(
        "<VirtualHost *:*>\nServerName https://{name}\n{keys}\
         PubcookieGrantingCertFile \"{granting}\"\n\
         PubcookieLogin https://{LOGIN_SERVER}:18443/\nPubcookieLoginMethod {method}\n\
         {domain}PubcookieEncryption {encryption}\n\
         PubcookieAuthTypeNames EGNetID null securid\nPubcookieSessionFormat {format:?}\n\
         DocumentRoot \"{documents}\"\nDirectoryIndex index.html\n\
         ScriptAliasMatch \"^/(secure|noprompt)/env\\.cgi\" \"{application}\"\n\
         {PLACES}</VirtualHost>\n",
        // As recorded: the POST method has none.
        domain = if method == "GET" {
            "PubcookieDomain .example.edu\n"
        } else {
            ""
        },
        keys = key_directives(host, keys),
        granting = keys.certificate(GRANTING).display(),
        documents = directory.join("documents").display(),
        application = application.display(),
    ))
}

fn login_server(keys: &Keys, directory: &PrivateDirectory, name: &str, address: &str) -> Result<String> {
    let mut passwords = String::new();
    for (user, password) in USERS {
        writeln!(
            passwords,
            "{user}:{{SHA}}{}",
            encode_block(&sha1(password.as_bytes()))
        )?;
    }
    let passwords = directory.write("passwords", 0o644, passwords)?;
    Ok(format!(
        "<VirtualHost {address}>\nServerName {name}\n{keys}\
         PubcookieDomain .example.edu\nPubcookieLogin https://{LOGIN_SERVER}:18443/\n\
         PubcookieGrantingKeyFile \"{granting}\"\nPubcookieLoginProvider file\n\
         <Location />\nSetHandler pubcookie-login\nAuthUserFile \"{passwords}\"\nRequire all granted\n</Location>\n\
         </VirtualHost>\n",
        keys = key_directives(LOGIN_SERVER, keys),
        granting = keys.private_key(GRANTING).display(),
        passwords = passwords.display(),
    ))
}

fn key_directives(host: &str, keys: &Keys) -> String {
    format!(
        "PubcookieSessionKeyFile \"{}\"\nPubcookieSessionCertFile \"{}\"\nPubcookieKeyDir \"{}\"\n",
        keys.private_key(host).display(),
        keys.certificate(host).display(),
        keys.key_directory().display(),
    )
}
