//! The keyserver: the content handler `pubcookie-keyserver`, behind mod_ssl's verification of clients.

mod client;
mod conceal;
mod load;
mod permits;
mod serve;

pub use conceal::{conceal, conceal_in_error};
pub use permits::KeyPermits;
pub use serve::Keyserver;

use pubcookie_protocol::keyserver::{
    ACCEPT_POST, Client, REQUEST_LIMIT, Reply, Request as KeyRequest, RequestError,
};
use zeroize::Zeroize;

use super::{Pubcookie, state};
use crate::httpd::{BodyError, Outcome, Request, Response, log};

/// What `SetHandler` calls it.
pub const HANDLER: &str = "pubcookie-keyserver";

/// The handler.
pub fn handler(request: &Request<'_>) -> Outcome {
    if request.handler() != Some(HANDLER) {
        return Outcome::Declined;
    }
    let config = request.server_config::<Pubcookie>();
    let Some(keyserver) = config.and_then(|config| config.keyserver.get()) else {
        log!(
            Pubcookie,
            *request,
            Error,
            "SetHandler {HANDLER}, but PubcookieKeyPermit is not set for this server"
        );
        conceal::take_query(request);
        return Outcome::Status(500);
    };
    // A browser that has a certificate must not be led here by a page.
    if ["Origin", "Sec-Fetch-Site"]
        .iter()
        .any(|name| request.header(name).is_some())
    {
        log!(Pubcookie, *request, Warning, "keyserver: a browser was refused");
        return Outcome::Status(403);
    }
    match request.method() {
        "GET" => {
            let query = state::key_query(request).unwrap_or_default();
            let reply = answer(request, keyserver, KeyRequest::from_query(query));
            send_as_the_original(request, &reply)
        }
        "POST" => match request.body(REQUEST_LIMIT) {
            Ok(form) => send(request, &answer(request, keyserver, KeyRequest::from_form(&form))),
            Err(BodyError::TooLarge { .. }) => Outcome::Status(413),
            Err(BodyError::Unreadable { status }) => Outcome::Status(status),
        },
        "OPTIONS" => request.respond(&Response {
            status: 200,
            headers: vec![
                ("Allow".to_owned(), "GET, OPTIONS, POST".to_owned()),
                ("Accept-Post".to_owned(), ACCEPT_POST.to_owned()),
            ],
            content_type: "text/plain".to_owned(),
            body: Vec::new(),
        }),
        _ => request.refuse_method(&[c"GET", c"OPTIONS", c"POST"]),
    }
}

/// Does what is asked, if the client may, and leaves a line for each.
fn answer(request: &Request<'_>, keyserver: &Keyserver, asked: Result<KeyRequest, RequestError>) -> Reply {
    let address = request.client_address();
    let client = match client::of(request) {
        Ok(client) => client,
        Err(problem) => {
            log!(Pubcookie, *request, Error, "keyserver: {problem} [{address}]");
            return Reply::Refused("your certificate was not verified".to_owned());
        }
    };
    match asked {
        Ok(asked) => answer_client(request, keyserver, &client, &asked),
        Err(problem) => {
            log!(
                Pubcookie,
                *request,
                Warning,
                "keyserver: {client}: {problem} [{address}]"
            );
            Reply::Refused(problem.to_string())
        }
    }
}

fn answer_client(request: &Request<'_>, keyserver: &Keyserver, client: &Client, asked: &KeyRequest) -> Reply {
    let address = request.client_address();
    if let Err(refusal) = keyserver.check(client, asked) {
        log!(
            Pubcookie,
            *request,
            Warning,
            "keyserver: refused {client} to {asked}: {refusal}; PubcookieKeyPermit says who may [{address}]"
        );
        return Reply::Refused(refusal.to_string());
    }
    match keyserver.serve(asked) {
        Ok(reply) => {
            log!(
                Pubcookie,
                *request,
                Notice,
                "keyserver: {client}: {asked} [{address}]"
            );
            reply
        }
        Err(problem) => {
            log!(
                Pubcookie,
                *request,
                Error,
                "keyserver: {client}: cannot {asked}: {problem} [{address}]"
            );
            Reply::Refused(problem.for_client(asked))
        }
    }
}

/// In our form.
fn send(request: &Request<'_>, reply: &Reply) -> Outcome {
    respond(request, reply, reply.to_text().as_bytes())
}

/// In the original's form, which has no status line.
fn send_as_the_original(request: &Request<'_>, reply: &Reply) -> Outcome {
    if !request.is_http_1() {
        return send(request, reply);
    }
    request.reply_without_status_line();
    respond(request, reply, &reply.to_bare())
}

fn respond(request: &Request<'_>, reply: &Reply, body: &[u8]) -> Outcome {
    let mut response = Response {
        status: if matches!(reply, Reply::Refused(_)) {
            403
        } else {
            200
        },
        headers: vec![("Cache-Control".to_owned(), "no-store".to_owned())],
        content_type: "text/plain; charset=us-ascii".to_owned(),
        body: body.to_vec(),
    };
    let outcome = request.respond(&response);
    response.body.zeroize();
    outcome
}
