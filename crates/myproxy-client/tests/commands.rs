//! The owner's commands against the myproxy-server of the system.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::time::{Duration, SystemTime};

use myproxy_client::{
    CredentialName, Description, DnPattern, EndEntityCredential, Error, ErrorClass, Key, KeySpec, Lifetime,
    PassPhrase, Refusal, Storage, UserName,
};
use openssl::symm::Cipher;
use openssl::x509::X509;
use support::authority::Wanted;
use support::real_server::{Kind, RealServer};
use support::{PASS_PHRASE, request};

const NEW_PASS_PHRASE: &str = "battery staple";

fn alice() -> UserName {
    UserName::new("alice").unwrap()
}

fn name(name: &str) -> Option<CredentialName> {
    Some(CredentialName::new(name).unwrap())
}

fn hours_left(time: SystemTime) -> u64 {
    (time.duration_since(SystemTime::now()).unwrap() + Duration::from_secs(60)).as_secs() / 3600
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> (Refusal, String) {
    match result {
        Err(Error::Refused { refusal, words, .. }) => (refusal, words.as_str().to_owned()),
        other => panic!("expected a refusal: {other:?}"),
    }
}

#[test]
fn an_owner_puts_sees_and_destroys_credentials() {
    let server = RealServer::start(Kind::Stored, "TLS1_3_VERSION");
    let client = server.client();
    let owner = server.client_certificate("alice");
    let stranger = server.client_certificate("mallory");
    let pass_phrase = PassPhrase::new(PASS_PHRASE).unwrap();
    let (absent, words) = refusal(client.info(&alice(), &owner));
    assert_eq!(absent, Refusal::UnknownUser, "{words}");

    // The whole certificate lives for 24 hours.
    let week = Lifetime::from_hours(168).unwrap();
    client
        .put(&Storage::new(alice()), Some(&pass_phrase), week, &owner)
        .unwrap();
    let work = Storage {
        credential_name: name("work"),
        description: Some(Description::new("for work").unwrap()),
        retrievers: Some(DnPattern::new("*").unwrap()),
        trusted_retrievers: Some(DnPattern::new("/DC=org/DC=mptest/CN=portal").unwrap()),
        lifetime: Lifetime::from_hours(2).unwrap(),
        ..Storage::new(alice())
    };
    let four_hours = Lifetime::from_hours(4).unwrap();
    client.put(&work, Some(&pass_phrase), four_hours, &owner).unwrap();

    let listed = client.info(&alice(), &owner).unwrap();
    let [default, work] = listed.as_slice() else {
        panic!("{listed:?}")
    };
    assert_eq!(
        (default.name.as_deref(), default.owner.as_str()),
        (None, owner.subject())
    );
    assert_eq!(hours_left(default.end_time), 24);
    assert_eq!(default.retrievers, None);
    assert_eq!(work.name.as_deref(), Some("work"));
    assert_eq!(work.description.as_deref(), Some("for work"));
    assert_eq!(work.retrievers.as_deref(), Some("*"));
    assert_eq!(
        work.trusted_retrievers.as_deref(),
        Some("/DC=org/DC=mptest/CN=portal")
    );
    assert_eq!(hours_left(work.end_time), 4);

    // Everybody who knows the pass phrase gets a proxy certificate of it, for as long as its owner said.
    let mut get = request("alice", PASS_PHRASE);
    get.credential_name = name("work");
    let credential = client
        .get(&get, &Key::generate(KeySpec::Rsa2048).unwrap())
        .unwrap();
    assert_eq!(credential.identity(), owner.subject());
    assert_eq!(hours_left(credential.not_after()), 2);

    let (refused, words) = refusal(client.info(&alice(), &stranger));
    assert_eq!(refused, Refusal::UnknownUser, "{words}");
    for (refused, words) in [
        refusal(client.destroy(&alice(), None, &stranger)),
        refusal(client.put(&Storage::new(alice()), Some(&pass_phrase), week, &stranger)),
    ] {
        assert_eq!(refused, Refusal::NotOwner, "{words}");
    }

    client.destroy(&alice(), name("work").as_ref(), &owner).unwrap();
    assert_eq!(client.info(&alice(), &owner).unwrap().len(), 1);
    client.destroy(&alice(), None, &owner).unwrap();
    assert_eq!(refusal(client.info(&alice(), &owner)).0, Refusal::UnknownUser);
    let (refused, words) = refusal(client.destroy(&alice(), None, &owner));
    assert_eq!(refused, Refusal::UnknownUser, "{words}");
}

#[test]
fn a_pass_phrase_is_changed_by_its_owner_who_knows_the_old_one() {
    let server = RealServer::start(Kind::Stored, "TLS1_2_VERSION");
    let client = server.client();
    let (owner, stranger) = (
        server.client_certificate("alice"),
        server.client_certificate("mallory"),
    );
    let [old, new] = [PASS_PHRASE, NEW_PASS_PHRASE].map(|text| PassPhrase::new(text).unwrap());
    let day = Lifetime::from_hours(24).unwrap();
    client
        .put(&Storage::new(alice()), Some(&old), day, &owner)
        .unwrap();
    let key = Key::generate(KeySpec::Rsa2048).unwrap();

    let (refused, words) = refusal(client.change_pass_phrase(&alice(), None, &new, &old, &owner));
    assert_eq!(refused, Refusal::WrongPassPhrase, "{words}");
    let (refused, words) = refusal(client.change_pass_phrase(&alice(), None, &old, &new, &stranger));
    assert_eq!(refused, Refusal::NotOwner, "{words}");
    client
        .change_pass_phrase(&alice(), None, &old, &new, &owner)
        .unwrap();
    assert_eq!(
        refusal(client.get(&request("alice", PASS_PHRASE), &key)).0,
        Refusal::WrongPassPhrase
    );
    client.get(&request("alice", NEW_PASS_PHRASE), &key).unwrap();
}

#[test]
fn a_credential_is_stored_and_retrieved_as_it_is() {
    let server = RealServer::start(Kind::Stored, "TLS1_3_VERSION");
    let client = server.client();
    let owner = server.client_certificate("alice");
    let certificate = fs::read(server.path("alice.pem")).unwrap();
    let plain = fs::read(server.path("alice.key")).unwrap();
    let key = openssl::pkey::PKey::private_key_from_pem(&plain).unwrap();
    let sealed = key
        .private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), PASS_PHRASE.as_bytes())
        .unwrap();
    let credential = EndEntityCredential::from_pem(&certificate, &sealed).unwrap();
    assert!(credential.key_is_encrypted());
    let storage = Storage {
        key_retrievers: Some(DnPattern::new("*").unwrap()),
        ..Storage::new(alice())
    };
    client.store(&storage, &credential, &owner).unwrap();
    assert_eq!(
        client.info(&alice(), &owner).unwrap()[0]
            .key_retrievers
            .as_deref(),
        Some("*")
    );

    let pass_phrase = PassPhrase::new(PASS_PHRASE).unwrap();
    let pem = client.retrieve(&alice(), None, &pass_phrase, None).unwrap();
    let stored = X509::from_pem(&pem).unwrap();
    assert_eq!(stored.to_pem().unwrap(), certificate);
    let key = openssl::pkey::PKey::private_key_from_pem_passphrase(&pem, PASS_PHRASE.as_bytes()).unwrap();
    assert!(stored.public_key().unwrap().public_eq(&key));
    let wrong = PassPhrase::new("wrong one").unwrap();
    let (refused, words) = refusal(client.retrieve(&alice(), None, &wrong, None));
    assert_eq!(refused, Refusal::WrongPassPhrase, "{words}");

    // The stored credential signs proxy certificates.
    let proxy = client
        .get(
            &request("alice", PASS_PHRASE),
            &Key::generate(KeySpec::Rsa2048).unwrap(),
        )
        .unwrap();
    assert_eq!(proxy.identity(), owner.subject());

    // Under another name, for somebody else.
    let kept = Storage {
        credential_name: name("kept"),
        key_retrievers: Some(DnPattern::new("/DC=org/DC=mptest/CN=other").unwrap()),
        ..Storage::new(alice())
    };
    client.store(&kept, &credential, &owner).unwrap();
    let (refused, words) = refusal(client.retrieve(&alice(), name("kept").as_ref(), &pass_phrase, None));
    assert_eq!(refused, Refusal::NotAuthorized, "{words}");
}

#[test]
fn trust_roots_come_with_a_credential_or_alone_and_the_first_ones_by_a_fingerprint() {
    let server = RealServer::start(Kind::Stored, "TLS1_3_VERSION");
    let client = server.client();
    let owner = server.client_certificate("alice");
    let directory = tempfile::tempdir().unwrap();
    let alone = client.trust_roots().unwrap();
    let hash = format!("{:08x}", server.authority.certificate.subject_name_hash());
    let names: Vec<&str> = alone.names().collect();
    assert_eq!(names, [format!("{hash}.signing_policy"), format!("{hash}.0")]);

    let day = Lifetime::from_hours(24).unwrap();
    let pass_phrase = PassPhrase::new(PASS_PHRASE).unwrap();
    client
        .put(&Storage::new(alice()), Some(&pass_phrase), day, &owner)
        .unwrap();
    let key = Key::generate(KeySpec::Rsa2048).unwrap();
    let (_, with_it) = client
        .get_with_trust_roots(&request("alice", PASS_PHRASE), &key)
        .unwrap();
    assert_eq!(with_it, alone);

    // A client that trusts nobody yet.
    let mut options = server.options();
    options.trust_directory = directory.path().to_owned();
    let newcomer = myproxy_client::Client::new(options).unwrap();
    assert_eq!(newcomer.trust_roots().unwrap_err().class(), ErrorClass::Untrusted);
    let host = X509::from_pem(&fs::read(server.path("host.pem")).unwrap()).unwrap();
    let digest = host.digest(openssl::hash::MessageDigest::sha256()).unwrap();
    let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let other = "0".repeat(64).parse().unwrap();
    let error = newcomer.first_trust_roots(&other).unwrap_err();
    let shown: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
    assert!(error.to_string().ends_with(&shown.join(":")), "{error}");
    assert_eq!(error.class(), ErrorClass::Untrusted);
    let first = newcomer.first_trust_roots(&digits.parse().unwrap()).unwrap();
    assert_eq!(first.install(directory.path()).unwrap().written.len(), 2);
    assert_eq!(
        newcomer
            .trust_roots()
            .unwrap()
            .install(directory.path())
            .unwrap()
            .written,
        [""; 0]
    );

    // An older revocation list does not take the place of a newer one.
    server
        .authority
        .install_revocation_list(&server.path("trust"), &[], 3600);
    let lists = newcomer.trust_roots().unwrap();
    assert_eq!(
        lists.install(directory.path()).unwrap().written,
        [format!("{hash}.r0")]
    );
}

#[test]
fn a_server_without_trust_roots_says_so() {
    let server = RealServer::start(Kind::Authority, "TLS1_3_VERSION");
    let error = server.client().trust_roots().unwrap_err();
    assert!(matches!(error, Error::NoTrustRoots { .. }), "{error:?}");
    // Without them a credential comes all the same.
    let key = Key::generate(KeySpec::Rsa2048).unwrap();
    let (credential, none) = server
        .client()
        .get_with_trust_roots(&request("alice", PASS_PHRASE), &key)
        .unwrap();
    assert_eq!(
        (credential.subject(), none.names().count()),
        ("/DC=org/DC=mptest/CN=alice", 0)
    );
    let (refused, words) = refusal(server.client().put(
        &Storage::new(alice()),
        None,
        Lifetime::default(),
        &server.client_certificate("alice"),
    ));
    assert_eq!(refused, Refusal::NotAuthorized, "{words}");
}

/// What the stock clients make of what we stored, and we of what they stored.
#[test]
fn the_stock_clients_and_we_see_the_same() {
    let server = RealServer::start(Kind::Stored, "TLS1_3_VERSION");
    server.store(
        "alice",
        24 * 3600,
        &["-k", "stock", "-K", "by the stock client", "-Z", "portal"],
    );
    let owner = server.certificate_of("owner", &Wanted::user("alice"));
    let listed = server.client().info(&alice(), &owner).unwrap();
    let [stock] = listed.as_slice() else {
        panic!("{listed:?}")
    };
    assert_eq!(stock.name.as_deref(), Some("stock"));
    assert_eq!(stock.description.as_deref(), Some("by the stock client"));
    assert_eq!(stock.trusted_retrievers.as_deref(), Some("*/CN=portal"));
}
