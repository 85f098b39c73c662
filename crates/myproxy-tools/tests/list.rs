//! `mod-myproxy list`, as an administrator runs it.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../credential-store/tests/common/mod.rs"]
mod common;

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};
use std::time::{Duration, SystemTime};

use common::*;
use serde_json::Value;

const PROGRAM: &str = env!("CARGO_BIN_EXE_mod-myproxy");

fn list(stores: &Stores, options: &[&str]) -> Output {
    let directory = stores.root.path().join("credentials");
    Command::new(PROGRAM)
        .arg("list")
        .args(options)
        .arg(directory)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Credentials in each state.
fn stores() -> Stores {
    let stores = Stores::new();
    let at = |name: &str| stores.root.path().join("credentials").join(name);
    let lasts = SystemTime::now() + 2 * HOUR;
    let publish = |user: &str, pem: &[u8]| {
        stores
            .publish_as(&stores.session(user), &record(user), pem)
            .unwrap();
    };
    publish("a/b", &credential("slash", lasts));
    publish("bob", &credential("bob", lasts));
    publish(
        "carol",
        &credential("carol", SystemTime::now() - Duration::from_secs(1)),
    );
    fs::write(at("bob"), credential("bob", lasts)).unwrap();
    fs::write(at("perl"), credential("perl", lasts)).unwrap();
    std::os::unix::fs::symlink("/nowhere", at("zoe")).unwrap();
    fs::write(at("not a credential"), "").unwrap();
    stores
}

#[test]
fn json_says_all_of_every_credential() {
    let stores = stores();
    let output = list(&stores, &["--json"]);
    assert!(output.status.success(), "{output:?}");
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let states: Vec<_> = rows
        .iter()
        .map(|row| (row["user"].as_str().unwrap(), row["state"].as_str().unwrap()))
        .collect();
    assert_eq!(
        states,
        [
            ("a/b", "good"),
            ("bob", "broken"),
            ("carol", "expired"),
            ("perl", "unrecorded"),
            ("zoe", "unreadable")
        ]
    );
    let good = &rows[0];
    assert_eq!(good["file"], "a%2Fb");
    assert_eq!(good["subject"], "/DC=org/CN=slash");
    assert_eq!(good["web_user"]["authentication_type"], "WebISO");
    assert_eq!(
        (&good["myproxy_user"], &good["method"]),
        (&"a/b".into(), &"cookie".into())
    );
    assert_eq!(good["servers"], serde_json::json!(["myproxy.example.org"]));
    let left = good["seconds_left"].as_u64().unwrap();
    assert!((7100..=7200).contains(&left), "{left}");
    assert!(good["expires"].as_str().unwrap().ends_with('Z'));
    assert_eq!(rows[2]["seconds_left"], 0);
    assert_eq!(rows[3]["subject"], "/DC=org/CN=perl");
    assert!(rows[4]["error"].as_str().unwrap().contains("is a link"));
}

#[test]
fn the_table_has_a_line_for_each() {
    let output = list(&stores(), &[]);
    let lines: Vec<_> = text(&output.stdout).lines().collect();
    assert_eq!(lines.len(), 6, "{lines:#?}");
    assert!(
        lines[0].starts_with("STATE       TIME LEFT  USER"),
        "{}",
        lines[0]
    );
    let good: Vec<_> = lines[1].split_whitespace().collect();
    assert_eq!(
        [good[0], good[2], good[3], good[4], good[5]],
        ["good", "a/b", "a/b", "myproxy.example.org", "/DC=org/CN=slash"]
    );
    assert!(
        good[1].starts_with("1:59:") || good[1] == "2:00:00",
        "{}",
        good[1]
    );
}

#[test]
fn an_empty_store_is_an_empty_list_and_stays_empty() {
    let stores = Stores::new();
    assert_eq!(text(&list(&stores, &["--json"]).stdout), "[]\n");
    assert_eq!(text(&list(&stores, &[]).stdout).lines().count(), 1);
    assert_eq!(
        fs::read_dir(stores.root.path().join("credentials"))
            .unwrap()
            .count(),
        0
    );
}

/// An administrator may keep a store as evidence, on a file system that nobody writes to.
#[test]
fn a_store_that_cannot_be_written_is_listed_and_left_as_it_is() {
    let stores = stores();
    let path = stores.root.path().join("credentials");
    fs::remove_file(path.join(".lock")).unwrap();
    let names = || fs::read_dir(&path).unwrap().count();
    let before = names();
    set_mode(&path, 0o500);
    let program = stores.root.path().join("mod-myproxy");
    fs::copy(PROGRAM, &program).unwrap();
    let mut command = Command::new(&program);
    command.args(["list", "--json"]).arg(&path);
    if is_root("a_store_that_cannot_be_written_is_listed_and_left_as_it_is") {
        // Root may write anywhere.
        set_mode(stores.root.path(), 0o755);
        for entry in fs::read_dir(&path).unwrap() {
            std::os::unix::fs::lchown(entry.unwrap().path(), Some(NOBODY), None).unwrap();
        }
        give_to(&path, NOBODY);
        command.uid(NOBODY).gid(NOBODY);
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let rows: Vec<Value> = serde_json::from_slice(&output.stdout).unwrap();
    let states: Vec<_> = rows.iter().map(|row| row["state"].as_str().unwrap()).collect();
    assert_eq!(states, ["good", "broken", "expired", "unrecorded", "unreadable"]);
    assert_eq!(names(), before);
    set_mode(&path, 0o700);
}

#[test]
fn what_is_no_store_is_refused_in_one_line() {
    let stores = Stores::new();
    let path = stores.root.path().join("credentials");
    set_mode(&path, 0o777);
    let output = list(&stores, &[]);
    assert_eq!(output.status.code(), Some(1));
    let message = text(&output.stderr);
    assert!(
        message.starts_with("mod-myproxy: ") && message.contains("chmod 0775 "),
        "{message}"
    );
    assert_eq!(message.lines().count(), 1);
}

#[test]
fn root_sees_the_directory_of_another_user_who_sees_only_the_own() {
    if !is_root("root_sees_the_directory_of_another_user_who_sees_only_the_own") {
        return;
    }
    let stores = stores();
    set_mode(stores.root.path(), 0o755);
    let path = stores.root.path().join("credentials");
    give_to(&path, NOBODY);
    assert!(list(&stores, &["--json"]).status.success());
    let program = stores.root.path().join("mod-myproxy");
    fs::copy(PROGRAM, &program).unwrap();
    let output = Command::new(&program)
        .arg("list")
        .arg(&path)
        .uid(DAEMON)
        .gid(DAEMON)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let output = Command::new(&program)
        .arg("list")
        .arg(&path)
        .uid(NOBODY)
        .gid(NOBODY)
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[test]
fn help_teaches() {
    let output = Command::new(PROGRAM).args(["list", "--help"]).output().unwrap();
    let help = text(&output.stdout);
    for word in ["MyProxyCredStoreDir", "unrecorded", "Examples:", "--json"] {
        assert!(help.contains(word), "{word}: {help}");
    }
}
