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
    // The end of the connection is the only end that such a reply has: no other follows.
    let line = format!("GET /?genkey=no&setkey={APP} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let reply = app.raw(line.repeat(2).as_bytes())?;
    assert_eq!(Some(&key_in(&reply)?), keys.last());
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
