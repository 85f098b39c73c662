//! Every cookie of the original programs, shown to a real httpd at the time when it was made: a good granting cookie
//! leads to a logon at the MyProxy server, whatever is broken leads to a line in the log.
//!
//! No MyProxy server listens: a cookie that was accepted shows as `unreachable`, one that was not as `none`.

mod original_vectors;

use std::collections::{BTreeMap, HashSet};
use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use original_vectors::{FAKETIME, Fields, OriginalCookie};
use testbed::application::{self, Seen};
use testbed::httpd::Httpd;
use testbed::{PrivateDirectory, free_port, pki};

const PASSWORD: &str = "open-sesame";

/// One way to read granting cookies: a virtual host.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Reader {
    peer: String,
    encryption: &'static str,
    granting_certificate: PathBuf,
    key_directory: PathBuf,
    app_server_id: String,
}

impl Reader {
    fn of(cookie: &OriginalCookie) -> Self {
        let app_server_id = match &cookie.verdict {
            Ok(fields) if fields.printable && !fields.app_server_id.is_empty() => text(&fields.app_server_id),
            _ => "app1.example.edu".to_owned(),
        };
        Reader {
            peer: cookie.peer.clone(),
            encryption: cookie.encryption,
            granting_certificate: cookie.granting_certificate.clone(),
            key_directory: cookie.key_directory.clone(),
            app_server_id,
        }
    }

    /// Its directives, with a session certificate that says its name.
    fn directives(&self, directory: &Path) -> Result<String> {
        let session = pki::self_signed(directory, &self.peer, &self.peer)?;
        Ok(format!(
            "PubcookieSessionKeyFile \"{}\"\nPubcookieSessionCertFile \"{}\"\nPubcookieKeyDir \"{}\"\n\
             PubcookieGrantingCertFile \"{}\"\nPubcookieEncryption {}\nPubcookieAppSrvID \"{}\"\n",
            session.key.display(),
            session.certificate.display(),
            self.key_directory.display(),
            self.granting_certificate.display(),
            self.encryption,
            self.app_server_id,
        ))
    }
}

/// Where a reader listens: several have the same name.
fn address(reader: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(Ipv4Addr::new(127, 0, 1, 0).to_bits() + u32::try_from(reader).unwrap_or(0))
}

/// Application servers for all readers, whose clock stands still.
struct AppServers {
    httpd: Httpd,
    readers: Vec<Reader>,
    app_ids: Vec<String>,
    _directory: PrivateDirectory,
}

impl AppServers {
    fn start(cookies: &[&OriginalCookie], time: u32) -> Result<Self> {
        let directory = PrivateDirectory::new("original")?;
        let trust = directory.make_directory("trust", 0o755)?;
        let application = application::install(directory.path())?;
        let users: HashSet<Vec<u8>> = cookies.iter().map(|cookie| user_of(cookie)).collect();
        let digest = openssl::base64::encode_block(&openssl::sha::sha1(PASSWORD.as_bytes()));
        let passwords: Vec<u8> = users
            .into_iter()
            .flat_map(|user| [user, format!(":{{SHA}}{digest}\n").into_bytes()].concat())
            .collect();
        let passwords = directory.write("passwords", 0o644, passwords)?;

        let readers: Vec<Reader> = distinct(cookies.iter().map(|cookie| Reader::of(cookie)));
        let app_ids: Vec<String> = distinct(cookies.iter().map(|cookie| app_id_of(cookie)));
        let mut places = String::new();
        for (number, app_id) in app_ids.iter().enumerate() {
            writeln!(
                places,
                "<Location /{number}/>\nPubcookieAppID \"{app_id}\"\n</Location>"
            )?;
        }
        let mut httpd = Httpd::builder(directory.path())?
            .with_our_modules()
            .environment("LD_PRELOAD", FAKETIME)
            .environment("FAKETIME_FMT", "%s")
            .environment("FAKETIME", &time.to_string())
            .environment("FAKETIME_DONT_FAKE_MONOTONIC", "1")
            .configuration(&format!(
                "MyProxyServer localhost:{}\nMyProxyTrustDir \"{}\"\n\
                 MyProxyCredStoreDir credentials\nMyProxySessionStore dir:sessions",
                free_port()?,
                trust.display()
            ));
        let port = httpd.port();
        for (number, reader) in readers.iter().enumerate() {
            let (address, name) = (address(number), &reader.peer);
            let directives = reader.directives(directory.path())?;
            httpd = httpd.configuration(&format!(
                "Listen {address}:{port}\n<VirtualHost {address}:{port}>\nServerName https://{name}\n{directives}{places}\
                 ScriptAliasMatch \"^/\" \"{application}\"\n\
                 <Location />\nAuthType Basic\nAuthName original\nAuthBasicProvider file\n\
                 AuthUserFile \"{passwords}\"\nRequire valid-user\nMyProxyCredential On\n</Location>\n\
                 </VirtualHost>",
                application = application.display(),
                passwords = passwords.display(),
            ));
        }
        Ok(AppServers {
            httpd: httpd.start()?,
            readers,
            app_ids,
            _directory: directory,
        })
    }

    /// Shows a cookie to its reader: `MYPROXY_ERROR`, and what was logged about it.
    fn show(&self, cookie: &OriginalCookie) -> Result<(String, String)> {
        let place = |of: &[String], wanted: &String| of.iter().position(|one| one == wanted);
        let reader = Reader::of(cookie);
        let reader = self.readers.iter().position(|one| *one == reader);
        let (reader, app_id) = reader
            .zip(place(&self.app_ids, &app_id_of(cookie)))
            .context("a cookie of others")?;
        let credentials = [user_of(cookie), b":".to_vec(), PASSWORD.into()].concat();
        let request = format!(
            "GET /{app_id}/ HTTP/1.0\r\nAuthorization: Basic {}\r\n\
             Cookie: pubcookie_g={}\r\n\r\n",
            openssl::base64::encode_block(&credentials),
            cookie.text
        );
        let log = self.httpd.log_from_now();
        let mut connection = TcpStream::connect((address(reader), self.httpd.port()))?;
        connection.set_read_timeout(Some(Duration::from_secs(60)))?;
        connection.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer)?;
        let page = Seen::in_page(&String::from_utf8_lossy(&answer)).with_context(|| cookie.name.clone())?;
        ensure!(
            page.variable("X509_USER_PROXY").is_none(),
            "{}: a credential from nowhere",
            cookie.name
        );
        let error = page
            .variable("MYPROXY_ERROR")
            .context("neither credential nor error")?;
        Ok((error.to_owned(), log.text()))
    }

    /// Shows a cookie, and answers what it was. A good granting cookie may be in the vectors as a bad session cookie.
    fn judge(&self, cookie: &OriginalCookie, bad_as_session: bool) -> Result<&'static str> {
        let (error, log) = self.show(cookie)?;
        let expected = match &cookie.verdict {
            _ if matches!(cookie.text.as_str(), "" | "clear") => Expected::Nothing("no cookie at all"),
            _ if bad_as_session => Expected::Accepted("accepted, though not a session cookie"),
            Ok(fields) if cookie.granting => of_granting_cookie(cookie, fields),
            Ok(_) => Expected::Refused("signed with a session key", "signature does not hold"),
            Err(failure) if failure == "malformed_length" => Expected::Nothing("of no cookie's size"),
            Err(failure) => Expected::Refused("broken", of_failure(cookie, failure)),
        };
        ensure!(
            !log.contains(cookie.text.get(..40).unwrap_or("\0")),
            "{}: {log}",
            cookie.name
        );
        match expected {
            Expected::Accepted(what) => {
                ensure!(error == "unreachable", "{}: {error}: {log}", cookie.name);
                Ok(what)
            }
            Expected::Refused(what, reason) => {
                ensure!(error == "none", "{}: {error}: {log}", cookie.name);
                let told = log
                    .lines()
                    .any(|line| line.contains("[pubcookie:") && line.contains(reason));
                ensure!(told, "{}: {reason:?} is not in {log:?}", cookie.name);
                Ok(what)
            }
            Expected::Nothing(what) => {
                ensure!(error == "none", "{}: {error}: {log}", cookie.name);
                Ok(what)
            }
        }
    }
}

/// What a cookie should be, and the reason that the log should have.
enum Expected {
    Accepted(&'static str),
    Refused(&'static str, &'static str),
    Nothing(&'static str),
}

fn of_failure(cookie: &OriginalCookie, failure: &str) -> &'static str {
    match failure {
        _ if cookie.is_odd_base64() => "not base64",
        "bad_signature" => "signature does not hold",
        "too_short" => "shorter than its signature",
        "weak_des_key" => "weak DES key",
        "wrong_plain_size" => "the signed block has",
        _ => "no such failure",
    }
}

fn of_granting_cookie(cookie: &OriginalCookie, fields: &Fields) -> Expected {
    if cookie.is_odd_base64() {
        Expected::Refused("in odd base64", "not base64")
    } else if !(b'1'..=b'9').contains(&fields.creds) {
        Expected::Nothing("proves no login")
    } else if fields.cookie_type != b'1' {
        Expected::Refused(
            "not a granting cookie",
            "no granting or session cookie that can be read",
        )
    } else if !fields.printable {
        Expected::Refused(
            "not printable ASCII",
            "no granting or session cookie that can be read",
        )
    } else if fields.app_id.is_empty() {
        Expected::Refused("for no application", "another app ID")
    } else if fields.version.first() != Some(&b'a') {
        Expected::Refused("protocol version", "another protocol version")
    } else if fields.user.is_empty() {
        Expected::Refused("user is blank", "required user login didn't happen")
    } else {
        Expected::Accepted("accepted")
    }
}

/// The user beside whom a cookie is shown: its own, where httpd can have such a user.
fn user_of(cookie: &OriginalCookie) -> Vec<u8> {
    match &cookie.verdict {
        Ok(Fields { user, .. })
            if std::str::from_utf8(user)
                .is_ok_and(|user| !user.is_empty() && !user.contains(['\0', '\n', ':'])) =>
        {
            user.clone()
        }
        _ => b"alice".to_vec(),
    }
}

/// The app ID of the place where it is shown: its own, where a place can have it.
fn app_id_of(cookie: &OriginalCookie) -> String {
    match &cookie.verdict {
        Ok(fields) if cookie.granting && fields.printable && !fields.app_id.is_empty() => {
            text(&fields.app_id)
        }
        _ => "/secure/".to_owned(),
    }
}

fn text(field: &[u8]) -> String {
    String::from_utf8_lossy(field).into_owned()
}

fn distinct<T: Clone + PartialEq>(all: impl Iterator<Item = T>) -> Vec<T> {
    all.fold(Vec::new(), |mut some, one| {
        if !some.contains(&one) {
            some.push(one);
        }
        some
    })
}

/// A header ends at a line break, a cookie at a semicolon, and blanks around it do not count: what would arrive is
/// another cookie, mostly the good one.
fn fits_a_header(text: &str) -> bool {
    !text.contains(['\r', '\n', ';']) && text.trim_matches([' ', '\t']) == text
}

#[test]
fn cookies_of_the_original_are_judged_as_they_deserve() -> Result<()> {
    let directory = PrivateDirectory::new("vectors")?;
    let cookies = original_vectors::all(directory.path());
    let is_good = |text: &str, reader: &Reader| {
        let same = |good: &&OriginalCookie| good.text == text && Reader::of(good) == *reader;
        cookies
            .iter()
            .filter(|good| good.granting && good.verdict.is_ok())
            .any(|good| same(&good))
    };
    let mut count = BTreeMap::<&str, usize>::new();
    for (time, live) in [(1_700_000_005, false), (1_795_291_389, true)] {
        let (with_key, keyless): (Vec<_>, Vec<_>) = cookies
            .iter()
            .filter(|cookie| cookie.key_directory.starts_with(directory.join("live")) == live)
            .partition(|cookie| cookie.has_key());
        *count.entry("for a server without a key").or_default() += keyless.len();
        let (mut waiting, unfit): (Vec<_>, Vec<_>) = with_key
            .into_iter()
            .partition(|cookie| fits_a_header(&cookie.text));
        *count.entry("no header can carry it").or_default() += unfit.len();

        let app_servers = AppServers::start(&waiting, time)?;
        // Encrypted anew it is the same cookie, and works once: httpd has to forget it.
        loop {
            let mut shown = HashSet::new();
            let mut later = Vec::new();
            for cookie in waiting {
                let bad_as_session = cookie.verdict.is_err() && is_good(&cookie.text, &Reader::of(cookie));
                let good = cookie.granting && cookie.verdict.is_ok() || bad_as_session;
                if good && cookie.plain.is_some() && !shown.insert(&cookie.plain) {
                    later.push(cookie);
                    continue;
                }
                *count
                    .entry(app_servers.judge(cookie, bad_as_session)?)
                    .or_default() += 1;
            }
            if later.is_empty() {
                break;
            }
            app_servers.httpd.full_restart()?;
            waiting = later;
        }
    }
    let expected = [
        ("accepted", 129),
        ("accepted, though not a session cookie", 3),
        ("not printable ASCII", 15),
        ("protocol version", 5),
        ("user is blank", 2),
        ("for no application", 2),
        ("proves no login", 18),
        ("in odd base64", 8),
        ("signed with a session key", 99),
        ("broken", 295),
        ("of no cookie's size", 8),
        ("no cookie at all", 4),
        ("no header can carry it", 18),
        ("for a server without a key", 9),
    ];
    assert_eq!(count, BTreeMap::from(expected));
    assert_eq!(cookies.len(), 602 + 13);
    Ok(())
}

#[test]
fn a_server_without_a_key_for_its_name_does_not_start() -> Result<()> {
    let directory = PrivateDirectory::new("vectors")?;
    let cookies = original_vectors::all(directory.path());
    let readers = distinct(cookies.iter().filter(|cookie| !cookie.has_key()).map(Reader::of));
    for reader in &readers {
        let directives = reader.directives(directory.path())?;
        let refusal = testbed::httpd::configtest(&directives).err().unwrap_or_default();
        ensure!(
            refusal.contains("PubcookieKeyDir") && refusal.contains(&reader.peer),
            "{}: {refusal:?}",
            reader.peer
        );
    }
    assert_eq!(readers.len(), 9);
    Ok(())
}
