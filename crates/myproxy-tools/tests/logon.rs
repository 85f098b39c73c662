//! `mod-myproxy logon` against the myproxy-server of the system.
#![allow(clippy::unwrap_used, reason = "tests")]

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::Duration;

use tempfile::TempDir;
use testbed::{Accepts, MyProxyServer};

const PROGRAM: &str = env!("CARGO_BIN_EXE_mod-myproxy");
const PASS_PHRASE: &str = "correct-horse";

/// A server, and a directory to write to.
struct Scene {
    server: &'static MyProxyServer,
    directory: TempDir,
}

fn start_server() -> MyProxyServer {
    let users = vec![("alice".to_owned(), PASS_PHRASE.to_owned())];
    MyProxyServer::builder(Accepts::PassPhrases(users))
        .start()
        .unwrap()
}

impl Scene {
    /// All tests share one server, which ends with their process.
    fn new() -> Self {
        static SERVER: OnceLock<MyProxyServer> = OnceLock::new();
        Scene {
            server: SERVER.get_or_init(start_server),
            directory: tempfile::tempdir().unwrap(),
        }
    }

    fn file(&self) -> PathBuf {
        self.directory.path().join("credential")
    }

    /// The command with everything from the environment, as grid users have it in their profile.
    fn command(&self) -> Command {
        let mut command = Command::new(PROGRAM);
        command
            .arg("logon")
            .env_clear()
            .env("LOGNAME", "alice")
            .env("MYPROXY_SERVER", "localhost")
            .env("MYPROXY_SERVER_PORT", self.server.port().to_string())
            .env("X509_CERT_DIR", self.server.trust_directory())
            .env("X509_USER_PROXY", self.file());
        command
    }

    fn logon(&self, options: &[&str], pass_phrase: &str) -> Output {
        feed(self.command().arg("-S").args(options), pass_phrase)
    }
}

fn feed(command: &mut Command, input: &str) -> Output {
    feed_into(Stdio::piped(), command, input)
}

fn feed_into(stdout: Stdio, command: &mut Command, input: &str) -> Output {
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that fails early does not read it.
    let _ = process.stdin.take().unwrap().write_all(input.as_bytes());
    process.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap()
}

/// The one line of a failure.
fn failure(output: &Output) -> &str {
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    let line = text(&output.stderr)
        .strip_prefix("mod-myproxy: ")
        .unwrap()
        .trim_end();
    assert!(!line.contains('\n'), "{line}");
    line
}

fn labels(pem: &str) -> Vec<&str> {
    pem.lines()
        .filter_map(|line| line.strip_prefix("-----BEGIN ")?.strip_suffix("-----"))
        .collect()
}

#[test]
fn the_environment_of_grid_users_suffices() {
    let scene = Scene::new();
    let output = scene.logon(&[], PASS_PHRASE);
    assert!(output.status.success(), "{output:?}");
    let said = text(&output.stdout);
    assert!(
        said.contains("CN=alice") && said.contains("valid for 11 h 59 min"),
        "{said}"
    );
    assert!(said.contains(scene.file().to_str().unwrap()), "{said}");
    let pem = fs::read_to_string(scene.file()).unwrap();
    assert_eq!(labels(&pem), ["CERTIFICATE", "RSA PRIVATE KEY"]);
    assert_eq!(fs::metadata(scene.file()).unwrap().mode() & 0o7777, 0o600);
    assert_eq!(entries(scene.directory.path()), 1, "no temporary file is left");
}

#[test]
fn options_replace_the_environment() {
    let scene = Scene::new();
    let file = scene.directory.path().join("elsewhere");
    let output = feed(
        Command::new(PROGRAM)
            .args(["logon", "-S", "-l", "alice", "-t", "1", "--json", "-p", "1"])
            // The port at the server counts more than -p.
            .args([
                "-s",
                &format!("127.0.0.1:{}=localhost", scene.server.port()),
                "-o",
            ])
            .arg(&file)
            .env_clear()
            .env("X509_CERT_DIR", scene.server.trust_directory()),
        &format!("{PASS_PHRASE}\nanother line"),
    );
    assert!(output.status.success(), "{output:?}");
    let object: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert!(
        object["subject"].as_str().unwrap().ends_with("/CN=alice"),
        "{object}"
    );
    assert_eq!(object["subject"], object["identity"]);
    assert_eq!(object["file"], file.to_str().unwrap());
    assert!(
        (3500..=3600).contains(&object["seconds_left"].as_u64().unwrap()),
        "{object}"
    );
    assert!(object["not_after"].as_str().unwrap().ends_with('Z'), "{object}");
    assert!(file.is_file());
}

#[test]
fn a_minus_writes_to_standard_output() {
    let scene = Scene::new();
    let output = scene.logon(&["-o", "-"], PASS_PHRASE);
    assert_eq!(labels(text(&output.stdout)), ["CERTIFICATE", "RSA PRIVATE KEY"]);
    assert!(!scene.file().exists());
    assert!(failure(&scene.logon(&["-o", "-", "--json"], PASS_PHRASE)).contains("name a file"));
}

#[test]
fn a_report_that_cannot_be_printed_is_an_error_and_the_credential_is_there() {
    let scene = Scene::new();
    for options in [&["-S"][..], &["-S", "--json"]] {
        let full = fs::File::create("/dev/full").unwrap();
        let output = feed_into(full.into(), scene.command().args(options), PASS_PHRASE);
        assert!(failure(&output).contains("cannot print"), "{output:?}");
        fs::remove_file(scene.file()).unwrap();
    }
}

#[test]
fn the_subject_of_the_server_can_be_given() {
    let scene = Scene::new();
    let right = scene.server.summary().server_dn.to_uppercase();
    assert!(
        scene
            .logon(&["--server-dn", &right], PASS_PHRASE)
            .status
            .success()
    );
    let line = scene.logon(&["--server-dn", "/CN=other"], PASS_PHRASE);
    assert!(failure(&line).contains("expected was /CN=other"));
}

#[test]
fn a_file_is_replaced_at_once_and_a_link_is_not_followed() {
    let scene = Scene::new();
    let target = scene.directory.path().join("target");
    fs::write(&target, "mine").unwrap();
    symlink(&target, scene.file()).unwrap();
    assert!(scene.logon(&[], PASS_PHRASE).status.success());
    assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
    assert!(fs::symlink_metadata(scene.file()).unwrap().is_file());

    let before = fs::metadata(scene.file()).unwrap().ino();
    fs::set_permissions(scene.file(), fs::Permissions::from_mode(0o644)).unwrap();
    assert!(scene.logon(&[], PASS_PHRASE).status.success());
    let after = fs::metadata(scene.file()).unwrap();
    assert_ne!(after.ino(), before);
    assert_eq!(after.mode() & 0o7777, 0o600);
}

#[test]
fn a_refusal_is_one_line_and_leaves_the_old_file() {
    let scene = Scene::new();
    fs::write(scene.file(), "old").unwrap();
    let output = scene.logon(&[], "wrong-secret");
    assert!(failure(&output).contains("wrong pass phrase"), "{output:?}");
    assert!(!text(&output.stderr).contains("wrong-secret"));
    for (options, pass_phrase, problem) in [
        (vec!["-l", "zed"], PASS_PHRASE, "refused"),
        (vec![], "", "the pass phrase is empty"),
        (vec![], "LIFETIME=1", "the pass phrase contains \"LIFETIME=\""),
        (vec!["-t", "0"], PASS_PHRASE, "the lifetime is zero"),
        (vec!["-l", "a\nb"], PASS_PHRASE, "line feed"),
        (vec!["-s", "a b"], PASS_PHRASE, "not a host name"),
        (
            vec!["-s", "nowhere.invalid"],
            PASS_PHRASE,
            "cannot find the address",
        ),
        (
            vec!["-o", "/nonexistent/file"],
            PASS_PHRASE,
            "cannot write the credential to /nonexistent/file",
        ),
    ] {
        let output = scene.logon(&options, pass_phrase);
        assert!(failure(&output).contains(problem), "{options:?}: {output:?}");
    }
    assert_eq!(fs::read_to_string(scene.file()).unwrap(), "old");
    assert_eq!(entries(scene.directory.path()), 1, "no temporary file is left");
}

#[test]
fn a_pass_phrase_is_shown_to_nobody_where_nothing_can_be_written() {
    let scene = Scene::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    server.set_nonblocking(true).unwrap();
    let address = server.local_addr().unwrap().to_string();
    let output = scene.logon(&["-s", &address, "-o", "/nonexistent/file"], PASS_PHRASE);
    assert!(
        failure(&output).contains("cannot write the credential to /nonexistent/file"),
        "{output:?}"
    );
    let asked = server.accept().map(drop).map_err(|error| error.kind());
    assert_eq!(asked, Err(ErrorKind::WouldBlock));
}

#[test]
fn a_server_that_is_down_is_passed_over() {
    let scene = Scene::new();
    let servers = format!("localhost:1,localhost:{}", scene.server.port());
    assert!(scene.logon(&["-s", &servers], PASS_PHRASE).status.success());
    let output = scene.logon(&["-s", "localhost:1"], PASS_PHRASE);
    assert!(
        failure(&output).contains("cannot connect to localhost:1 "),
        "{output:?}"
    );
}

/// `script` of util-linux gives the command a terminal.
#[test]
fn the_terminal_is_asked_without_echo() {
    let scene = Scene::new();
    let mut command = Command::new("script");
    command
        .args(["--quiet", "--return", "--command"])
        .arg(format!("{PROGRAM} logon"))
        .arg("/dev/null");
    for (name, value) in scene.command().get_envs() {
        command.env(name, value.unwrap());
    }
    let mut process = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = Vec::new();
    let mut output = process.stdout.take().unwrap();
    while !text(&said).contains("MyProxy pass phrase of alice: ") {
        let mut byte = [0];
        output.read_exact(&mut byte).unwrap();
        said.extend(byte);
    }
    // The prompt comes just before the terminal stops to echo; nobody types as fast as this test.
    sleep(Duration::from_secs(1));
    let mut input = process.stdin.take().unwrap();
    writeln!(input, "{PASS_PHRASE}").unwrap();
    output.read_to_end(&mut said).unwrap();
    assert!(process.wait().unwrap().success(), "{}", text(&said));
    assert!(
        text(&said).contains("valid for") && !text(&said).contains(PASS_PHRASE),
        "{}",
        text(&said)
    );
    assert!(scene.file().is_file());
}

fn entries(directory: &Path) -> usize {
    fs::read_dir(directory).unwrap().count()
}
