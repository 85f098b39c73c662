//! The cookies of the original programs (`data/vectors`), as a server and a browser would have them.
#![allow(dead_code, reason = "each test program uses a part of it")]

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use openssl::base64::{decode_block, encode_block};
use openssl::x509::X509;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// What sets the clock of a program (`$LIB` is for the dynamic linker: Debian and Fedora have it in different places).
pub const FAKETIME: &str = "/usr/$LIB/faketime/libfaketime.so.1";

/// One cookie, with what belongs to reading it.
pub struct OriginalCookie {
    pub name: String,
    /// As a browser sends it.
    pub text: String,
    /// As in `PubcookieEncryption`.
    pub encryption: &'static str,
    /// The application server that it was encrypted for, in the reader's eyes.
    pub peer: String,
    /// Signed with the granting key, or meant to look so; otherwise with a session key.
    pub granting: bool,
    /// The login server's granting certificate, as far as the reader knows.
    pub granting_certificate: PathBuf,
    /// The directory with the key files of application servers.
    pub key_directory: PathBuf,
    /// What it says, or why the original does not accept it.
    pub verdict: Result<Fields, String>,
    /// Signature and block without the encryption, where the vectors have them.
    pub plain: Option<Vec<u8>>,
}

/// What a good cookie says: text up to the first NUL.
pub struct Fields {
    pub user: Vec<u8>,
    pub version: Vec<u8>,
    pub app_server_id: Vec<u8>,
    pub app_id: Vec<u8>,
    pub cookie_type: u8,
    pub creds: u8,
    pub create_time: u32,
    /// Whether user, app server ID and app ID are printable ASCII, with nothing behind them.
    pub printable: bool,
}

impl OriginalCookie {
    /// The key file of its application server.
    pub fn key_file(&self) -> PathBuf {
        let exact = self.key_directory.join(&self.peer);
        let parent = self.peer.split_once('.').map_or("", |(_, parent)| parent);
        if exact.exists() {
            exact
        } else {
            self.key_directory.join(parent)
        }
    }

    /// Whether there is a key for its application server.
    pub fn has_key(&self) -> bool {
        self.key_file()
            .metadata()
            .is_ok_and(|file| file.is_file() && file.len() >= 2048)
    }

    /// The plain form: still signed, no longer encrypted.
    pub fn plain_text(&self) -> Option<String> {
        self.plain.as_ref().map(|bytes| encode_block(bytes))
    }

    /// Whether it is base64 that no encoder writes, which the original reads on.
    pub fn is_odd_base64(&self) -> bool {
        decode_block(&self.text).map_or(true, |bytes| encode_block(&bytes) != self.text)
    }
}

/// All cookies of `cookies.json` and `live.json`, with their keys written to files in `directory`.
pub fn all(directory: &Path) -> Vec<OriginalCookie> {
    let mut cookies = encoded(&directory.join("encoded"));
    cookies.extend(live(&directory.join("live")));
    cookies
}

fn encoded(directory: &Path) -> Vec<OriginalCookie> {
    #[derive(Deserialize)]
    struct Vector {
        name: String,
        alg: String,
        cookie: String,
        failure: Option<String>,
        decode_peer_argument: Option<String>,
        decode_context: String,
        self_name: String,
        use_granting: bool,
        decoded: Option<Decoded>,
        plain_hex: Option<String>,
        signature_hex: Option<String>,
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
        create_ts: i32,
        /// The block as the original has it in memory: only its numbers are of another byte order.
        struct_hex: String,
    }
    #[derive(Deserialize)]
    struct Keys {
        key_pairs: HashMap<String, KeyPair>,
        crypt_keys: HashMap<String, String>,
        contexts: HashMap<String, HashMap<String, String>>,
    }

    let keys: Keys = read("keys.json");
    let files = Files::new(directory);
    keys.crypt_keys
        .iter()
        .for_each(|(peer, key)| files.crypt_key(peer, key));
    keys.key_pairs
        .iter()
        .for_each(|(name, pair)| files.certificate(name, pair));
    let fields = |decoded: Decoded| Fields {
        user: hex(&decoded.user_hex),
        version: hex(&decoded.version_hex),
        app_server_id: hex(&decoded.appsrvid_hex),
        app_id: hex(&decoded.appid_hex),
        cookie_type: decoded.cookie_type,
        creds: decoded.creds,
        create_time: decoded.create_ts.cast_unsigned(),
        printable: is_printable(&hex(&decoded.struct_hex)),
    };
    let cookie = |vector: Vector| OriginalCookie {
        encryption: encryption(&vector.alg),
        peer: vector.decode_peer_argument.unwrap_or(vector.self_name),
        granting: vector.use_granting,
        granting_certificate: files.path_of(&keys.contexts[&vector.decode_context]["granting"]),
        key_directory: files.key_directory.clone(),
        verdict: vector
            .decoded
            .map(fields)
            .ok_or_else(|| vector.failure.unwrap_or_default()),
        plain: vector
            .signature_hex
            .zip(vector.plain_hex)
            .map(|(signature, block)| [hex(&signature), hex(&block)].concat()),
        name: vector.name,
        text: vector.cookie,
    };
    read::<Vec<Vector>>("cookies.json")
        .into_iter()
        .map(cookie)
        .collect()
}

fn live(directory: &Path) -> Vec<OriginalCookie> {
    #[derive(Deserialize)]
    struct Live {
        name: String,
        stage: String,
        host: String,
        cookie: String,
        #[serde(flatten)]
        reading: Option<Reading>,
    }
    /// Granting requests have none: they are no cookies of this kind.
    #[derive(Deserialize)]
    struct Reading {
        alg: String,
        peer: String,
        use_granting: bool,
        decoded: Decoded,
    }
    #[derive(Deserialize)]
    struct Decoded {
        user: String,
        version: String,
        appsrvid: String,
        appid: String,
        #[serde(rename = "type")]
        cookie_type: String,
        creds: String,
        create: String,
    }
    #[derive(Deserialize)]
    struct Keys {
        #[serde(flatten)]
        pair: KeyPair,
        crypt_key: Option<String>,
    }

    let keys: HashMap<String, Keys> = read("live-keys.json");
    let files = Files::new(directory);
    for (host, keys) in &keys {
        files.certificate(host, &keys.pair);
        if let Some(key) = &keys.crypt_key {
            files.crypt_key(host, key);
        }
    }
    let number = |text: &str| text.parse::<u32>().expect("a number");
    let fields = |decoded: Decoded| Fields {
        user: decoded.user.into_bytes(),
        version: decoded.version.into_bytes(),
        app_server_id: decoded.appsrvid.into_bytes(),
        app_id: decoded.appid.into_bytes(),
        cookie_type: u8::try_from(number(&decoded.cookie_type)).expect("a byte"),
        creds: u8::try_from(number(&decoded.creds)).expect("a byte"),
        create_time: number(&decoded.create),
        printable: true,
    };
    let cookie = |live: Live| {
        let reading = live.reading?;
        Some(OriginalCookie {
            name: format!("{} of {} ({})", live.name, live.host, live.stage),
            text: live.cookie,
            encryption: encryption(&reading.alg),
            peer: reading.peer,
            granting: reading.use_granting,
            granting_certificate: files.path_of("pubcookie_granting"),
            key_directory: files.key_directory.clone(),
            verdict: Ok(fields(reading.decoded)),
            plain: None,
        })
    };
    read::<Vec<Live>>("live.json")
        .into_iter()
        .filter_map(cookie)
        .collect()
}

#[derive(Deserialize)]
struct KeyPair {
    certificate_der: String,
}

/// Key files and certificates as they lie on a server's disk.
struct Files {
    directory: PathBuf,
    key_directory: PathBuf,
}

impl Files {
    fn new(directory: &Path) -> Self {
        let key_directory = directory.join("keys");
        fs::create_dir_all(&key_directory).expect("a directory for the keys");
        Files {
            directory: directory.to_owned(),
            key_directory,
        }
    }

    fn path_of(&self, certificate: &str) -> PathBuf {
        self.directory.join(format!("{certificate}.pem"))
    }

    fn certificate(&self, name: &str, pair: &KeyPair) {
        let der = decode_block(&pair.certificate_der).expect("base64");
        let pem = X509::from_der(&der).and_then(|certificate| certificate.to_pem());
        fs::write(self.path_of(name), pem.expect("a certificate")).expect("a file for it");
    }

    fn crypt_key(&self, peer: &str, key: &str) {
        let key = decode_block(key).expect("base64");
        fs::write(self.key_directory.join(peer), key).expect("a file for the key");
    }
}

fn read<T: DeserializeOwned>(file: &str) -> T {
    // This file is read from another package of the workspace too.
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let vectors = ["tests/data/vectors", "../../tests/data/vectors"].map(|path| root.join(path).join(file));
    let path = vectors.into_iter().find(|path| path.exists());
    let bytes = fs::read(path.expect("the vectors are part of the project")).expect("readable vectors");
    serde_json::from_slice(&bytes).expect("vectors as README.md describes them")
}

/// The original takes every letter but `a` and `A` for DES.
fn encryption(letter: &str) -> &'static str {
    match letter {
        "a" => "AES",
        "A" => "AES+DOMAIN",
        _ => "DES",
    }
}

fn is_printable(block: &[u8]) -> bool {
    [0..42, 46..86, 86..214].into_iter().all(|field| {
        // The last byte is always read as NUL.
        let field = &block[field.start..field.end - 1];
        let text = field.iter().position(|&byte| byte == 0).unwrap_or(field.len());
        let (text, padding) = field.split_at(text);
        text.iter().all(|byte| (b' '..=b'~').contains(byte)) && padding.iter().all(|&byte| byte == 0)
    })
}

fn hex(digits: &str) -> Vec<u8> {
    (0..digits.len())
        .step_by(2)
        .map(|place| u8::from_str_radix(&digits[place..place + 2], 16).expect("hexadecimal digits"))
        .collect()
}
