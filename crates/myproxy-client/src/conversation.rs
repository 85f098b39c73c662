//! The conversation on an open connection: flag, request, verdict, certificate request, chain, confirmation.

use crate::connection::Connection;
use crate::credential::Credential;
use crate::error::{Error, Refusal, ServerWords, Step};
use crate::key::Key;
use crate::proof::Proof;
use crate::renewal;
use crate::request::GetRequest;
use crate::response::{self, Chain, MalformedAnswer, Response};
use crate::trust::TrustDirectory;

/// The first message: no delegation in the handshake (a GSI client could ask for one). It has to be alone in
/// its record.
const NO_DELEGATION: &[u8] = b"0";

/// Gets a credential. From the first message on the server has seen the pass phrase, so whatever happens is
/// final.
pub fn get(
    mut connection: Connection,
    request: &GetRequest,
    key: &Key,
    trust: &TrustDirectory,
) -> Result<Credential, Error> {
    let certificate_request = key.certificate_request()?;
    submit(&mut connection, request)?;
    connection.send(Step::Certificate, &certificate_request)?;
    let chain = match connection.receive(Step::Certificate, response::chain)? {
        Chain::Certificates(chain) => chain,
        Chain::Refused(words) => return Err(refused(&connection, words)),
    };
    expect_ok(&mut connection, Step::Confirmation)?;
    Credential::from_chain(&chain, key, trust).map_err(|cause| Error::Credential {
        server: connection.server().to_owned(),
        cause,
    })
}

/// Asks for the verdict on the proof alone, and goes away.
pub fn verify(mut connection: Connection, request: &GetRequest) -> Result<(), Error> {
    submit(&mut connection, request)
}

/// Sends the request, and waits for the verdict on its proof.
fn submit(connection: &mut Connection, request: &GetRequest) -> Result<(), Error> {
    connection.send(Step::Verdict, NO_DELEGATION)?;
    connection.send(Step::Verdict, &request.encode())?;
    authorize(connection, &request.proof)
}

/// The verdict on the proof. A server may ask for a signature by the credential that is to be renewed; one that
/// trusts our certificate does not.
fn authorize(connection: &mut Connection, proof: &Proof) -> Result<(), Error> {
    let challenge = match connection.receive(Step::Verdict, response::response)? {
        Response::Ok => return Ok(()),
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

fn expect_ok(connection: &mut Connection, step: Step) -> Result<(), Error> {
    match connection.receive(step, response::response)? {
        Response::Ok => Ok(()),
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
