//! One request and its reply, in the form that the server understands.
//!
//! First it is asked by `OPTIONS`, which carries neither request nor key. One of ours names its form in the answer, and gets
//! the request on the same connection. The original knows no HTTP: whatever it does then, it has made no key, and it is
//! asked once, in its own form, on another connection.

use std::time::Duration;

use pubcookie_protocol::keyserver::{Reply, Request};
use zeroize::Zeroizing;

use super::connection::Connection;
use super::failure::Failure;
use super::http::{self, Head, LIMIT, Received};
use super::settings::Settings;

/// How long to wait for an answer to `OPTIONS`. The original may wait for more than it will ever get.
const PATIENCE: Duration = Duration::from_secs(5);

/// Which form a server understands.
enum Understands {
    Ours { on_this_connection: bool },
    TheOriginals,
}

/// Asks the keyserver.
pub fn ask(settings: &Settings, request: &Request) -> Result<Reply, Failure> {
    let mut connection = Connection::open(settings)?;
    match understands(&mut connection, settings)? {
        Understands::Ours {
            on_this_connection: true,
        } => post(connection, settings, request),
        Understands::Ours {
            on_this_connection: false,
        } => post(Connection::open(settings)?, settings, request),
        Understands::TheOriginals => {
            drop(connection);
            get(Connection::open(settings)?, settings, request)
        }
    }
}

fn understands(connection: &mut Connection<'_>, settings: &Settings) -> Result<Understands, Failure> {
    let server = &settings.server;
    connection.send(http::options(&server.path, &server.authority()).as_bytes())?;
    let mut received = Vec::new();
    loop {
        let mut block = [0; 4096];
        let length = match connection.receive(&mut block, Some(PATIENCE)) {
            Err(Failure::Timeout { .. }) if received.is_empty() => return Ok(Understands::TheOriginals),
            other => other?,
        };
        received.extend_from_slice(&block[..length]);
        match http::look(&received) {
            Received::NotHttp => return Ok(Understands::TheOriginals),
            Received::Partial if length == 0 && received.is_empty() => return Ok(Understands::TheOriginals),
            Received::Partial if length == 0 || received.len() > LIMIT => {
                return Err(Failure::CutOff {
                    server: server.to_string(),
                });
            }
            Received::Partial => {}
            Received::Head(Head {
                takes_our_form: true,
                closes,
                body,
                ..
            }) => {
                return Ok(Understands::Ours {
                    on_this_connection: !closes && body == Some(0),
                });
            }
            Received::Head(head) => {
                return Err(Failure::NotAKeyserver {
                    server: server.to_string(),
                    status: head.status,
                });
            }
        }
    }
}

/// In our form.
fn post(mut connection: Connection<'_>, settings: &Settings, request: &Request) -> Result<Reply, Failure> {
    let server = &settings.server;
    connection.send(&http::post(&server.path, &server.authority(), &request.to_form()))?;
    let received = receive_all(&mut connection, settings)?;
    let cut_off = || Failure::CutOff {
        server: server.to_string(),
    };
    let Received::Head(head) = http::look(&received) else {
        return Err(cut_off());
    };
    let body = &received[head.length..];
    match Reply::parse(body, request) {
        _ if head.body.is_some_and(|length| length != body.len()) => Err(cut_off()),
        Ok(reply) if matches!(head.status, 200 | 403) => Ok(reply),
        Err(problem) if head.status == 200 => Err(Failure::Reply {
            server: server.to_string(),
            problem,
        }),
        _ => Err(Failure::Status {
            server: server.to_string(),
            status: head.status,
        }),
    }
}

/// In the original's form.
fn get(mut connection: Connection<'_>, settings: &Settings, request: &Request) -> Result<Reply, Failure> {
    let server = &settings.server;
    let query = request.to_query();
    let mut line = Zeroizing::new(String::with_capacity(server.path.len() + query.len() + 32));
    for part in ["GET ", &server.path, "?", &query, " HTTP/1.0\r\n\r\n"] {
        line.push_str(part);
    }
    connection.send(line.as_bytes())?;
    let received = receive_all(&mut connection, settings)?;
    if let Received::Head(head) = http::look(&received) {
        return Err(Failure::NotAKeyserver {
            server: server.to_string(),
            status: head.status,
        });
    }
    Reply::parse(&received, request).map_err(|problem| Failure::Reply {
        server: server.to_string(),
        problem,
    })
}

/// Everything up to the end of the connection. It may hold a key.
fn receive_all(connection: &mut Connection<'_>, settings: &Settings) -> Result<Zeroizing<Vec<u8>>, Failure> {
    // Room for all of it: growing would leave copies behind.
    let mut received = Zeroizing::new(vec![0; LIMIT]);
    let mut length = 0;
    loop {
        match connection.receive(&mut received[length..], None)? {
            0 if length == 0 => return Err(Failure::ended(settings)),
            0 => break,
            more => length += more,
        }
        if length == LIMIT {
            return Err(Failure::CutOff {
                server: settings.server.to_string(),
            });
        }
    }
    received.truncate(length);
    Ok(received)
}
