//! What a broken or hostile server can do: each fault is an error that says so, in time.
#![allow(clippy::unwrap_used, reason = "tests")]

mod support;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use myproxy_client::{
    ChainProblem, Client, ClientOptions, Credential, Error, ErrorClass, Key, MalformedAnswer, Refusal, Step,
};
use openssl::error::ErrorStack;
use openssl::pkey::{PKey, Private};
use openssl::ssl::{SslAcceptor, SslVersion};
use openssl::x509::X509;
use support::authority::{Authority, CLIENTS_ONLY, Wanted, new_key, proxy_of};
use support::false_server::{Cut, Drip, FalseServer, NAME, OK, Script, World, acceptor, acceptor_with_chain};
use support::{PASS_PHRASE, request};

struct Scene {
    world: World,
    /// The client's key, and as OpenSSL's.
    key: Key,
    pkey: PKey<Private>,
    user: X509,
}

impl Scene {
    fn new() -> Self {
        let world = World::new();
        let pkey = new_key();
        let user = world.authority.issue(&Wanted::user("alice"), &pkey);
        Scene {
            world,
            key: pkey.clone().try_into().unwrap(),
            pkey,
            user,
        }
    }

    fn good(&self) -> Script {
        Script::good(std::slice::from_ref(&self.user))
    }

    /// A logon at a server that says `script`.
    fn play(&self, script: Script) -> Result<Credential, Error> {
        let acceptor = self.world.acceptor();
        let server = FalseServer::start(move |_, stream| {
            if let Ok(mut tls) = acceptor.accept(stream) {
                let _ = script.play(&mut tls, usize::MAX);
            }
        });
        self.get(server.options(&self.world))
    }

    /// A logon at a server with this certificate.
    fn meet(&self, acceptor: SslAcceptor) -> Result<Credential, Error> {
        let script = self.good();
        let server = FalseServer::start(move |_, stream| {
            let Ok(mut tls) = acceptor.accept(stream) else {
                return;
            };
            tls.write_all(&[0]).unwrap();
            let mut byte = [0];
            assert!(
                !matches!(tls.read(&mut byte), Ok(1)),
                "nothing is sent to a server that is not trusted"
            );
            let _ = script.play(&mut tls, usize::MAX);
        });
        self.get(server.options(&self.world))
    }

    fn get(&self, options: ClientOptions) -> Result<Credential, Error> {
        let result = Client::new(options)
            .unwrap()
            .get(&request("alice", PASS_PHRASE), &self.key);
        assert!(
            ErrorStack::get().errors().is_empty(),
            "OpenSSL's queue is left empty"
        );
        result
    }
}

/// A logon at a server that says `answer` without TLS.
fn plain(answer: &'static [u8]) -> Error {
    let scene = Scene::new();
    let server = FalseServer::start(move |_, mut stream: TcpStream| {
        stream.write_all(answer).unwrap();
        let _ = stream.read(&mut [0; 4096]);
    });
    scene.get(server.options(&scene.world)).unwrap_err()
}

#[test]
fn a_conversation_cut_anywhere_is_a_lost_connection() {
    let scene = Scene::new();
    let (script, acceptor) = (scene.good(), scene.world.acceptor());
    // Each byte, but in the middle of the chain only some: what its parser does at each is tested there.
    let (length, edge) = (script.length(), 60);
    let cuts: Vec<usize> = (0..length)
        .filter(|cut| *cut < edge || *cut > length - edge || cut % 13 == 0)
        .collect();
    let limits = cuts.clone();
    let server = FalseServer::start(move |number, stream| {
        let mut tls = acceptor.accept(stream).unwrap();
        let _ = script.play(&mut tls, limits.get(number).copied().unwrap_or(usize::MAX));
    });
    let client = Client::new(server.options(&scene.world)).unwrap();
    for cut in cuts {
        let error = client
            .get(&request("alice", PASS_PHRASE), &scene.key)
            .unwrap_err();
        assert!(
            matches!(error, Error::ConnectionLost { .. }),
            "cut at {cut}: {error:?}"
        );
        assert_eq!(error.class(), ErrorClass::Unreachable);
        let greeted = cut > 0;
        assert_eq!(error.is_temporary(), !greeted, "cut at {cut}: {error:?}");
    }
    client
        .get(&request("alice", PASS_PHRASE), &scene.key)
        .expect("the whole conversation");
}

#[test]
fn a_tls_connection_cut_anywhere_is_a_lost_connection() {
    let scene = Scene::new();
    let (script, acceptor) = (scene.good(), scene.world.acceptor());
    const STEP: usize = 29;
    let server = FalseServer::start(move |number, stream| {
        if let Ok(mut tls) = acceptor.accept(Cut {
            stream,
            left: number * STEP,
        }) {
            let _ = script.play(&mut tls, usize::MAX);
        }
    });
    let client = Client::new(server.options(&scene.world)).unwrap();
    let mut cuts = 0;
    while let Err(error) = client.get(&request("alice", PASS_PHRASE), &scene.key) {
        assert!(
            matches!(error, Error::ConnectionLost { .. }),
            "cut at {}: {error:?}",
            cuts * STEP
        );
        cuts += 1;
        assert!(cuts < 1000, "the conversation has an end");
    }
    assert!(cuts > 50, "handshake and conversation were cut {cuts} times");
}

#[test]
fn a_slow_drip_does_not_stretch_the_limits() {
    let scene = Scene::new();
    for (reply, total) in [(400, 60_000), (60_000, 400)] {
        let (script, acceptor) = (scene.good(), scene.world.acceptor());
        let server = FalseServer::start(move |_, stream| {
            if let Ok(mut tls) = acceptor.accept(Drip(stream)) {
                let _ = script.play(&mut tls, usize::MAX);
            }
        });
        let mut options = server.options(&scene.world);
        options.reply_timeout = Duration::from_millis(reply);
        options.total_timeout = Duration::from_millis(total);
        let start = Instant::now();
        let error = scene.get(options).unwrap_err();
        // The other limit is far from reached, however busy the machine.
        assert!(start.elapsed() < Duration::from_secs(30), "{:?}", start.elapsed());
        let limit = Duration::from_millis(400);
        assert!(
            matches!(&error, Error::Timeout { step: Step::Handshake, limit: passed, .. } if *passed == limit),
            "{error:?}"
        );
        assert!(error.is_temporary());
    }
}

#[test]
fn a_silent_server_is_given_up() {
    let scene = Scene::new();
    let acceptor = scene.world.acceptor();
    let server = FalseServer::start(move |_, stream| {
        let mut tls = acceptor.accept(stream).unwrap();
        tls.write_all(&[0]).unwrap();
        // Until the client has given up.
        while tls.read(&mut [0; 4096]).is_ok_and(|length| length > 0) {}
    });
    let mut options = server.options(&scene.world);
    options.reply_timeout = Duration::from_secs(2);
    let error = scene.get(options).unwrap_err();
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
    assert_eq!(error.class(), ErrorClass::Unreachable);
    assert!(!error.is_temporary(), "it has seen the pass phrase");
}

#[test]
fn plain_text_in_place_of_tls_is_shown() {
    let error = plain(b"530-Login incorrect. : globus_gss_assist: Error\r\n530 End.\r\n\0");
    assert_eq!(error.class(), ErrorClass::Unreachable);
    let words = error.server_words().unwrap().printable();
    assert_eq!(words, "530-Login incorrect. : globus_gss_assist: Error; 530 End.");
    assert!(matches!(error, Error::PlainText { .. }));
}

#[test]
fn garbage_in_place_of_tls_is_no_tls() {
    for garbage in [
        b"\xff\xfe\xfd\xfc\xfb\xfa\xf9".as_slice(),
        b"\x16\x03\x03\x00\x04garbage-garbage",
        &[0; 64],
    ] {
        let error = plain(garbage);
        assert!(matches!(error, Error::Tls { .. }), "{error:?}");
        assert_eq!(error.class(), ErrorClass::Untrusted);
    }
}

#[test]
fn what_is_not_myproxy_is_said() {
    let scene = Scene::new();
    let endless = [b"VERSION=MYPROXYv2\n".as_slice(), &vec![b'x'; 2 << 20]].concat();
    for (part, bytes, problem) in [
        (0, b"V".as_slice(), MalformedAnswer::Greeting(b'V')),
        (1, b"HTTP/1.1 400 Bad Request\r\n", MalformedAnswer::Version),
        (1, b"VERSION=MYPROXYv2\nRESPONSE=9\n\0", MalformedAnswer::Response),
        (1, &endless, MalformedAnswer::TooLong),
        (2, OK, MalformedAnswer::OutOfPlace),
        (2, b"\0", MalformedAnswer::NoCertificate),
        (2, b"\x01garbage", MalformedAnswer::Certificate(1)),
        (2, b"\x01\x30\x84\x7f\xff\xff\xff", MalformedAnswer::TooLong),
        (
            3,
            b"VERSION=MYPROXYv2\nRESPONSE=2\n\0",
            MalformedAnswer::OutOfPlace,
        ),
    ] {
        match scene.play(scene.good().with(part, bytes)) {
            Err(Error::Malformed { cause, .. }) => assert_eq!(cause, problem),
            other => panic!("{problem}: {other:?}"),
        }
    }
    // The frame of a certificate, but nothing in it.
    let hollow = scene.play(scene.good().with(2, b"\x01\x30\x03\x02\x01\x00"));
    assert!(matches!(hollow, Err(Error::Credential { .. })), "{hollow:?}");
}

#[test]
fn refusals_come_at_any_step() {
    let scene = Scene::new();
    let no = b"VERSION=MYPROXYv2\nRESPONSE=1\nERROR=Certificate generation failure.\n\0";
    for part in 1..=3 {
        match scene.play(scene.good().with(part, no)) {
            Err(Error::Refused { refusal, .. }) => assert_eq!(refusal, Refusal::CertificateRequest),
            other => panic!("{part}: {other:?}"),
        }
    }
    match scene.play(
        scene
            .good()
            .with(1, b"VERSION=MYPROXYv2\nRESPONSE=2\nAUTHORIZATION_DATA=x:y\n\0"),
    ) {
        Err(Error::Refused { refusal, .. }) => assert_eq!(refusal, Refusal::Challenge),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_confirmation_may_come_with_the_chain() {
    let scene = Scene::new();
    let script = scene.good();
    let together = [script.0[2].as_slice(), OK].concat();
    scene.play(script.with(2, &together).with(3, b"")).unwrap();
}

#[test]
fn a_credential_that_fails_a_check_is_not_taken() {
    let scene = Scene::new();
    let own = scene.world.authority.issue(&Wanted::user("alice"), &new_key());
    let stranger = Authority::new("Stranger");
    let valid = |valid| {
        scene.world.authority.issue(
            &Wanted {
                valid,
                ..Wanted::user("alice")
            },
            &scene.pkey,
        )
    };
    let problem = |certificates: &[X509]| match scene.play(Script::good(certificates)) {
        Err(error @ Error::Credential { .. }) => {
            assert_eq!(error.class(), ErrorClass::Untrusted);
            let Error::Credential { cause, .. } = error else {
                unreachable!()
            };
            cause
        }
        other => panic!("{other:?}"),
    };
    assert!(matches!(problem(&[own]), ChainProblem::OtherKey(_)));
    assert!(matches!(problem(&[valid((-60, -1))]), ChainProblem::Expired(_)));
    assert!(matches!(
        problem(&[valid((60, 120))]),
        ChainProblem::NotYetValid(_)
    ));
    let foreign = stranger.issue(&Wanted::user("alice"), &scene.pkey);
    assert!(matches!(
        problem(std::slice::from_ref(&foreign)),
        ChainProblem::Untrusted(_)
    ));
    assert!(matches!(
        problem(&[foreign.clone(), stranger.certificate.clone()]),
        ChainProblem::Untrusted(_)
    ));
    let unrelated = [scene.user.clone(), stranger.certificate.clone()];
    assert!(matches!(
        problem(&unrelated),
        ChainProblem::NotSignedByNext { .. }
    ));
    // The right name, but not the key that signed.
    let imitation = Authority::new("Test CA");
    assert!(matches!(
        problem(&[scene.user.clone(), imitation.certificate]),
        ChainProblem::NotSignedByNext { .. }
    ));
}

#[test]
fn a_server_whose_certificate_fails_a_check_is_sent_nothing() {
    let scene = Scene::new();
    let key = new_key();
    let issue = |wanted: &Wanted| {
        acceptor(
            &scene.world.authority.issue(wanted, &key),
            &key,
            SslVersion::TLS1_3,
        )
    };
    let expired = scene
        .meet(issue(&Wanted {
            valid: (-120, -60),
            ..Wanted::server(&[NAME])
        }))
        .unwrap_err();
    assert!(
        matches!(&expired, Error::Untrusted { .. }) && expired.to_string().contains("expired"),
        "{expired}"
    );
    let renamed = scene
        .meet(issue(&Wanted::server(&["other.mptest.org"])))
        .unwrap_err();
    assert!(matches!(&renamed, Error::WrongName { .. }), "{renamed}");
    let stranger = Authority::new("Stranger").issue(&Wanted::server(&[NAME]), &key);
    let unknown = scene
        .meet(acceptor(&stranger, &key, SslVersion::TLS1_3))
        .unwrap_err();
    assert!(matches!(&unknown, Error::Untrusted { .. }), "{unknown}");
}

#[test]
fn a_certificate_that_is_no_servers_is_no_servers() {
    let scene = Scene::new();
    let key = new_key();
    let client = scene.world.authority.issue(
        &Wanted {
            extensions: &[CLIENTS_ONLY],
            ..Wanted::server(&[NAME])
        },
        &key,
    );
    // An alternative name that cannot be read: SEQUENCE { a length without its content.
    let garbled = scene.world.authority.issue(
        &Wanted {
            common_name: NAME,
            extensions: &[("2.5.29.17", false, b"\x30\x05")],
            ..Wanted::server(&[])
        },
        &key,
    );
    for certificate in [client, garbled] {
        let error = scene
            .meet(acceptor(&certificate, &key, SslVersion::TLS1_3))
            .unwrap_err();
        assert!(matches!(&error, Error::Untrusted { .. }), "{error}");
    }
}

/// A user's proxy certificate in the name of the server: every user can make one.
fn meet_proxy_certificate() -> Error {
    let scene = Scene::new();
    let key = new_key();
    let proxy = proxy_of(&scene.user, &scene.pkey, NAME, &key);
    let issuers = [scene.user.clone()];
    scene
        .meet(acceptor_with_chain(&proxy, &issuers, &key, SslVersion::TLS1_3))
        .unwrap_err()
}

#[test]
fn a_proxy_certificate_is_no_servers() {
    let error = meet_proxy_certificate();
    assert!(
        matches!(&error, Error::Untrusted { .. })
            && error.to_string().contains("proxy certificates not allowed"),
        "{error}"
    );
}

/// Once more in an environment that makes older versions of OpenSSL allow proxy certificates.
#[test]
fn no_environment_makes_a_proxy_certificate_a_servers() {
    const ALLOW: &str = "OPENSSL_ALLOW_PROXY_CERTS";
    if std::env::var_os(ALLOW).is_some() {
        let error = meet_proxy_certificate();
        assert!(matches!(&error, Error::Untrusted { .. }), "{error}");
        return;
    }
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "no_environment_makes_a_proxy_certificate_a_servers"])
        .env(ALLOW, "1")
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn what_any_revocation_list_revokes_is_revoked() {
    let scene = Scene::new();
    let authority = &scene.world.authority;
    let trust = scene.world.trust.path();
    let none = authority.revocation_list(&[], 3600);
    let server = authority.revocation_list(&[&scene.world.certificate], 3600);
    let both = |one: &[u8], other: &[u8]| [one, b"A line between.\n", other].concat();
    for files in [
        vec![("r0", both(&none, &server))],
        vec![("r0", both(&server, &none))],
        vec![("r0", none.clone()), ("r1", server.clone())],
        vec![("r0", server.clone()), ("r1", none.clone())],
        vec![("r1", server.clone())],
        vec![(
            "r10",
            both(&Authority::new("Other CA").revocation_list(&[], 3600), &server),
        )],
    ] {
        for (name, content) in &files {
            std::fs::write(authority.file(trust, name), content).unwrap();
        }
        let error = scene.play(scene.good()).unwrap_err();
        assert!(
            matches!(&error, Error::Untrusted { .. }) && error.to_string().contains("has revoked"),
            "{error}"
        );
        for (name, _) in &files {
            std::fs::remove_file(authority.file(trust, name)).unwrap();
        }
    }
    std::fs::write(authority.file(trust, "r3"), both(&none, &none)).unwrap();
    scene.play(scene.good()).unwrap();
    // A list that is broken off.
    std::fs::write(authority.file(trust, "r3"), both(&none, &server[..99])).unwrap();
    let error = scene.play(scene.good()).unwrap_err();
    assert!(error.to_string().contains("revocation list"), "{error}");
}

#[test]
fn an_old_version_of_tls_is_not_spoken() {
    let scene = Scene::new();
    let error = scene
        .meet(acceptor(
            &scene.world.certificate,
            &scene.world.key,
            SslVersion::TLS1_1,
        ))
        .unwrap_err();
    assert!(matches!(&error, Error::Tls { .. }), "{error:?}");
}

#[test]
fn a_pass_phrase_that_was_shown_is_shown_to_no_other_server() {
    let scene = Scene::new();
    let acceptor = scene.world.acceptor();
    let script = scene.good();
    let breaking = FalseServer::start(move |_, stream| {
        let mut tls = acceptor.accept(stream).unwrap();
        let _ = script.play(&mut tls, 1);
    });
    let untouched = FalseServer::start(|_, _| panic!("the second server was asked"));
    let mut options = breaking.options(&scene.world);
    options.servers.extend(untouched.options(&scene.world).servers);
    let error = scene.get(options).unwrap_err();
    assert!(
        matches!(
            error,
            Error::ConnectionLost {
                step: Step::Verdict,
                ..
            }
        ),
        "{error:?}"
    );
}

#[test]
fn a_server_that_is_not_trusted_is_reported_before_one_that_is_down() {
    let scene = Scene::new();
    let key = new_key();
    let stranger = Authority::new("Stranger").issue(&Wanted::server(&[NAME]), &key);
    let acceptor = acceptor(&stranger, &key, SslVersion::TLS1_3);
    let server = FalseServer::start(move |_, stream| drop(acceptor.accept(stream)));
    let mut options = server.options(&scene.world);
    options.servers.insert(0, "nowhere.invalid".parse().unwrap());
    let error = scene.get(options).unwrap_err();
    assert_eq!(error.class(), ErrorClass::Untrusted, "{error:?}");

    let mut options = server.options(&scene.world);
    options.servers = vec!["nowhere.invalid".parse().unwrap()];
    let error = scene.get(options).unwrap_err();
    assert!(
        matches!(&error, Error::Lookup { .. }) && error.is_temporary(),
        "{error:?}"
    );
}
