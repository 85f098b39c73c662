//! The recorded exchanges and the keys that were in use.

#![allow(dead_code, reason = "each test uses a part of it")]

pub mod html;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use granting_cookie::{CryptKey, Encryption, SigningKey, VerifyingCertificate, WatchedKey};
use openssl::pkey::PKey;
use openssl::x509::X509;
use pubcookie_protocol::session_cookie::LegacyKeys;
use serde_json::Value;
use std::path::PathBuf;
use std::sync::Arc;

pub fn json(path: &str) -> Value {
    let file = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../../tests/data")
        .join(path);
    let text = std::fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
    serde_json::from_slice(&text).unwrap()
}

/// Every recorded exchange, as name of the transcript and step.
pub fn steps() -> Vec<(String, Value)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/data/transcripts/pubcookie");
    let mut names: Vec<String> = std::fs::read_dir(directory)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let steps_of = |name: &String| {
        let transcript = json(&format!("transcripts/pubcookie/{name}"));
        let steps = transcript["steps"].as_array().unwrap().clone();
        steps
            .into_iter()
            .map(|step| (name.clone(), step))
            .collect::<Vec<_>>()
    };
    names.iter().flat_map(steps_of).collect()
}

pub fn base64(value: &Value) -> Vec<u8> {
    STANDARD.decode(value.as_str().unwrap()).unwrap()
}

/// The session private key of a host, in PEM.
pub fn private_key(host: &str) -> Vec<u8> {
    let der = base64(&json("vectors/live-keys.json")[host]["private_key_pkcs8_der"]);
    PKey::private_key_from_der(&der)
        .unwrap()
        .private_key_to_pem_pkcs8()
        .unwrap()
}

pub fn certificate(name: &str) -> VerifyingCertificate {
    let der = base64(&json("vectors/live-keys.json")[name]["certificate_der"]);
    VerifyingCertificate::from_pem(&X509::from_der(&der).unwrap().to_pem().unwrap()).unwrap()
}

pub fn crypt_key(host: &str) -> CryptKey {
    CryptKey::from_bytes(&base64(&json("vectors/live-keys.json")[host]["crypt_key"])).unwrap()
}

pub fn legacy_keys(host: &str, encryption: Encryption) -> LegacyKeys {
    LegacyKeys {
        signing_key: SigningKey::from_pem(&private_key(host)).unwrap(),
        certificates: vec![certificate(host)],
        crypt_key: Arc::new(WatchedKey::fixed(crypt_key(host))),
        encryption,
        own_name: host.into(),
    }
}

/// The values of a response's or request's headers of one name.
pub fn headers<'a>(message: &'a Value, name: &str) -> Vec<&'a str> {
    let all = message["headers"].as_array().unwrap();
    let named = all
        .iter()
        .filter(|header| header[0].as_str().unwrap().eq_ignore_ascii_case(name));
    named.map(|header| header[1].as_str().unwrap()).collect()
}
