//! `trustroots`, and the trust roots of `logon`, from the real server.
#![allow(clippy::unwrap_used, reason = "tests")]

mod stored_server;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::OnceLock;

use openssl::hash::MessageDigest;
use stored_server::{StoredServer, User, failure, success};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mod-myproxy");
const PASS_PHRASE: &str = "correct-horse";

fn server() -> &'static StoredServer {
    static SERVER: OnceLock<StoredServer> = OnceLock::new();
    SERVER.get_or_init(StoredServer::start)
}

fn fingerprint() -> String {
    let digest = server().certificate().digest(MessageDigest::sha256()).unwrap();
    let digits: Vec<_> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    digits.join(":")
}

/// Runs it with `directory` as the trust directory.
fn trusting(user: &User, directory: &Path, arguments: &[&str], input: &str) -> Output {
    let mut command = user.command(PROGRAM);
    user.run(command.args(arguments).env("X509_CERT_DIR", directory), input)
}

fn names(directory: &Path) -> Vec<PathBuf> {
    let mut names: Vec<_> = fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    names.sort();
    names
}

#[test]
fn the_first_trust_needs_the_fingerprint_and_later_ones_nothing() {
    let user = server().user("alice");
    let directory = server().path("alice/new/trust");
    let trusting = |arguments: &[&str]| trusting(&user, &directory, arguments, "");

    let refused = trusting(&["trustroots"]);
    assert!(failure(&refused).contains("is not trusted"), "{refused:?}");
    let refused = trusting(&["trustroots", "-b"]);
    assert!(
        failure(&refused).contains("-b would trust whoever answers"),
        "{refused:?}"
    );
    let other = fingerprint().replace(|digit: char| digit.is_ascii_hexdigit(), "0");
    let refused = trusting(&["trustroots", "--fingerprint", &other]);
    assert!(
        failure(&refused).contains(&fingerprint()),
        "what it has is said: {refused:?}"
    );
    assert!(
        !directory.exists(),
        "nothing is made for a server that is not trusted"
    );
    assert_eq!(
        trusting(&["trustroots", "--fingerprint", "00"]).status.code(),
        Some(2)
    );

    let said = trusting(&["trustroots", "-b", "--fingerprint", &fingerprint()]);
    assert!(success(&said).contains("2 trust roots written"), "{said:?}");
    assert_eq!(names(&directory).len(), 2);
    let said = trusting(&["trustroots"]);
    assert!(
        success(&said).contains("0 trust roots written") && success(&said).contains("2 current"),
        "{said:?}"
    );

    // What was lost or changed comes back; what is not the server's stays.
    let policy = names(&directory).pop().unwrap();
    let right = fs::read(&policy).unwrap();
    fs::write(&policy, [&right[..], b"# old"].concat()).unwrap();
    fs::write(directory.join("mine"), "mine").unwrap();
    assert_eq!(success(&trusting(&["trustroots", "-q"])), "");
    assert_eq!(fs::read(&policy).unwrap(), right);
    assert!(directory.join("mine").exists());
    // The stock client finds what it needs.
    let mut stock = user.command("myproxy-get-trustroots");
    success(&user.run(stock.env("X509_CERT_DIR", &directory), ""));
}

#[test]
fn a_logon_brings_trust_roots_too() {
    let user = server().user("bob");
    success(&user.ours(&["init", "-S"], &format!("{PASS_PHRASE}\n")));
    let directory = server().path("bob/trust");
    let trusting = |arguments: &[&str]| trusting(&user, &directory, arguments, PASS_PHRASE);
    let other = fingerprint().replace(|digit: char| digit.is_ascii_hexdigit(), "1");
    assert!(failure(&trusting(&["logon", "-S", "-b", "--fingerprint", &other])).contains(&fingerprint()));
    assert!(!user.proxy.exists() && !directory.exists());

    success(&trusting(&["logon", "-S", "-b", "--fingerprint", &fingerprint()]));
    assert!(user.proxy.exists());
    let policy = names(&directory).pop().unwrap();
    let right = fs::read(&policy).unwrap();
    fs::write(&policy, [&right[..], b"# old"].concat()).unwrap();
    success(&trusting(&["logon", "-ST"]));
    assert_eq!(fs::read(&policy).unwrap(), right);
    fs::remove_file(&user.proxy).unwrap();
    fs::write(&policy, [&right[..], b"# old"].concat()).unwrap();
    success(&trusting(&["logon", "-STN"]));
    assert_eq!(fs::read(&policy).unwrap(), right);
    assert!(!user.proxy.exists());
}

#[test]
fn a_directory_that_cannot_be_written_is_said() {
    let user = server().user("carol");
    let file = server().path("carol/file");
    fs::write(&file, "").unwrap();
    let directory = file.join("trust");
    let refused = trusting(
        &user,
        &directory,
        &["trustroots", "--fingerprint", &fingerprint()],
        "",
    );
    assert!(failure(&refused).contains("cannot make"), "{refused:?}");
}
