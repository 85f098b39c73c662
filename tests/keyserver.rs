//! Our keyclient and our keyserver in a real httpd, and the original's requests as they are recorded.

mod keyserver_support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::thread;

use anyhow::{Result, ensure};
use keyserver_support::{ADMINISTRATOR, APP, Bed, BedBuilder, Client, OTHER, raw};
use openssl::base64::{decode_block, encode_block};
use openssl::ssl::SslVersion;
use testbed::httpd::Mpm;
use testbed::pki::{self, Authority};

#[test]
fn a_key_is_made_and_downloaded_under_every_mpm_and_by_both_versions_of_tls() -> Result<()> {
    for (mpm, protocol) in [
        (Mpm::Event, "+TLSv1.3"),
        (Mpm::Worker, "+TLSv1.2"),
        (Mpm::Prefork, "+TLSv1.2 +TLSv1.3"),
    ] {
        let bed = BedBuilder {
            mpm,
            host: format!("SSLProtocol -all {protocol}"),
            ..BedBuilder::default()
        }
        .start()?;
        let client = bed.client(&[APP])?;
        ensure!(client.does(&["-H", APP])? == format!("Set crypt key for {APP}\n"));
        let key = client.key(APP)?;
        assert_eq!(key.len(), 2048);
        assert_eq!(key, fs::read(bed.key_file(APP))?);
        for file in [client.key_directory.join(APP), bed.key_file(APP)] {
            assert_eq!(
                fs::metadata(&file)?.permissions().mode() & 0o7777,
                0o600,
                "{file:?}"
            );
        }
        // Another host of the cluster has the same certificate names and downloads what was made on the first.
        fs::remove_file(client.key_directory.join(APP))?;
        client.does(&["-H", APP, "-d", "-q"])?;
        assert_eq!(client.key(APP)?, key);
        // A new one replaces it, here and there.
        client.does(&["-H", APP])?;
        assert_ne!(client.key(APP)?, key);
        assert_eq!(client.key(APP)?, fs::read(bed.key_file(APP))?);
        // All of it in our form: no query in the log.
        let log = bed.httpd.access_log();
        ensure!(
            log.contains("\"POST / HTTP/1.1\" 200") && !log.contains("genkey"),
            "{log}"
        );
        bed.assert_not_logged(&[key, client.key(APP)?])?;
    }
    Ok(())
}

#[test]
fn the_originals_requests_are_answered_as_the_original_does() -> Result<()> {
    let bed = Bed::start()?;
    let (app, administrator) = (bed.client(&[APP])?, bed.client(&[ADMINISTRATOR])?);
    let port = bed.httpd.port();
    let mut keys = Vec::new();
    // With and without a version, a path, a whole URI, and the end of the request that a version has.
    for (target, end) in [
        ("/", "\r\n"),
        ("/", " HTTP/1.0\r\n\r\n"),
        ("/", " HTTP/1.1\r\nHost: localhost\r\n\r\n"),
        ("", "\r\n\r\n"),
        (&format!("https://localhost:{port}"), " HTTP/1.0\r\n\r\n"),
        (&format!("https://localhost:{port}/"), "\r\n"),
    ] {
        let line = |query: &str| format!("GET {target}?{query}{end}");
        let made = key_in(&app.raw(line(&format!("genkey=yes&setkey={APP}")).as_bytes())?)?;
        assert_eq!(made, fs::read(bed.key_file(APP))?);
        let fetched = key_in(&app.raw(line(&format!("genkey=no&setkey={APP}")).as_bytes())?)?;
        assert_eq!(made, fetched, "{target}");
        keys.push(made);

        let refused = app.raw(line(&format!("genkey=no&setkey={OTHER}")).as_bytes())?;
        let expected = format!("\r\nNO you ({APP}) are not authorized for host {OTHER}\r\n");
        assert_eq!(String::from_utf8(refused)?, expected);

        let granting = String::from_utf8(app.raw(line("genkey=getgc;").as_bytes())?)?;
        let pem = fs::read_to_string(bed.directory.join("granting.pem"))?;
        assert_eq!(granting, format!("\r\nOK {pem}\r\n"));

        let key = [7; 2048];
        let put = format!("genkey=put&setkey={OTHER};{}", encode_block(&key));
        let reply = administrator.raw(line(&put).as_bytes())?;
        assert_eq!(String::from_utf8(reply)?, "\r\nOK key set\r\n");
        assert_eq!(fs::read(bed.key_file(OTHER))?, key);
        let reply = administrator.raw(line(&format!("genkey=permit&setkey={OTHER};")).as_bytes())?;
        assert!(
            reply.starts_with(b"\r\nOK "),
            "{}",
            String::from_utf8_lossy(&reply)
        );
    }
    // Over TLS 1.2 too.
    let line = format!("GET /?genkey=no&setkey={APP}\r\n");
    let reply = raw(
        port,
        bed.authority.certificate(),
        Some(&app.files),
        SslVersion::TLS1_2,
        line.as_bytes(),
    )?;
    assert_eq!(Some(&key_in(&reply)?), keys.last());
    bed.assert_not_logged(&keys)
}

/// The key in a reply that has no status line.
fn key_in(reply: &[u8]) -> Result<Vec<u8>> {
    let text = String::from_utf8_lossy(reply).into_owned();
    ensure!(text.starts_with("\r\nOK ") && text.ends_with("\r\n"), "{text}");
    let key = decode_block(text[5..].trim_end())?;
    ensure!(key.len() == 2048, "{} bytes", key.len());
    Ok(key)
}

#[test]
fn administrators_permit_and_deny_hosts_upload_keys_and_add_certificates() -> Result<()> {
    let bed = Bed::start()?;
    let (app, administrator) = (bed.client(&[OTHER])?, bed.client(&[ADMINISTRATOR])?);
    let refused = app.fails(&["-H", OTHER])?;
    assert_eq!(
        refused,
        format!("Failed: NO you ({OTHER}) are not authorized for host {OTHER}\n")
    );
    for options in [["-P", OTHER], ["-0", APP]] {
        assert!(
            app.fails(&options)?
                .contains("are not authorized to permit or deny hosts")
        );
    }
    assert_eq!(
        administrator.does(&["-P", OTHER])?,
        format!("Host {OTHER} is permitted\n")
    );
    assert!(
        app.fails(&["-H", OTHER, "-d"])?
            .contains("there is no key for app2.example.edu yet")
    );
    app.does(&["-H", OTHER])?;
    assert_eq!(
        administrator.does(&["-0", OTHER])?,
        format!("Host {OTHER} is denied\n")
    );
    assert!(app.fails(&["-H", OTHER, "-d"])?.contains("not authorized"));
    // What the configuration permits, a request does not deny.
    assert!(
        administrator
            .fails(&["-0", APP])?
            .contains("the keyserver's own configuration")
    );

    // A key is uploaded by those who may.
    let key = vec![9; 2048];
    for client in [&app, &administrator] {
        fs::write(client.key_directory.join(OTHER), &key)?;
    }
    assert!(
        app.fails(&["-H", OTHER, "-u"])?
            .contains("not authorized to store keys")
    );
    assert_eq!(
        administrator.does(&["-H", OTHER, "-u"])?,
        format!("Set crypt key for {OTHER}\n")
    );
    assert_eq!(fs::read(bed.key_file(OTHER))?, key);

    // The granting certificate.
    let file = bed.directory.join("fetched.pem");
    let said = app.does(&["-G", &file.display().to_string()])?;
    assert_eq!(said, format!("Granting cert saved to {}\n", file.display()));
    assert_eq!(fs::read(&file)?, fs::read(bed.directory.join("granting.pem"))?);

    // A client of another authority is trusted once that is.
    let authority = Authority::new(bed.directory.path(), "another")?;
    let stranger = bed.client_with(authority.server_certificate("stranger", &[APP])?)?;
    let complaint = stranger.fails(&["-H", APP])?;
    assert!(
        complaint.contains("it does not trust our certificate"),
        "{complaint}"
    );
    let certificate = authority.certificate().display().to_string();
    assert!(
        app.fails(&["-U", &certificate])?
            .contains("not authorized to add certificates")
    );
    let said = administrator.does(&["-U", &certificate])?;
    assert_eq!(said, "Certificate /O=Test/CN=another is trusted\n");
    stranger.does(&["-H", APP])?;
    // Once more changes nothing.
    administrator.does(&["-U", &certificate])?;
    assert_eq!(fs::read_dir(bed.directory.join("trusted"))?.count(), 1);
    Ok(())
}

#[test]
fn who_asks_is_what_the_certificate_says() -> Result<()> {
    let bed = BedBuilder {
        host: "PubcookieKeyPermit node1.example.edu www.example.edu portal.example.edu\n\
               PubcookieKeyPermit *.dept.example.edu"
            .to_owned(),
        ..BedBuilder::default()
    }
    .start()?;
    // A virtual host's key by the certificate of the machine.
    let node = bed.client(&["node1.example.edu"])?;
    for host in [
        "node1.example.edu",
        "www.example.edu",
        "portal.example.edu",
        "WWW.example.edu",
    ] {
        node.does(&["-H", host])?;
        assert_eq!(node.key(host)?.len(), 2048);
    }
    assert!(
        node.fails(&["-H", APP])?
            .contains("not authorized for host app1.example.edu")
    );
    // One of several names, and a wildcard certificate.
    bed.client(&["alias.example.edu", APP])?.does(&["-H", APP])?;
    bed.client(&["node2.example.edu", "*.dept.example.edu"])?
        .does(&["-H", "wiki.dept.example.edu"])?;
    // A certificate that names no host.
    let nobody = bed.client_with(pki::self_signed(bed.directory.path(), "nobody", "Not A Host")?)?;
    assert!(
        nobody
            .fails(&["-H", APP])?
            .contains("it does not trust our certificate")
    );
    let named = bed.client(&["not_a host"])?;
    assert!(
        named
            .fails(&["-H", APP])?
            .contains("your certificate names no host")
    );
    // Names that are none.
    let client = bed.client(&[APP])?;
    for host in ["..", "../keys", "a/b", ".app", ""] {
        let complaint = client.fails(&["-H", host])?;
        assert!(complaint.contains("is not a host name"), "{host:?}: {complaint}");
    }
    for name in ["..", "%2e%2e%2fx", "a%2fb", "a%00b", ".new-key-x"] {
        let reply = client.raw(format!("GET /?genkey=yes&setkey={name}\r\n").as_bytes())?;
        assert!(
            reply.starts_with(b"\r\nNO "),
            "{name}: {}",
            String::from_utf8_lossy(&reply)
        );
    }
    let mut kept: Vec<_> = fs::read_dir(bed.directory.join("keys"))?
        .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
        .collect::<Result<_>>()?;
    kept.sort();
    assert_eq!(
        kept,
        [
            APP,
            "node1.example.edu",
            "portal.example.edu",
            "wiki.dept.example.edu",
            "www.example.edu"
        ]
    );
    Ok(())
}

#[test]
fn nobody_is_served_whose_certificate_was_not_verified() -> Result<()> {
    for (verify, reason) in [
        ("none", "say SSLVerifyClient require"),
        ("optional", "say SSLVerifyClient require"),
        (
            "optional_no_ca",
            "was not verified (FAILED:self-signed certificate)",
        ),
    ] {
        let bed = BedBuilder {
            host: format!("SSLVerifyClient {verify}"),
            ..BedBuilder::default()
        }
        .start()?;
        let files = match verify {
            "optional_no_ca" => Some(pki::self_signed(bed.directory.path(), "self", APP)?),
            _ => None,
        };
        for request in [
            format!("GET /?genkey=yes&setkey={APP}\r\n"),
            "GET /?genkey=getgc;\r\n".to_owned(),
            format!(
                "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\nrequest=make&host={APP}",
                18 + APP.len()
            ),
        ] {
            let reply = raw(
                bed.httpd.port(),
                bed.authority.certificate(),
                files.as_ref(),
                SslVersion::TLS1_3,
                request.as_bytes(),
            )?;
            let reply = String::from_utf8_lossy(&reply).into_owned();
            assert!(
                reply.contains("NO your certificate was not verified"),
                "{verify}: {reply}"
            );
            assert!(!reply.contains("OK"), "{verify}: {reply}");
        }
        let log = bed.httpd.log().text();
        assert!(log.contains(reason), "{verify}: {log}");
        assert!(!bed.key_file(APP).exists());
    }
    Ok(())
}

#[test]
fn browsers_and_other_methods_have_no_business_here() -> Result<()> {
    let bed = Bed::start()?;
    let client = bed.client(&[APP])?;
    let ask = |request: String| -> Result<String> {
        Ok(String::from_utf8_lossy(&client.raw(request.as_bytes())?).into())
    };
    let query = format!("?genkey=yes&setkey={APP}");
    for header in ["Origin: https://evil.example", "Sec-Fetch-Site: cross-site"] {
        let reply = ask(format!(
            "GET /{query} HTTP/1.1\r\nHost: localhost\r\n{header}\r\nConnection: close\r\n\r\n"
        ))?;
        assert!(reply.starts_with("HTTP/1.1 403 "), "{reply}");
    }
    for method in ["PUT", "DELETE"] {
        let reply = ask(format!(
            "{method} /{query} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        ))?;
        assert!(reply.starts_with("HTTP/1.1 405 "), "{reply}");
    }
    let large = "x".repeat(1 << 17);
    let reply = ask(format!(
        "POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{large}",
        large.len()
    ))?;
    assert!(reply.starts_with("HTTP/1.1 413 "), "{reply}");
    let reply = ask("OPTIONS / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".to_owned())?;
    assert!(
        reply.contains("Accept-Post: application/x-www-form-urlencoded\r\n"),
        "{reply}"
    );
    assert!(!bed.key_file(APP).exists());
    Ok(())
}

#[test]
fn two_that_make_a_key_at_once_leave_a_whole_one() -> Result<()> {
    let bed = Bed::start()?;
    let client = bed.client(&[APP])?;
    let line = format!("GET /?genkey=yes&setkey={APP}\r\n");
    let made = thread::scope(|scope| -> Result<Vec<Vec<u8>>> {
        let askers: Vec<_> = (0..8)
            .map(|_| scope.spawn(|| key_in(&client.raw(line.as_bytes())?)))
            .collect();
        let join = |asker: thread::ScopedJoinHandle<'_, Result<Vec<u8>>>| asker.join().expect("no panic");
        askers.into_iter().map(join).collect()
    })?;
    let kept = fs::read(bed.key_file(APP))?;
    assert_eq!(made.iter().filter(|key| **key == kept).count(), 1);
    assert_eq!(
        fs::read_dir(bed.directory.join("keys"))?.count(),
        1,
        "nothing else is left"
    );
    Ok(())
}

#[test]
fn a_key_that_cannot_be_stored_is_not_handed_out() -> Result<()> {
    let bed = Bed::start()?;
    let client = bed.client(&[APP])?;
    client.does(&["-H", APP])?;
    let key = client.key(APP)?;
    // A directory in the way, whoever httpd runs as.
    fs::remove_file(bed.key_file(APP))?;
    fs::create_dir(bed.key_file(APP))?;
    let log = bed.httpd.log_from_now();
    assert!(client.fails(&["-H", APP])?.contains("its error log says why"));
    let line = log.wait_for("cannot make a new key", std::time::Duration::from_secs(5))?;
    assert!(
        line.contains("cannot write the key file") && line.contains("pubcookie:error"),
        "{line}"
    );
    assert_eq!(client.key(APP)?, key, "the old one is still here");
    Ok(())
}

#[test]
fn a_client_without_room_asks_for_nothing_or_says_what_to_do() -> Result<()> {
    let bed = Bed::start()?;
    let client: Client<'_> = bed.client(&[APP])?;
    client.does(&["-H", APP])?;
    let key = client.key(APP)?;
    // The disk is full: a file may have no more than 512 bytes.
    let keyclient = client.command(&["-H", APP])?;
    let mut words = vec![keyclient.get_program().to_owned(), "keyclient".into()];
    words.extend(keyclient.get_args().map(ToOwned::to_owned));
    let output = std::process::Command::new("sh")
        .args(["-c", "trap '' XFSZ; ulimit -f 1; exec \"$@\"", "sh"])
        .args(&words)
        .output()?;
    let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{complaint}");
    assert!(complaint.contains("download it with -d"), "{complaint}");
    assert_eq!(client.key(APP)?, key, "the old one is still whole");
    client.does(&["-H", APP, "-d"])?;
    assert_eq!(client.key(APP)?, fs::read(bed.key_file(APP))?);
    // No directory at all: then no key is made.
    let before = fs::read(bed.key_file(APP))?;
    fs::remove_dir_all(&client.key_directory)?;
    assert!(client.fails(&["-H", APP])?.contains("cannot write to"));
    assert_eq!(fs::read(bed.key_file(APP))?, before);
    Ok(())
}
