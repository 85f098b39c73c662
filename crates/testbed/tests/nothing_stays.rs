//! What the test bed starts and writes is gone afterwards, however a test ends.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use testbed::{PrivateDirectory, Process, free_port, wait_until};

const LIMIT: Duration = Duration::from_secs(10);

/// Set in the environment of the copy of this program that is to be killed.
const VICTIM: &str = "TESTBED_VICTIM";

/// A program with a child, so that the group has two members.
fn two_sleepers() -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "sleep 600 & echo $!; wait"]);
    command
}

fn runs(pid: &str) -> bool {
    // A zombie whose parent has gone runs no longer.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

fn start_two_sleepers(directory: &PrivateDirectory) -> (Process, String) {
    let log = directory.join("log");
    let mut process = Process::start("sleepers", &mut two_sleepers(), &log).unwrap();
    process
        .wait_until_ready(LIMIT, || fs::read_to_string(&log).unwrap().ends_with('\n'))
        .unwrap();
    let child = process.log().trim().to_owned();
    (process, child)
}

#[test]
fn a_dropped_process_takes_its_group_with_it() {
    let directory = PrivateDirectory::new("testbed").unwrap();
    let (process, child) = start_two_sleepers(&directory);
    let leader = process.pid().to_string();
    assert!(runs(&leader) && runs(&child));
    drop(process);
    assert!(wait_until(LIMIT, || !runs(&leader) && !runs(&child)));
}

#[test]
fn a_directory_is_removed_also_on_panic_and_has_its_modes() {
    let directory = PrivateDirectory::new("testbed").unwrap();
    let path = directory.path().to_owned();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(&path), 0o711);
    assert_eq!(mode(&directory.make_directory("open", 0o777).unwrap()), 0o777);
    assert_eq!(mode(&directory.write("secret", 0o600, "x").unwrap()), 0o600);
    assert_eq!(mode(&directory.write("secret", 0o644, "y").unwrap()), 0o644);
    let panicking = std::thread::spawn(move || {
        let _directory = directory;
        panic!("this panic is part of the test");
    });
    assert!(panicking.join().is_err());
    assert!(!path.exists());
}

#[test]
fn nothing_stays_of_a_process_that_was_killed() {
    if std::env::var_os(VICTIM).is_some() {
        let directory = PrivateDirectory::new("testbed").unwrap();
        let (process, child) = start_two_sleepers(&directory);
        println!("victim: {} {child} {}", process.pid(), directory.path().display());
        std::thread::sleep(Duration::from_secs(600));
        unreachable!("nobody killed this process");
    }
    for signal in [Signal::KILL, Signal::INT, Signal::TERM] {
        let mut victim = Command::new(std::env::current_exe().unwrap())
            .args([
                "--exact",
                "nothing_stays_of_a_process_that_was_killed",
                "--nocapture",
            ])
            .env(VICTIM, "1")
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut output = BufReader::new(victim.stdout.take().unwrap())
            .lines()
            .map(Result::unwrap);
        let line = output
            .find_map(|line| Some(line.split_once("victim: ")?.1.to_owned()))
            .unwrap();
        let [leader, child, directory] = line.split(' ').collect::<Vec<_>>()[..] else {
            panic!("{line}")
        };
        assert!(runs(leader) && runs(child) && Path::new(directory).exists());
        kill_process(Pid::from_child(&victim), signal).unwrap();
        victim.wait().unwrap();
        assert!(
            wait_until(LIMIT, || !runs(leader)
                && !runs(child)
                && !Path::new(directory).exists()),
            "after {signal:?}"
        );
    }
}

#[test]
fn a_process_that_ends_at_once_shows_its_log() {
    let directory = PrivateDirectory::new("testbed").unwrap();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "echo no such configuration >&2; exit 3"]);
    let mut process = Process::start("server", &mut command, &directory.join("log")).unwrap();
    let address = ([127, 0, 0, 1], free_port().unwrap()).into();
    let error = process
        .wait_until_listening(LIMIT, address)
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("no such configuration") && error.contains("exit status: 3"),
        "{error}"
    );
}
