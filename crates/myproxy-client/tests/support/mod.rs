//! What the tests need around the client: an authority, a trust directory, a real server, a false one.
#![allow(dead_code, reason = "each test uses its part")]

pub mod authority;
pub mod false_server;
pub mod real_server;

use myproxy_client::{GetRequest, Lifetime, PassPhrase, UserName};

pub const PASS_PHRASE: &str = "correct horse";

pub fn request(user_name: &str, pass_phrase: &str) -> GetRequest {
    GetRequest {
        user_name: UserName::new(user_name).unwrap(),
        pass_phrase: PassPhrase::new(pass_phrase).unwrap(),
        lifetime: Lifetime::default(),
        credential_name: None,
    }
}
