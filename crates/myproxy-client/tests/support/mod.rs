//! What the tests need around the client: an authority, a trust directory, a real server, a false one.
#![allow(dead_code, reason = "each test uses its part")]

pub mod authority;
pub mod false_server;
pub mod real_server;
pub mod scene;

use myproxy_client::{GetRequest, PassPhrase, Proof, UserName};

pub const PASS_PHRASE: &str = "correct horse";

pub fn request(user_name: &str, pass_phrase: &str) -> GetRequest {
    GetRequest::new(
        UserName::new(user_name).unwrap(),
        Proof::PassPhrase(PassPhrase::new(pass_phrase).unwrap()),
    )
}

/// For a key that is not encrypted.
pub fn no_pass_phrase() -> std::io::Result<zeroize::Zeroizing<Vec<u8>>> {
    panic!("the key is not encrypted")
}
