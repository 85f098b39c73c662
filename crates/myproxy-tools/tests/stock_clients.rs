//! A script can go on with another name for the program: what the stock clients take, find and mean, ours do.
#![allow(clippy::unwrap_used, reason = "tests")]

mod stored_server;

use std::collections::BTreeSet;
use std::fs;
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use stored_server::{KEY_PASS_PHRASE, StoredServer, User, failure, subjects, success};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mod-myproxy");
const PASS_PHRASE: &str = "correct-horse";

/// A stock client, and our command.
const COMMANDS: [(&str, &str); 7] = [
    ("myproxy-logon", "logon"),
    ("myproxy-init", "init"),
    ("myproxy-store", "store"),
    ("myproxy-info", "info"),
    ("myproxy-destroy", "destroy"),
    ("myproxy-change-pass-phrase", "change-pass-phrase"),
    ("myproxy-get-trustroots", "get-trustroots"),
];

fn user(name: &str) -> User {
    static SERVER: OnceLock<StoredServer> = OnceLock::new();
    SERVER.get_or_init(StoredServer::start).user(name)
}

fn text(output: Output) -> String {
    String::from_utf8(output.stdout).unwrap()
}

/// The options in a help text, each with the word for its value, if it takes one.
fn options(help: &str) -> BTreeSet<String> {
    let lines = help
        .lines()
        .map(str::trim_start)
        .filter(|line| line.starts_with('-'));
    let words = lines.flat_map(|line| {
        let names = line.split("  ").next().unwrap_or(line);
        names
            .split([' ', '|', ','])
            .filter(|word| word.starts_with('-'))
            .map(str::to_owned)
    });
    words.collect()
}

#[test]
fn every_option_of_the_stock_clients_is_known() {
    for (stock, ours) in COMMANDS {
        let theirs = options(&text(Command::new(stock).arg("--help").output().unwrap()));
        assert!(theirs.len() > 12, "{stock}: {theirs:?}");
        let ours = options(&text(
            Command::new(PROGRAM).args([ours, "--help"]).output().unwrap(),
        ));
        let missing: Vec<_> = theirs.difference(&ours).collect();
        assert!(missing.is_empty(), "{stock}: {missing:?}");
    }
}

#[test]
fn options_are_written_as_for_getopt() {
    let alice = user("alice");
    success(&alice.ours(&["init", "-S"], &format!("{PASS_PHRASE}\n")));
    let elsewhere = alice.proxy.with_file_name("elsewhere");
    let (here, there) = (alice.proxy.to_str().unwrap(), elsewhere.to_str().unwrap());
    for arguments in [
        &["-S", "-o", there, "-slocalhost", "-t1"][..],
        &["-Sqo", there],
        &[
            "--stdin",
            "--out",
            there,
            "--proxy_l=2",
            "--psh",
            "localhost",
            "-v",
        ],
        // The last one counts.
        &["-S", "-o", here, "-o", there, "-l", "nobody", "-l", "alice", "-S"],
    ] {
        let ours = |arguments: &[&str]| alice.ours(&[&["logon"], arguments].concat(), PASS_PHRASE);
        let stock = |arguments: &[&str]| alice.stock("myproxy-logon", arguments, PASS_PHRASE);
        for logon in [&ours as &dyn Fn(&[&str]) -> Output, &stock] {
            success(&logon(arguments));
            assert!(elsewhere.exists() && !alice.proxy.exists(), "{arguments:?}");
            fs::remove_file(&elsewhere).unwrap();
        }
        // An abbreviation of two options is none.
        assert!(!ours(&["-S", "--ps", "localhost"]).status.success());
    }
}

#[test]
fn the_own_certificate_is_found_where_the_stock_clients_find_it() {
    let (alice, bob) = (user("anna"), user("bert"));
    for owner in [&alice, &bob] {
        success(&owner.ours(&["init", "-S", "-l", &owner.name], &format!("{PASS_PHRASE}\n")));
    }
    let proxy_of = |owner: &User, file: &Path| {
        let (certificate, key) = (owner.certificate.to_str().unwrap(), owner.key.to_str().unwrap());
        let file = file.to_str().unwrap();
        success(&owner.stock(
            "grid-proxy-init",
            &["-q", "-cert", certificate, "-key", key, "-out", file],
            "",
        ));
    };
    // Who is asked about anna: the server answers its owner alone.
    let asks = |command: &mut Command| alice.run(command.args(["-l", "anna"]), "").status.success();
    let both = |change: &dyn Fn(&mut Command)| {
        let [mut ours, mut stock] =
            [PROGRAM, "myproxy-info"].map(|program| alice.command_without_certificate(program));
        ours.arg("info");
        change(&mut ours);
        change(&mut stock);
        (asks(&mut ours), asks(&mut stock))
    };
    assert_eq!(both(&|_| {}), (false, false), "none at all");
    proxy_of(&alice, &alice.proxy);
    assert_eq!(both(&|_| {}), (true, true), "a proxy");
    assert_eq!(
        both(&|command| {
            command
                .env("X509_USER_CERT", &bob.certificate)
                .env("X509_USER_KEY", &bob.key);
        }),
        (false, false),
        "files that the environment names come before a proxy"
    );
    // The stock clients look at the home directory in the password file: only ours can be tried elsewhere.
    let globus = alice.certificate.with_file_name(".globus");
    fs::create_dir(&globus).unwrap();
    fs::copy(&alice.certificate, globus.join("usercert.pem")).unwrap();
    fs::copy(&alice.key, globus.join("userkey.pem")).unwrap();
    proxy_of(&bob, &alice.proxy);
    assert_eq!(both(&|_| {}), (false, false), "a proxy comes before ~/.globus");
    fs::remove_file(&alice.proxy).unwrap();
    assert!(both(&|_| {}).0, "~/.globus");
}

#[test]
fn keys_have_as_many_bits_as_the_environment_says() {
    let carl = user("carl");
    success(&carl.ours(&["init", "-S"], &format!("{PASS_PHRASE}\n")));
    let with_bits = |bits: &str| {
        let mut command = carl.command(PROGRAM);
        carl.run(
            command.args(["logon", "-S"]).env("MYPROXY_KEYBITS", bits),
            PASS_PHRASE,
        )
    };
    success(&with_bits("3072"));
    let pem = fs::read(&carl.proxy).unwrap();
    let certificate = openssl::x509::X509::from_pem(&pem).unwrap();
    assert_eq!(certificate.public_key().unwrap().bits(), 3072);
    assert!(failure(&with_bits("1024")).contains("MYPROXY_KEYBITS"));
}

#[test]
fn attributes_that_do_not_come_are_a_failure() {
    let dora = user("dora");
    success(&dora.ours(&["init", "-S"], &format!("{PASS_PHRASE}\n")));
    let refused = dora.ours(&["logon", "-S", "-m", "atlas"], PASS_PHRASE);
    assert!(failure(&refused).contains("atlas"), "{refused:?}");
    assert!(!dora.proxy.exists());
    let mut command = dora.command(PROGRAM);
    command
        .args(["logon", "-S", "-m", "atlas"])
        .env("VOMS_USERCONF", "nowhere");
    let refused = dora.run(&mut command, PASS_PHRASE);
    assert!(
        failure(&refused).contains("VOMS_USERCONF: cannot use nowhere"),
        "{refused:?}"
    );
}

#[test]
fn an_encrypted_key_of_ones_own_opens_with_the_first_line() {
    let (emil, owner) = (user("emil"), user("emils-sister"));
    let key = emil.encrypted_key.to_str().unwrap();
    success(&owner.ours(&["init", "-Z", "emil"], ""));
    let logon = |option: &str, input: &str| {
        let mut command = emil.command(PROGRAM);
        command.args(["logon", "-n", "-S", "-l", "emils-sister", option]);
        emil.run(command.env("X509_USER_KEY", key), input)
    };
    let output = logon("-v", KEY_PASS_PHRASE);
    success(&output);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(
        said.contains("own certificate") && said.contains("server localhost"),
        "{said}"
    );
    assert_eq!(subjects(&emil.proxy).last().unwrap(), "emils-sister");
    assert!(failure(&logon("-q", "wrong\n")).ends_with(&format!("does not open the private key {key}")));
}

/// `script` of util-linux gives the command a terminal.
#[test]
fn a_new_pass_phrase_is_typed_twice_on_the_terminal() {
    let frida = user("frida");
    let type_in = |answers: &[(&str, &str)]| {
        let mut command = frida.command("script");
        command.args([
            "--quiet",
            "--return",
            "--command",
            &format!("{PROGRAM} init"),
            "/dev/null",
        ]);
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (mut input, mut output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        let mut said = Vec::new();
        for (prompt, answer) in answers {
            while !said.ends_with(prompt.as_bytes()) {
                let mut byte = [0];
                output.read_exact(&mut byte).unwrap();
                said.extend(byte);
            }
            writeln!(input, "{answer}").unwrap();
        }
        output.read_to_end(&mut said).unwrap();
        (
            process.wait().unwrap().success(),
            String::from_utf8(said).unwrap(),
        )
    };
    let new = "New MyProxy pass phrase of frida: ";
    let (done, said) = type_in(&[(new, PASS_PHRASE), ("Once more: ", "correct-house")]);
    assert!(!done && said.contains("the two pass phrases differ"), "{said}");
    let (done, said) = type_in(&[(new, PASS_PHRASE), ("Once more: ", PASS_PHRASE)]);
    assert!(done && said.contains("valid for 168 h"), "{said}");
    success(&frida.ours(&["logon", "-S"], PASS_PHRASE));
}
