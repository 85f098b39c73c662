//! `mod-myproxy cookie`, as a user runs it, with the cookies of the original programs.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use openssl::rsa::Rsa;
use openssl::x509::X509;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;

#[derive(Deserialize)]
struct Keys {
    key_pairs: HashMap<String, KeyPair>,
    crypt_keys: HashMap<String, String>,
    contexts: HashMap<String, HashMap<String, String>>,
}

#[derive(Deserialize)]
struct KeyPair {
    certificate_der: String,
    private_key_pkcs8_der: String,
}

#[derive(Deserialize)]
struct Vector {
    name: String,
    alg: String,
    cookie: String,
    expect: String,
    decode_peer_argument: Option<String>,
    decode_context: String,
    self_name: String,
    use_granting: bool,
    decoded: Option<Decoded>,
    fields: Option<Value>,
}

#[derive(Deserialize)]
struct Decoded {
    user_hex: String,
    version_hex: String,
    appsrvid_hex: String,
    appid_hex: String,
    #[serde(rename = "type")]
    cookie_type: u8,
    creds: u8,
    pre_sess_token: i32,
    create_ts: i32,
    last_ts: i32,
}

impl Decoded {
    fn as_json(&self) -> Value {
        json!({
            "user": text(&self.user_hex),
            "version": text(&self.version_hex),
            "app_server_id": text(&self.appsrvid_hex),
            "app_id": text(&self.appid_hex),
            "type": char::from(self.cookie_type),
            "creds": char::from(self.creds),
            "pre_session_token": self.pre_sess_token,
            "create_time": self.create_ts.cast_unsigned(),
            "last_time": self.last_ts.cast_unsigned(),
        })
    }
}

/// Up to the first NUL, invalid UTF-8 replaced.
fn text(digits: &str) -> String {
    let bytes: Vec<u8> = (0..digits.len())
        .step_by(2)
        .map(|place| u8::from_str_radix(&digits[place..place + 2], 16).unwrap())
        .take_while(|&byte| byte != 0)
        .collect();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The keys of the vectors, as files.
struct Site {
    directory: TempDir,
    keys: Keys,
}

impl Site {
    fn new() -> Self {
        let keys: Keys = read("keys.json");
        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("keys")).unwrap();
        for (peer, key) in &keys.crypt_keys {
            fs::write(
                directory.path().join("keys").join(peer),
                STANDARD.decode(key).unwrap(),
            )
            .unwrap();
        }
        for (name, pair) in &keys.key_pairs {
            let certificate = X509::from_der(&STANDARD.decode(&pair.certificate_der).unwrap()).unwrap();
            fs::write(
                directory.path().join(name).with_extension("cert"),
                certificate.to_pem().unwrap(),
            )
            .unwrap();
            let key =
                Rsa::private_key_from_der(&STANDARD.decode(&pair.private_key_pkcs8_der).unwrap()).unwrap();
            fs::write(
                directory.path().join(name).with_extension("key"),
                key.private_key_to_pem().unwrap(),
            )
            .unwrap();
        }
        Self { directory, keys }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Decodes one of the vectors, given to the program byte for byte.
    fn decode(&self, vector: &Vector) -> Output {
        let signer = if vector.use_granting {
            "granting"
        } else {
            "session"
        };
        let certificate = &self.keys.contexts[&vector.decode_context][signer];
        let peer = vector.decode_peer_argument.as_ref().unwrap_or(&vector.self_name);
        let mut command = cookie_command("decode");
        command.args([
            "--algorithm",
            algorithm(&vector.alg),
            "--signed-by",
            signer,
            "--peer",
            peer,
        ]);
        command
            .arg("--certificate")
            .arg(self.path(&format!("{certificate}.cert")));
        command.arg("--keydir").arg(self.path("keys"));
        run(command, vector.cookie.as_bytes())
    }
}

fn read<T: serde::de::DeserializeOwned>(file: &str) -> T {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/vectors")
        .join(file);
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn algorithm(letter: &str) -> &'static str {
    match letter {
        "a" => "aes",
        "A" => "aes+domain",
        _ => "des",
    }
}

fn cookie_command(command: &str) -> Command {
    let mut cookie = Command::new(env!("CARGO_BIN_EXE_mod-myproxy"));
    cookie.args(["cookie", command]);
    cookie
}

fn run(command: Command, input: &[u8]) -> Output {
    run_into(Stdio::piped(), command, input)
}

fn run_into(stdout: Stdio, mut command: Command, input: &[u8]) -> Output {
    command
        .stdin(Stdio::piped())
        .stdout(stdout)
        .stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    // A program that refuses its arguments does not read.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

#[track_caller]
fn assert_refused(output: &Output, name: &str) {
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{name}: {error}");
    assert!(output.stdout.is_empty(), "{name}");
    assert_eq!(error.lines().count(), 1, "{name}: {error}");
}

#[test]
fn every_cookie_of_the_original_is_judged_as_the_original_did() {
    let site = Site::new();
    let vectors: Vec<Vector> = read("cookies.json");
    let (mut accepted, mut refused, mut stricter) = (0, 0, 0);
    for vector in &vectors {
        let output = site.decode(vector);
        let name = &vector.name;
        if vector.expect == "fail" {
            assert_refused(&output, name);
            refused += 1;
        } else if output.status.success() {
            let printed: Value = serde_json::from_slice(&output.stdout).unwrap();
            assert_eq!(printed, vector.decoded.as_ref().unwrap().as_json(), "{name}");
            accepted += 1;
        } else {
            assert!(name.starts_with("odd-") && vector.fields.is_none(), "{name}");
            assert_refused(&output, name);
            stricter += 1;
        }
    }
    assert_eq!((accepted, refused, stricter), (257, 337, 8));
}

#[test]
fn what_encode_makes_decode_reads() {
    let site = Site::new();
    let fields = json!({
        "user": "alice%3Dx", "version": "a5aR", "app_server_id": "app1.example.edu", "app_id": "/secure/",
        "type": "1", "creds": "2", "pre_session_token": -5, "create_time": 4_000_000_000_u32, "last_time": 7,
    });
    for algorithm in ["des", "aes", "aes+domain", "AES", "plain"] {
        let form = |command: &str| {
            let mut command = cookie_command(command);
            command.args(["--algorithm", algorithm, "--signed-by", "granting"]);
            if algorithm != "plain" {
                command.args(["--peer", "app1.example.edu", "--crypt-key"]);
                command.arg(site.path("keys/app1.example.edu"));
            }
            command
        };
        let mut encode = form("encode");
        encode.arg("--key").arg(site.path("granting.key"));
        let encoded = run(encode, fields.to_string().as_bytes());
        assert!(
            encoded.status.success(),
            "{algorithm}: {}",
            String::from_utf8_lossy(&encoded.stderr)
        );
        let decode = || {
            let mut decode = form("decode");
            decode.arg("--certificate").arg(site.path("granting_other.cert"));
            decode.arg("--certificate").arg(site.path("granting.cert"));
            decode
        };
        let decoded = run(decode(), &encoded.stdout);
        assert_eq!(
            serde_json::from_slice::<Value>(&decoded.stdout).unwrap(),
            fields,
            "{algorithm}"
        );

        let with_line_break = run(decode(), &[&encoded.stdout, b"\n".as_slice()].concat());
        assert_refused(&with_line_break, algorithm);
        assert!(String::from_utf8_lossy(&with_line_break.stderr).contains("printf %s"));
    }
}

#[test]
fn encode_refuses_what_nobody_would_accept() {
    let site = Site::new();
    let encode = |fields: Value| {
        let mut encode = cookie_command("encode");
        encode
            .args(["--algorithm", "plain", "--signed-by", "granting", "--key"])
            .arg(site.path("granting.key"));
        run(encode, fields.to_string().as_bytes())
    };
    let good = json!({"user": "alice", "app_server_id": "app", "app_id": "x", "type": "1", "creds": "1"});
    assert!(encode(good.clone()).status.success());
    let changes = [
        ("user", json!("u".repeat(42)), "41"),
        ("user", json!("ж"), "not printable ASCII"),
        ("version", json!("a5aRx"), "over 4 bytes"),
        ("type", json!("2"), "granting key signs cookies of type 1"),
        ("type", json!("ж"), "one byte"),
        ("type", json!("12"), "JSON"),
        ("usr", json!("alice"), "unknown field"),
    ];
    for (name, value, reason) in changes {
        let mut fields = good.clone();
        fields[name] = value;
        let output = encode(fields);
        assert_refused(&output, name);
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(error.contains(reason), "{reason:?}: {error}");
    }
}

#[test]
fn what_cannot_be_printed_is_an_error() {
    let site = Site::new();
    let form = |command: &str| {
        let mut command = cookie_command(command);
        command.args(["--algorithm", "plain", "--signed-by", "granting"]);
        command
    };
    let full = || Stdio::from(File::create("/dev/full").unwrap());
    let encode = || {
        let mut encode = form("encode");
        encode.arg("--key").arg(site.path("granting.key"));
        encode
    };
    let fields = br#"{"user": "alice", "app_server_id": "app", "app_id": "x", "type": "1", "creds": "1"}"#;
    let cookie = run(encode(), fields).stdout;
    let mut decode = form("decode");
    decode.arg("--certificate").arg(site.path("granting.cert"));
    for (command, input) in [(encode(), fields.as_slice()), (decode, &cookie)] {
        let output = run_into(full(), command, input);
        assert_refused(&output, "full");
        let error = String::from_utf8_lossy(&output.stderr);
        assert!(
            error.contains("cannot print") && error.contains("No space left"),
            "{error}"
        );
    }
}
