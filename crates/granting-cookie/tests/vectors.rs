//! The cookies of the original programs: good ones decode to their fields and are rebuilt byte for byte, broken ones
//! fail for the reason that the original gives.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use base64::Engine;
use base64::alphabet::STANDARD as STANDARD_ALPHABET;
use base64::engine::general_purpose::{GeneralPurpose, PAD, STANDARD};
use granting_cookie::{
    Cookie, CookieError, EncryptedCookie, Encryption, KeyDirectory, KeyFileError, Randomness, SignError,
    SignedCookie, SigningKey, VerifiedCookie, VerifyingCertificate,
};
use openssl::rsa::Rsa;
use openssl::x509::X509;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tempfile::TempDir;

#[derive(Deserialize)]
struct Vector {
    name: String,
    alg: String,
    cookie: String,
    expect: String,
    failure: Option<String>,
    decode_peer_argument: Option<String>,
    decode_context: String,
    self_name: String,
    peer_argument: Option<String>,
    use_granting: bool,
    decoded: Option<Decoded>,
    /// Only where the original encoded it, as with all that follows.
    fields: Option<serde_json::Value>,
    signing_key: Option<String>,
    index1: Option<u8>,
    index2: Option<u8>,
    iv_hex: Option<String>,
    rb_hex: Option<String>,
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
    fn assert_is(&self, cookie: &Cookie, name: &str) {
        assert_eq!(hex::encode(cookie.user.as_bytes()), self.user_hex, "{name}: user");
        assert_eq!(hex::encode(cookie.version.0), self.version_hex, "{name}: version");
        assert_eq!(
            hex::encode(cookie.app_server_id.as_bytes()),
            self.appsrvid_hex,
            "{name}: app server ID"
        );
        assert_eq!(
            hex::encode(cookie.app_id.as_bytes()),
            self.appid_hex,
            "{name}: app ID"
        );
        assert_eq!(cookie.cookie_type.0, self.cookie_type, "{name}: type");
        assert_eq!(cookie.creds, self.creds, "{name}: creds");
        assert_eq!(
            cookie.pre_session_token, self.pre_sess_token,
            "{name}: pre-session token"
        );
        assert_eq!(
            cookie.create_time,
            self.create_ts.cast_unsigned(),
            "{name}: create time"
        );
        assert_eq!(
            cookie.last_time,
            self.last_ts.cast_unsigned(),
            "{name}: last time"
        );
    }
}

#[derive(Deserialize)]
struct KeyPair {
    certificate_der: String,
    private_key_pkcs8_der: String,
}

#[derive(Deserialize)]
struct Keys {
    key_pairs: HashMap<String, KeyPair>,
    crypt_keys: HashMap<String, String>,
    contexts: HashMap<String, HashMap<String, String>>,
}

fn read<T: DeserializeOwned>(file: &str) -> T {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data/vectors")
        .join(file);
    serde_json::from_slice(&std::fs::read(&path).expect("the vectors are part of the project")).unwrap()
}

fn certificate(pair: &KeyPair) -> VerifyingCertificate {
    let der = STANDARD.decode(&pair.certificate_der).unwrap();
    VerifyingCertificate::from_pem(&X509::from_der(&der).unwrap().to_pem().unwrap()).unwrap()
}

fn signing_key(pair: &KeyPair) -> SigningKey {
    let der = STANDARD.decode(&pair.private_key_pkcs8_der).unwrap();
    SigningKey::from_pem(
        &Rsa::private_key_from_der(&der)
            .unwrap()
            .private_key_to_pem()
            .unwrap(),
    )
    .unwrap()
}

/// A key directory as on disk.
fn key_directory<'a>(keys: impl IntoIterator<Item = (&'a String, &'a String)>) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (peer, key) in keys {
        std::fs::write(directory.path().join(peer), STANDARD.decode(key).unwrap()).unwrap();
    }
    directory
}

/// The original takes every letter but `a` and `A` for DES.
fn encryption(letter: &str) -> Encryption {
    match letter {
        "a" => Encryption::Aes,
        "A" => Encryption::AesDomain,
        _ => Encryption::Des,
    }
}

/// The whole way of a cookie that comes in; a failure by the name that the vectors give it.
fn decode(
    text: &str,
    encryption: Encryption,
    keys: &KeyDirectory,
    peer: &str,
    certificate: &VerifyingCertificate,
) -> Result<VerifiedCookie, &'static str> {
    let encrypted = EncryptedCookie::from_base64(text).map_err(kind)?;
    let key = keys.find(peer).map_err(|error| match error {
        KeyFileError::NoCryptKey { .. } => "no_crypt_key",
        KeyFileError::ShortCryptKey { .. } => "short_crypt_key",
        KeyFileError::BadPeerName { .. }
        | KeyFileError::Unreadable { .. }
        | KeyFileError::NotStored { .. } => "other",
    })?;
    encrypted
        .open(encryption, &key.key, peer, [certificate])
        .map_err(kind)
}

fn kind(error: CookieError) -> &'static str {
    match error {
        CookieError::MalformedLength { .. } => "malformed_length",
        CookieError::BadBase64 => "bad_base64",
        CookieError::TooShort => "too_short",
        CookieError::WeakDesKey => "weak_des_key",
        CookieError::BadSignature => "bad_signature",
        CookieError::WrongPlainSize { .. } => "wrong_plain_size",
    }
}

/// Base64 that no encoder writes: `=` in the middle, or bits set that do not count. The original reads on, and then
/// its verdict is another; we stop there.
fn is_odd_base64(text: &str) -> bool {
    let digits = text.trim_end_matches('=');
    let lenient = GeneralPurpose::new(&STANDARD_ALPHABET, PAD.with_decode_allow_trailing_bits(true));
    digits.contains('=')
        || lenient
            .decode(text)
            .is_ok_and(|bytes| STANDARD.encode(bytes) != text)
}

#[test]
fn cookies_of_the_original() {
    let vectors: Vec<Vector> = read("cookies.json");
    let keys: Keys = read("keys.json");
    let directory = key_directory(&keys.crypt_keys);
    let key_directory = KeyDirectory::new(directory.path());
    let mut count = BTreeMap::<&str, usize>::new();

    for vector in &vectors {
        let name = &vector.name;
        let context = &keys.contexts[&vector.decode_context];
        let signer = if vector.use_granting {
            "granting"
        } else {
            "session"
        };
        let certificate = certificate(&keys.key_pairs[&context[signer]]);
        let peer = vector.decode_peer_argument.as_ref().unwrap_or(&vector.self_name);
        let encryption = encryption(&vector.alg);
        let result = decode(&vector.cookie, encryption, &key_directory, peer, &certificate);

        let expected_failure = vector.failure.as_deref();
        if matches!(expected_failure, None | Some("bad_signature")) && is_odd_base64(&vector.cookie) {
            assert_eq!(result.err(), Some("bad_base64"), "{name}");
            *count.entry("refused earlier").or_default() += 1;
            continue;
        }
        if vector.expect == "fail" {
            assert_eq!(result.err(), expected_failure, "{name}");
            *count.entry("failed").or_default() += 1;
            continue;
        }
        let verified = result.unwrap_or_else(|failure| panic!("{name}: {failure}"));
        vector.decoded.as_ref().unwrap().assert_is(&verified.cookie, name);
        assert_eq!(
            verified.signed.verify([&certificate]).as_ref(),
            Ok(&verified.cookie),
            "{name}: plain form"
        );
        *count.entry("decoded").or_default() += 1;

        if vector.fields.is_some() {
            let signing_key = signing_key(&keys.key_pairs[vector.signing_key.as_ref().unwrap()]);
            match SignedCookie::sign(&verified.cookie, &signing_key) {
                Ok(signed) => {
                    assert_eq!(signed, verified.signed, "{name}: signature");
                    *count.entry("signed again").or_default() += 1;
                }
                Err(SignError::NotPrintableAscii) => {
                    assert!(!verified.cookie.is_printable_ascii(), "{name}");
                    *count.entry("not signed by us").or_default() += 1;
                }
                Err(SignError::Rsa(error)) => panic!("{name}: {error}"),
            }
            let encoded_for = vector.peer_argument.as_ref().unwrap_or(&vector.self_name);
            let key = key_directory.find(encoded_for).unwrap().key;
            let encrypted = verified
                .signed
                .encrypt_with(encryption, &key, encoded_for, &randomness(vector))
                .unwrap();
            assert_eq!(*encrypted.to_base64(), vector.cookie, "{name}: rebuilt");
            *count.entry("rebuilt").or_default() += 1;
        }
    }
    assert_eq!(vectors.len(), 602);
    let expected = [
        ("decoded", 257),
        ("failed", 328),
        ("refused earlier", 17),
        ("rebuilt", 196),
        ("signed again", 187),
        ("not signed by us", 9),
    ];
    assert_eq!(count, BTreeMap::from_iter(expected));
}

/// The indices, and the first block as our encryption takes it: the original's random block, which it encrypts with a
/// random initialization vector that it does not send.
fn randomness(vector: &Vector) -> Randomness {
    let mut first_block = [0; 16];
    if let (Some(random_block), Some(vector)) = (&vector.rb_hex, &vector.iv_hex) {
        let (random_block, vector) = (hex::decode(random_block).unwrap(), hex::decode(vector).unwrap());
        first_block = std::array::from_fn(|place| random_block[place] ^ vector[place]);
    }
    Randomness {
        index1: vector.index1.unwrap(),
        index2: vector.index2.unwrap(),
        first_block,
    }
}

#[derive(Deserialize)]
struct LiveCookie {
    name: String,
    cookie: String,
    /// `g_req` marks granting requests, which are no cookies of ours.
    kind: Option<String>,
    alg: Option<String>,
    crypt_key: Option<String>,
    peer: Option<String>,
    verify_cert: Option<String>,
    decoded: Option<LiveDecoded>,
}

#[derive(Deserialize)]
struct LiveDecoded {
    user: String,
    version: String,
    appsrvid: String,
    appid: String,
    #[serde(rename = "type")]
    cookie_type: String,
    creds: String,
    pre: String,
    create: String,
    last: String,
}

#[derive(Deserialize)]
struct LiveKeys {
    certificate_der: String,
    private_key_pkcs8_der: String,
    crypt_key: Option<String>,
}

#[test]
fn cookies_of_live_servers() {
    let cookies: Vec<LiveCookie> = read("live.json");
    let keys: HashMap<String, LiveKeys> = read("live-keys.json");
    let directory = key_directory(
        keys.iter()
            .filter_map(|(host, keys)| Some((host, keys.crypt_key.as_ref()?))),
    );
    let key_directory = KeyDirectory::new(directory.path());
    let (mut decoded, mut granting_requests) = (0, 0);

    for live in &cookies {
        if live.kind.as_deref() == Some("g_req") {
            granting_requests += 1;
            continue;
        }
        let name = &live.name;
        let peer = live.peer.as_ref().unwrap();
        assert_eq!(live.crypt_key.as_ref(), Some(peer), "{name}");
        let signer = &keys[live.verify_cert.as_ref().unwrap()];
        let certificate = certificate(&KeyPair {
            certificate_der: signer.certificate_der.clone(),
            private_key_pkcs8_der: signer.private_key_pkcs8_der.clone(),
        });
        let encryption = encryption(live.alg.as_ref().unwrap());
        let cookie = decode(&live.cookie, encryption, &key_directory, peer, &certificate)
            .unwrap()
            .cookie;
        let expected = live.decoded.as_ref().unwrap();
        assert!(cookie.is_printable_ascii(), "{name}");
        assert_eq!(cookie.user.to_string(), expected.user, "{name}");
        assert_eq!(cookie.version.0, expected.version.as_bytes(), "{name}");
        assert_eq!(cookie.app_server_id.to_string(), expected.appsrvid, "{name}");
        assert_eq!(cookie.app_id.to_string(), expected.appid, "{name}");
        assert_eq!(cookie.cookie_type.0.to_string(), expected.cookie_type, "{name}");
        assert_eq!(cookie.creds.to_string(), expected.creds, "{name}");
        assert_eq!(cookie.pre_session_token.to_string(), expected.pre, "{name}");
        assert_eq!(cookie.create_time.to_string(), expected.create, "{name}");
        assert_eq!(cookie.last_time.to_string(), expected.last, "{name}");
        decoded += 1;
    }
    assert_eq!((decoded, granting_requests), (13, 1));
}
