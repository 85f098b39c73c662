//! Every cookie of the original programs, shown to the module as libpam loads it, at the time when it was made: the good
//! granting cookies let their user in, in all their forms; nothing else lets anybody in.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

#[allow(dead_code, reason = "no login server is needed here")]
mod common;
#[path = "../../../tests/original_vectors/mod.rs"]
mod original_vectors;

use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use common::{private_directory, service};
use original_vectors::{FAKETIME, Fields, OriginalCookie};
use tempfile::TempDir;

/// When most of the vectors were made.
const THEN: u32 = 1_700_000_000;
/// Seconds that a cookie is under way.
const UNDER_WAY: u32 = 5;

struct Machine {
    directory: TempDir,
    client: PathBuf,
}

impl Machine {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        private_directory(directory.path().join("services"));
        let client = directory.path().join("pam_client");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pam_client.c");
        let compiled = Command::new("cc")
            .arg("-o")
            .arg(&client)
            .args([source, "-lpam"])
            .status();
        assert!(compiled.unwrap().success(), "cc and libpam0g-dev are needed");
        Machine { directory, client }
    }

    /// Whether the user gets in with this pass phrase at this time, and what the module logged about it. It asks as
    /// little as it can be made to: any application server, any flavour, used before or not.
    fn ask(&self, cookie: &OriginalCookie, user: &str, pass_phrase: &str, time: u32) -> (bool, String) {
        let creds = cookie.verdict.as_ref().map_or(b'1', |fields| fields.creds);
        let creds = if creds.is_ascii_digit() { creds } else { b'1' };
        let mut arguments = format!(
            "granting_cert={} app_server_id=* replay_dir=none creds={}",
            cookie.granting_certificate.display(),
            char::from(creds)
        );
        if cookie.key_file().is_file() {
            arguments += &format!(
                " crypt_key={} app_server={}",
                cookie.key_file().display(),
                cookie.peer
            );
        }
        let services = tempfile::tempdir_in(self.directory.path().join("services")).unwrap();
        fs::write(services.path().join("myproxy"), service(&arguments)).unwrap();
        let mut client = Command::new(&self.client)
            .args(["myproxy", user])
            .env("LD_PRELOAD", format!("libpam_wrapper.so:{FAKETIME}"))
            .env("PAM_WRAPPER", "1")
            .env("PAM_WRAPPER_SERVICE_DIR", services.path())
            .env("PAM_WRAPPER_DEBUGLEVEL", "4")
            .env("FAKETIME_FMT", "%s")
            .env("FAKETIME", time.to_string())
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
        let log = String::from_utf8_lossy(&output.stderr).into_owned();
        let log: String = log
            .split_inclusive('\n')
            .filter(|line| line.contains("SYSLOG("))
            .collect();
        let answer = String::from_utf8(output.stdout).unwrap();
        // PAM_SUCCESS, PAM_AUTH_ERR, PAM_SERVICE_ERR, PAM_PERM_DENIED. Only PAM_AUTH_ERR is a wrong pass phrase to a MyProxy
        // server; PAM_SERVICE_ERR is for what is wrong on this machine.
        match (answer.trim(), log.contains("nobody is let in")) {
            ("0 0", false) => (true, log),
            ("7 6", false) | ("3 6", true) => (false, log),
            (other, _) => panic!("{}: {other:?}: {log}", cookie.name),
        }
    }

    #[track_caller]
    fn lets_in(&self, cookie: &OriginalCookie, user: &str, pass_phrase: &str, time: u32) {
        let (in_, log) = self.ask(cookie, user, pass_phrase, time);
        assert!(in_, "{}: {log}", cookie.name);
        assert!(
            log.contains(&format!("accepted a granting cookie of user {user:?}")),
            "{log}"
        );
    }

    #[track_caller]
    fn refuses(&self, cookie: &OriginalCookie, user: &str, pass_phrase: &str, time: u32, reason: &str) {
        let (in_, log) = self.ask(cookie, user, pass_phrase, time);
        assert!(!in_, "{} lets {user:?} in", cookie.name);
        assert!(
            log.contains(reason),
            "{}: {reason:?} is not in {log:?}",
            cookie.name
        );
        let start = pass_phrase.get(..40);
        assert!(
            !start.is_some_and(|start| log.contains(start)),
            "{}: {log}",
            cookie.name
        );
    }

    /// Shows a cookie in all ways, and answers what it was.
    fn judge(&self, cookie: &OriginalCookie, all: &[OriginalCookie]) -> &'static str {
        match &cookie.verdict {
            Ok(fields) if cookie.granting => self.judge_granting_cookie(cookie, fields),
            Ok(fields) => {
                let user = String::from_utf8_lossy(&fields.user).replace('\0', "");
                let time = fields.create_time.saturating_add(UNDER_WAY);
                self.refuses(
                    cookie,
                    &user,
                    &cookie.text,
                    time,
                    "no granting cookie of this login server",
                );
                "signed with a session key"
            }
            Err(_) if all.iter().any(|good| is_same_for_the_module(cookie, good)) => {
                "good, but not as a session cookie or with that encryption"
            }
            Err(failure) => {
                let reason = match failure.as_str() {
                    _ if cookie.is_odd_base64() && failure != "malformed_length" => "not base64",
                    "malformed_length" => "228 to 4096 characters",
                    // Two of them are long enough for the plain form.
                    "too_short" => "no granting cookie of this login server",
                    "short_crypt_key" => "has 2047 bytes; a key file has 2048: nobody is let in",
                    // Whatever cannot be decrypted is taken for the plain form.
                    "bad_signature" | "no_crypt_key" | "weak_des_key" | "wrong_plain_size" => {
                        "signature does not hold"
                    }
                    other => panic!("{}: an unknown failure {other}", cookie.name),
                };
                self.refuses(cookie, "alice", &cookie.text, THEN + UNDER_WAY, reason);
                if let ("wrong_plain_size", Some(plain)) = (failure.as_str(), cookie.plain_text()) {
                    let reason = "no granting cookie of this login server: ";
                    self.refuses(cookie, "alice", &plain, THEN + UNDER_WAY, reason);
                }
                "broken"
            }
        }
    }

    fn judge_granting_cookie(&self, cookie: &OriginalCookie, fields: &Fields) -> &'static str {
        let user = String::from_utf8_lossy(&fields.user);
        let time = fields.create_time.saturating_add(UNDER_WAY);
        let plain = cookie.plain_text();
        if cookie.is_odd_base64() {
            self.refuses(cookie, &user, &cookie.text, time, "not base64");
            return "in odd base64";
        }
        for text in [Some(&cookie.text), plain.as_ref()].into_iter().flatten() {
            match unfit(fields) {
                Some(reason) => self.refuses(cookie, &user, text, time, reason),
                None => {
                    self.lets_in(cookie, &user, text, time);
                    self.refuses(cookie, "mallory", text, time, "the cookie is for user");
                    self.refuses(cookie, &user, text, fields.create_time + 121, "121 s old");
                    self.refuses(cookie, &user, text, fields.create_time - 31, "in the future");
                }
            }
        }
        unfit(fields).unwrap_or(match plain {
            Some(_) => "accepted, plain and encrypted",
            None => "accepted, encrypted",
        })
    }
}

/// The module tries every encryption, and reads no session cookies.
fn is_same_for_the_module(cookie: &OriginalCookie, good: &OriginalCookie) -> bool {
    good.verdict.is_ok()
        && good.granting
        && (&good.text, &good.peer, &good.granting_certificate)
            == (&cookie.text, &cookie.peer, &cookie.granting_certificate)
}

/// Why a good cookie lets nobody in all the same.
fn unfit(fields: &Fields) -> Option<&'static str> {
    if fields.cookie_type != b'1' {
        Some("not a granting cookie")
    } else if fields.version.first() != Some(&b'a') {
        Some("protocol version")
    } else if !fields.printable {
        Some("not printable ASCII")
    } else if fields.user.is_empty() {
        Some("user is blank")
    } else {
        None
    }
}

#[test]
fn cookies_of_the_original_are_judged_as_they_deserve() {
    let machine = Machine::new();
    let cookies = original_vectors::all(machine.directory.path());
    // One after the other: several processes with libpam_wrapper at once take each other's services.
    let mut count = BTreeMap::<&str, usize>::new();
    for cookie in &cookies {
        *count.entry(machine.judge(cookie, &cookies)).or_default() += 1;
    }
    let expected = [
        ("accepted, plain and encrypted", 129),
        ("accepted, encrypted", 3),
        ("not a granting cookie", 17),
        ("protocol version", 5),
        ("not printable ASCII", 15),
        ("user is blank", 2),
        ("in odd base64", 8),
        ("signed with a session key", 99),
        ("broken", 325),
        ("good, but not as a session cookie or with that encryption", 12),
    ];
    assert_eq!(count, BTreeMap::from(expected));
    assert_eq!(cookies.len(), 602 + 13);
}
