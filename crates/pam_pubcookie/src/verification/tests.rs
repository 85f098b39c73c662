use granting_cookie::{AppId, AppServerId, CRYPT_KEY_SIZE, Reauthentication, SigningKey, User, Version};
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::X509;

use super::*;

const NOW: u32 = 1_700_000_000;

fn key_pair() -> (SigningKey, VerifyingCertificate) {
    let key = PKey::from_rsa(Rsa::generate(1024).unwrap()).unwrap();
    let mut certificate = X509::builder().unwrap();
    certificate
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    certificate
        .set_not_after(&Asn1Time::days_from_now(1).unwrap())
        .unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    let certificate = certificate.build().to_pem().unwrap();
    let signing_key = SigningKey::from_pem(&key.private_key_to_pem_pkcs8().unwrap()).unwrap();
    (signing_key, VerifyingCertificate::from_pem(&certificate).unwrap())
}

fn alices() -> Cookie {
    Cookie {
        user: User::encode("alice").unwrap(),
        version: Version::new(Encryption::Aes, Reauthentication::Happened),
        app_server_id: AppServerId::encode("app.example.org").unwrap(),
        app_id: AppId::encode("portal").unwrap(),
        cookie_type: CookieType::GRANTING,
        creds: b'1',
        pre_session_token: 7,
        create_time: NOW - 5,
        last_time: 0,
    }
}

fn verifier(certificate: VerifyingCertificate) -> Verifier {
    Verifier {
        granting_certificates: vec![certificate],
        app_server_ids: AppServerIds::These(vec!["app.example.org".into(), "other.example.org".into()]),
        crypt_keys: vec![],
        max_age: 120,
        creds: b'1',
        realms: vec![],
    }
}

/// What a verifier says about Alice's cookie, changed.
fn verdict(verifier: &Verifier, key: &SigningKey, change: impl FnOnce(&mut Cookie)) -> Result<(), Refusal> {
    let mut cookie = alices();
    change(&mut cookie);
    let text = SignedCookie::sign(&cookie, key).unwrap().to_base64();
    verifier
        .verify(&text, "alice", NOW)
        .map(|verified| assert_eq!(verified, cookie))
}

#[test]
fn every_field_is_looked_at() {
    let (key, certificate) = key_pair();
    let mut verifier = verifier(certificate);
    let session = CookieType::SESSION;
    let user = |name: &'static str| move |cookie: &mut Cookie| cookie.user = User::encode(name).unwrap();

    assert_eq!(verdict(&verifier, &key, |_| ()), Ok(()));
    assert_eq!(
        verdict(&verifier, &key, |cookie| cookie.create_time = NOW - 120),
        Ok(())
    );
    assert_eq!(
        verdict(&verifier, &key, |cookie| cookie.create_time = NOW - 121),
        Err(Refusal::TooOld {
            age: 121,
            max_age: 120
        })
    );
    assert_eq!(
        verdict(&verifier, &key, |cookie| cookie.create_time = NOW + 30),
        Ok(())
    );
    assert_eq!(
        verdict(&verifier, &key, |cookie| cookie.create_time = NOW + 31),
        Err(Refusal::FromTheFuture(31))
    );
    assert_eq!(
        verdict(&verifier, &key, |cookie| cookie.create_time = u32::MAX),
        Err(Refusal::FromTheFuture(u32::MAX - NOW))
    );
    assert_eq!(
        verdict(&verifier, &key, |cookie| cookie.cookie_type = session),
        Err(Refusal::WrongType(session))
    );
    assert_eq!(
        verdict(&verifier, &key, |cookie| cookie.version = Version(*b"b5\0\0")),
        Err(Refusal::WrongVersion)
    );
    assert_eq!(
        verdict(&verifier, &key, |cookie| cookie.creds = b'0'),
        Err(Refusal::OtherCreds {
            found: b'0',
            demanded: b'1'
        })
    );
    assert_eq!(verdict(&verifier, &key, user("")), Err(Refusal::BlankUser));
    assert_eq!(verdict(&verifier, &key, user(" ")), Err(Refusal::BlankUser));
    for other in ["bob", "Alice", "alice ", "alice@EXAMPLE.ORG", "alic"] {
        assert_eq!(
            verdict(&verifier, &key, user(other)),
            Err(Refusal::OtherUser(other.into()))
        );
    }
    let app_server = |name: &'static str| {
        move |cookie: &mut Cookie| cookie.app_server_id = AppServerId::encode(name).unwrap()
    };
    assert_eq!(verdict(&verifier, &key, app_server("Other.Example.Org")), Ok(()));
    assert_eq!(
        verdict(&verifier, &key, app_server("evil.example.org")),
        Err(Refusal::OtherAppServer("evil.example.org".into()))
    );
    verifier.app_server_ids = AppServerIds::Any;
    assert_eq!(verdict(&verifier, &key, app_server("evil.example.org")), Ok(()));
}

#[test]
fn a_cookie_may_carry_a_listed_realm() {
    let (key, certificate) = key_pair();
    let verifier = Verifier {
        realms: vec!["EXAMPLE.ORG".into()],
        ..verifier(certificate)
    };
    let user = |name: &'static str| move |cookie: &mut Cookie| cookie.user = User::encode(name).unwrap();
    assert_eq!(verdict(&verifier, &key, user("alice@EXAMPLE.ORG")), Ok(()));
    assert_eq!(verdict(&verifier, &key, user("alice")), Ok(()));
    for other in ["alice@EXAMPLE.NET", "bob@EXAMPLE.ORG", "@EXAMPLE.ORG", "alice@"] {
        assert_eq!(
            verdict(&verifier, &key, user(other)),
            Err(Refusal::OtherUser(other.into()))
        );
    }
}

#[test]
fn users_are_compared_decoded() {
    let (key, certificate) = key_pair();
    let verifier = verifier(certificate);
    for name in ["a b", "jürgen", "a:b", "50%"] {
        let cookie = Cookie {
            user: User::encode(name).unwrap(),
            ..alices()
        };
        let text = SignedCookie::sign(&cookie, &key).unwrap().to_base64();
        assert!(verifier.verify(&text, name, NOW).is_ok(), "{name}");
        assert!(
            verifier.verify(&text, &cookie.user.to_string(), NOW).is_err(),
            "{name}"
        );
    }
}

#[test]
fn only_the_login_servers_signature_counts() {
    let (_, certificate) = key_pair();
    let (other_key, other_certificate) = key_pair();
    let mut verifier = verifier(certificate);
    let refused = Err(Refusal::NotVerified(CookieError::BadSignature));
    assert_eq!(verdict(&verifier, &other_key, |_| ()), refused);
    verifier.granting_certificates.push(other_certificate);
    assert_eq!(verdict(&verifier, &other_key, |_| ()), Ok(()));
}

#[test]
fn what_is_no_cookie_is_refused() {
    let (_, certificate) = key_pair();
    let verifier = verifier(certificate);
    for pass_phrase in [
        "",
        "secret",
        &"A".repeat(648),
        &"A".repeat(5000),
        &"ж".repeat(300),
    ] {
        let verdict = verifier.verify(pass_phrase, "alice", NOW);
        assert!(matches!(verdict, Err(Refusal::NotVerified(_))), "{pass_phrase}");
    }
}

#[test]
fn encrypted_cookies_need_their_key() {
    let (key, certificate) = key_pair();
    let crypt_key = |start: u8| {
        let bytes: Vec<u8> = (0..CRYPT_KEY_SIZE)
            .map(|place| (place as u8).wrapping_mul(7) ^ start)
            .collect();
        CryptKey::from_bytes(&bytes).unwrap()
    };
    let mut verifier = verifier(certificate);
    let encrypted = |encryption| {
        let signed = SignedCookie::sign(&alices(), &key).unwrap();
        signed
            .encrypt(encryption, &crypt_key(1), "app.example.org")
            .unwrap()
            .to_base64()
    };
    for encryption in Encryption::ALL {
        assert!(
            verifier.verify(&encrypted(encryption), "alice", NOW).is_err(),
            "{encryption} without key"
        );
    }
    for (app_server, start) in [("other.example.org", 2), ("app.example.org", 1)] {
        verifier.crypt_keys.push(AppServerKey {
            app_server: app_server.into(),
            key: crypt_key(start),
        });
    }
    for encryption in Encryption::ALL {
        assert_eq!(
            verifier.verify(&encrypted(encryption), "alice", NOW),
            Ok(alices()),
            "{encryption}"
        );
        assert!(
            verifier.verify(&encrypted(encryption), "bob", NOW).is_err(),
            "{encryption} of another"
        );
    }
}
