//! `mod-myproxy sweep`, as cron and systemd run it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../credential-store/tests/common/mod.rs"]
mod common;

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::SystemTime;

use common::*;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mod-myproxy");

fn sweep(root: &Path, options: &[&str]) -> Output {
    let mut command = Command::new(PROGRAM);
    command
        .arg("sweep")
        .arg("--credentials")
        .arg(root.join("credentials"));
    command
        .arg("--sessions")
        .arg(root.join("sessions"))
        .args(options)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Lines, with the names of session files, which nobody can foresee, by their length.
fn without_identifiers(output: &[u8]) -> Vec<String> {
    let line = |line: &str| match line.split_once(": ") {
        Some((what, file)) if file.len() == 64 => format!("{what}: <64 digits>"),
        _ => line.to_owned(),
    };
    text(output).lines().map(line).collect()
}

/// One credential in use, one expired, one without a session.
fn stores() -> Stores {
    let stores = Stores::new();
    stores
        .publish(&stores.session("alice"), "alice", 2 * HOUR)
        .unwrap();
    let expired = credential("bob", SystemTime::now());
    stores
        .publish_as(&stores.session("bob"), &record("bob"), &expired)
        .unwrap();
    let session = stores.session("carol");
    stores.publish(&session, "carol", 2 * HOUR).unwrap();
    let _ = stores.sessions.end(&session).unwrap();
    stores
}

#[test]
fn what_is_not_needed_goes_and_is_named() {
    let stores = stores();
    let output = sweep(stores.root.path(), &["--dry-run"]);
    assert_eq!(
        without_identifiers(&output.stdout),
        [
            "expired credential: bob",
            "orphaned credential: carol",
            "session of an expired credential: <64 digits>",
        ]
    );
    assert_eq!(stores.credential_files().len(), 6);
    let output = sweep(stores.root.path(), &[]);
    assert_eq!(
        without_identifiers(&output.stdout),
        [
            "expired credential: bob",
            "orphaned credential: carol",
            "session of an expired credential: <64 digits>",
        ]
    );
    assert_eq!(stores.credential_files(), ["alice", "alice%record"]);
    let output = sweep(stores.root.path(), &[]);
    assert_eq!(
        (text(&output.stdout), text(&output.stderr), output.status.code()),
        ("", "", Some(0))
    );
}

#[test]
fn idle_sessions_end_after_the_time_given() {
    let stores = stores();
    let output = sweep(stores.root.path(), &["--idle", "0", "--json"]);
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["idle"].as_array().unwrap().len(), 2, "{report}");
    assert_eq!(report["orphaned"], serde_json::json!(["alice", "carol"]));
    assert_eq!(stores.credential_files(), [""; 0]);
}

#[test]
fn what_cannot_be_swept_is_an_error() {
    let stores = stores();
    std::os::unix::fs::symlink("/nowhere", stores.root.path().join("credentials/link")).unwrap();
    let output = sweep(stores.root.path(), &[]);
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("/credentials/link is a link"),
        "{output:?}"
    );
    assert_eq!(
        stores.credential_files(),
        ["alice", "alice%record", "link"],
        "the rest was not swept"
    );
}

#[test]
fn one_place_for_both_is_refused() {
    let stores = stores();
    let path = stores.root.path().join("credentials");
    let output = Command::new(PROGRAM)
        .args(["sweep", "--credentials"])
        .arg(&path)
        .arg("--sessions")
        .arg(path.join("sessions"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(
        text(&output.stderr).contains("neither inside the other"),
        "{output:?}"
    );
    assert_eq!(stores.credential_files().len(), 6);
}

/// What root's sweep leaves must still be its owner's.
#[test]
fn root_and_the_owner_take_turns() {
    if !is_root("root_and_the_owner_take_turns") {
        return;
    }
    let stores = stores();
    set_mode(stores.root.path(), 0o755);
    for name in ["credentials", "sessions"] {
        let path = stores.root.path().join(name);
        let _ = fs::remove_file(path.join(".lock"));
        for entry in fs::read_dir(&path).unwrap() {
            give_to(&entry.unwrap().path(), DAEMON);
        }
        give_to(&path, DAEMON);
    }
    let output = sweep(stores.root.path(), &[]);
    assert!(output.status.success(), "{output:?}");
    let program = stores.root.path().join("mod-myproxy");
    fs::copy(PROGRAM, &program).unwrap();
    let mut command = Command::new(&program);
    command
        .arg("sweep")
        .arg("--credentials")
        .arg(stores.root.path().join("credentials"));
    command
        .arg("--sessions")
        .arg(stores.root.path().join("sessions"))
        .args(["--idle", "0"]);
    let output = command.uid(DAEMON).gid(DAEMON).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    assert_eq!(stores.credential_files(), [""; 0]);
}

/// The commands in the samples for systemd and cron, with directories that exist here.
#[test]
fn samples_run() {
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf");
    for (sample, before, after) in [
        ("mod-myproxy-sweep.service", "ExecStart=", "\n"),
        ("mod-myproxy-sweep.cron", "] || ", " >/dev/null"),
    ] {
        let stores = stores();
        let sample = fs::read_to_string(conf.join(sample)).unwrap();
        let (command, _) = sample.split_once(before).unwrap().1.split_once(after).unwrap();
        let command = command
            .replace("/usr/local/bin/mod-myproxy", PROGRAM)
            .replace("/run/mod_myproxy", stores.root.path().to_str().unwrap());
        let mut words = command.split_whitespace();
        let output = Command::new(words.next().unwrap()).args(words).output().unwrap();
        assert!(output.status.success(), "{command}: {output:?}");
        assert_eq!(stores.credential_files(), ["alice", "alice%record"], "{command}");
    }
}

#[test]
fn systemd_understands_the_samples() {
    let conf = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../conf");
    // Units as they are installed, with a command that exists.
    let units = tempfile::tempdir().unwrap();
    for unit in ["mod-myproxy-sweep.service", "mod-myproxy-sweep.timer"] {
        let text = fs::read_to_string(conf.join(unit)).unwrap();
        fs::write(
            units.path().join(unit),
            text.replace("/usr/local/bin/mod-myproxy", PROGRAM),
        )
        .unwrap();
    }
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no", "--recursive-errors=no"]);
    command
        .arg(units.path().join("mod-myproxy-sweep.service"))
        .arg(units.path().join("mod-myproxy-sweep.timer"));
    match command.output() {
        Ok(output) => assert!(output.status.success() && output.stderr.is_empty(), "{output:?}"),
        Err(error) => eprintln!("systemd_understands_the_samples: skipped, no systemd-analyze: {error}"),
    }
}

#[test]
fn help_teaches() {
    let output = Command::new(PROGRAM).args(["sweep", "--help"]).output().unwrap();
    let help = text(&output.stdout);
    for word in [
        "MyProxyCredStoreDir",
        "MyProxySessionIdle",
        "Exit status",
        "Examples:",
        "--dry-run",
    ] {
        assert!(help.contains(word), "{word}: {help}");
    }
}
