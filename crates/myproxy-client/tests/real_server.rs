//! Against the myproxy-server of the system.

mod support;

use std::fs;
use std::time::{Duration, SystemTime};

use myproxy_client::{
    ChainProblem, Client, CredentialName, Error, ErrorClass, Key, KeyFormat, KeySpec, Lifetime, Refusal, TrustProblem,
};
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::x509::X509;
use support::real_server::{Kind, RealServer};
use support::{PASS_PHRASE, request};

fn new_key() -> Key {
    Key::generate(KeySpec::Rsa2048).unwrap()
}

fn refusal(result: Result<myproxy_client::Credential, Error>) -> (Refusal, String) {
    match result {
        Err(error @ Error::Refused { .. }) => {
            assert_eq!(error.class(), ErrorClass::Refused);
            assert!(ErrorStack::get().errors().is_empty(), "OpenSSL's queue is left empty");
            let Error::Refused { refusal, words, .. } = error else { unreachable!() };
            (refusal, words.as_str().to_owned())
        }
        other => panic!("expected a refusal: {other:?}"),
    }
}

/// From now, rounded to the second that it was asked in.
fn seconds_left(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::now()).unwrap_or(Duration::ZERO).as_secs()
}

#[test]
fn an_authority_signs_our_key_over_both_versions_of_tls() {
    for tls in ["TLS1_2_VERSION", "TLS1_3_VERSION"] {
        let server = RealServer::start(Kind::Authority, tls);
        let client = server.client();
        let key = new_key();
        let credential = client.get(&request("alice", PASS_PHRASE), &key).unwrap();
        assert_eq!(credential.subject(), "/DC=org/DC=mptest/CN=alice");
        assert_eq!(credential.identity(), credential.subject());
        assert!((43100..=43200).contains(&seconds_left(credential.not_after())), "{credential:?}");
        assert!(ErrorStack::get().errors().is_empty());
        assert_eq!(refusal(client.get(&request("alice", "wrong"), &key)), (
            Refusal::WrongPassPhrase,
            "invalid password".to_owned()
        ));
        assert_eq!(refusal(client.get(&request("nobodyx", PASS_PHRASE), &key)), (
            Refusal::UnknownUser,
            "unknown username: nobodyx".to_owned()
        ));
    }
}

#[test]
fn the_file_holds_certificate_key_and_chain() {
    let server = RealServer::start(Kind::Authority, "TLS1_3_VERSION");
    let credential = server.client().get(&request("alice", PASS_PHRASE), &new_key()).unwrap();
    for (format, label) in [(KeyFormat::Pkcs1, "RSA PRIVATE KEY"), (KeyFormat::Pkcs8, "PRIVATE KEY")] {
        let pem = credential.to_pem(format).unwrap();
        let text = str::from_utf8(&pem).unwrap();
        assert!(text.starts_with("-----BEGIN CERTIFICATE-----"), "{text}");
        assert!(text.contains(&format!("\n-----BEGIN {label}-----\n")), "{label}");
        let certificate = X509::from_pem(&pem).unwrap();
        let key = PKey::private_key_from_pem(&pem).unwrap();
        assert!(certificate.public_key().unwrap().public_eq(&key));
        assert_eq!(pem.len(), pem.capacity(), "the key was not copied about");
    }
}

#[test]
fn a_lifetime_is_clamped_by_the_server_and_read_from_the_certificate() {
    let server = RealServer::start(Kind::Authority, "TLS1_3_VERSION");
    let client = server.client();
    for (asked, given) in [(600, 600), (365 * 24 * 3600, 24 * 3600)] {
        let mut request = request("alice", PASS_PHRASE);
        request.lifetime = Lifetime::from_seconds(asked).unwrap();
        let left = seconds_left(client.get(&request, &new_key()).unwrap().not_after());
        assert!((given - 60..=given).contains(&left), "asked {asked}, got {left}");
    }
}

#[test]
fn a_stored_credential_delegates_a_proxy() {
    let server = RealServer::start(Kind::Stored, "TLS1_3_VERSION");
    let client = server.client();
    server.store("alice", 24 * 3600, &[]);
    server.store("alice", 24 * 3600, &["-k", "short", "-t", "1"]);

    let credential = client.get(&request("alice", PASS_PHRASE), &new_key()).unwrap();
    assert_eq!(credential.identity(), "/DC=org/DC=mptest/CN=alice");
    assert!(credential.subject().starts_with("/DC=org/DC=mptest/CN=alice/CN="), "{credential:?}");
    assert!((43100..=43200).contains(&seconds_left(credential.not_after())));
    let pem = credential.to_pem(KeyFormat::Pkcs1).unwrap();
    assert_eq!(X509::stack_from_pem(&pem).unwrap().len(), 2, "the proxy and the certificate that signed it");

    let mut named = request("alice", PASS_PHRASE);
    named.credential_name = Some(CredentialName::new("short").unwrap());
    let credential = client.get(&named, &new_key()).unwrap();
    assert!((3500..=3600).contains(&seconds_left(credential.not_after())), "{credential:?}");
}

#[test]
fn a_stored_credential_is_refused_by_its_own_rules() {
    let server = RealServer::start(Kind::Stored, "TLS1_3_VERSION");
    let client = server.client();
    server.store("alice", 24 * 3600, &[]);
    let get = |user_name, pass_phrase| refusal(client.get(&request(user_name, pass_phrase), &new_key()));
    let wrong = (Refusal::WrongPassPhrase, "Bad password\ninvalid credential passphrase".to_owned());
    assert_eq!(get("alice", "wrong"), wrong);
    let unknown = (Refusal::UnknownUser, "No credentials exist for username \"zed\".".to_owned());
    assert_eq!(get("zed", PASS_PHRASE), unknown);

    fs::write(server.path("store/alice.lock"), "Locked for a test\n").unwrap();
    let locked = (Refusal::CredentialLocked, "credential locked\nLocked for a test".to_owned());
    assert_eq!(get("alice", PASS_PHRASE), locked);
}
