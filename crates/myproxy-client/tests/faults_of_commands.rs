//! What a broken or hostile server can do to the commands and proofs besides a logon with a pass phrase.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::fmt::Debug;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use myproxy_client::{
    Client, ClientCertificate, Credential, DelegationProblem, EndEntityCredential, Error, ErrorClass,
    GetRequest, Key, Lifetime, MalformedAnswer, OldCredential, PassPhrase, Proof, Refusal, Step, Storage,
    UserName, VoName,
};
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Private};
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509Req};
use support::authority::{PROXY, Wanted, new_key, proxy_with};
use support::false_server::{Dialogue, End, FalseServer, OK, World};
use support::real_server::write;
use support::{PASS_PHRASE, no_pass_phrase, request};

const CHALLENGE: &[u8] = b"VERSION=MYPROXYv2\nRESPONSE=2\n\
    AUTHORIZATION_DATA=X509_certificate:7a617f5fcfa470d2d37106f796fbde66\n\
    AUTHORIZATION_DATA=X509_certificate_SHA256:9df3495606979b0b8379784bbbe9205a\n\0";

/// For a server that is silent: long enough for one that is not, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(3);

struct Scene {
    world: World,
    key: Key,
    pkey: PKey<Private>,
    /// Alice's certificate for `pkey`, as client certificate and as credential to be renewed.
    certificate: X509,
    owner: Arc<ClientCertificate>,
    old: Arc<OldCredential>,
}

impl Scene {
    fn new() -> Self {
        let world = World::new();
        let pkey = new_key();
        let certificate = world.authority.issue(&Wanted::user("alice"), &pkey);
        let pem = [
            certificate.to_pem().unwrap(),
            pkey.private_key_to_pem_pkcs8().unwrap(),
        ]
        .concat();
        let file = world.trust.path().join("alice");
        write(&file, &pem, 0o600);
        Scene {
            owner: Arc::new(ClientCertificate::from_files(&file, &file, no_pass_phrase).unwrap()),
            old: Arc::new(OldCredential::from_pem(&pem).unwrap()),
            key: pkey.clone().try_into().unwrap(),
            world,
            pkey,
            certificate,
        }
    }

    fn alice() -> UserName {
        UserName::new("alice").unwrap()
    }

    /// A chain of certificates as it is sent.
    fn chain(certificates: &[&X509]) -> Vec<u8> {
        let mut chain = vec![u8::try_from(certificates.len()).unwrap()];
        for certificate in certificates {
            chain.extend(certificate.to_der().unwrap());
        }
        chain
    }

    /// Chain and confirmation, which the server sends without waiting.
    fn delegation(&self) -> Vec<u8> {
        [Self::chain(&[&self.certificate]).as_slice(), OK].concat()
    }

    fn renew(&self, client: &Client) -> Result<Credential, Error> {
        let proof = Proof::Renewal {
            certificate: self.owner.clone(),
            credential: self.old.clone(),
        };
        client.get(&GetRequest::new(Self::alice(), proof), &self.key)
    }

    fn put(&self, client: &Client) -> Result<(), Error> {
        let pass_phrase = PassPhrase::new(PASS_PHRASE).unwrap();
        client.put(
            &Storage::new(Self::alice()),
            Some(&pass_phrase),
            Lifetime::default(),
            &self.owner,
        )
    }

    fn store(&self, client: &Client) -> Result<(), Error> {
        let key = self.pkey.private_key_to_pem_pkcs8().unwrap();
        let credential = EndEntityCredential::from_pem(&self.certificate.to_pem().unwrap(), &key).unwrap();
        assert!(!credential.key_is_encrypted());
        client.store(&Storage::new(Self::alice()), &credential, &self.owner)
    }

    fn retrieve(&self, client: &Client) -> Result<(), Error> {
        let pass_phrase = PassPhrase::new(PASS_PHRASE).unwrap();
        client
            .retrieve(&Self::alice(), None, &pass_phrase, None)
            .map(drop)
    }

    /// A server that follows a dialogue at each connection, and ends the first ones early: connection `n` after
    /// `cuts[n]` bytes.
    fn serve(&self, dialogue: Dialogue, cuts: Vec<(usize, End)>) -> (FalseServer, Client) {
        let acceptor = self.world.acceptor();
        let server = FalseServer::start(move |number, stream| {
            let Ok(mut tls) = acceptor.accept(stream) else {
                return;
            };
            let (limit, end) = cuts.get(number).copied().unwrap_or((usize::MAX, End::Fin));
            let _ = dialogue.play(&mut tls, limit);
            end.of(tls);
        });
        let client = Client::new(server.options(&self.world)).unwrap();
        (server, client)
    }

    /// One command at a server that gives these answers.
    fn answer<T>(&self, answers: &[&[u8]], command: impl Fn(&Client) -> T) -> T {
        let (_server, client) = self.serve(Dialogue::new(answers), Vec::new());
        command(&client)
    }

    /// Every cut is a lost connection, and the whole dialogue is none. Long parts are cut at some places only: what their
    /// parsers do at each is tested there.
    fn cut<T: Debug>(&self, answers: &[&[u8]], command: impl Fn(&Client) -> Result<T, Error>) {
        let dialogue = Dialogue::new(answers);
        let mut cuts = Vec::new();
        let mut start = 0;
        for part in &dialogue.0 {
            let step = part.len() / 16 + 1;
            let ends = [End::Fin, End::Reset, End::CloseNotify];
            cuts.extend(
                (start..start + part.len())
                    .step_by(step)
                    .zip(ends.into_iter().cycle()),
            );
            start += part.len();
        }
        let (_server, client) = self.serve(dialogue, cuts.clone());
        for (cut, end) in cuts {
            let error = command(&client).unwrap_err();
            assert!(
                matches!(error, Error::ConnectionLost { .. }),
                "{end:?} after {cut} bytes: {error:?}"
            );
            assert_eq!(error.class(), ErrorClass::Unreachable);
            assert_eq!(
                error.is_temporary(),
                cut == 0,
                "{end:?} after {cut} bytes: {error:?}"
            );
        }
        command(&client).expect("the whole dialogue");
    }
}

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

/// Counts who connects, and says nothing.
fn silent_server() -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let count = Arc::new(AtomicUsize::new(0));
    let counter = count.clone();
    std::thread::spawn(move || {
        let mut held: Vec<TcpStream> = Vec::new();
        for stream in listener.incoming() {
            counter.fetch_add(1, Ordering::SeqCst);
            held.extend(stream);
        }
    });
    (port, count)
}

#[test]
fn a_server_that_did_not_answer_is_asked_last_and_not_never() {
    let scene = Scene::new();
    let (server, _) = scene.serve(Dialogue::new(&[OK, &scene.delegation()]), Vec::new());
    let mut options = server.options(&scene.world);
    let (silent, connections) = silent_server();
    let mut first = options.servers[0].clone();
    first.port = silent;
    options.servers.insert(0, first);
    options.reply_timeout = PATIENCE;
    let client = Client::new(options).unwrap();
    let get = || client.get(&request("alice", PASS_PHRASE), &scene.key);
    get().unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 1, "tried in order");
    get().unwrap();
    get().unwrap();
    assert_eq!(connections.load(Ordering::SeqCst), 1, "remembered");
    // Where the other one goes away it is all there is.
    drop(server);
    let error = get().unwrap_err();
    assert_eq!(error.class(), ErrorClass::Unreachable);
    assert_eq!(connections.load(Ordering::SeqCst), 2, "asked last");
}

/// A server that took the request and then went silent is remembered too, but the request goes nowhere else.
#[test]
fn a_server_that_falls_silent_is_asked_last_the_next_time() {
    let scene = Scene::new();
    let acceptor = scene.world.acceptor();
    let falling = FalseServer::start(move |number, stream| {
        assert_eq!(number, 0, "asked once");
        let mut tls = acceptor.accept(stream).unwrap();
        tls.write_all(&[0]).unwrap();
        while tls.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {}
    });
    let (good, _) = scene.serve(Dialogue::new(&[OK, &scene.delegation()]), Vec::new());
    let mut options = falling.options(&scene.world);
    options.servers.extend(good.options(&scene.world).servers);
    options.reply_timeout = PATIENCE;
    let client = Client::new(options).unwrap();
    let get = || client.get(&request("alice", PASS_PHRASE), &scene.key);
    let error = get().unwrap_err();
    assert!(
        matches!(
            error,
            Error::Timeout {
                step: Step::Verdict,
                ..
            }
        ),
        "{error:?}"
    );
    get().unwrap();
}
