//! What `apachectl configtest` says of a keyserver's directives, and what they do where there is little of them.

mod keyserver_support;
mod pubcookie_support;

use std::fs::{self, Permissions};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::time::Duration;

use anyhow::{Result, ensure};
use keyserver_support::{APP, BedBuilder, OTHER};
use openssl::base64::encode_block;
use pubcookie_support::ask;
use testbed::PrivateDirectory;
use testbed::httpd::{configtest, give_to_children};
use testbed::site::Site;

#[test]
fn values_that_say_nothing_are_refused_with_the_directives_name() {
    for (line, reason) in [
        ("PubcookieKeyPermit", "PubcookieKeyPermit"),
        (
            "PubcookieKeyPermit a/b",
            "PubcookieKeyPermit: `a/b` is not a host name",
        ),
        (
            "PubcookieKeyPermit ../x",
            "PubcookieKeyPermit: `../x` is not a host name",
        ),
        (
            "PubcookieKeyPermit a *.b",
            "PubcookieKeyPermit: `*.b` is not a host name",
        ),
        (
            "PubcookieKeyPermit a +admin",
            "PubcookieKeyPermit: `+admin`: a right is +permit or +put",
        ),
        ("PubcookieKeyPermitDir", "PubcookieKeyPermitDir"),
        ("PubcookieKeyTrustDir a b", "PubcookieKeyTrustDir"),
        ("PubcookieKeyPermit a", "PubcookieKeyDir: not set"),
        ("PubcookieKeyPermitDir /nowhere", "PubcookieKeyDir: not set"),
    ] {
        let refusal = configtest(line).expect_err(line);
        assert!(refusal.contains(reason), "{line}: {refusal}");
    }
}

#[test]
fn directories_have_to_be_httpds_own() -> Result<()> {
    let directory = PrivateDirectory::new("keyserver-directories")?;
    let own = directory.make_directory("own", 0o700)?;
    give_to_children(&own)?;
    let open = directory.make_directory("open", 0o777)?;
    let closed = directory.make_directory("closed", 0o500)?;
    let file = directory.write("file", 0o600, "")?;
    let missing = directory.join("missing");
    let own = own.display();
    assert!(configtest(&format!("PubcookieKeyPermit a\nPubcookieKeyDir \"{own}\"")).is_ok());
    for (path, reason) in [
        (&open, "everybody can put keys there; chmod o-w it"),
        (
            &closed,
            "cannot be written to by the user that httpd's children run as",
        ),
        (&file, "is no directory"),
        (&missing, "cannot be read"),
    ] {
        let path = path.display();
        for (directive, text) in [
            (
                "PubcookieKeyDir",
                format!("PubcookieKeyPermit a\nPubcookieKeyDir \"{path}\""),
            ),
            (
                "PubcookieKeyPermitDir",
                format!("PubcookieKeyDir \"{own}\"\nPubcookieKeyPermitDir \"{path}\""),
            ),
            (
                "PubcookieKeyTrustDir",
                format!("PubcookieKeyPermit a\nPubcookieKeyDir \"{own}\"\nPubcookieKeyTrustDir \"{path}\""),
            ),
        ] {
            let refusal = configtest(&text).expect_err(reason);
            assert!(
                refusal.contains(&format!("{directive}: {path}")) && refusal.contains(reason),
                "{directive}: {refusal}"
            );
        }
        // Who is no keyserver reads the directory at most.
        assert!(configtest(&format!("PubcookieKeyDir \"{path}\"")).is_ok());
    }
    let refusal = configtest(&format!(
        "PubcookieKeyPermit a\nPubcookieKeyDir \"{own}\"\nPubcookieGrantingCertFile \"{}\"",
        file.display()
    ));
    assert!(
        refusal
            .expect_err("no certificate")
            .contains("PubcookieGrantingCertFile: ")
    );
    Ok(())
}

#[test]
fn httpds_children_have_to_reach_the_keys() -> Result<()> {
    let directory = PrivateDirectory::new("keyserver-reach")?;
    let above = directory.make_directory("above", 0o700)?;
    let keys = directory.make_directory("above/keys", 0o700)?;
    give_to_children(&keys)?;
    let lines = format!("PubcookieKeyPermit a\nPubcookieKeyDir \"{}\"", keys.display());
    // An ordinary user's httpd has children of that user.
    if fs::metadata(&above)?.uid() != fs::metadata(&keys)?.uid() {
        let refusal = configtest(&lines).expect_err("the directory above is root's alone");
        assert!(
            refusal.contains(&format!("chmod a+x {}", above.display())),
            "{refusal}"
        );
        fs::set_permissions(&above, Permissions::from_mode(0o711))?;
    }
    assert!(configtest(&lines).is_ok());
    Ok(())
}

#[test]
fn a_handler_without_permits_serves_nobody_and_tells_nothing() -> Result<()> {
    let site = Site::builder()
        .login_configuration(
            "<Location /keyserver>\nSetHandler pubcookie-keyserver\nRequire all granted\n</Location>",
        )
        .start()?;
    let key = encode_block(&[7; 2048]);
    let response = ask(
        &site.browser()?,
        &site.url_at("login", &format!("/keyserver?genkey=put&setkey={OTHER};{key}")),
    )?;
    assert_eq!(response.status, 500, "{}", response.summary());
    let log = site
        .httpd
        .log()
        .wait_for("PubcookieKeyPermit is not set", Duration::from_secs(5))?;
    assert!(!log.contains(&key[..16]));
    assert!(!site.httpd.access_log().contains(&key[..16]));
    Ok(())
}

#[test]
fn what_is_not_configured_is_not_done() -> Result<()> {
    // The same virtual host twice: where it says something itself, it inherits no permits.
    let bed = BedBuilder {
        configuration: format!("PubcookieKeyDir keys\nPubcookieKeyPermit {OTHER} +permit +put"),
        host: "<Location /other>\nSetHandler none\n</Location>".to_owned(),
        ..BedBuilder::default()
    }
    .start()?;
    assert!(
        bed.client(&[OTHER])?
            .fails(&["-H", OTHER])?
            .contains("not authorized")
    );
    // A permit that an administrator makes by hand counts at once, and so does its end.
    let permit = bed.directory.join("permits").join(OTHER);
    fs::write(&permit, "")?;
    give_to_children(&permit)?;
    bed.client(&[OTHER])?.does(&["-H", OTHER])?;
    fs::remove_file(&permit)?;
    assert!(
        bed.client(&[OTHER])?
            .fails(&["-H", OTHER])?
            .contains("not authorized")
    );
    // Another address of the same server.
    let elsewhere = format!("https://localhost:{}/other", bed.httpd.port());
    let complaint = bed.client(&[APP])?.fails(&["-H", APP, "-K", &elsewhere])?;
    ensure!(
        complaint.contains("answers as a web server does (HTTP status"),
        "{complaint}"
    );
    // A directory that httpd's children, which are never root, may no longer write to.
    fs::set_permissions(bed.directory.join("keys"), Permissions::from_mode(0o500))?;
    let log = bed.httpd.log_from_now();
    let complaint = bed.client(&[APP])?.fails(&["-H", APP])?;
    ensure!(complaint.contains("its error log says why"), "{complaint}");
    log.wait_for("Permission denied", Duration::from_secs(5))?;
    // So that it can be removed.
    fs::set_permissions(bed.directory.join("keys"), Permissions::from_mode(0o700))?;
    Ok(())
}
