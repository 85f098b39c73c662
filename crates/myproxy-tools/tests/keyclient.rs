//! keyclient against a server that says what the original keyserver is recorded to say, and against servers that do what a
//! server should not. What it does with a real keyserver is in `tests/keyserver.rs` of the workspace.

mod prepared_keyserver;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use openssl::base64::encode_block;
use openssl::ssl::SslVersion;
use prepared_keyserver::{Prepared, Unknown};
use testbed::pki::{Authority, CertificateFiles};
use testbed::{PrivateDirectory, artifact};

const HOST: &str = "app1.example.edu";

struct Bed {
    authority: Authority,
    server: CertificateFiles,
    client: CertificateFiles,
    directory: PrivateDirectory,
}

impl Bed {
    fn new() -> Result<Self> {
        let directory = PrivateDirectory::new("keyclient")?;
        directory.make_directory("keys", 0o700)?;
        let authority = Authority::new(directory.path(), "authority")?;
        Ok(Bed {
            server: authority.server_certificate("server", &["localhost", "keys.example.edu"])?,
            client: authority.server_certificate("client", &[HOST])?,
            authority,
            directory,
        })
    }

    /// A server with this one reply.
    fn prepared(&self, version: SslVersion, unknown: Unknown, reply: &[u8]) -> Result<Prepared> {
        Prepared::start(&self.server, &self.authority, version, unknown, reply)
    }

    fn config(&self, port: u16) -> String {
        format!(
            "ssl_key_file: {}\nssl_cert_file: {}\nssl_ca_file: {}\nkeymgt_uri: https://localhost:{port}\nkeydir: {}\n",
            self.client.key.display(),
            self.client.certificate.display(),
            self.authority.certificate().display(),
            self.directory.join("keys").display()
        )
    }

    fn keyclient(&self, port: u16, options: &[&str]) -> Result<Output> {
        self.keyclient_with(&self.config(port), options)
    }

    fn keyclient_with(&self, config: &str, options: &[&str]) -> Result<Output> {
        let file = self.directory.write("config", 0o600, config)?;
        let mut command = Command::new(artifact("mod-myproxy")?);
        command.arg0("keyclient").arg("-f").arg(file).args(options);
        Ok(command.output()?)
    }

    fn key_file(&self) -> PathBuf {
        self.directory.join("keys").join(HOST)
    }
}

fn words(output: &Output) -> (String, String) {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (text(&output.stdout), text(&output.stderr))
}

/// It failed in the way of this command: what it complained of, in one line.
fn complaint(output: &Output) -> Result<String> {
    let (said, complained) = words(output);
    ensure!(output.status.code() == Some(1), "{said}{complained}");
    ensure!(
        said.is_empty() && complained.lines().count() == 1,
        "{said}{complained}"
    );
    Ok(complained)
}

#[test]
fn the_originals_replies_are_understood() -> Result<()> {
    let bed = Bed::new()?;
    let key: Vec<u8> = (0..2048).map(|number| (number * 7 % 256) as u8).collect();
    let reply = format!("\r\nOK {}\r\n", encode_block(&key));
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        for unknown in [Unknown::Refuses, Unknown::Closes] {
            let server = bed.prepared(version, unknown, reply.as_bytes())?;
            for (options, line) in [
                (
                    &["-H", HOST][..],
                    "GET /?genkey=yes&setkey=app1.example.edu HTTP/1.0",
                ),
                (
                    &["-H", HOST, "-d"],
                    "GET /?genkey=no&setkey=app1.example.edu HTTP/1.0",
                ),
            ] {
                let _ = fs::remove_file(bed.key_file());
                let (said, complained) = words(&bed.keyclient(server.port, options)?);
                assert_eq!(
                    said,
                    format!("Set crypt key for {HOST}\n"),
                    "{version:?} {unknown:?}: {complained}"
                );
                assert_eq!(fs::read(bed.key_file())?, key);
                assert_eq!(fs::metadata(bed.key_file())?.permissions().mode() & 0o7777, 0o600);
                // Asked what it understands, then asked once.
                assert_eq!(
                    server.received(),
                    ["OPTIONS / HTTP/1.1", line],
                    "{version:?} {unknown:?}"
                );
            }
        }
    }
    // Uploaded, in the line.
    let server = bed.prepared(SslVersion::TLS1_3, Unknown::Refuses, b"\r\nOK key set\r\n")?;
    let (said, complained) = words(&bed.keyclient(server.port, &["-H", HOST, "-u"])?);
    assert_eq!(said, format!("Set crypt key for {HOST}\n"), "{complained}");
    let sent = server.received().pop().context("nothing was sent")?;
    assert_eq!(
        sent,
        format!("GET /?genkey=put&setkey={HOST};{} HTTP/1.0", encode_block(&key))
    );
    // Permitted, denied, and the granting certificate.
    for (option, kind, done) in [("-P", "permit", "permitted"), ("-0", "deny", "denied")] {
        let server = bed.prepared(SslVersion::TLS1_3, Unknown::Refuses, b"\r\nOK done\r\n")?;
        let (said, _) = words(&bed.keyclient(server.port, &[option, "app2.example.edu"])?);
        assert_eq!(said, format!("Host app2.example.edu is {done}\n"));
        let sent = server.received().pop().context("nothing was sent")?;
        assert_eq!(
            sent,
            format!("GET /?genkey={kind}&setkey=app2.example.edu; HTTP/1.0")
        );
    }
    let pem = fs::read_to_string(&bed.server.certificate)?;
    let server = bed.prepared(
        SslVersion::TLS1_3,
        Unknown::Closes,
        format!("\r\nOK {pem}\r\n").as_bytes(),
    )?;
    let file = bed.directory.join("granting.cert");
    let (said, _) = words(&bed.keyclient(server.port, &["-G", &file.display().to_string()])?);
    assert_eq!(said, format!("Granting cert saved to {}\n", file.display()));
    assert_eq!(fs::read_to_string(&file)?, pem);
    assert_eq!(
        server.received(),
        ["OPTIONS / HTTP/1.1", "GET /?genkey=getgc; HTTP/1.0"]
    );
    Ok(())
}

#[test]
fn a_refusal_and_a_broken_reply_leave_the_old_key() -> Result<()> {
    let bed = Bed::new()?;
    let old = [1; 2048];
    fs::write(bed.key_file(), old)?;
    let key = encode_block(&[2; 2048]);
    for (reply, said) in [
        (
            "\r\nNO you (app1.example.edu) are not authorized for host app2.example.edu\r\n".to_owned(),
            "Failed: NO you (app1.example.edu) are not authorized for host app2.example.edu\n",
        ),
        (
            format!("\r\nOK {}\r\n", &key[..2000]),
            "the key that came is not whole",
        ),
        (
            format!("\r\nOK {}\r\n", encode_block(&[2; 3000])),
            "the key that came is not whole",
        ),
        ("\r\nOK key set\r\n".to_owned(), "the key that came is not whole"),
        ("<html>".to_owned(), "no keyserver's reply"),
        (String::new(), "ended the connection without a reply"),
        ("x".repeat(1 << 17), "cut off"),
        (
            "HTTP/1.1 200 OK\r\n\r\nOK".to_owned(),
            "answers as a web server does",
        ),
    ] {
        let server = bed.prepared(SslVersion::TLS1_3, Unknown::Refuses, reply.as_bytes())?;
        let complained = complaint(&bed.keyclient(server.port, &["-H", HOST])?)?;
        assert!(complained.contains(said), "{said}: {complained}");
        assert!(!complained.contains(&key[..16]), "{complained}");
        assert_eq!(fs::read(bed.key_file())?, old);
        assert_eq!(fs::read_dir(bed.directory.join("keys"))?.count(), 1);
    }
    Ok(())
}

#[test]
fn certificates_that_do_not_fit_are_told_with_what_to_do() -> Result<()> {
    let bed = Bed::new()?;
    let another = Authority::new(bed.directory.path(), "another")?;
    let stranger = another.server_certificate("stranger", &[HOST])?;
    let expired = bed.authority.expired_certificate("expired", &[HOST])?;
    for version in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let server = bed.prepared(version, Unknown::Closes, b"\r\nOK\r\n")?;
        let config = bed.config(server.port);
        let with = |key: &str, value: &str| {
            let others = config.lines().filter(|line| !line.starts_with(key));
            let mut text: String = others.map(|line| format!("{line}\n")).collect();
            text.push_str(&format!("{key}: {value}\n"));
            text
        };
        let shown = |files: &CertificateFiles| {
            with("ssl_key_file", &files.key.display().to_string()).replace(
                &bed.client.certificate.display().to_string(),
                &files.certificate.display().to_string(),
            )
        };
        let port = server.port;
        for (config, said) in [
            // Ours is not trusted there.
            (shown(&stranger), "it does not trust our certificate"),
            (shown(&stranger), "/O=Test/CN=another"),
            (shown(&expired), "renew our certificate"),
            // Theirs is not trusted here, or is another's.
            (
                with("ssl_ca_file", &another.certificate().display().to_string()),
                "an authority that is not trusted here (/O=Test/CN=authority)",
            ),
            (
                with("keymgt_uri", &format!("https://127.0.0.1:{port}")),
                "its certificate is for localhost, keys.example.edu, not for 127.0.0.1",
            ),
            // They do not fit together.
            (
                with("ssl_key_file", &stranger.key.display().to_string()),
                "does not belong to the certificate",
            ),
        ] {
            let complained = complaint(&bed.keyclient_with(&config, &["-H", HOST])?)?;
            assert!(complained.contains(said), "{version:?}: {said}: {complained}");
        }
        assert!(
            server.received().iter().all(|line| line.is_empty()),
            "nothing was asked"
        );
        // The login server's name counts besides.
        let config =
            with("keymgt_uri", &format!("https://127.0.0.1:{port}")) + "login_host: keys.example.edu\n";
        let said = words(&bed.keyclient_with(&config, &["-P", HOST])?);
        assert_eq!(said.0, format!("Host {HOST} is permitted\n"), "{}", said.1);
    }
    Ok(())
}

#[test]
fn what_is_missing_or_wrong_is_said_before_anything_is_asked() -> Result<()> {
    let bed = Bed::new()?;
    let config = bed.config(1);
    let without = |key: &str| -> String {
        let others = config.lines().filter(|line| !line.starts_with(key));
        others.map(|line| format!("{line}\n")).collect()
    };
    for (config, options, said) in [
        (without("keymgt_uri"), &[][..], "neither -K nor keymgt_uri"),
        (without("ssl_cert_file"), &[], "neither -c nor ssl_cert_file"),
        (without("ssl_key_file"), &[], "neither -k nor ssl_key_file"),
        (
            config.clone(),
            &["-K", "http://localhost"],
            "is not a keyserver's address",
        ),
        (
            config.clone(),
            &["-K", "localhost:2222"],
            "is not a keyserver's address",
        ),
        (
            config.clone(),
            &["-k", "/nowhere/key"],
            "cannot read the private key /nowhere/key",
        ),
        (config.clone(), &["-a"], "no private key in ASN.1 format"),
        (config.clone(), &["-H", "../x"], "is not a host name"),
        (config.clone(), &["-H", HOST, "-u"], "cannot read the key file"),
        (
            config.clone(),
            &["-U", "/nowhere/certificate"],
            "cannot read /nowhere/certificate",
        ),
        ("no config\n".to_owned(), &[], "line 1"),
        // Nobody listens there.
        (config.clone(), &["-H", HOST], "no connection"),
    ] {
        let complained = complaint(&bed.keyclient_with(&config, options)?)?;
        assert!(
            complained.starts_with("keyclient: ") && complained.contains(said),
            "{said}: {complained}"
        );
    }
    let output = bed.keyclient(1, &["-d", "-u"])?;
    assert_eq!(output.status.code(), Some(2), "one thing at a time");
    // Shown, not done: and never a key.
    fs::write(bed.key_file(), [65; 2048])?;
    let (said, complained) = words(&bed.keyclient(1, &["-H", HOST, "-u", "-n"])?);
    assert_eq!(
        said,
        format!("Would ask https://localhost:1/: store a key for {HOST}\n"),
        "{complained}"
    );
    // The other name of the program.
    let output = Command::new(artifact("mod-myproxy")?)
        .args(["keyclient", "-f", "/nowhere/config"])
        .output()?;
    let complained = complaint(&output)?;
    assert!(
        complained.starts_with("mod-myproxy keyclient: cannot read /nowhere/config"),
        "{complained}"
    );
    Ok(())
}

#[test]
fn a_private_key_may_be_in_asn1_format() -> Result<()> {
    let bed = Bed::new()?;
    let pem = fs::read(&bed.client.key)?;
    let der = openssl::pkey::PKey::private_key_from_pem(&pem)?.private_key_to_der()?;
    let file = bed.directory.write("key.der", 0o600, der)?.display().to_string();
    let server = bed.prepared(SslVersion::TLS1_3, Unknown::Refuses, b"\r\nOK\r\n")?;
    let (said, complained) = words(&bed.keyclient(server.port, &["-k", &file, "-a", "-P", HOST])?);
    assert_eq!(said, format!("Host {HOST} is permitted\n"), "{complained}");
    // Nothing is said where all is well.
    let (said, complained) = words(&bed.keyclient(server.port, &["-q", "-P", HOST])?);
    assert_eq!((said.as_str(), complained.as_str()), ("", ""));
    Ok(())
}

#[test]
fn a_server_that_waits_for_more_is_asked_in_its_own_form() -> Result<()> {
    let bed = Bed::new()?;
    let server = bed.prepared(SslVersion::TLS1_2, Unknown::Waits, b"\r\nOK\r\n")?;
    let (said, complained) = words(&bed.keyclient(server.port, &["-P", HOST])?);
    assert_eq!(said, format!("Host {HOST} is permitted\n"), "{complained}");
    assert_eq!(server.received().len(), 2);
    Ok(())
}
