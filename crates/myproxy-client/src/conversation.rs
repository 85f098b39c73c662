//! The conversation on an open connection: flag, request, verdict, certificate request, chain, confirmation.

use crate::connection::Connection;
use crate::credential::Credential;
use crate::error::{Error, Step};
use crate::input::VoName;
use crate::key::{Key, KeyError};
use crate::message::Message;
use crate::proof::Proof;
use crate::refusal::{Refusal, ServerWords};
use crate::renewal;
use crate::request::GetRequest;
use crate::response::{self, Answer, Fields, MalformedAnswer, Parsed, Response};
use crate::trust::TrustDirectory;

/// The first message: no delegation in the handshake (a GSI client could ask for one). It has to be alone in
/// its record.
const NO_DELEGATION: &[u8] = b"0";

/// Gets a credential for a key that is made when the server has accepted the proof.
pub fn get(
    connection: &mut Connection,
    request: &GetRequest,
    make_key: impl FnOnce() -> Result<Key, KeyError>,
    trust: &TrustDirectory,
) -> Result<Credential, Error> {
    verify(connection, request.message(), &request.proof)?;
    receive_credential(connection, request, &make_key()?, trust)
}

/// Sends the request, and waits for the verdict on its proof.
pub fn verify(connection: &mut Connection, message: Message<'_>, proof: &Proof) -> Result<Fields, Error> {
    submit(connection, message)?;
    authorize(connection, proof)
}

/// What follows the verdict.
pub fn receive_credential(
    connection: &mut Connection,
    request: &GetRequest,
    key: &Key,
    trust: &TrustDirectory,
) -> Result<Credential, Error> {
    connection.send(Step::Certificate, &key.certificate_request()?)?;
    let chain = receive(connection, Step::Certificate, response::chain)
        .map_err(|error| of_the_kind_of_key(error, key))?;
    expect_ok(connection, Step::Confirmation)?;
    let credential = Credential::from_chain(&chain, key, trust).map_err(|cause| Error::Credential {
        server: connection.server().to_owned(),
        cause,
    })?;
    check(connection.server(), request, &credential)?;
    Ok(credential)
}

/// Whether a good credential is the one that was asked for.
fn check(server: &str, request: &GetRequest, credential: &Credential) -> Result<(), Error> {
    if let Proof::Renewal { credential: old, .. } = &request.proof {
        let expected = old.keyed().identity()?;
        if expected != credential.identity() {
            return Err(Error::OtherIdentity {
                server: server.to_owned(),
                expected,
                presented: credential.identity().to_owned(),
            });
        }
    }
    if !request.vo_names.is_empty() && !credential.has_voms_attributes()? {
        let names: Vec<_> = request.vo_names.iter().map(VoName::as_str).collect();
        return Err(Error::NoAttributes {
            server: server.to_owned(),
            vo_names: names.join(", "),
        });
    }
    Ok(())
}

/// The server's words do not say that it is the kind of key that its authority does not sign.
fn of_the_kind_of_key(error: Error, key: &Key) -> Error {
    match error {
        Error::Refused {
            server,
            refusal: Refusal::CertificateRequest,
            words,
        } if !key.is_rsa() => Error::Refused {
            server,
            refusal: Refusal::EllipticKey,
            words,
        },
        error => error,
    }
}

/// Begins a conversation of any kind.
pub fn submit(connection: &mut Connection, message: Message<'_>) -> Result<(), Error> {
    connection.send(Step::Verdict, NO_DELEGATION)?;
    connection.send(Step::Verdict, &message.encode())
}

/// What comes in place of a text message, unless an error does.
pub fn receive<T>(
    connection: &mut Connection,
    step: Step,
    parser: impl Fn(&[u8]) -> Parsed<Answer<T>>,
) -> Result<T, Error> {
    match connection.receive(step, parser)? {
        Answer::Content(content) => Ok(content),
        Answer::Refused(words) => Err(refused(connection, words)),
    }
}

/// The verdict on the proof. A server may ask for a signature by the credential that is to be renewed; one that
/// trusts our certificate does not.
fn authorize(connection: &mut Connection, proof: &Proof) -> Result<Fields, Error> {
    let challenge = match connection.receive(Step::Verdict, response::response)? {
        Response::Ok(fields) => return Ok(fields),
        Response::Refused(words) => return Err(refused(connection, words)),
        Response::Challenge(challenge) => challenge,
    };
    let answer = match proof {
        Proof::Renewal { credential, .. } => renewal::answer(&challenge, credential)?,
        Proof::PassPhrase(_) | Proof::Certificate(_) => None,
    };
    let Some(answer) = answer else {
        return Err(Error::Refused {
            server: connection.server().to_owned(),
            refusal: Refusal::Challenge,
            words: ServerWords::none(),
        });
    };
    connection.send(Step::Verdict, &answer)?;
    expect_ok(connection, Step::Verdict)
}

/// A text message that is no refusal, with what it tells besides.
pub fn expect_ok(connection: &mut Connection, step: Step) -> Result<Fields, Error> {
    match connection.receive(step, response::response)? {
        Response::Ok(fields) => Ok(fields),
        Response::Refused(words) => Err(refused(connection, words)),
        Response::Challenge(_) => Err(Error::Malformed {
            server: connection.server().to_owned(),
            cause: MalformedAnswer::OutOfPlace,
        }),
    }
}

fn refused(connection: &Connection, words: ServerWords) -> Error {
    Error::Refused {
        server: connection.server().to_owned(),
        refusal: Refusal::from_words(&words),
        words,
    }
}
