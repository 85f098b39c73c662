//! Many processes at once, and what becomes of those that die, may not write, or run out of space.
//!
//! The processes are this test program itself: it starts its own test `worker` with a role.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use common::*;
use credential_store::{
    CredentialName, CredentialStore, Directory, DirectoryPolicy, Error, FilePermissions, Logon, Lookup,
    Method, PENDING_MAX_AGE, SessionId, SessionLookup, SessionStore, sweep,
};
use rand::RngExt as _;

const ROLE: &str = "CREDENTIAL_STORE_TEST_ROLE";
const ROOT: &str = "CREDENTIAL_STORE_TEST_ROOT";

/// What a process does that a test starts: it speaks in lines on standard output.
#[test]
#[ignore = "runs as a process that other tests start"]
fn worker() {
    let (Ok(role), Some(root)) = (env::var(ROLE), env::var_os(ROOT)) else {
        return;
    };
    let root = PathBuf::from(root);
    match role.as_str() {
        "hold" => {
            let (credentials, _) = open(&root, FilePermissions::default());
            let _turn = turn(&credentials, soon()).unwrap();
            say("held");
            thread::sleep(Duration::from_secs(60));
        }
        "try" => {
            let (credentials, _) = open(&root, FilePermissions::default());
            match turn(&credentials, Instant::now() + Duration::from_millis(50)) {
                Ok(_) => say("free"),
                Err(Error::Busy { .. }) => say("busy"),
                Err(error) => say(&error.to_string()),
            }
        }
        "publish" => say(&match publish_anew(&root) {
            Ok(path) => path.display().to_string(),
            Err(error) => error.to_string(),
        }),
        "publish until logout" => publish_until_logout(&root),
        "sweep" => {
            let (credentials, sessions) = open(&root, FilePermissions::default());
            say("sweeping");
            let end = soon();
            while Instant::now() < end {
                sweep(&credentials, &sessions, Some(IDLE), *NOW, false).unwrap();
            }
        }
        "full disk" => full_disk(&root),
        "read-only" => read_only(&root),
        role => panic!("no role {role}"),
    }
}

fn say(line: &str) {
    println!("worker: {line}");
}

fn alice() -> CredentialName {
    CredentialName::of_user("alice").unwrap()
}

fn turn(credentials: &CredentialStore, deadline: Instant) -> Result<Logon<'_>, Error> {
    credentials.logon(&alice(), deadline)
}

/// Login and logon.
fn publish_anew(root: &Path) -> Result<PathBuf, Error> {
    let (credentials, sessions) = open(root, FilePermissions::default());
    let (session, _) = sessions.create(&web_user("alice"), &alice(), IDLE, *NOW)?;
    let pem = credential("alice", *NOW + 2 * HOUR);
    let published = turn(&credentials, soon())?.publish(
        &sessions,
        &session,
        &new_credential(&record("alice"), &pem),
        *NOW,
    )?;
    Ok(published.path)
}

/// For each session cookie on standard input: publish and write in the session again and again, until told
/// that the session has ended. The cookie that waits is too old: a sweep writes in the session as well.
fn publish_until_logout(root: &Path) {
    let (credentials, sessions) = open(root, FilePermissions::default());
    let pem = credential("alice", *NOW + HOUR);
    for cookie in std::io::stdin().lines() {
        let session = SessionId::parse(&cookie.unwrap()).unwrap();
        loop {
            if let SessionLookup::Live(live) =
                sessions.find(&session, &web_user("alice"), IDLE, *NOW).unwrap()
            {
                sessions.touch(&live, Duration::ZERO, *NOW).unwrap();
            }
            let logon = turn(&credentials, soon()).unwrap();
            match logon
                .publish(&sessions, &session, &new_credential(&record("alice"), &pem), *NOW)
                .and_then(|_| sessions.set_pending(&session, b"cookie", *NOW - PENDING_MAX_AGE, *NOW))
            {
                Ok(()) => {}
                Err(Error::SessionEnded) => break,
                Err(error) => panic!("{error}"),
            }
        }
        say("ended");
    }
}

/// A process of ours, which ends with the test.
struct Process {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Process {
    fn start(role: &str, root: &Path) -> Self {
        Self::from(Command::new(env::current_exe().unwrap()), role, root)
    }

    /// Through a shell that first runs `preparation`.
    fn start_after(preparation: &str, role: &str, root: &Path) -> Self {
        let mut command = Command::new("sh");
        command
            .arg("-c")
            .arg(format!("{preparation}\nexec \"$0\" \"$@\""))
            .arg(env::current_exe().unwrap());
        Self::from(command, role, root)
    }

    fn from(mut command: Command, role: &str, root: &Path) -> Self {
        command
            .args(["--exact", "worker", "--ignored", "--nocapture"])
            .env(ROLE, role)
            .env(ROOT, root);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take(), BufReader::new(child.stdout.take().unwrap()));
        Self { child, input, output }
    }

    /// The next line that the worker says.
    fn line(&mut self) -> String {
        let mut line = String::new();
        loop {
            line.clear();
            assert_ne!(self.output.read_line(&mut line).unwrap(), 0, "the worker died");
            // The harness begins the line with the name of the test.
            if let Some((_, said)) = line.split_once("worker: ") {
                return said.trim_end().to_owned();
            }
        }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.input.as_mut().unwrap(), "{line}").unwrap();
    }

    /// The end of its input is the end of its work.
    fn finish(mut self) {
        drop(self.input.take());
        assert!(self.child.wait().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn a_turn_excludes_other_processes_and_ends_with_its_own() {
    let stores = Stores::new();
    let mut holder = Process::start("hold", stores.root.path());
    assert_eq!(holder.line(), "held");
    assert_eq!(Process::start("try", stores.root.path()).line(), "busy");
    let deadline = Instant::now() + Duration::from_millis(50);
    assert!(matches!(
        turn(&stores.credentials, deadline),
        Err(Error::Busy { .. })
    ));

    holder.child.kill().unwrap();
    holder.child.wait().unwrap();
    let ours = turn(&stores.credentials, soon()).unwrap();
    assert_eq!(Process::start("try", stores.root.path()).line(), "busy");
    drop(ours);
    assert_eq!(Process::start("try", stores.root.path()).line(), "free");
}

/// Without what is being written, and may never come to be in place.
fn sessions_in_place(stores: &Stores) -> Vec<String> {
    let mut names = stores.session_files();
    names.retain(|name| !name.starts_with(".new-"));
    names
}

#[test]
fn nothing_is_left_after_a_logout() {
    let stores = Stores::new();
    let mut workers: Vec<_> = (0..3)
        .map(|_| Process::start("publish until logout", stores.root.path()))
        .collect();
    let mut sweeper = Process::start("sweep", stores.root.path());
    assert_eq!(sweeper.line(), "sweeping");
    let mut random = rand::rng();
    let mut published = 0;
    for round in 0..150 {
        let session = stores.session("alice");
        for worker in &mut workers {
            worker.tell(&session.to_cookie());
        }
        thread::sleep(Duration::from_micros(random.random_range(0..8000)));
        let ended = stores.sessions.end(&session).unwrap().unwrap();
        published += usize::from(stores.credentials.erase(&ended).unwrap());
        let path = stores.credentials.path(&alice());
        assert!(!path.exists(), "round {round}: there after the logout");
        assert_eq!(
            sessions_in_place(&stores),
            [""; 0],
            "round {round}: there after the logout"
        );
        for worker in &mut workers {
            assert_eq!(worker.line(), "ended");
        }
        assert!(!path.exists(), "round {round}: published after the logout");
        assert_eq!(
            sessions_in_place(&stores),
            [""; 0],
            "round {round}: back after the logout"
        );
    }
    assert!(published > 10, "only {published} rounds had anything to erase");
    drop(sweeper);
    workers.into_iter().for_each(Process::finish);
    assert_eq!(stores.credential_files(), [""; 0]);
    assert_eq!(stores.session_files(), [""; 0]);
}

#[test]
fn a_sweep_in_another_process_takes_nothing_of_a_live_session() {
    let stores = Stores::new();
    let mut sweeper = Process::start("sweep", stores.root.path());
    assert_eq!(sweeper.line(), "sweeping");
    for _ in 0..100 {
        let session = stores.session("alice");
        stores.publish(&session, "alice", HOUR).unwrap();
        for _ in 0..10 {
            let found = stores.lookup("alice").unwrap();
            assert!(matches!(found, Lookup::Good(_)), "{found:?}");
        }
        let ended = stores.sessions.end(&session).unwrap().unwrap();
        stores.credentials.erase(&ended).unwrap();
    }
}

#[test]
fn modes_do_not_depend_on_the_umask() {
    for umask in ["0000", "0777"] {
        let root = tempfile::tempdir().unwrap();
        let path = Process::start_after(&format!("umask {umask}"), "publish", root.path()).line();
        assert!(path.ends_with("/credentials/alice"), "{path}");
        for directory in ["credentials", "sessions"] {
            let directory = root.path().join(directory);
            assert_eq!(mode(&directory), 0o700, "umask {umask}");
            for entry in fs::read_dir(directory).unwrap() {
                let path = entry.unwrap().path();
                assert_eq!(mode(&path), 0o600, "umask {umask}: {}", path.display());
            }
        }
    }
}

#[test]
fn a_limit_on_file_sizes_leaves_the_old_credential() {
    let stores = Stores::new();
    let path = stores.publish(&stores.session("alice"), "alice", HOUR).unwrap();
    let before = fs::read(&path).unwrap();
    // One block of 512 bytes is enough for a session, not for a credential.
    let said = Process::start_after("trap '' XFSZ; ulimit -f 1", "publish", stores.root.path()).line();
    assert!(
        said.starts_with("cannot write ") && said.contains("File too large"),
        "{said}"
    );
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(stores.credential_files(), ["alice", "alice%record"]);
}

#[test]
fn a_full_disk_leaves_the_old_credential_and_stops_no_logout() {
    if !is_root("a_full_disk_leaves_the_old_credential_and_stops_no_logout") {
        return;
    }
    on_a_file_system_of_its_own("full disk");
}

#[test]
fn a_read_only_store_leaves_the_old_credential() {
    if !is_root("a_read_only_store_leaves_the_old_credential") {
        return;
    }
    on_a_file_system_of_its_own("read-only");
}

/// A process whose directory is on a small file system that no other process sees.
fn on_a_file_system_of_its_own(role: &str) {
    let root = tempfile::tempdir().unwrap();
    let mount = format!(
        "mount -t tmpfs -o size=64k,mode=0700 tmpfs {}",
        root.path().display()
    );
    let in_private = format!(
        "[ -n \"$PRIVATE\" ] || PRIVATE=1 exec unshare -m --propagation private sh -c '{mount} && exec \"$0\" \"$@\"' \"$0\" \"$@\""
    );
    let mut process = Process::start_after(&in_private, role, root.path());
    assert_eq!(process.line(), "done");
    process.finish();
    assert_eq!(
        fs::read_dir(root.path()).unwrap().count(),
        0,
        "the mount was not private"
    );
}

fn read_only(root: &Path) {
    let (credentials, sessions) = open(root, FilePermissions::default());
    let path = publish_anew(root).unwrap();
    let (session, _) = sessions.create(&web_user("alice"), &alice(), IDLE, *NOW).unwrap();
    let before = (fs::read(&path).unwrap(), files(&root.join("credentials")));
    let remount = |options: &str| {
        let mut mount = Command::new("mount");
        assert!(mount.args(["-o", options]).arg(root).status().unwrap().success());
    };
    remount("remount,ro");
    let found = credentials.lookup(
        &alice(),
        &record("alice").origin,
        &Method::ALL,
        Duration::ZERO,
        *NOW,
    );
    assert!(
        matches!(found, Ok(Lookup::Good(_))),
        "what is there serves: {found:?}"
    );
    for error in [
        turn(&credentials, soon()).map(|_| ()).unwrap_err(),
        sessions
            .create(&web_user("alice"), &alice(), IDLE, *NOW)
            .map(|_| ())
            .unwrap_err(),
        sessions.end(&session).map(|_| ()).unwrap_err(),
    ] {
        assert!(error.to_string().contains("Read-only file system"), "{error}");
    }
    remount("remount,rw");
    assert_eq!(
        (fs::read(&path).unwrap(), files(&root.join("credentials"))),
        before
    );
    say("done");
}

fn full_disk(root: &Path) {
    let (credentials, sessions) = open(root, FilePermissions::default());
    let path = publish_anew(root).unwrap();
    let (session, _) = sessions.create(&web_user("alice"), &alice(), IDLE, *NOW).unwrap();
    let before = (fs::read(&path).unwrap(), files(&root.join("credentials")));
    let mut filler = fs::File::create(root.join("filler")).unwrap();
    while filler.write_all(&[0; 512]).is_ok() {}

    let pem = credential("alice", *NOW + 2 * HOUR);
    let logon = turn(&credentials, soon()).unwrap();
    let error = logon
        .publish(&sessions, &session, &new_credential(&record("alice"), &pem), *NOW)
        .unwrap_err();
    assert!(error.to_string().ends_with("free some space"), "{error}");
    assert_eq!(
        (fs::read(&path).unwrap(), files(&root.join("credentials"))),
        before
    );
    assert!(sessions.create(&web_user("alice"), &alice(), IDLE, *NOW).is_err());

    let ended = sessions.end(&session).unwrap().unwrap();
    assert!(credentials.erase(&ended).unwrap());
    assert_eq!(files(&root.join("credentials")), [""; 0]);
    assert!(sessions.end(&session).unwrap().is_none());
    say("done");
}

/// As httpd does it: its parent makes the directories as root, its children work in them as another user.
#[test]
fn children_of_another_user_work_where_root_made_the_directories() {
    if !is_root("children_of_another_user_work_where_root_made_the_directories") {
        return;
    }
    let root = tempfile::tempdir().unwrap();
    set_mode(root.path(), 0o755);
    let policy = DirectoryPolicy::new(0o700).owned_by(DAEMON, Some(DAEMON));
    let credentials = Directory::create(root.path().join("credentials"), policy).unwrap();
    let sessions = Directory::create(root.path().join("sessions"), policy).unwrap();
    let credentials = CredentialStore::open(credentials, FilePermissions::default()).unwrap();
    let sessions = SessionStore::open(sessions).unwrap();
    // Root was there first, and left its lock files.
    sweep(&credentials, &sessions, Some(IDLE), *NOW, false).unwrap();
    let (session, _) = sessions.create(&web_user("alice"), &alice(), IDLE, *NOW).unwrap();
    drop(turn(&credentials, soon()).unwrap());

    let program = root.path().join("program");
    fs::copy(env::current_exe().unwrap(), &program).unwrap();
    let as_daemon = |role: &str| {
        let mut command = Command::new(&program);
        command.uid(DAEMON).gid(DAEMON);
        Process::from(command, role, root.path())
    };
    let path = as_daemon("publish").line();
    assert!(path.ends_with("/credentials/alice"), "{path}");
    let mut worker = as_daemon("publish until logout");
    worker.tell(&session.to_cookie());
    thread::sleep(Duration::from_millis(50));
    let ended = sessions.end(&session).unwrap().unwrap();
    assert!(credentials.erase(&ended).unwrap());
    assert_eq!(worker.line(), "ended");
    worker.finish();
    assert_eq!(files(&root.path().join("credentials")), [""; 0]);
}
