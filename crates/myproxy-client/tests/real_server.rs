//! Against the myproxy-server of the system.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::net::TcpListener;
use std::sync::OnceLock;
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use myproxy_client::{
    ChainProblem, Client, CredentialName, Error, ErrorClass, Key, KeyFormat, KeySpec, Lifetime, Refusal,
    ServerIdentity, TrustProblem, VoName,
};
use openssl::error::ErrorStack;
use openssl::pkey::PKey;
use openssl::x509::X509;
use support::real_server::{Kind, RealServer};
use support::{PASS_PHRASE, request};

fn new_key() -> Key {
    Key::generate(KeySpec::Rsa2048).unwrap()
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Error>) -> (Refusal, String) {
    match result {
        Err(error @ Error::Refused { .. }) => {
            assert_eq!(error.class(), ErrorClass::Refused);
            assert!(
                ErrorStack::get().errors().is_empty(),
                "OpenSSL's queue is left empty"
            );
            let Error::Refused { refusal, words, .. } = error else {
                unreachable!()
            };
            (refusal, words.as_str().to_owned())
        }
        other => panic!("expected a refusal: {other:?}"),
    }
}

/// One key for the tests that do not look at it: keys are slow to make.
fn shared_key() -> Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(new_key).clone()
}

fn closed_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

/// From now, rounded to the second that it was asked in.
fn seconds_left(time: SystemTime) -> u64 {
    time.duration_since(SystemTime::now())
        .unwrap_or(Duration::ZERO)
        .as_secs()
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
        assert!(
            (43100..=43200).contains(&seconds_left(credential.not_after())),
            "{credential:?}"
        );
        assert!(ErrorStack::get().errors().is_empty());
        assert_eq!(
            refusal(client.get(&request("alice", "wrong"), &key)),
            (Refusal::WrongPassPhrase, "invalid password".to_owned())
        );
        assert_eq!(
            refusal(client.get(&request("nobodyx", PASS_PHRASE), &key)),
            (Refusal::UnknownUser, "unknown username: nobodyx".to_owned())
        );
    }
}

#[test]
fn the_file_holds_certificate_key_and_chain() {
    let server = RealServer::start(Kind::Authority, "TLS1_3_VERSION");
    let credential = server
        .client()
        .get(&request("alice", PASS_PHRASE), &new_key())
        .unwrap();
    for (format, label) in [
        (KeyFormat::Pkcs1, "RSA PRIVATE KEY"),
        (KeyFormat::Pkcs8, "PRIVATE KEY"),
    ] {
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

/// A stored credential signs any key, an authority RSA keys alone.
#[test]
fn an_elliptic_key_is_for_stored_credentials() {
    let server = RealServer::start(Kind::Authority, "TLS1_3_VERSION");
    let elliptic = Key::generate(KeySpec::EcP256).unwrap();
    let (refused, _) = refusal(server.client().get(&request("alice", PASS_PHRASE), &elliptic));
    assert_eq!(refused, Refusal::EllipticKey);

    let server = RealServer::start(Kind::Stored, "TLS1_3_VERSION");
    server.store("alice", 24 * 3600, &[]);
    for spec in [KeySpec::EcP256, KeySpec::EcP384] {
        let key = Key::generate(spec).unwrap();
        let credential = server.client().get(&request("alice", PASS_PHRASE), &key).unwrap();
        for (format, label) in [
            (KeyFormat::Pkcs1, "EC PRIVATE KEY"),
            (KeyFormat::Pkcs8, "PRIVATE KEY"),
        ] {
            let pem = credential.to_pem(format).unwrap();
            let text = str::from_utf8(&pem).unwrap();
            assert!(text.contains(&format!("\n-----BEGIN {label}-----\n")), "{label}");
            let read = PKey::private_key_from_pem(&pem).unwrap();
            assert!(
                X509::from_pem(&pem)
                    .unwrap()
                    .public_key()
                    .unwrap()
                    .public_eq(&read)
            );
        }
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
    assert!(
        credential.subject().starts_with("/DC=org/DC=mptest/CN=alice/CN="),
        "{credential:?}"
    );
    assert!((43100..=43200).contains(&seconds_left(credential.not_after())));
    let pem = credential.to_pem(KeyFormat::Pkcs1).unwrap();
    assert_eq!(
        X509::stack_from_pem(&pem).unwrap().len(),
        2,
        "the proxy and the certificate that signed it"
    );

    let mut named = request("alice", PASS_PHRASE);
    named.credential_name = Some(CredentialName::new("short").unwrap());
    let credential = client.get(&named, &new_key()).unwrap();
    assert!(
        (3500..=3600).contains(&seconds_left(credential.not_after())),
        "{credential:?}"
    );
}

/// The server asks VOMS, and there is no such organisation; an authority does not even look at the question.
#[test]
fn a_credential_without_the_attributes_that_were_asked_for_is_refused() {
    let server = RealServer::start(Kind::Stored, "TLS1_3_VERSION");
    server.store("alice", 24 * 3600, &[]);
    let mut asking = request("alice", PASS_PHRASE);
    asking.vo_names = vec![VoName::new("atlas:/atlas/Role=pilot").unwrap()];
    let error = server.client().get(&asking, &shared_key()).unwrap_err();
    assert_eq!(refusal::<()>(Err(error)).0, Refusal::Attributes);

    let authority = RealServer::start(Kind::Authority, "TLS1_3_VERSION");
    let error = authority.client().get(&asking, &shared_key()).unwrap_err();
    assert!(matches!(error, Error::NoAttributes { .. }), "{error:?}");
    assert_eq!(error.class(), ErrorClass::Refused);
}

#[test]
fn a_stored_credential_is_refused_by_its_own_rules() {
    let server = RealServer::start(Kind::Stored, "TLS1_3_VERSION");
    let client = server.client();
    server.store("alice", 24 * 3600, &[]);
    let get = |user_name, pass_phrase| refusal(client.get(&request(user_name, pass_phrase), &new_key()));
    let wrong = (
        Refusal::WrongPassPhrase,
        "Bad password\ninvalid credential passphrase".to_owned(),
    );
    assert_eq!(get("alice", "wrong"), wrong);
    let unknown = (
        Refusal::UnknownUser,
        "No credentials exist for username \"zed\".".to_owned(),
    );
    assert_eq!(get("zed", PASS_PHRASE), unknown);

    fs::write(server.path("store/alice.lock"), "Locked for a test\n").unwrap();
    let locked = (
        Refusal::CredentialLocked,
        "credential locked\nLocked for a test".to_owned(),
    );
    assert_eq!(get("alice", PASS_PHRASE), locked);
}

#[test]
fn an_expired_stored_credential_is_named_as_such() {
    let server = RealServer::start(Kind::Stored, "TLS1_3_VERSION");
    server.store("alice", 3, &[]);
    sleep(Duration::from_millis(4200));
    let (refusal, words) = refusal(server.client().get(&request("alice", PASS_PHRASE), &new_key()));
    assert_eq!(refusal, Refusal::CredentialExpired, "{words}");
}

/// A client is made once; what its trust directory holds counts at each logon.
#[test]
fn the_trust_directory_counts_as_it_is_now() {
    let server = RealServer::start(Kind::Authority, "TLS1_3_VERSION");
    let (client, trust) = (server.client(), server.path("trust"));
    let get = || client.get(&request("alice", PASS_PHRASE), &shared_key());
    let rejected = || match get() {
        Err(error @ Error::Untrusted { .. }) => {
            assert_eq!(error.class(), ErrorClass::Untrusted);
            assert!(
                ErrorStack::get().errors().is_empty(),
                "OpenSSL's queue is left empty"
            );
            error.to_string()
        }
        other => panic!("expected distrust: {other:?}"),
    };
    let host = X509::from_pem(&fs::read(server.path("host.pem")).unwrap()).unwrap();
    get().unwrap();

    server.authority.install_revocation_list(&trust, &[], 3600);
    get().unwrap();
    server.authority.install_revocation_list(&trust, &[&host], 3600);
    let message = rejected();
    assert!(
        message.contains("has revoked") && message.contains("CN=host/myproxy.mptest.org"),
        "{message}"
    );
    server.authority.install_revocation_list(&trust, &[], -60);
    assert!(rejected().contains("CRL has expired"));
    fs::write(server.authority.file(&trust, "r0"), "not a list").unwrap();
    assert!(rejected().contains("revocation list"));
    fs::remove_file(server.authority.file(&trust, "r0")).unwrap();

    server.authority.install_policy(&trust, "/DC=org/DC=elsewhere/*");
    assert!(rejected().contains("does not allow"));
    fs::write(server.authority.file(&trust, "signing_policy"), "anything\n").unwrap();
    assert!(rejected().contains("line 1"));
    fs::remove_file(server.authority.file(&trust, "signing_policy")).unwrap();
    assert!(rejected().contains("signing policy"));
    server.authority.install(&trust);
    get().unwrap();

    fs::remove_file(server.authority.file(&trust, "0")).unwrap();
    assert!(rejected().contains("unable to get local issuer certificate"));
    fs::remove_dir_all(&trust).unwrap();
    assert!(rejected().contains("cannot be read"));
}

#[test]
fn a_credential_outside_the_signing_policy_is_not_taken() {
    let server = RealServer::start(Kind::Authority, "TLS1_3_VERSION");
    let result = server.client().get(&request("eve", PASS_PHRASE), &new_key());
    let Err(Error::Credential {
        cause: ChainProblem::Untrusted(problem),
        ..
    }) = result
    else {
        panic!("{result:?}")
    };
    let TrustProblem::OutsideSigningPolicy { subject, .. } = problem else {
        panic!("{problem:?}")
    };
    assert_eq!(subject, "/DC=org/DC=elsewhere/CN=eve");
}

#[test]
fn the_server_has_to_be_the_one_that_was_meant() {
    let server = RealServer::start(Kind::Authority, "TLS1_3_VERSION");
    let get = |identity| {
        let mut options = server.options();
        options.servers[0].identity = identity;
        Client::new(options)
            .unwrap()
            .get(&request("alice", PASS_PHRASE), &shared_key())
    };
    get(ServerIdentity::DistinguishedName(
        "/dc=org/dc=mptest/cn=HOST/myproxy.mptest.org".to_owned(),
    ))
    .unwrap();
    for identity in [
        ServerIdentity::HostName,
        ServerIdentity::Name("other.mptest.org".to_owned()),
        ServerIdentity::DistinguishedName("/DC=org/DC=mptest/CN=other".to_owned()),
    ] {
        let error = get(identity).unwrap_err();
        assert!(matches!(error, Error::WrongName { .. }), "{error:?}");
        assert_eq!(error.class(), ErrorClass::Untrusted);
    }
}

#[test]
fn a_server_that_is_down_is_passed_over_and_one_that_refuses_is_not() {
    let server = RealServer::start(Kind::Authority, "TLS1_3_VERSION");
    let mut options = server.options();
    let up = options.servers[0].clone();
    let mut down = up.clone();
    down.port = closed_port();
    options.servers = vec![down.clone(), up.clone()];
    Client::new(options.clone())
        .unwrap()
        .get(&request("alice", PASS_PHRASE), &shared_key())
        .unwrap();

    options.servers = vec![up, down.clone()];
    let result = Client::new(options.clone())
        .unwrap()
        .get(&request("alice", "wrong"), &shared_key());
    assert_eq!(refusal(result).0, Refusal::WrongPassPhrase);

    options.servers = vec![down];
    let error = Client::new(options)
        .unwrap()
        .get(&request("alice", PASS_PHRASE), &shared_key())
        .unwrap_err();
    assert!(
        matches!(error, Error::Connect { .. }) && error.is_temporary(),
        "{error:?}"
    );
}

/// The server reads its key at each connection, and says in plain text that it cannot.
#[test]
fn a_server_with_a_broken_set_up_says_so() {
    let server = RealServer::start(Kind::Authority, "TLS1_3_VERSION");
    fs::remove_file(server.path("host.key")).unwrap();
    let error = server
        .client()
        .get(&request("alice", PASS_PHRASE), &shared_key())
        .unwrap_err();
    let Error::PlainText { words, .. } = &error else {
        panic!("{error:?}")
    };
    assert_eq!(words.as_str(), "authentication failed");
    assert_eq!(error.class(), ErrorClass::Unreachable);
}

#[test]
fn one_client_serves_many_threads() {
    let server = RealServer::start(Kind::Authority, "TLS1_3_VERSION");
    let client = server.client();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| client.get(&request("alice", PASS_PHRASE), &shared_key()).unwrap());
        }
    });
}
