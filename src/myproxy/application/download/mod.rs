//! The content handler `myproxy-credential`: a user downloads the own credential, under a pass phrase typed in a form.
//!
//! Nothing but the request's own credential can be asked for. The form is tied to the session ([`form`]); a script of
//! another application on this host cannot read what is sent, because only navigations are answered, and with headers
//! that no .htaccess file can take away.

mod credential_file;
mod form;
mod page;

use std::fmt::Display;

use credential_store::Credential;
use openssl::error::ErrorStack;
use pubcookie_protocol::page::{Nonce, Page};
use pubcookie_protocol::script_request::is_script_request;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::httpd::{BodyError, Outcome, Request, Response};
use crate::myproxy::session::{self, OpenSession};
use crate::myproxy::shortfall::{Class, Shortfall};
use crate::myproxy::wanted::{Stored, Wanted};
use crate::myproxy::{MyProxy, htaccess, log};
use credential_file::{CredentialFile, FileError};
use form::{Order, Problem};

/// What `SetHandler` calls it.
const HANDLER: &str = "myproxy-credential";
/// Bytes of a form. A browser's is a quarter of it.
const FORM_LIMIT: usize = 4096;

/// The handler.
pub fn handler(request: &Request<'_>) -> Outcome {
    if request.handler() != Some(HANDLER) {
        return Outcome::Declined;
    }
    answer(request).unwrap_or_else(|refusal| refusal.send(request))
}

fn answer(request: &Request<'_>) -> Result<Outcome, Refusal> {
    let place = request
        .directory_config::<MyProxy>()
        .filter(|place| place.credential())
        .ok_or(Refusal::SwitchedOff)?;
    if !request.is_https() {
        return Err(Refusal::NotSecure);
    }
    if htaccess::could_change_requests(request) {
        return Err(Refusal::NotOurs);
    }
    if !is_visited(request) {
        return Err(Refusal::NotVisited);
    }
    let posted = match request.method() {
        "GET" | "HEAD" => None,
        "POST" => Some(request.body(FORM_LIMIT)?),
        _ => return Ok(request.refuse_method(&[c"GET", c"POST"])),
    };
    // Fixups has decided, and fetched one where this was due.
    let verdict = request
        .state::<MyProxy>()
        .verdict
        .get()
        .map(|verdict| &verdict.result);
    let credential = verdict
        .ok_or_else(Shortfall::nothing)?
        .as_ref()
        .map_err(Clone::clone)?;
    let wanted = Wanted::of(request, place)?;
    let Some(posted) = posted else {
        return show_form(&wanted, credential, None);
    };
    let session = session::find(&wanted)?;
    match form::read(request, session.as_ref(), &posted) {
        Ok(order) => send_file(&wanted, credential, &order),
        Err(problem) => {
            if problem.is_suspicious() {
                tell(request, &problem);
            }
            show_form(&wanted, credential, Some(problem))
        }
    }
}

/// Whether a user looks at the answer, as a page of its own or as a download. What a script asks for, it could read.
fn is_visited(request: &Request<'_>) -> bool {
    let by_script = is_script_request(
        request.header("Sec-Fetch-Mode"),
        request.header("X-Requested-With"),
    );
    let as_document = request
        .header("Sec-Fetch-Dest")
        .is_none_or(|destination| destination == "document");
    !by_script && as_document && !request.is_subrequest()
}

fn show_form(
    wanted: &Wanted<'_>,
    credential: &Credential,
    problem: Option<Problem>,
) -> Result<Outcome, Refusal> {
    // A client that came without a session has one from now on: the form is tied to it.
    let session: OpenSession = match session::find(wanted)? {
        Some(session) => session,
        None => session::begin(wanted)?,
    };
    let seal = form::seal(&session, wanted.now)?;
    let user = &session.session.web_user().name;
    let page = page::form(user, credential, &seal, problem, &Nonce::random()?);
    Ok(send_page(wanted.request, &page))
}

fn send_file(wanted: &Wanted<'_>, credential: &Credential, order: &Order) -> Result<Outcome, Refusal> {
    let pem = std::fs::read(&credential.path).map(Zeroizing::new);
    let pem =
        pem.map_err(|error| Shortfall::new(Class::Store, format!("the credential cannot be read: {error}")))?;
    // It may have been erased meanwhile, or another one stand in its place.
    match wanted.stored()? {
        Stored::Good(now) if now == *credential => {}
        _ => return Err(Shortfall::new(Class::None, "the credential changed meanwhile; try again").into()),
    }
    let user = &wanted.identity.origin.web_user.name;
    let body = CredentialFile::read(&pem)?.under(&order.pass_phrase, order.format, user)?;
    let request = wanted.request;
    log!(
        request,
        Notice,
        "{user} downloads the own credential, {}, as {} [{}]",
        credential.certificate.subject,
        order.format,
        request.client_address()
    );
    let headers = [
        ("Cache-Control", "no-store".to_owned()),
        (
            "Content-Disposition",
            format!("attachment; filename=\"{}\"", order.format.file_name()),
        ),
        (
            "Content-Security-Policy",
            "default-src 'none'; sandbox".to_owned(),
        ),
        ("X-Content-Type-Options", "nosniff".to_owned()),
    ];
    Ok(request.respond(&Response {
        status: 200,
        headers: headers.map(|(name, value)| (name.to_owned(), value)).into(),
        content_type: order.format.content_type().to_owned(),
        body,
    }))
}

fn send_page(request: &Request<'_>, page: &Page) -> Outcome {
    let headers = page
        .headers
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.clone()));
    let (content_type, headers): (Vec<_>, Vec<_>) =
        headers.partition(|(name, _)| name.eq_ignore_ascii_case("content-type"));
    request.respond(&Response {
        status: page.status,
        headers,
        content_type: content_type.into_iter().map(|(_, value)| value).collect(),
        body: page.body.as_bytes().to_vec(),
    })
}

/// The line for what is refused.
fn tell(request: &Request<'_>, why: &dyn Display) {
    let user = request.user().ok().flatten().unwrap_or("nobody");
    let address = request.client_address();
    log!(
        request,
        Warning,
        "a download of a credential was refused to {user}: {why} [{address}]"
    );
}

/// Why there is neither form nor file.
#[derive(Debug, Error)]
enum Refusal {
    #[error("SetHandler {HANDLER} stands where MyProxyCredential is not On")]
    SwitchedOff,
    #[error("it was asked for without TLS: redirect to https, or say ServerName https://...")]
    NotSecure,
    #[error(
        "AllowOverride lets an .htaccess file change headers (FileInfo), which keep the file from scripts"
    )]
    NotOurs,
    #[error("a script, a frame or an included page asks (Sec-Fetch-Mode, Sec-Fetch-Dest)")]
    NotVisited,
    #[error("{0}")]
    Body(#[from] BodyError),
    #[error("there is no credential: {}", .0.description())]
    NoCredential(Shortfall),
    #[error("{0}")]
    File(#[from] FileError),
    #[error("OpenSSL: {0}")]
    OpenSsl(#[from] ErrorStack),
}

impl From<Shortfall> for Refusal {
    fn from(shortfall: Shortfall) -> Self {
        Refusal::NoCredential(shortfall)
    }
}

impl Refusal {
    fn send(&self, request: &Request<'_>) -> Outcome {
        tell(request, self);
        match self {
            Refusal::SwitchedOff | Refusal::NotSecure | Refusal::NotOurs | Refusal::NotVisited => {
                Outcome::Status(403)
            }
            Refusal::Body(BodyError::TooLarge { .. }) => Outcome::Status(413),
            Refusal::Body(BodyError::Unreadable { status }) => Outcome::Status(*status),
            Refusal::NoCredential(shortfall) => match Nonce::random() {
                Ok(nonce) => send_page(request, &page::no_credential(shortfall, &nonce)),
                Err(_) => Outcome::Status(500),
            },
            Refusal::File(_) | Refusal::OpenSsl(_) => Outcome::Status(500),
        }
    }
}
