//! What a browser carries from one server to the other: granting requests, replies and forms. Whatever arrives, a reply
//! leads to a path of our own alone.
#![no_main]

use libfuzzer_sys::fuzz_target;
use pubcookie_protocol::form::Form;
use pubcookie_protocol::granting_request::{GrantingRequest, LoginMethod};
use pubcookie_protocol::host::Host;
use pubcookie_protocol::reply::{Destination, Reply};

fuzz_target!(|input: &[u8]| {
    for method in [LoginMethod::Get, LoginMethod::Post] {
        if let Ok(request) = GrantingRequest::decode(input, method) {
            // It is understood once it is written anew.
            let _ = GrantingRequest::decode(request.encode(method).as_bytes(), method);
        }
    }
    let Ok(own) = Host::new("app.example.org", 443) else {
        return;
    };
    if let Ok(form) = Form::parse(input, input.len()) {
        let _ = form.check_carriable();
        if let Ok(reply) = Reply::parse(&form, &own) {
            stays(&reply.destination);
        }
    }
    let query_at = input.iter().position(|&byte| byte == b'?').unwrap_or(input.len());
    let (path, query) = input.split_at(query_at);
    if let Ok(destination) = Destination::new(path, query.get(1..).unwrap_or_default()) {
        stays(&destination);
    }
});

fn stays(destination: &Destination) {
    let text = destination.as_str();
    assert!(text.starts_with('/') && !text.starts_with("//") && !text.starts_with("/\\"));
    assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
}
