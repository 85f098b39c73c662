//! Who may do what at the keyserver: hosts, administrators, clients that nobody vouches for, browsers.

mod keyserver_support;

use std::fs;

use anyhow::Result;
use keyserver_support::{ADMINISTRATOR, APP, Bed, BedBuilder, OTHER, raw};
use openssl::ssl::SslVersion;
use testbed::pki::{self, Authority};

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
    // One that the authority signed would count for nothing.
    let signed = stranger.files.certificate.display().to_string();
    let complaint = administrator.fails(&["-U", &signed])?;
    assert!(complaint.contains("take that of the authority"), "{complaint}");
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
