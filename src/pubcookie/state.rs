//! What is remembered of one request.

use std::cell::{Cell, OnceCell};

use granting_cookie::SignedCookie;
use pubcookie_protocol::session::Session;
use zeroize::Zeroizing;

use super::Pubcookie;
use crate::httpd::Request;

/// What is remembered of one request.
#[derive(Default)]
pub struct RequestState {
    is_reply: Cell<bool>,
    session_ended: Cell<bool>,
    login: OnceCell<Login>,
    beside: OnceCell<Option<GrantingCookie>>,
}

/// How a request got its user.
pub struct Login {
    /// The session.
    pub session: Session,
    /// The granting cookie, where this very request brought it and it was accepted.
    pub granting_cookie: Option<GrantingCookie>,
}

/// A granting cookie that was verified and accepted.
pub struct GrantingCookie {
    /// Its plain form, still signed.
    pub plain: SignedCookie,
    /// As it came.
    pub encrypted: Zeroizing<String>,
}

/// Remembers that the request is for the reply URL.
pub fn mark_reply(request: &Request<'_>) {
    request.state::<Pubcookie>().is_reply.set(true);
}

/// Whether the request is for the reply URL.
pub fn is_reply(request: &Request<'_>) -> bool {
    request.state::<Pubcookie>().is_reply.get()
}

/// Remembers how the request got its user.
pub fn remember(request: &Request<'_>, login: Login) {
    // httpd authenticates a request once.
    let _ = request.state::<Pubcookie>().login.set(login);
}

/// How the request got its user, where that was by a login flavour of ours.
pub fn login<'r>(request: &Request<'r>) -> Option<&'r Login> {
    request.state::<Pubcookie>().login.get()
}

/// Remembers that the session has ended with this request.
pub fn end_session(request: &Request<'_>) {
    request.state::<Pubcookie>().session_ended.set(true);
}

/// Whether the session has ended with this request.
pub fn session_has_ended(request: &Request<'_>) -> bool {
    request.state::<Pubcookie>().session_ended.get()
}

/// The granting cookie of a request that another module has authenticated, found once by `find`.
pub fn beside<'r>(
    request: &Request<'r>,
    find: impl FnOnce() -> Option<GrantingCookie>,
) -> Option<&'r GrantingCookie> {
    request.state::<Pubcookie>().beside.get_or_init(find).as_ref()
}
