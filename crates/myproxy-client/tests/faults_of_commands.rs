//! What a broken or hostile server can do to the commands and proofs besides a logon with a pass phrase.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::Read;

use myproxy_client::{
    Client, ClientCertificate, DelegationProblem, Error, ErrorClass, Lifetime, MalformedAnswer, Refusal,
    Step, Storage, VoName,
};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509Req};
use support::authority::{PROXY, Wanted, new_key, proxy_with};
use support::false_server::{Dialogue, FalseServer, OK};
use support::real_server::write;
use support::scene::{PATIENCE, Scene};
use support::{PASS_PHRASE, no_pass_phrase, request};

const CHALLENGE: &[u8] = b"VERSION=MYPROXYv2\nRESPONSE=2\n\
    AUTHORIZATION_DATA=X509_certificate:7a617f5fcfa470d2d37106f796fbde66\n\
    AUTHORIZATION_DATA=X509_certificate_SHA256:9df3495606979b0b8379784bbbe9205a\n\0";

/// A certificate request of a server.
fn certificate_request(key: &PKey<Private>, signed_by: &PKey<Private>) -> Vec<u8> {
    let mut request = X509Req::builder().unwrap();
    request.set_pubkey(key).unwrap();
    request.sign(signed_by, MessageDigest::sha256()).unwrap();
    request.build().to_der().unwrap()
}

#[test]
fn every_command_that_is_cut_anywhere_is_a_lost_connection() {
    let scene = Scene::new();
    let info = b"VERSION=MYPROXYv2\nRESPONSE=0\nCRED_START_TIME=1\nCRED_END_TIME=2\nCRED_OWNER=/CN=a\n\0";
    let roots = b"VERSION=MYPROXYv2\nRESPONSE=0\nTRUSTED_CERTS=a\nFILEDATA_a=b25l\n\0";
    let stored = [b"-----BEGIN CERTIFICATE-----\n".as_slice(), OK].concat();
    let request = certificate_request(&scene.pkey, &scene.pkey);
    let put = [OK, &request].concat();
    scene.cut(&[CHALLENGE, OK, &scene.delegation()], |client| {
        scene.renew(client)
    });
    scene.cut(&[&put, OK], |client| scene.put(client));
    scene.cut(&[OK, OK], |client| scene.store(client));
    scene.cut(&[&[OK, &stored].concat()], |client| scene.retrieve(client));
    scene.cut(&[info], |client| client.info(&Scene::alice(), &scene.owner));
    scene.cut(&[OK], |client| {
        client.destroy(&Scene::alice(), None, &scene.owner)
    });
    scene.cut(&[roots], Client::trust_roots);
}

#[test]
fn a_server_that_hangs_is_given_up_at_each_step() {
    let scene = Scene::new();
    let chain = Scene::chain(&[&scene.certificate]);
    let steps = [
        (0, Step::Handshake),
        (1, Step::Verdict),
        (1 + CHALLENGE.len(), Step::Verdict),
        (1 + CHALLENGE.len() + OK.len(), Step::Certificate),
        (1 + CHALLENGE.len() + OK.len() + chain.len(), Step::Confirmation),
    ];
    // All at once: each takes as long as its limit, which leaves a busy machine time for the steps before.
    std::thread::scope(|scope| {
        for (heard, step) in steps {
            let scene = &scene;
            scope.spawn(move || hangs_at(scene, heard, step));
        }
    });
}

/// A server that is silent from so many bytes on.
fn hangs_at(scene: &Scene, heard: usize, step: Step) {
    let dialogue = Dialogue::new(&[CHALLENGE, OK, &scene.delegation()]);
    let acceptor = scene.world.acceptor();
    let server = FalseServer::start(move |_, stream| {
        let mut tls = acceptor.accept(stream).unwrap();
        let _ = dialogue.play(&mut tls, heard);
        // Until the client has given up.
        while tls.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {}
    });
    let mut options = server.options(&scene.world);
    options.reply_timeout = PATIENCE;
    let error = scene.renew(&Client::new(options).unwrap()).unwrap_err();
    assert!(
        matches!(error, Error::Timeout { step: at, .. } if at == step),
        "{step:?}: {error:?}"
    );
    assert_eq!(error.is_temporary(), step == Step::Handshake);
}

#[test]
fn nothing_but_a_challenge_is_signed() {
    let scene = Scene::new();
    let challenge =
        |text: &str| format!("VERSION=MYPROXYv2\nRESPONSE=2\nAUTHORIZATION_DATA=X509_certificate:{text}\n\0");
    for text in [
        "",
        "pay 100 to mallory, signed alice",
        &"0".repeat(31),
        &"0".repeat(64),
    ] {
        let error = scene
            .answer(&[challenge(text).as_bytes()], |client| scene.renew(client))
            .unwrap_err();
        assert!(
            matches!(
                error,
                Error::Malformed {
                    cause: MalformedAnswer::Challenge,
                    ..
                }
            ),
            "{text}: {error:?}"
        );
    }
    // A method that is not known, and a second challenge.
    let other = b"VERSION=MYPROXYv2\nRESPONSE=2\nAUTHORIZATION_DATA=password:x\n\0";
    let error = scene.answer(&[other], |client| scene.renew(client)).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Refused {
                refusal: Refusal::Challenge,
                ..
            }
        ),
        "{error:?}"
    );
    let error = scene
        .answer(&[CHALLENGE, CHALLENGE], |client| scene.renew(client))
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Malformed {
                cause: MalformedAnswer::OutOfPlace,
                ..
            }
        ),
        "{error:?}"
    );
    // A pass phrase is not answered by a challenge.
    let error = scene
        .answer(&[CHALLENGE], |client| {
            client.get(&request("alice", PASS_PHRASE), &scene.key)
        })
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Refused {
                refusal: Refusal::Challenge,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn a_renewal_brings_no_other_users_credential() {
    let scene = Scene::new();
    let mallory = scene.world.authority.issue(&Wanted::user("mallory"), &scene.pkey);
    let answers = [Scene::chain(&[&mallory]).as_slice(), OK].concat();
    let error = scene
        .answer(&[OK, &answers], |client| scene.renew(client))
        .unwrap_err();
    assert_eq!(error.class(), ErrorClass::Untrusted);
    let Error::OtherIdentity {
        expected, presented, ..
    } = error
    else {
        panic!("{error:?}")
    };
    assert!(expected.ends_with("/CN=alice") && presented.ends_with("/CN=mallory"));
    // A server that trusts the certificate asks for no signature.
    scene
        .answer(&[OK, &scene.delegation()], |client| scene.renew(client))
        .unwrap();
}

/// What VOMS has attested is in an extension of the proxy certificate.
#[test]
fn attributes_that_were_asked_for_have_to_come() {
    const ATTRIBUTES: (&str, bool, &[u8]) = ("1.3.6.1.4.1.8005.100.100.5", false, b"\x30\x02\x30\x00");
    let scene = Scene::new();
    let user_key = new_key();
    let user = scene.world.authority.issue(&Wanted::user("alice"), &user_key);
    let proxy = |extensions| proxy_with(extensions, &user, &user_key, "1", &scene.pkey);
    let mut asking = request("alice", PASS_PHRASE);
    asking.vo_names = vec![VoName::new("atlas").unwrap()];
    let get = |proxy: X509| {
        let chain = [Scene::chain(&[&proxy, &user]).as_slice(), OK].concat();
        scene.answer(&[OK, &chain], |client| client.get(&asking, &scene.key))
    };
    let credential = get(proxy(&[PROXY, ATTRIBUTES])).unwrap();
    assert!(credential.identity().ends_with("/CN=alice"));
    let error = get(proxy(&[PROXY])).unwrap_err();
    assert!(
        matches!(&error, Error::NoAttributes { vo_names, .. } if vo_names == "atlas"),
        "{error:?}"
    );
}

#[test]
fn only_a_good_certificate_request_is_signed() {
    let scene = Scene::new();
    let put = |request: &[u8]| {
        scene
            .answer(&[&[OK, request].concat(), OK], |client| scene.put(client))
            .unwrap_err()
    };
    let other = new_key();
    let weak = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
    for (request, expected) in [
        (
            certificate_request(&scene.pkey, &other),
            "is not signed by the key in it",
        ),
        (certificate_request(&weak, &weak), "at least 2048 bits"),
        (b"\x30\x03\x02\x01\x00".to_vec(), "nothing was delegated"),
    ] {
        let error = put(&request);
        assert!(
            matches!(error, Error::Delegation { .. }) && error.to_string().contains(expected),
            "{error}"
        );
        assert_eq!(error.class(), ErrorClass::Untrusted);
    }
    let error = put(b"garbage");
    assert!(
        matches!(
            error,
            Error::Malformed {
                cause: MalformedAnswer::CertificateRequest,
                ..
            }
        ),
        "{error:?}"
    );
    let error = put(b"VERSION=MYPROXYv2\nRESPONSE=1\nERROR=Failed to accept credentials.\n\0");
    assert!(matches!(error, Error::Refused { .. }), "{error:?}");

    // A proxy certificate delegates nothing.
    let key = new_key();
    let proxy = proxy_with(&[PROXY], &scene.certificate, &scene.pkey, "1", &key);
    let file = scene.world.trust.path().join("proxy");
    let pem = [
        proxy.to_pem(),
        key.private_key_to_pem_pkcs8(),
        scene.certificate.to_pem(),
    ]
    .map(Result::unwrap)
    .concat();
    write(&file, &pem, 0o600);
    let proxy = ClientCertificate::from_files(&file, &file, no_pass_phrase).unwrap();
    let error = scene
        .answer(
            &[&[OK, &certificate_request(&key, &key)].concat(), OK],
            |client| client.put(&Storage::new(Scene::alice()), None, Lifetime::default(), &proxy),
        )
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Delegation {
                cause: DelegationProblem::Proxy,
                ..
            }
        ),
        "{error:?}"
    );
}

/// What a server puts into its list is no way out of the directory, and no flood.
#[test]
fn hostile_lists_are_refused() {
    let scene = Scene::new();
    let endless = [
        b"VERSION=MYPROXYv2\nRESPONSE=0\nTRUSTED_CERTS=".as_slice(),
        &vec![b'x'; 2 << 20],
    ]
    .concat();
    let error = scene.answer(&[&endless], Client::trust_roots).unwrap_err();
    assert!(
        matches!(
            error,
            Error::Malformed {
                cause: MalformedAnswer::TooLong,
                ..
            }
        ),
        "{error:?}"
    );
    let outside = b"VERSION=MYPROXYv2\nRESPONSE=0\nTRUSTED_CERTS=../a\nFILEDATA_../a=b25l\n\0";
    let error = scene.answer(&[outside], Client::trust_roots).unwrap_err();
    assert!(matches!(error, Error::NoTrustRoots { .. }), "{error:?}");
    let error = scene
        .answer(&[OK], |client| client.info(&Scene::alice(), &scene.owner))
        .unwrap_err();
    assert!(
        matches!(
            error,
            Error::Malformed {
                cause: MalformedAnswer::Field("OWNER"),
                ..
            }
        ),
        "{error:?}"
    );
    let words = b"VERSION=MYPROXYv2\nRESPONSE=1\nERROR=\x1b[31mno\n\0";
    let error = scene.answer(&[words], |client| scene.store(client)).unwrap_err();
    assert!(error.to_string().contains("\"?[31mno\""), "{error}");
}
