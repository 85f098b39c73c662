//! The stock client against a server that `setup-server` prepared.
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use openssl::x509::X509;
use testbed::{
    Accepts, GrantingCookies, Isolation, MyProxyServer, PrivateDirectory, artifact, pki, wait_until,
};

const LIMIT: Duration = Duration::from_secs(10);
/// Set in the environment of the copy of this program that is to be killed.
const VICTIM: &str = "TESTBED_VICTIM";

fn pass_phrases() -> Accepts {
    Accepts::PassPhrases(vec![
        ("alice".into(), "alice-secret".into()),
        ("b.o_b@x-y".into(), "bob-secret".into()),
    ])
}

fn subject(credential: &Path) -> String {
    let certificate = X509::from_pem(&fs::read(credential).unwrap()).unwrap();
    myproxy_server_setup::one_line(certificate.subject_name())
}

/// Its private directory.
fn directory_of(server: &MyProxyServer) -> PathBuf {
    Path::new(&server.summary().ca_directory)
        .ancestors()
        .nth(2)
        .unwrap()
        .to_owned()
}

/// `/proc/<number>` of its daemon.
fn daemon_of(server: &MyProxyServer) -> PathBuf {
    let pid = fs::read_to_string(directory_of(server).join("server/run/myproxy-server.pid")).unwrap();
    Path::new("/proc").join(pid.trim())
}

fn runs(process: &Path) -> bool {
    // A zombie whose parent has gone runs no longer.
    fs::read_to_string(process.join("stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

#[test]
fn issues_credentials_and_is_counted_stopped_and_restarted() {
    let mut server = MyProxyServer::builder(pass_phrases()).start().unwrap();
    println!("PAM services by {}", server.isolation());
    let directory = PrivateDirectory::new("client").unwrap();
    let credential = directory.join("credential");
    assert_eq!(server.issued().unwrap(), 0);

    let logon = server.stock_logon("alice", "alice-secret", &credential).unwrap();
    assert!(logon.status.success(), "{logon:?} {:?}", server.syslog().lines());
    assert_eq!(subject(&credential), "/O=localhost/OU=People/CN=alice");
    assert!(
        server
            .stock_logon("b.o_b@x-y", "bob-secret", &credential)
            .unwrap()
            .status
            .success()
    );
    assert_eq!(subject(&credential), "/O=localhost/OU=People/CN=b.o_b@x-y");
    assert_eq!(server.issued().unwrap(), 2);

    let refused = server
        .stock_logon("alice", "bob-secret", &directory.join("none"))
        .unwrap();
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("invalid password"),
        "{refused:?}"
    );
    assert!(!directory.join("none").exists());
    if server.isolation().has_private_syslog() {
        assert!(
            server
                .syslog()
                .wait_for(LIMIT, "PAM authentication failed for alice")
        );
        assert_eq!(server.syslog().count("Connection from 127.0.0.1"), 3);
    }

    server.stop();
    let refused = server.stock_logon("alice", "alice-secret", &credential).unwrap();
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("Connection refused"),
        "{refused:?}"
    );
    server.start().unwrap();
    assert!(
        server
            .stock_logon("alice", "alice-secret", &credential)
            .unwrap()
            .status
            .success()
    );
    assert_eq!(server.issued().unwrap(), 3);
}

#[test]
fn our_pam_module_is_asked_and_heard() {
    let directory = PrivateDirectory::new("client").unwrap();
    let granting = pki::self_signed(directory.path(), "granting", "login.example.org").unwrap();
    let accepts = Accepts::GrantingCookies(GrantingCookies {
        granting_certificates: vec![granting.certificate],
        app_server_ids: vec!["app.example.org".to_owned()],
        realms: Vec::new(),
        encrypted: None,
        max_age: None,
        pam_module: artifact("libpam_pubcookie.so").unwrap().display().to_string(),
    });
    let server = MyProxyServer::builder(accepts).start().unwrap();
    let logon = server
        .stock_logon("alice", "hunter2-secret", &directory.join("none"))
        .unwrap();
    assert!(
        String::from_utf8_lossy(&logon.stderr).contains("invalid password"),
        "{logon:?}"
    );
    if server.isolation().has_private_syslog() {
        // What is logged is read a moment after the client has its answer.
        assert!(server.syslog().wait_for(LIMIT, "pam_pubcookie"));
        let lines = server.syslog().lines();
        let ours = lines.iter().find(|line| line.contains("pam_pubcookie"));
        assert!(
            ours.is_some_and(|line| line.contains("alice") && !line.contains("hunter2-secret")),
            "{lines:?}"
        );
    }
}

#[test]
fn libpam_wrapper_serves_where_namespaces_are_forbidden() {
    let isolation = Isolation::pam_wrapper().expect("libpam-wrapper is installed");
    let mut server = MyProxyServer::builder(pass_phrases())
        .isolation(isolation)
        .start()
        .unwrap();
    let directory = PrivateDirectory::new("client").unwrap();
    let logon = server
        .stock_logon("alice", "alice-secret", &directory.join("credential"))
        .unwrap();
    assert!(logon.status.success(), "{logon:?}");
    let refused = server
        .stock_logon("alice", "bob-secret", &directory.join("none"))
        .unwrap();
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("invalid password"),
        "{refused:?}"
    );
    assert_eq!(server.issued().unwrap(), 1);
    let service = directory_of(&server).join("pam.d/myproxy");
    let service = fs::read(&service).unwrap();
    let copies = || {
        let directories = fs::read_dir("/tmp").unwrap().map(|entry| entry.unwrap().path());
        directories
            .filter(|directory| fs::read(directory.join("myproxy")).is_ok_and(|copy| copy == service))
            .count()
    };
    assert!(copies() > 0, "libpam-wrapper works with copies");
    server.stop();
    assert_eq!(copies(), 0);
}

#[test]
fn odd_names_get_nothing() {
    let server = MyProxyServer::builder(pass_phrases()).start().unwrap();
    let directory = PrivateDirectory::new("client").unwrap();
    let long = "a".repeat(300);
    for name in [
        "../x",
        "a/b",
        "a b",
        "\"",
        ".",
        "..",
        "-alice",
        "@alice",
        "alice/CN=bob",
        "al\u{ef}ce",
        "a'b",
        "*",
        &long,
    ] {
        let logon = server
            .stock_logon(name, "alice-secret", &directory.join("none"))
            .unwrap();
        let error = String::from_utf8_lossy(&logon.stderr);
        assert!(
            !logon.status.success() && error.contains("unknown username"),
            "{name}: {error}"
        );
    }
    assert_eq!(server.issued().unwrap(), 0);
}

#[test]
fn a_second_name_is_as_good_as_the_first_and_a_third_is_not() {
    let start = |names: &[&str]| {
        MyProxyServer::builder(pass_phrases())
            .names(names)
            .start()
            .unwrap()
    };
    let directory = PrivateDirectory::new("client").unwrap();
    let credential = directory.join("credential");
    let server = start(&["myproxy.example.org", "localhost"]);
    assert!(
        server
            .stock_logon("alice", "alice-secret", &credential)
            .unwrap()
            .status
            .success()
    );
    assert_eq!(subject(&credential), "/O=myproxy.example.org/OU=People/CN=alice");

    let elsewhere = start(&["myproxy.example.org"]);
    let logon = elsewhere
        .stock_logon("alice", "alice-secret", &directory.join("none"))
        .unwrap();
    assert!(!logon.status.success(), "{logon:?}");
    assert_eq!(elsewhere.issued().unwrap(), 0);
}

#[test]
fn an_untrusted_certificate_is_refused_by_the_client() {
    let directory = PrivateDirectory::new("client").unwrap();
    let stranger = pki::Authority::new(directory.path(), "stranger").unwrap();
    let files = stranger.server_certificate("host", &["localhost"]).unwrap();
    let server = MyProxyServer::builder(pass_phrases())
        .untrusted_certificate(files)
        .start()
        .unwrap();
    let logon = server
        .stock_logon("alice", "alice-secret", &directory.join("none"))
        .unwrap();
    assert!(!logon.status.success(), "{logon:?}");
    assert_eq!(server.issued().unwrap(), 0);
}

#[test]
fn its_secrets_belong_to_the_servers_user_alone_and_nothing_stays_of_it() {
    let server = MyProxyServer::builder(pass_phrases()).start().unwrap();
    let root = directory_of(&server).join("server");
    let owner = fs::metadata(root.join("store")).unwrap().uid();
    for (name, mode) in [
        ("ca/ca-key.pem", 0o600),
        ("host/hostkey.pem", 0o600),
        ("store", 0o700),
        ("ca", 0o700),
    ] {
        let metadata = fs::metadata(root.join(name)).unwrap();
        assert_eq!(metadata.permissions().mode() & 0o7777, mode, "{name}");
        assert_eq!(metadata.uid(), owner, "{name}");
    }
    let daemon = daemon_of(&server);
    assert!(runs(&daemon));
    drop(server);
    assert!(wait_until(LIMIT, || !runs(&daemon)));
    assert!(!root.exists());
}

#[test]
fn nothing_stays_of_it_when_its_test_is_killed() {
    if std::env::var_os(VICTIM).is_some() {
        let server = MyProxyServer::builder(pass_phrases()).start().unwrap();
        println!(
            "victim: {} {}",
            daemon_of(&server).display(),
            directory_of(&server).display()
        );
        std::thread::sleep(Duration::from_secs(600));
        unreachable!("nobody killed this process");
    }
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "nothing_stays_of_it_when_its_test_is_killed",
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
    let (daemon, directory) = line.split_once(' ').unwrap();
    let (daemon, directory) = (Path::new(daemon), Path::new(directory));
    assert!(runs(daemon) && directory.exists());
    victim.kill().unwrap();
    victim.wait().unwrap();
    assert!(wait_until(LIMIT, || !runs(daemon) && !directory.exists()));
}
