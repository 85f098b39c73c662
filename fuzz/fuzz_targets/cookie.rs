//! What a browser, or a user at a MyProxy server, may send as a cookie. The key file and the certificate are fixed, so
//! that the fuzzer reaches decryption; no input verifies, because nobody has the private key.
#![no_main]

use std::sync::LazyLock;

use granting_cookie::{
    BLOCK_SIZE, CRYPT_KEY_SIZE, Cookie, CryptKey, EncryptedCookie, Encryption, SignedCookie,
    VerifyingCertificate,
};
use libfuzzer_sys::fuzz_target;

static CERTIFICATE: LazyLock<VerifyingCertificate> = LazyLock::new(|| {
    VerifyingCertificate::from_pem(include_bytes!("granting.cert"))
        .expect("a certificate lies beside this file")
});

static CRYPT_KEY: LazyLock<CryptKey> = LazyLock::new(|| {
    let bytes: Vec<u8> = (0..CRYPT_KEY_SIZE)
        .map(|place| (place * 151 % 251) as u8)
        .collect();
    CryptKey::from_bytes(&bytes).expect("2048 bytes")
});

fuzz_target!(|input: &[u8]| {
    if let Some(block) = input.first_chunk::<BLOCK_SIZE>() {
        let cookie = Cookie::from_block(block);
        assert_eq!(Cookie::from_block(&cookie.to_block()), cookie);
        cookie.user.decoded();
    }
    let Ok(text) = str::from_utf8(input) else { return };
    if let Ok(signed) = SignedCookie::from_base64(text) {
        assert_eq!(*signed.to_base64(), text);
        assert!(signed.verify([&*CERTIFICATE]).is_err());
    }
    if let Ok(encrypted) = EncryptedCookie::from_base64(text) {
        for encryption in Encryption::ALL {
            assert!(
                encrypted
                    .open(encryption, &CRYPT_KEY, "app.example.org", [&*CERTIFICATE])
                    .is_err()
            );
        }
    }
});
