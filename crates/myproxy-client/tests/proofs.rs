//! A client certificate as a proof, against the myproxy-server of the system.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use myproxy_client::{
    ClientCertificate, ClientCertificateError, Credential, DnPattern, Error, ErrorClass, GetRequest, Key,
    KeyFormat, KeySpec, Lifetime, OldCredential, OldCredentialError, Proof, Refusal, Storage, UserName,
};
use openssl::symm::Cipher;
use support::authority::{Authority, CLIENTS_ONLY, SERVERS_ONLY, Wanted, new_key};
use support::real_server::{Kind, RealServer, write};
use support::{PASS_PHRASE, no_pass_phrase, request};
use zeroize::Zeroizing;

fn get(server: &RealServer, proof: Proof) -> Result<Credential, Error> {
    let request = GetRequest::new(UserName::new("alice").unwrap(), proof);
    server
        .client()
        .get(&request, &Key::generate(KeySpec::Rsa2048).unwrap())
}

fn refusal(result: Result<Credential, Error>) -> (Refusal, String) {
    match result {
        Err(Error::Refused { refusal, words, .. }) => (refusal, words.as_str().to_owned()),
        other => panic!("expected a refusal: {other:?}"),
    }
}

#[test]
fn a_trusted_retriever_needs_no_pass_phrase_and_a_pass_phrase_goes_without_a_certificate() {
    for tls in ["TLS1_2_VERSION", "TLS1_3_VERSION"] {
        let server = RealServer::start(Kind::TrustingAuthority, tls);
        let portal = Arc::new(server.client_certificate("portal"));
        let credential = get(&server, Proof::Certificate(portal)).unwrap();
        assert_eq!(credential.subject(), "/DC=org/DC=mptest/CN=alice");

        // With the certificate in the handshake this server would not look at the pass phrase.
        let wrong = server.client().get(
            &request("alice", "wrong"),
            &Key::generate(KeySpec::Rsa2048).unwrap(),
        );
        assert_eq!(refusal(wrong).0, Refusal::WrongPassPhrase);

        let other = Arc::new(server.client_certificate("other"));
        let (refused, words) = refusal(get(&server, Proof::Certificate(other)));
        assert_eq!(refused, Refusal::NoPassPhrase, "{words}");
    }
}

#[test]
fn a_renewer_renews_with_the_old_credential() {
    let server = RealServer::start(Kind::Stored, "TLS1_3_VERSION");
    let client = server.client();
    let (owner, renewer, other) = (
        server.client_certificate("alice"),
        Arc::new(server.client_certificate("renewer")),
        Arc::new(server.client_certificate("other")),
    );
    let renewable = Storage {
        renewers: Some(DnPattern::new("*/CN=renewer").unwrap()),
        trusted_retrievers: Some(DnPattern::new("/DC=org/DC=mptest/CN=portal").unwrap()),
        ..Storage::new(UserName::new("alice").unwrap())
    };
    client
        .put(&renewable, None, Lifetime::from_hours(24).unwrap(), &owner)
        .unwrap();
    let portal = Arc::new(server.client_certificate("portal"));
    let first = get(&server, Proof::Certificate(portal)).unwrap();
    let old = |credential: &Credential| {
        let pem = credential.to_pem(KeyFormat::Pkcs1).unwrap();
        Arc::new(OldCredential::from_pem(&pem).unwrap())
    };
    let renew = |certificate: &Arc<ClientCertificate>, credential: &Arc<OldCredential>| {
        get(
            &server,
            Proof::Renewal {
                certificate: certificate.clone(),
                credential: credential.clone(),
            },
        )
    };
    let second = renew(&renewer, &old(&first)).unwrap();
    assert_eq!(second.identity(), first.identity());
    assert_ne!(
        second.subject(),
        first.subject(),
        "a proxy certificate of its own"
    );
    renew(&renewer, &old(&second)).unwrap();
    // Also one with a key of another kind.
    let proof = Proof::Certificate(Arc::new(server.client_certificate("portal")));
    let elliptic = Key::generate(KeySpec::EcP256).unwrap();
    let request = GetRequest::new(UserName::new("alice").unwrap(), proof);
    let elliptic = client.get(&request, &elliptic).unwrap();
    assert_eq!(
        renew(&renewer, &old(&elliptic)).unwrap().identity(),
        first.identity()
    );

    // Somebody else's credential renews nothing of alice's.
    let mallory = server.client_certificate("mallory");
    assert_ne!(mallory.subject(), owner.subject());
    let stolen = [
        fs::read(server.path("mallory.pem")).unwrap(),
        fs::read(server.path("mallory.key")).unwrap(),
    ]
    .concat();
    let (refused, words) = refusal(renew(
        &renewer,
        &Arc::new(OldCredential::from_pem(&stolen).unwrap()),
    ));
    assert_eq!(refused, Refusal::NotOwner, "{words}");
    // Nor does a certificate that is no renewer's.
    let (refused, words) = refusal(renew(&other, &old(&first)));
    assert_eq!(refused, Refusal::NoPassPhrase, "{words}");
    // And the renewer's certificate alone is not enough.
    let (refused, words) = refusal(get(&server, Proof::Certificate(renewer)));
    assert_eq!(refused, Refusal::Challenge, "{words}");
}

/// Of an unknown authority, of one that may not sign this name, and revoked.
#[test]
fn a_certificate_that_the_server_does_not_take_is_named() {
    for tls in ["TLS1_2_VERSION", "TLS1_3_VERSION"] {
        let server = RealServer::start(Kind::TrustingAuthority, tls);
        let (stranger, trust) = (Authority::new("Stranger"), server.path("trust"));
        let key = new_key();
        let certificate = stranger.issue(&Wanted::user("portal"), &key);
        let (file, key_file) = (server.path("stranger.pem"), server.path("stranger.key"));
        write(&file, &certificate.to_pem().unwrap(), 0o644);
        write(&key_file, &key.private_key_to_pem_pkcs8().unwrap(), 0o600);
        let own = Arc::new(ClientCertificate::from_files(&file, &key_file, no_pass_phrase).unwrap());
        let refused = |expected| {
            let error = get(&server, Proof::Certificate(own.clone())).unwrap_err();
            assert_eq!(error.class(), ErrorClass::Refused);
            assert!(!error.is_temporary());
            let Error::ClientCertificate { subject, alert, .. } = error else {
                panic!("{tls}: {error:?}")
            };
            assert_eq!(
                (subject.as_str(), alert),
                ("/DC=org/DC=mptest/CN=portal", expected),
                "{tls}"
            );
        };
        refused("unknown ca");
        stranger.install(&trust);
        stranger.install_policy(&trust, "/DC=org/DC=elsewhere/*");
        refused("unsupported certificate");
        stranger.install(&trust);
        get(&server, Proof::Certificate(own.clone())).unwrap();
        stranger.install_revocation_list(&trust, &[&certificate], 3600);
        refused("certificate revoked");
    }
}

#[test]
fn what_makes_a_client_certificate_useless_is_said() {
    let directory = tempfile::tempdir().unwrap();
    let (file, key_file) = (
        directory.path().join("cert.pem"),
        directory.path().join("key.pem"),
    );
    let authority = Authority::new("Test CA");
    let key = new_key();
    let plain = key.private_key_to_pem_pkcs8().unwrap();
    let issue = |wanted: &Wanted| authority.issue(wanted, &key).to_pem().unwrap();
    let good = issue(&Wanted::user("portal"));
    let load = |certificate: &[u8], key: &[u8]| {
        write(&file, certificate, 0o644);
        write(&key_file, key, 0o640);
        ClientCertificate::from_files(&file, &key_file, no_pass_phrase)
    };
    let problem = |certificate: &[u8], key: &[u8]| {
        let error = load(certificate, key).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains(directory.path().to_str().unwrap()) && !message.contains('\n'),
            "{message}"
        );
        (error, message)
    };
    use ClientCertificateError as E;
    load(&good, &plain).unwrap();
    load(
        &issue(&Wanted {
            extensions: &[CLIENTS_ONLY],
            ..Wanted::user("portal")
        }),
        &plain,
    )
    .unwrap();
    let with_its_authority = [good.as_slice(), &authority.certificate.to_pem().unwrap()].concat();
    load(&with_its_authority, &plain).unwrap();

    assert!(matches!(problem(b"", &plain).0, E::NoCertificate(_)));
    assert!(matches!(problem(&good, &good).0, E::NoKey(_)));
    assert!(matches!(
        problem(&good, &new_key().private_key_to_pem_pkcs8().unwrap()).0,
        E::OtherKey { .. }
    ));
    let expired = issue(&Wanted {
        valid: (-120, -60),
        ..Wanted::user("portal")
    });
    assert!(matches!(problem(&expired, &plain).0, E::Expired { .. }));
    let future = issue(&Wanted {
        valid: (60, 120),
        ..Wanted::user("portal")
    });
    assert!(matches!(problem(&future, &plain).0, E::NotYetValid { .. }));
    let (error, message) = problem(
        &issue(&Wanted {
            extensions: &[SERVERS_ONLY],
            ..Wanted::user("portal")
        }),
        &plain,
    );
    assert!(matches!(error, E::NotForClients { .. }));
    assert!(
        message.contains("get one from a certification authority of your grid or institution"),
        "{message}"
    );

    fs::set_permissions(&key_file, fs::Permissions::from_mode(0o644)).unwrap();
    let open = ClientCertificate::from_files(&file, &key_file, no_pass_phrase).unwrap_err();
    assert!(matches!(open, E::KeyOpenToOthers(_)), "{open}");
    let absent =
        ClientCertificate::from_files(&file, &directory.path().join("none"), no_pass_phrase).unwrap_err();
    assert!(matches!(absent, E::Unreadable { .. }), "{absent}");
}

#[test]
fn an_encrypted_key_is_opened_by_its_pass_phrase_alone() {
    let directory = tempfile::tempdir().unwrap();
    let (file, key_file) = (
        directory.path().join("cert.pem"),
        directory.path().join("key.pem"),
    );
    let key = new_key();
    let sealed = key.private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), PASS_PHRASE.as_bytes());
    let certificate = Authority::new("Test CA").issue(&Wanted::user("portal"), &key);
    write(&file, &certificate.to_pem().unwrap(), 0o644);
    write(&key_file, &sealed.unwrap(), 0o600);
    let open = |pass_phrase: &str| {
        let pass_phrase = Zeroizing::new(pass_phrase.as_bytes().to_vec());
        ClientCertificate::from_files(&file, &key_file, || Ok(pass_phrase))
    };
    let certificate = open(PASS_PHRASE).unwrap();
    assert!(!format!("{certificate:?}").contains("KEY"));
    assert!(!certificate.files_have_changed());
    assert!(matches!(
        open("wrong"),
        Err(ClientCertificateError::WrongPassPhrase(_))
    ));
    assert!(matches!(
        open(""),
        Err(ClientCertificateError::WrongPassPhrase(_))
    ));
    let long = "x".repeat(2000);
    assert!(matches!(
        open(&long),
        Err(ClientCertificateError::PassPhrase { .. })
    ));
    let none = ClientCertificate::from_files(&file, &key_file, || {
        Err(std::io::Error::other("the program failed"))
    });
    let message = none.unwrap_err().to_string();
    assert!(
        message.ends_with("there is no pass phrase for it: the program failed"),
        "{message}"
    );

    // A renewed certificate is noticed, however it came there.
    let renewed = directory.path().join("new.pem");
    fs::copy(&file, &renewed).unwrap();
    fs::rename(&renewed, &file).unwrap();
    assert!(certificate.files_have_changed());
}

#[test]
fn what_makes_an_old_credential_useless_is_said() {
    let key = new_key();
    let certificate = Authority::new("Test CA")
        .issue(&Wanted::user("alice"), &key)
        .to_pem()
        .unwrap();
    let plain = key.private_key_to_pem_pkcs8().unwrap();
    let sealed = key
        .private_key_to_pem_pkcs8_passphrase(Cipher::aes_256_cbc(), PASS_PHRASE.as_bytes())
        .unwrap();
    let other = new_key().private_key_to_pem_pkcs8().unwrap();
    let read = |parts: &[&[u8]]| OldCredential::from_pem(&parts.concat());
    assert_eq!(
        read(&[&certificate, &plain]).unwrap().identity().unwrap(),
        "/DC=org/DC=mptest/CN=alice"
    );
    assert!(matches!(read(&[&plain]), Err(OldCredentialError::NoCertificate)));
    assert!(matches!(read(&[&certificate]), Err(OldCredentialError::NoKey)));
    assert!(matches!(
        read(&[&certificate, &sealed]),
        Err(OldCredentialError::Encrypted)
    ));
    assert!(matches!(
        read(&[&certificate, &other]),
        Err(OldCredentialError::OtherKey)
    ));
}
