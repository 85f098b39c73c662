//! What reading and writing a session cookie costs, in both formats: `cargo bench -p pubcookie-protocol`.
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot go on must stop")]

use std::sync::Arc;

use criterion::{Criterion, criterion_group, criterion_main};
use granting_cookie::{CryptKey, Encryption, SigningKey, WatchedKey};
use openssl::rsa::Rsa;
use pubcookie_protocol::app_id::{AppId, AppServerId};
use pubcookie_protocol::auth_type::Creds;
use pubcookie_protocol::sealed::{Context, Purpose, SealingKeys};
use pubcookie_protocol::session::Session;
use pubcookie_protocol::session_cookie::{LegacyKeys, SessionCookies};

const HOST: &str = "app.example.edu";
const NOW: u64 = 1_795_291_382;

fn formats() -> [(&'static str, SessionCookies); 2] {
    let pem = Rsa::generate(2048).unwrap().private_key_to_pem().unwrap();
    let context = Context {
        server_name: HOST,
        app_server_id: &AppServerId::configured(HOST).unwrap(),
    };
    let signing_key = SigningKey::from_pem(&pem).unwrap();
    let legacy = LegacyKeys {
        certificates: vec![signing_key.verifying().unwrap()],
        signing_key,
        crypt_key: Arc::new(WatchedKey::fixed(CryptKey::from_bytes(&[7; 2048]).unwrap())),
        encryption: Encryption::Aes,
        own_name: HOST.to_owned(),
    };
    let sealed = SealingKeys::derive(&pem, None, Purpose::Session, context).unwrap();
    [
        ("sealed", SessionCookies::Sealed(sealed)),
        ("legacy", SessionCookies::Legacy(legacy)),
    ]
}

fn session_cookies(criterion: &mut Criterion) {
    let session = Session {
        user: "alice".to_owned(),
        app_id: AppId::configured("portal").unwrap(),
        app_server_id: AppServerId::configured(HOST).unwrap(),
        creds: Creds::FIRST,
        reauthenticated: false,
        create_time: NOW,
        last_time: NOW,
    };
    for (format, cookies) in formats() {
        criterion.bench_function(&format!("{format}, write"), |bench| {
            bench.iter(|| cookies.write(&session).unwrap());
        });
        let set_cookie = cookies.write(&session).unwrap();
        let header = set_cookie.split(';').next().unwrap().as_bytes();
        criterion.bench_function(&format!("{format}, read"), |bench| {
            bench.iter(|| assert_eq!(cookies.read(header, &session.app_id).len(), 1));
        });
    }
}

criterion_group!(benches, session_cookies);
criterion_main!(benches);
