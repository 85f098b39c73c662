//! `init`, `store`, `info`, `logon`, `change-passphrase` and `destroy` against the real server, and against what the
//! stock clients store and read.
#![allow(clippy::unwrap_used, reason = "tests")]

mod stored_server;

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::OnceLock;

use stored_server::{KEY_PASS_PHRASE, StoredServer, User, failure, subjects, success};

const PASS_PHRASE: &str = "correct-horse";

/// All tests share one server; each has users of its own.
fn user(name: &str) -> User {
    static SERVER: OnceLock<StoredServer> = OnceLock::new();
    SERVER.get_or_init(StoredServer::start).user(name)
}

/// What is the same whenever it is asked.
fn without_times(info: &str) -> String {
    info.lines()
        .filter(|line| !line.contains("timeleft"))
        .collect::<Vec<_>>()
        .join("\n")
}

fn file(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn the_stock_clients_read_what_ours_stored() {
    let alice = user("alice");
    // The pass phrase of the own key, then the new one of the credential.
    let input = format!("{KEY_PASS_PHRASE}\n{PASS_PHRASE}\n");
    let key = file(&alice.encrypted_key);
    let said = alice.ours(
        &["init", "-S", "-c", "48", "--creddesc", "for work", "-y", key],
        &input,
    );
    assert!(
        success(&said).contains("CN=alice") && success(&said).contains("valid for 48 h"),
        "{said:?}"
    );

    let stock = alice.stock("myproxy-info", &[], "");
    let ours = alice.ours(&["info"], "");
    assert_eq!(without_times(success(&ours)), without_times(success(&stock)));
    assert!(
        success(&ours).contains("owner: /DC=org/DC=mptest/CN=alice"),
        "{ours:?}"
    );
    assert!(
        success(&ours).contains("timeleft: 47:5") && success(&ours).contains("(1.9 days)"),
        "{ours:?}"
    );
    let ours = alice.ours(&["info", "--json"], "");
    let object: serde_json::Value = serde_json::from_str(success(&ours)).unwrap();
    assert_eq!(object[0]["description"], "for work");
    assert_eq!(object[0]["owner"], "/DC=org/DC=mptest/CN=alice");

    success(&alice.stock("myproxy-logon", &["-S"], &format!("{PASS_PHRASE}\n")));
    assert_eq!(subjects(&alice.proxy).last().unwrap(), "alice");
    let change = format!("{PASS_PHRASE}\nanother-horse\n");
    success(&alice.ours(&["change-passphrase", "-S"], &change));
    assert!(
        !alice
            .stock("myproxy-logon", &["-S"], PASS_PHRASE)
            .status
            .success()
    );
    success(&alice.stock("myproxy-logon", &["-S"], "another-horse\n"));
    success(&alice.stock("myproxy-destroy", &[], ""));
    assert!(failure(&alice.ours(&["info"], "")).contains("refused: unknown user"));
}

#[test]
fn ours_reads_what_the_stock_clients_stored() {
    let bob = user("bob");
    let (certificate, key) = (file(&bob.certificate), file(&bob.key));
    let stored = bob.stock(
        "myproxy-init",
        &[
            "-S",
            "-k",
            "work",
            "-K",
            "of the stock client",
            "-C",
            certificate,
            "-y",
            key,
        ],
        &format!("{PASS_PHRASE}\n"),
    );
    success(&stored);
    let said = bob.ours(&["info", "-k", "work"], "");
    assert!(
        success(&said).contains("  name: work\n  description: of the stock client\n"),
        "{said:?}"
    );
    assert!(failure(&bob.ours(&["info", "-k", "other"], "")).contains("no credential other of bob"));

    success(&bob.ours(&["logon", "-S", "-q", "--credn=work"], PASS_PHRASE));
    assert_eq!(subjects(&bob.proxy).last().unwrap(), "bob");
    assert_eq!(fs::metadata(&bob.proxy).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(bob.ours(&["logon", "-Sqk", "work"], PASS_PHRASE).stdout, b"");
    success(&bob.ours(
        &["change-pass-phrase", "-S", "-k", "work"],
        &format!("{PASS_PHRASE}\nnew-horse\n"),
    ));
    let refused = bob.ours(&["logon", "-S", "-k", "work"], PASS_PHRASE);
    assert!(failure(&refused).contains("wrong pass phrase"), "{refused:?}");
    let said = bob.ours(&["destroy", "-k", "work"], "");
    assert!(
        success(&said).contains("credential work of bob is removed"),
        "{said:?}"
    );
    assert!(!bob.stock("myproxy-info", &[], "").status.success());
}

#[test]
fn a_key_is_stored_as_it_is_by_both() {
    let carol = user("carol");
    let (certificate, key) = (file(&carol.certificate), file(&carol.encrypted_key));
    let said = carol.ours(&["store", "-c", certificate, "-y", key, "-t", "2"], "");
    assert!(!success(&said).contains("not encrypted"), "{said:?}");
    success(&carol.stock("myproxy-logon", &["-S"], &format!("{KEY_PASS_PHRASE}\n")));
    assert_eq!(subjects(&carol.proxy).last().unwrap(), "carol");
    // A proxy of two hours, whatever is asked for.
    let said = carol.ours(&["logon", "-S", "-t", "10"], KEY_PASS_PHRASE);
    assert!(
        success(&said).contains("valid for 1 h 59 min") || success(&said).contains("valid for 2 h"),
        "{said:?}"
    );

    success(&carol.stock(
        "myproxy-store",
        &["-k", "stock", "-c", certificate, "-y", key],
        "",
    ));
    success(&carol.ours(&["logon", "-S", "-k", "stock"], KEY_PASS_PHRASE));
    let (plain, home) = (file(&carol.key), ["-k", "plain"]);
    let said = carol.ours(&["store", "-c", certificate, "-y", plain, home[0], home[1]], "");
    assert!(success(&said).contains("not encrypted"), "{said:?}");
    let other = user("carols-brother");
    let refused = carol.ours(&["store", "-c", file(&other.certificate), "-y", plain], "");
    assert!(
        failure(&refused).contains("does not belong to the certificate"),
        "{refused:?}"
    );
}

#[test]
fn those_who_are_named_need_no_pass_phrase() {
    let (dave, portal, stranger) = (user("dave"), user("portal"), user("stranger"));
    let whole_subject = ["init", "-x", "-Z", "/DC=org/DC=mptest/CN=portal"];
    success(&dave.ours(&whole_subject, ""));
    let said = portal.ours(&["logon", "-n", "-l", "dave"], "");
    assert!(
        success(&said).contains("Credential of /DC=org/DC=mptest/CN=dave"),
        "{said:?}"
    );
    let refused = stranger.ours(&["logon", "-n", "-l", "dave"], "");
    assert!(failure(&refused).contains("refused"), "{refused:?}");
    // The certificate is shown only as the proof: with a pass phrase it does not count.
    let refused = portal.ours(&["logon", "-S", "-l", "dave"], "any pass phrase");
    assert!(failure(&refused).contains("refused"), "{refused:?}");
    // -x counts for what follows it.
    for (policy, pattern) in [
        (&["-Z", "portal", "-x"][..], "*/CN=portal"),
        (&["-x", "-X", "-Z", "portal"], "*/CN=portal"),
        (&["-X", "-x", "-R", "*portal"], "*portal"),
        (&["-E", "portal", "-A", "-n"], "*"),
    ] {
        success(&dave.ours(&[&["init"], policy].concat(), ""));
        let said = dave.ours(&["info"], "");
        assert!(
            success(&said).contains(&format!("policy: {pattern}\n")),
            "{policy:?}: {said:?}"
        );
    }
}

#[test]
fn a_credential_is_renewed_by_who_may() {
    let (erin, renewer) = (user("erin"), user("renewer"));
    success(&erin.ours(&["init", "-R", "renewer"], ""));
    // The credential to be renewed: a proxy of erin's own.
    let (certificate, key) = (file(&erin.certificate), file(&erin.key));
    success(&erin.stock(
        "grid-proxy-init",
        &["-q", "-cert", certificate, "-key", key, "-out", file(&erin.proxy)],
        "",
    ));
    let old = fs::read(&erin.proxy).unwrap();
    let renewed = renewer.ours(&["logon", "-a", file(&erin.proxy), "-l", "erin"], "");
    assert!(success(&renewed).contains("CN=erin"), "{renewed:?}");
    assert_eq!(subjects(&renewer.proxy).last().unwrap(), "erin");
    // By the name in the credential, and onto itself: a script that renews.
    success(&erin.ours(&["init", "-R", "renewer", "-d"], ""));
    let renewed = renewer.ours(
        &["logon", "-d", "-a", file(&erin.proxy), "-o", file(&erin.proxy)],
        "",
    );
    assert!(success(&renewed).contains("CN=erin"), "{renewed:?}");
    assert_ne!(fs::read(&erin.proxy).unwrap(), old);
    let refused = erin.ours(&["logon", "-a", file(&erin.proxy)], "");
    assert!(
        failure(&refused).contains("refused: no pass phrase"),
        "{refused:?}"
    );
    let refused = renewer.ours(&["logon", "-a", "nowhere", "-l", "erin"], "");
    assert!(failure(&refused).contains("cannot renew nowhere"), "{refused:?}");
}

#[test]
fn a_proof_can_be_tried_without_getting_a_credential() {
    let frank = user("frank");
    success(&frank.ours(&["init", "-S"], &format!("{PASS_PHRASE}\n")));
    let said = frank.ours(&["logon", "-N", "-S"], PASS_PHRASE);
    assert_eq!(success(&said), "");
    assert!(!frank.proxy.exists());
    assert!(failure(&frank.ours(&["logon", "-N", "-S"], "wrong-horse")).contains("wrong pass phrase"));
}

#[test]
fn others_can_do_nothing_with_a_credential() {
    let (gina, other) = (user("gina"), user("other"));
    success(&gina.ours(&["init", "-S"], &format!("{PASS_PHRASE}\n")));
    for (arguments, input) in [
        (&["destroy", "-l", "gina"][..], ""),
        (&["info", "-l", "gina"], ""),
        (
            &["change-passphrase", "-S", "-l", "gina"],
            "correct-horse\nanother-horse\n",
        ),
        (&["init", "-S", "-l", "gina"], "another-horse\n"),
    ] {
        let refused = other.ours(arguments, input);
        assert!(
            failure(&refused).contains("refused"),
            "{arguments:?}: {refused:?}"
        );
    }
    success(&gina.ours(&["logon", "-S"], PASS_PHRASE));
}

#[test]
fn what_cannot_be_is_refused_by_name() {
    let henry = user("henry");
    for (arguments, input, problem) in [
        (&["init", "-L"][..], "", "-L is not done here"),
        (&["init", "-m", "atlas"], "", "logon -m"),
        (&["init", "-S"], "short\n", "6 characters or more"),
        (&["init", "-S"], "\n", "the pass phrase is empty"),
        (&["init", "-n", "-C", "nowhere"], "", "cannot read nowhere"),
        (&["init", "-n", "-t", "0"], "", "the lifetime is zero"),
        (&["store", "-c", "nowhere"], "", "cannot read nowhere"),
        (
            &["change-passphrase", "-S"],
            "correct-horse\nshort\n",
            "6 characters or more",
        ),
        (&["destroy"], "", "Credentials do not exist"),
        (&["logon", "-Q", "request.pem"], "", "-Q is not done here"),
        (&["logon", "-n", "-m", ":atlas"], "", "the VO name does not begin"),
        (&["info", "-s", "localhost:1"], "", "cannot connect"),
    ] {
        let refused = henry.ours(arguments, input);
        assert!(failure(&refused).contains(problem), "{arguments:?}: {refused:?}");
    }
    for arguments in [
        &["init", "-a", "-r", "x"][..],
        &["init", "-r", "x", "-r", "y"],
        &["logon", "-b"],
    ] {
        assert_eq!(henry.ours(arguments, "").status.code(), Some(2), "{arguments:?}");
    }
    let mut command = henry.command_without_certificate(env!("CARGO_BIN_EXE_mod-myproxy"));
    let refused = henry.run(command.arg("info"), "");
    assert!(
        failure(&refused).contains("no certificate to authenticate with"),
        "{refused:?}"
    );
    let mut command = henry.command(env!("CARGO_BIN_EXE_mod-myproxy"));
    let refused = henry.run(command.arg("info").env_remove("LOGNAME"), "");
    assert!(
        failure(&refused).contains("name the account with -l"),
        "{refused:?}"
    );
}
