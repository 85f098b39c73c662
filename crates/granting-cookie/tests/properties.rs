//! What holds for every cookie, every key and every input.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on must stop")]

use granting_cookie::{
    AppId, AppServerId, BLOCK_SIZE, CRYPT_KEY_SIZE, Cookie, CookieError, CookieType, CryptKey, EncryptError,
    EncryptedCookie, Encryption, Reauthentication, RsaKeyError, SignError, SignedCookie, SigningKey, User,
    VerifyingCertificate, Version,
};
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Rsa;
use openssl::x509::{X509, X509Name};
use proptest::prelude::*;
use std::sync::LazyLock;

struct KeyPair {
    key: SigningKey,
    certificate: VerifyingCertificate,
}

/// PEM of a new key and of a certificate for it.
fn pem_pair(bits: u32) -> (Vec<u8>, Vec<u8>) {
    let key = PKey::from_rsa(Rsa::generate(bits).unwrap()).unwrap();
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "login.example.org").unwrap();
    let mut certificate = X509::builder().unwrap();
    certificate.set_subject_name(&name.build()).unwrap();
    certificate
        .set_not_before(&Asn1Time::days_from_now(0).unwrap())
        .unwrap();
    certificate
        .set_not_after(&Asn1Time::days_from_now(1).unwrap())
        .unwrap();
    certificate.set_pubkey(&key).unwrap();
    certificate.sign(&key, MessageDigest::sha256()).unwrap();
    (
        key.private_key_to_pem_pkcs8().unwrap(),
        certificate.build().to_pem().unwrap(),
    )
}

fn key_pair(bits: u32) -> KeyPair {
    let (key, certificate) = pem_pair(bits);
    KeyPair {
        key: SigningKey::from_pem(&key).unwrap(),
        certificate: VerifyingCertificate::from_pem(&certificate).unwrap(),
    }
}

static SIGNER: LazyLock<KeyPair> = LazyLock::new(|| key_pair(1024));
static CRYPT_KEY: LazyLock<CryptKey> = LazyLock::new(|| {
    let bytes: Vec<u8> = (0..CRYPT_KEY_SIZE)
        .map(|place| (place * 167 + place / 256 * 31 + 5) as u8)
        .collect();
    CryptKey::from_bytes(&bytes).unwrap()
});

fn alice() -> Cookie {
    Cookie {
        user: User::encode("alice").unwrap(),
        version: Version::new(Encryption::Aes, Reauthentication::Happened),
        app_server_id: AppServerId::encode("app.example.org").unwrap(),
        app_id: AppId::encode("/secure/").unwrap(),
        cookie_type: CookieType::GRANTING,
        creds: b'1',
        pre_session_token: -7,
        create_time: 1_700_000_000,
        last_time: 0,
    }
}

fn any_encryption() -> impl Strategy<Value = Encryption> {
    proptest::sample::select(Encryption::ALL.as_slice())
}

prop_compose! {
    fn any_cookie()(
        user in "[ -~]{0,13}",
        app_server_id in "[ -~]{0,13}",
        app_id in "[ -~]{0,42}",
        version in any::<[u8; 4]>(),
        (cookie_type, creds) in any::<(u8, u8)>(),
        (pre_session_token, create_time, last_time) in any::<(i32, u32, u32)>(),
    ) -> Cookie {
        Cookie {
            user: User::encode(&user).unwrap(),
            version: Version(version),
            app_server_id: AppServerId::encode(&app_server_id).unwrap(),
            app_id: AppId::encode(&app_id).unwrap(),
            cookie_type: CookieType(cookie_type),
            creds,
            pre_session_token,
            create_time,
            last_time,
        }
    }
}

proptest! {
    #[test]
    fn every_cookie_comes_back(cookie in any_cookie(), encryption in any_encryption(), peer in "[a-z.]{1,30}") {
        let signed = SignedCookie::sign(&cookie, &SIGNER.key).unwrap();
        let plain = SignedCookie::from_base64(&signed.to_base64()).unwrap();
        prop_assert_eq!(&plain.verify([&SIGNER.certificate]).unwrap(), &cookie);

        let text = signed.encrypt(encryption, &CRYPT_KEY, &peer).unwrap().to_base64();
        let encrypted = EncryptedCookie::from_base64(&text).unwrap();
        let verified = encrypted.open(encryption, &CRYPT_KEY, &peer, [&SIGNER.certificate]).unwrap();
        prop_assert_eq!(&verified.cookie, &cookie);
        prop_assert_eq!(&verified.signed, &signed);
        for other in Encryption::ALL.into_iter().filter(|&other| other != encryption) {
            let verdict = encrypted.open(other, &CRYPT_KEY, &peer, [&SIGNER.certificate]);
            prop_assert!(matches!(verdict, Err(CookieError::BadSignature | CookieError::WeakDesKey)));
        }
    }

    #[test]
    fn every_block_is_read_and_written_alike(bytes in proptest::collection::vec(any::<u8>(), BLOCK_SIZE)) {
        let mut block: [u8; BLOCK_SIZE] = bytes.try_into().unwrap();
        let cookie = Cookie::from_block(&block);
        for last in [41, 85, 213] {
            block[last] = 0;
        }
        prop_assert_eq!(cookie.to_block(), block);
    }

    #[test]
    fn every_name_comes_back_or_is_refused(name in "\\PC{0,60}") {
        match User::encode(&name) {
            Ok(user) => {
                prop_assert!(user.is_printable_ascii());
                prop_assert_eq!(user.decoded(), name.as_bytes());
                prop_assert!(user.names(&name));
            }
            Err(_) => prop_assert!(name.len() * 3 > User::CAPACITY),
        }
    }

    #[test]
    fn no_text_makes_us_panic(text in "[A-Za-z0-9+/]{224,900}={0,2}|\\PC{200,300}", encryption in any_encryption()) {
        if let Ok(encrypted) = EncryptedCookie::from_base64(&text) {
            prop_assert!(encrypted.open(encryption, &CRYPT_KEY, "peer", [&SIGNER.certificate]).is_err());
        }
        if let Ok(signed) = SignedCookie::from_base64(&text) {
            prop_assert!(signed.verify([&SIGNER.certificate]).is_err());
        }
    }

    #[test]
    fn one_changed_bit_is_seen(place in 0_usize..356, bit in 0..8, encryption in any_encryption()) {
        let signed = SignedCookie::sign(&alice(), &SIGNER.key).unwrap();
        let text = signed.to_base64();
        let mut bytes = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, text.as_bytes()).unwrap();
        bytes[place] ^= 1_u8 << bit;
        let text = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, bytes);
        let tampered = SignedCookie::from_base64(&text).unwrap();
        prop_assert_eq!(tampered.verify([&SIGNER.certificate]), Err(CookieError::BadSignature));
        let encrypted = tampered.encrypt(encryption, &CRYPT_KEY, "peer").unwrap();
        let verdict = encrypted.open(encryption, &CRYPT_KEY, "peer", [&SIGNER.certificate]);
        prop_assert!(matches!(verdict, Err(CookieError::BadSignature)));
    }
}

#[test]
fn several_certificates_are_tried() {
    let (other, longer) = (key_pair(1024), key_pair(2048));
    let signed = SignedCookie::sign(&alice(), &SIGNER.key).unwrap();
    let good = &SIGNER.certificate;
    for certificates in [
        [&other.certificate, good],
        [good, &longer.certificate],
        [&longer.certificate, good],
    ] {
        assert_eq!(signed.verify(certificates), Ok(alice()));
        let encrypted = signed.encrypt(Encryption::Aes, &CRYPT_KEY, "peer").unwrap();
        assert_eq!(
            encrypted
                .open(Encryption::Aes, &CRYPT_KEY, "peer", certificates)
                .unwrap()
                .cookie,
            alice()
        );
    }
    assert_eq!(
        signed.verify([&other.certificate]),
        Err(CookieError::BadSignature)
    );
    assert_eq!(signed.verify([]), Err(CookieError::BadSignature));
}

#[test]
fn only_printable_ascii_is_signed() {
    let mut block = alice().to_block();
    block[30] = 0x80;
    let verdict = SignedCookie::sign(&Cookie::from_block(&block), &SIGNER.key);
    assert!(matches!(verdict, Err(SignError::NotPrintableAscii)));
}

#[test]
fn weak_keys_are_refused() {
    let (key, certificate) = pem_pair(1016);
    assert!(matches!(
        SigningKey::from_pem(&key),
        Err(RsaKeyError::TooShort { bits: 1016 })
    ));
    assert!(matches!(
        VerifyingCertificate::from_pem(&certificate),
        Err(RsaKeyError::TooShort { bits: 1016 })
    ));

    let zero = CryptKey::from_bytes(&[0; CRYPT_KEY_SIZE]).unwrap();
    let signed = SignedCookie::sign(&alice(), &SIGNER.key).unwrap();
    assert!(matches!(
        signed.encrypt(Encryption::Des, &zero, "peer"),
        Err(EncryptError::WeakDesKey)
    ));
    assert!(signed.encrypt(Encryption::Aes, &zero, "peer").is_ok());
}

#[test]
fn keys_that_are_none_are_refused() {
    let (key, certificate) = pem_pair(1024);
    assert!(matches!(
        SigningKey::from_pem(&certificate),
        Err(RsaKeyError::NotAPrivateKey(_))
    ));
    assert!(matches!(
        VerifyingCertificate::from_pem(&key),
        Err(RsaKeyError::NotACertificate(_))
    ));
    let locked = Rsa::private_key_from_pem(&key)
        .unwrap()
        .private_key_to_pem_passphrase(openssl::symm::Cipher::aes_128_cbc(), b"pass phrase")
        .unwrap();
    assert!(matches!(
        SigningKey::from_pem(&locked),
        Err(RsaKeyError::NotAPrivateKey(_))
    ));
    assert_eq!(
        VerifyingCertificate::from_pem(&certificate)
            .unwrap()
            .common_name(),
        Some("login.example.org")
    );
}

#[test]
fn a_signing_key_verifies_its_own_cookies_without_a_certificate() {
    let signed = SignedCookie::sign(&alice(), &SIGNER.key).unwrap();
    let previous = SIGNER.key.verifying().unwrap();
    let current = key_pair(2048).certificate;
    assert!(signed.verify([&current]).is_err());
    assert_eq!(signed.verify([&current, &previous]), Ok(alice()));
    assert_eq!(previous.common_name(), None);
}

#[test]
fn key_files_are_the_same_where_all_of_their_bytes_are() {
    let bytes = |last: u8| [&[7; CRYPT_KEY_SIZE - 1][..], &[last]].concat();
    let key = |bytes: Vec<u8>| CryptKey::from_bytes(&bytes).unwrap();
    assert!(key(bytes(1)).is_same_as(&key(bytes(1))));
    assert!(key(bytes(1)).is_same_as(&key([bytes(1), b"more".to_vec()].concat())));
    assert!(!key(bytes(1)).is_same_as(&key(bytes(2))));
}

#[test]
fn nothing_secret_is_shown() {
    let signed = SignedCookie::sign(&alice(), &SIGNER.key).unwrap();
    let encrypted = signed.encrypt(Encryption::Des, &CRYPT_KEY, "peer").unwrap();
    assert_eq!(format!("{signed:?}"), "SignedCookie(356 bytes)");
    assert_eq!(format!("{encrypted:?}"), "EncryptedCookie(358 bytes)");
    assert_eq!(format!("{:?}", *CRYPT_KEY), "CryptKey");
    assert_eq!(format!("{:?}", SIGNER.key), "SigningKey(1024 bits)");
}

#[test]
fn encryptions_have_the_names_of_the_directive() {
    for (name, encryption, version) in [
        ("DES", Encryption::Des, "a5"),
        ("aes", Encryption::Aes, "a5a"),
        ("Aes+Domain", Encryption::AesDomain, "a5A"),
    ] {
        assert_eq!(name.parse(), Ok(encryption));
        assert!(encryption.to_string().eq_ignore_ascii_case(name));
        assert_eq!(encryption.version(), version);
        assert_eq!(Encryption::from_version(version), Some(encryption));
    }
    assert_eq!(
        "3DES".parse::<Encryption>().unwrap_err().to_string(),
        r#""3DES" is no encryption of Pubcookie: DES, AES or AES+DOMAIN"#
    );
    assert_eq!(Encryption::from_version("a6"), None);
}
