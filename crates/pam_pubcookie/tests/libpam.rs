//! The module as libpam loads it, asked by a small PAM application. `libpam_wrapper` takes the service from a private
//! directory instead of /etc/pam.d, and prints what would go to syslog.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

mod common;

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex, PoisonError};

use common::{LoginServer, now, private_directory, service, tampered};
use granting_cookie::{AppServerId, CRYPT_KEY_SIZE, CookieType, Encryption, KeyFile};
use tempfile::TempDir;

const PAM_SUCCESS: i32 = 0;
const PAM_SERVICE_ERR: i32 = 3;
const PAM_PERM_DENIED: i32 = 6;
const PAM_AUTH_ERR: i32 = 7;

/// The PAM application, compiled once.
static CLIENT: LazyLock<(TempDir, PathBuf)> = LazyLock::new(|| {
    let directory = tempfile::tempdir().unwrap();
    let client = directory.path().join("pam_client");
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pam_client.c");
    let status = Command::new("cc")
        .arg("-o")
        .arg(&client)
        .args([source, "-lpam"])
        .status()
        .unwrap();
    assert!(status.success(), "cc and libpam0g-dev are needed");
    (directory, client)
});

struct Site {
    directory: TempDir,
    login_server: LoginServer,
    replay_directory: PathBuf,
}

struct Answer {
    /// What PAM says to pam_authenticate and to pam_acct_mgmt.
    status: (i32, i32),
    log: String,
}

impl Site {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let login_server = LoginServer::new(directory.path());
        let replay_directory = private_directory(directory.path().join("replay"));
        private_directory(directory.path().join("pam.d"));
        Self {
            directory,
            login_server,
            replay_directory,
        }
    }

    fn arguments(&self) -> String {
        format!(
            "granting_cert={} app_server_id=app.example.org replay_dir={}",
            self.login_server.certificate.display(),
            self.replay_directory.display()
        )
    }

    fn ask(&self, arguments: &str, user: &str, pass_phrase: &str) -> Answer {
        self.ask_for(arguments, &[user], pass_phrase)
    }

    fn ask_for(&self, arguments: &str, client_arguments: &[&str], pass_phrase: &str) -> Answer {
        // libpam-wrapper copies the services to a place of the same few names: two clients at once get each other's.
        static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
        let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
        let services = self.directory.path().join("pam.d");
        fs::write(services.join("myproxy"), service(arguments)).unwrap();
        let mut client = Command::new(&CLIENT.1)
            .arg("myproxy")
            .args(client_arguments)
            .env("LD_PRELOAD", "libpam_wrapper.so")
            .env("PAM_WRAPPER", "1")
            .env("PAM_WRAPPER_SERVICE_DIR", services)
            .env("PAM_WRAPPER_DEBUGLEVEL", "4")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        client
            .stdin
            .take()
            .unwrap()
            .write_all(pass_phrase.as_bytes())
            .unwrap();
        let output = client.wait_with_output().unwrap();
        let stderr = String::from_utf8(output.stderr).unwrap();
        let log: String = stderr
            .split_inclusive('\n')
            .filter(|line| line.contains("SYSLOG("))
            .collect();
        let answers = String::from_utf8(output.stdout).unwrap();
        let answers: Vec<i32> = answers
            .split_whitespace()
            .map(|number| number.parse().unwrap())
            .collect();
        let &[authenticated, account] = answers.as_slice() else {
            panic!("{log}")
        };
        Answer {
            status: (authenticated, account),
            log,
        }
    }

    fn used_cookies(&self) -> usize {
        fs::read_dir(&self.replay_directory).unwrap().count()
    }
}

impl Answer {
    /// Refused, for a reason that stands in the log; the cookie does not.
    #[track_caller]
    fn assert_refused(&self, status: i32, reason: &str) {
        assert_eq!(self.status, (status, PAM_PERM_DENIED), "{}", self.log);
        assert!(
            self.log.contains(reason),
            "{reason:?} is not in the log:\n{}",
            self.log
        );
    }
}

#[test]
fn a_granting_cookie_is_good_once() {
    let site = Site::new();
    let cookie = site.login_server.granting_cookie("alice", |_| ()).to_base64();
    let first = site.ask(&site.arguments(), "alice", &cookie);
    assert_eq!(first.status, (PAM_SUCCESS, PAM_SUCCESS), "{}", first.log);
    assert!(
        first
            .log
            .contains(r#"accepted a granting cookie of user "alice" at "app.example.org""#),
        "{}",
        first.log
    );
    assert!(!first.log.contains(&cookie[..40]), "{}", first.log);
    let second = site.ask(&site.arguments(), "alice", &cookie);
    second.assert_refused(PAM_AUTH_ERR, "the cookie was used before");
    assert_eq!(site.used_cookies(), 1);
}

#[test]
fn what_is_wrong_is_refused_and_stays_unused() {
    let site = Site::new();
    let login_server = &site.login_server;
    let refused = |user: &str, cookie: &str, reason: &str| {
        let answer = site.ask(&site.arguments(), user, cookie);
        answer.assert_refused(PAM_AUTH_ERR, reason);
        assert!(
            !cookie.get(..40).is_some_and(|start| answer.log.contains(start)),
            "{}",
            answer.log
        );
    };
    let cookie = login_server.granting_cookie("alice", |_| ()).to_base64();
    refused(
        "bob",
        &cookie,
        r#"refused user "bob": the cookie is for user "alice""#,
    );
    refused("alice", &tampered(&cookie), "signature does not hold");
    refused("alice", "no cookie at all", "a cookie has 228 to 4096 characters");
    refused("alice", "", "refused");
    let expired = login_server.granting_cookie("alice", |cookie| cookie.create_time = now() - 130);
    refused("alice", &expired.to_base64(), "but only good for 120 s");
    let future = login_server.granting_cookie("alice", |cookie| cookie.create_time = now() + 90);
    refused("alice", &future.to_base64(), "in the future");
    let session = login_server.granting_cookie("alice", |cookie| cookie.cookie_type = CookieType::SESSION);
    refused("alice", &session.to_base64(), "not a granting cookie");
    let creds = login_server.granting_cookie("alice", |cookie| cookie.creds = b'2');
    refused("alice", &creds.to_base64(), "flavour");
    let elsewhere = login_server.granting_cookie("alice", |cookie| {
        cookie.app_server_id = AppServerId::encode("evil.example.org").unwrap();
    });
    refused(
        "alice",
        &elsewhere.to_base64(),
        r#"app server ID "evil.example.org""#,
    );
    assert_eq!(site.used_cookies(), 0);

    // All of that has not spoilt the good one.
    assert_eq!(
        site.ask(&site.arguments(), "alice", &cookie).status,
        (PAM_SUCCESS, PAM_SUCCESS)
    );
}

#[test]
fn encrypted_cookies_are_taken_with_a_key() {
    let site = Site::new();
    let keys = private_directory(site.directory.path().join("keys"));
    let key_file = keys.join("app.example.org");
    let key: Vec<u8> = (0..CRYPT_KEY_SIZE)
        .map(|place| (place * 151 % 251) as u8)
        .collect();
    fs::write(&key_file, key).unwrap();
    let key = KeyFile::read(&key_file).unwrap().key;
    let cookie = |encryption| {
        let signed = site.login_server.granting_cookie("alice", |_| ());
        signed
            .encrypt(encryption, &key, "app.example.org")
            .unwrap()
            .to_base64()
    };
    let from_directory = format!(
        "{} keydir={} app_server=app.example.org",
        site.arguments(),
        keys.display()
    );
    let from_file = format!(
        "{} crypt_key={} app_server=app.example.org",
        site.arguments(),
        key_file.display()
    );
    for encryption in Encryption::ALL {
        for arguments in [&from_directory, &from_file] {
            let answer = site.ask(arguments, "alice", &cookie(encryption));
            assert_eq!(
                answer.status,
                (PAM_SUCCESS, PAM_SUCCESS),
                "{encryption}: {}",
                answer.log
            );
            assert!(answer.log.contains("has mode 0644"), "{}", answer.log);
        }
        let answer = site.ask(&site.arguments(), "alice", &cookie(encryption));
        answer.assert_refused(PAM_AUTH_ERR, "signature does not hold");
    }
    // Encrypted or plain, it is one cookie.
    let signed = site.login_server.granting_cookie("alice", |_| ());
    let encrypted = signed
        .encrypt(Encryption::Des, &key, "app.example.org")
        .unwrap()
        .to_base64();
    assert_eq!(
        site.ask(&from_file, "alice", &encrypted).status,
        (PAM_SUCCESS, PAM_SUCCESS)
    );
    site.ask(&from_file, "alice", &signed.to_base64())
        .assert_refused(PAM_AUTH_ERR, "used before");
}

#[test]
fn a_faulty_set_up_lets_nobody_in() {
    let site = Site::new();
    let cookie = site.login_server.granting_cookie("alice", |_| ()).to_base64();
    let refused = |arguments: &str, reason: &str| {
        site.ask(arguments, "alice", &cookie)
            .assert_refused(PAM_SERVICE_ERR, reason);
    };
    let good = site.arguments();
    refused("", "argument granting_cert is missing");
    refused(
        &format!("{good} use_first_pass"),
        r#"argument "use_first_pass" is unknown"#,
    );
    refused(
        &good.replace("app_server_id=", "realm="),
        "argument app_server_id is missing",
    );
    refused(
        &good.replace("granting.cert", "missing.cert"),
        "cannot read granting_cert",
    );
    refused(
        &good.replace("granting_cert=", "granting_cert=/etc/hostname granting_cert="),
        "no certificate in PEM",
    );
    refused(
        &format!("{good} crypt_key=/nowhere app_server=a"),
        "cannot read the key file /nowhere",
    );
    refused(
        &good.replace("/replay", "/missing"),
        "cannot open the replay directory",
    );
    fs::set_permissions(&site.replay_directory, fs::Permissions::from_mode(0o777)).unwrap();
    refused(&good, "has mode 0777");
    assert_eq!(site.used_cookies(), 0);
}

#[test]
fn without_replay_directory_only_where_it_says_so() {
    let site = Site::new();
    let arguments = format!(
        "granting_cert={} app_server_id=* replay_dir=none",
        site.login_server.certificate.display()
    );
    let cookie = site.login_server.granting_cookie("alice", |_| ()).to_base64();
    for _ in 0..2 {
        assert_eq!(
            site.ask(&arguments, "alice", &cookie).status,
            (PAM_SUCCESS, PAM_SUCCESS)
        );
    }
}

#[test]
fn an_account_without_a_cookie_is_none_of_its_business() {
    let site = Site::new();
    let answer = site.ask_for(&site.arguments(), &["alice", "account"], "");
    assert_eq!(answer.status, (-1, PAM_PERM_DENIED), "{}", answer.log);
}
