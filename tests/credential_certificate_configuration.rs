//! What httpd's start says of our own certificate, of proofs and of renewal that cannot work.

use anyhow::Result;
use openssl::asn1::Asn1Time;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::symm::Cipher;
use openssl::x509::extension::ExtendedKeyUsage;
use openssl::x509::{X509, X509NameBuilder};
use testbed::PrivateDirectory;
use testbed::httpd::configtest;

/// What a server with credentials needs besides.
const ON: &str = "MyProxyServer localhost\nMyProxyTrustDir /etc\nMyProxyCredStoreDir credentials\n\
                  MyProxySessionStore dir:sessions\n<Location /on>\nMyProxyCredential On\n</Location>\n";

/// The refusal of a configuration, which has to name the directive and say these words.
fn expect_refusal(configuration: &str, directive: &str, words: &str) {
    match configtest(&format!("{ON}{configuration}")) {
        Ok(said) => panic!("accepted:\n{configuration}\n{said}"),
        Err(said) => assert!(
            said.contains(directive) && said.contains(words),
            "{configuration}\n{said}"
        ),
    }
}

fn expect_accepted(configuration: &str) {
    configtest(&format!("{ON}{configuration}")).unwrap_or_else(|said| panic!("{configuration}\n{said}"));
}

/// A self-signed certificate of one use, from so many days ago to so many days ahead.
fn certificate(key: &PKey<Private>, usage: &ExtendedKeyUsage, days: (i64, i64)) -> Result<Vec<u8>> {
    let mut name = X509NameBuilder::new()?;
    name.append_entry_by_text("CN", "portal")?;
    let name = name.build();
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)?
        .as_secs();
    let day = |days: i64| Asn1Time::from_unix(i64::try_from(now).unwrap_or(0) + days * 86_400);
    let mut builder = X509::builder()?;
    builder.set_version(2)?;
    builder.set_serial_number(BigNum::from_u32(1)?.to_asn1_integer()?.as_ref())?;
    builder.set_subject_name(&name)?;
    builder.set_issuer_name(&name)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(day(days.0)?.as_ref())?;
    builder.set_not_after(day(days.1)?.as_ref())?;
    builder.append_extension(usage.build()?)?;
    builder.sign(key, MessageDigest::sha256())?;
    Ok(builder.build().to_pem()?)
}

fn write(directory: &PrivateDirectory, name: &str, mode: u32, content: &[u8]) -> Result<String> {
    Ok(directory.write(name, mode, content)?.display().to_string())
}

fn files(certificate: &str, key: &str) -> String {
    format!("MyProxyCertificateFile \"{certificate}\"\nMyProxyCertificateKeyFile {key}")
}

#[test]
fn a_certificate_that_cannot_be_used_is_refused_with_what_to_do() -> Result<()> {
    let directory = PrivateDirectory::new("certificate")?;
    let key = PKey::from_rsa(Rsa::generate(2048)?)?;
    let pem = key.private_key_to_pem_pkcs8()?;
    let client = |days| certificate(&key, ExtendedKeyUsage::new().client_auth(), days);
    let good = write(&directory, "good.pem", 0o644, &client((-1, 1))?)?;
    let expired = write(&directory, "expired.pem", 0o644, &client((-2, -1))?)?;
    let server = certificate(&key, ExtendedKeyUsage::new().server_auth(), (-1, 1))?;
    let server = write(&directory, "server.pem", 0o644, &server)?;
    let key_file = write(&directory, "key.pem", 0o600, &pem)?;
    let open = write(&directory, "open.pem", 0o644, &pem)?;
    let another = PKey::from_rsa(Rsa::generate(2048)?)?.private_key_to_pem_pkcs8()?;
    let another = write(&directory, "another.pem", 0o600, &another)?;
    let sealed = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), b"open sesame")?;
    let sealed = write(&directory, "sealed.pem", 0o600, &sealed)?;
    let program =
        |name: &str, line: &str| write(&directory, name, 0o755, format!("#!/bin/sh\n{line}\n").as_bytes());
    let right = program("right", "[ \"$1\" = portal ] && echo 'open sesame'")?;
    let wrong = program("wrong", "echo something else")?;
    let failing = program("failing", "exit 3")?;

    for (certificate, key, words) in [
        (&expired, &*key_file, "has expired: get a new one"),
        (
            &server,
            &key_file,
            "get one from a certification authority of your grid or institution",
        ),
        (&good, &another, "does not belong to the first certificate"),
    ] {
        expect_refusal(&files(certificate, key), "MyProxyCertificateFile: ", words);
    }
    let key_directive = "MyProxyCertificateKeyFile: ";
    for (key, words) in [
        (&*open, "is open to every user of this machine"),
        ("/nowhere.pem", "cannot read /nowhere.pem"),
        (
            &sealed,
            "name a program that prints it: MyProxyCertificateKeyFile file exec:",
        ),
        (
            &format!("{sealed} exec:{wrong}"),
            "the pass phrase does not open the private key",
        ),
        (&format!("{sealed} exec:{failing}"), "failed (exit status: 3)"),
        (&format!("{sealed} exec:/nowhere"), "/nowhere cannot be run"),
    ] {
        expect_refusal(&files(&good, key), key_directive, words);
    }
    expect_refusal(
        &files(&good, &format!("{sealed} {right}")),
        key_directive,
        "must be exec: and a program",
    );
    expect_refusal(
        &format!("MyProxyCertificateKeyFile {key_file}"),
        "MyProxyCertificateKeyFile",
        "needs MyProxyCertificateFile",
    );
    expect_accepted(&files(&good, &key_file));
    expect_accepted(&files(&good, &format!("{sealed} exec:{right} portal")));
    renewal(&files(&good, &key_file))
}

/// With a certificate it is a question of times.
fn renewal(certificate: &str) -> Result<()> {
    for (configuration, words) in [
        ("MyProxyRenew 43200", "must be less than MyProxyLifetime, 43200"),
        (
            "<Location /on>\nMyProxyLifetime 600\nMyProxyRenew 600\n</Location>",
            "must be less than MyProxyLifetime, 600",
        ),
        (
            "<Location /on>\nMyProxyRenew 900\nMyProxyLifetime 600\n</Location>",
            "must be less than MyProxyLifetime, 600",
        ),
        (
            "MyProxyLifetime 3600\n<Location /on>\nMyProxyRenew 3600\n</Location>",
            "must be less than MyProxyLifetime, 3600",
        ),
        ("MyProxyRenew soon", "is not a whole number"),
    ] {
        expect_refusal(&format!("{certificate}\n{configuration}"), "MyProxyRenew", words);
    }
    expect_accepted(&format!("{certificate}\nMyProxyRenew 7200"));
    expect_accepted("MyProxyRenew 0");
    Ok(())
}

#[test]
fn methods_and_renewal_need_what_they_show() {
    for (configuration, directive, words) in [
        (
            "MyProxyRenew 3600",
            "MyProxyRenew",
            "needs MyProxyCertificateFile, which is not given",
        ),
        (
            "<Location /on>\nMyProxyAuthMethod cookie certificate\n</Location>",
            "MyProxyAuthMethod certificate",
            "needs MyProxyCertificateFile, which is not given",
        ),
        (
            "MyProxyAuthMethod kerberos",
            "MyProxyAuthMethod: ",
            "\"kerberos\" is neither cookie, passphrase nor certificate",
        ),
        (
            "MyProxyAuthMethod cookie cookie",
            "MyProxyAuthMethod: ",
            "cookie is named twice",
        ),
        (
            "MyProxyAuthMethod cookie passphrase\n<Location /on>\nMyProxyAuthMethod passphrase\n</Location>",
            "MyProxyAuthMethod: ",
            "name the same methods everywhere",
        ),
        (
            "MyProxyUserShared perhaps",
            "MyProxyUserShared: ",
            "must be On or Off",
        ),
        (
            "MyProxyUser \"%{nonsense\"",
            "MyProxyUser: ",
            "cannot parse the expression",
        ),
    ] {
        expect_refusal(configuration, directive, words);
    }
    // The order is each place's own.
    expect_accepted(
        "MyProxyAuthMethod cookie PassPhrase\n<Location /on>\nMyProxyAuthMethod passphrase cookie\nMyProxyUserShared On\n</Location>",
    );
}
