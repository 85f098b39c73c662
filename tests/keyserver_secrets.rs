//! No key is logged, shown by mod_status or handed on, whatever way a request goes and however much is logged.

mod keyserver_support;

use std::fs;
use std::time::Duration;

use anyhow::Result;
use keyserver_support::{ADMINISTRATOR, APP, Bed, BedBuilder, OTHER, assert_hidden};
use openssl::base64::encode_block;
use openssl::rand::rand_bytes;
use testbed::httpd::Mpm;

/// Everything that httpd can log of a request, but for what it logs before any module is asked: the request line
/// (core:trace5), and what goes over the wire (ssl:trace7).
const LOGGING: &str = "LogLevel trace8 core:trace4 ssl:trace6\n\
    LogFormat \"%r | %q | %U | %f | %{Referer}i | %{QUERY_STRING}e | %{REQUEST_URI}e | %>s\" everything\n\
    CustomLog everything.log everything\n\
    ForensicLog forensic.log\n\
    ErrorLogFormat \"%M [%{Referer}i] [%L]\"\n\
    ExtendedStatus On\n";

/// A page of mod_status, and an error page that would tell what was asked.
const PLACES: &str = "<Location /server-status>\nSetHandler server-status\n</Location>\n\
    <Location /closed>\nRequire all denied\n</Location>\n\
    ErrorDocument 403 /server-status?error\n";

fn bed(mpm: Mpm, more: &str) -> Result<Bed> {
    BedBuilder {
        mpm,
        modules: vec!["status", "log_forensic"],
        configuration: format!("{LOGGING}{more}"),
        host: PLACES.to_owned(),
        ..BedBuilder::default()
    }
    .start()
}

fn key() -> Result<Vec<u8>> {
    let mut key = vec![0; 2048];
    rand_bytes(&mut key)?;
    Ok(key)
}

fn status_page(bed: &Bed) -> Result<Vec<u8>> {
    let client = bed.client(&["watcher.example.edu"])?;
    client.raw(b"GET /server-status HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

#[test]
fn keys_are_in_no_log_and_on_no_page() -> Result<()> {
    for (mpm, more) in [
        (Mpm::Event, "SeeRequestTail On"),
        (Mpm::Prefork, ""),
        (Mpm::Worker, ""),
    ] {
        let bed = bed(mpm, more)?;
        let (app, administrator) = (bed.client(&[APP])?, bed.client(&[ADMINISTRATOR])?);
        let mut keys = Vec::new();
        for (path, host, end, reply) in [
            ("/", OTHER, "", "\r\nOK key set"),
            (
                "/",
                OTHER,
                " HTTP/1.1\r\nHost: localhost\r\n\r\n",
                "\r\nOK key set",
            ),
            // What is refused, broken, elsewhere or with a password in the URI is hidden too.
            ("/", "../x", "", "\r\nNO "),
            (
                "/closed",
                OTHER,
                " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
                "HTTP/1.1 403 ",
            ),
            ("/elsewhere", OTHER, "", "\r\nOK key set"),
            ("https://user:password@localhost/", OTHER, "", "HTTP/1.1 400 "),
        ] {
            let key = key()?;
            let line = format!(
                "GET {path}?genkey=put&setkey={host};{}{end}\r\n",
                encode_block(&key)
            );
            let received = administrator.raw(line.as_bytes())?;
            let received = String::from_utf8_lossy(&received).into_owned();
            assert!(received.starts_with(reply), "{path}: {received}");
            assert_hidden(received.as_bytes(), &key, "the reply");
            keys.push(key);
        }
        let uploaded = key()?;
        fs::write(administrator.key_directory.join(OTHER), &uploaded)?;
        administrator.does(&["-H", OTHER, "-u"])?;
        app.does(&["-H", APP])?;
        keys.extend([uploaded, app.key(APP)?]);

        let page = status_page(&bed)?;
        for key in &keys {
            assert_hidden(&page, key, "mod_status");
        }
        bed.assert_not_logged(&keys)?;
        // The line is logged all the same, without what it carried.
        let log = fs::read_to_string(bed.directory.join("everything.log"))?;
        let shown = format!("GET /?genkey=put&setkey={OTHER}; | ?genkey=put&setkey={OTHER}; | / ");
        assert!(log.contains(&shown), "{log}");
        let page = String::from_utf8_lossy(&page).into_owned();
        assert!(page.contains("genkey=put"), "{page}");
        let errors = bed.httpd.log().text();
        assert!(errors.contains("store a key for app2.example.edu"), "{errors}");
    }
    Ok(())
}

#[test]
fn a_request_that_httpd_refuses_unread_is_not_told_either() -> Result<()> {
    for (configuration, status) in [
        ("LimitRequestLine 1000", " 414 "),
        ("HttpProtocolOptions Require1.0", " 400 "),
    ] {
        let bed = bed(Mpm::Event, &format!("{configuration}\nSeeRequestTail Off"))?;
        let client = bed.client(&[ADMINISTRATOR])?;
        let mut keys = Vec::new();
        // One for each slot that mod_status shows, so that the page has not been overwritten.
        for _ in 0..3 {
            let key = key()?;
            let line = format!("GET /?genkey=put&setkey={OTHER};{}\r\n", encode_block(&key));
            let received = String::from_utf8_lossy(&client.raw(line.as_bytes())?).into_owned();
            assert!(received.contains(status.trim()), "{received}");
            keys.push(key);
        }
        assert!(!bed.key_file(OTHER).exists());
        let page = status_page(&bed)?;
        for key in &keys {
            assert_hidden(&page, key, "mod_status");
        }
        bed.assert_not_logged(&keys)?;
        let log = fs::read_to_string(bed.directory.join("everything.log"))?;
        assert!(
            log.lines()
                .any(|line| line.contains("genkey=") && line.ends_with(status.trim())),
            "{log}"
        );
    }
    Ok(())
}

#[test]
fn httpd_warns_where_original_clients_are_refused() -> Result<()> {
    let bed = bed(Mpm::Event, "HttpProtocolOptions Require1.0")?;
    let line = bed.httpd.log().wait_for("Require1.0", Duration::from_secs(5))?;
    assert!(line.contains("without an HTTP version"), "{line}");
    assert!(!bed.httpd.log().text().contains("core:trace5"));
    // Ours is served all the same.
    bed.client(&[APP])?.does(&["-H", APP])?;
    Ok(())
}

#[test]
fn httpd_warns_where_it_logs_request_lines_before_any_module_is_asked() -> Result<()> {
    let bed = bed(Mpm::Event, "LogLevel core:trace5")?;
    let line = bed
        .httpd
        .log()
        .wait_for("LogLevel core:trace5", Duration::from_secs(5))?;
    assert!(line.contains("keys that original clients upload"), "{line}");
    Ok(())
}
