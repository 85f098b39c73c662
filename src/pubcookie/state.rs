//! What is remembered of one request.

use std::cell::{Cell, OnceCell, RefCell};

use granting_cookie::SignedCookie;
use pubcookie_protocol::pre_session::PreSession;
use pubcookie_protocol::session::Session;
use zeroize::Zeroizing;

use super::Pubcookie;
use crate::httpd::{AppliedConfiguration, Request};

/// What is remembered of one request.
#[derive(Default)]
pub struct RequestState {
    is_reply: Cell<bool>,
    ends_session: Cell<bool>,
    is_favicon: Cell<bool>,
    answered: Cell<bool>,
    /// Not wiped when it is dropped: httpd keeps the same bytes in the request's pool.
    cookies: OnceCell<Box<[u8]>>,
    pre_session: RefCell<Option<PreSession>>,
    on_demand: OnceCell<AppliedConfiguration>,
    login: OnceCell<Login>,
    beside: OnceCell<Option<GrantingCookie>>,
    key_query: OnceCell<Zeroizing<Vec<u8>>>,
}

/// How a request got its user.
pub struct Login {
    /// The user, as the application sees the name (`PubcookieStripRealm`); empty for one who was not asked to log in.
    pub user: String,
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

/// What is remembered so far. Most requests are of no concern, and nothing is made for them.
fn known<'r>(request: &Request<'r>) -> Option<&'r RequestState> {
    request.known_state::<Pubcookie>()
}

/// Remembers that the request is for the reply URL.
pub fn mark_reply(request: &Request<'_>) {
    request.state::<Pubcookie>().is_reply.set(true);
}

/// Whether the request is for the reply URL.
pub fn is_reply(request: &Request<'_>) -> bool {
    known(request).is_some_and(|state| state.is_reply.get())
}

/// Remembers what the request goes by on demand.
pub fn remember_on_demand(request: &Request<'_>, applied: AppliedConfiguration) {
    // httpd asks once what a request goes by.
    let _ = request.state::<Pubcookie>().on_demand.set(applied);
}

/// What the request goes by on demand.
pub fn applied_on_demand<'r>(request: &Request<'r>) -> Option<&'r AppliedConfiguration> {
    known(request)?.on_demand.get()
}

/// Remembers how the request got its user.
pub fn remember(request: &Request<'_>, login: Login) {
    // httpd authenticates a request once.
    let _ = request.state::<Pubcookie>().login.set(login);
}

/// How the request got its user, where that was by a login flavour of ours.
pub fn login<'r>(request: &Request<'r>) -> Option<&'r Login> {
    known(request)?.login.get()
}

/// The logins of this user (as the application sees the name) by flavours of ours, the nearest first: in this request, and
/// in those that led to it.
pub fn logins_of<'r>(request: &Request<'r>, user: &str) -> impl Iterator<Item = &'r Login> {
    let earlier = request.origins().filter_map(|origin| login(&origin));
    let logins = login(request).into_iter().chain(earlier);
    logins.filter(move |login| login.user == user)
}

/// Remembers that the session ends with this request.
pub fn end_session(request: &Request<'_>) {
    request.state::<Pubcookie>().ends_session.set(true);
}

/// Whether the session ends with this very request.
pub fn ends_session(request: &Request<'_>) -> bool {
    known(request).is_some_and(|state| state.ends_session.get())
}

/// Whether the session has ended with this request, or with one that led to it.
pub fn session_has_ended(request: &Request<'_>) -> bool {
    ends_session(request) || request.origin().is_some_and(|origin| session_has_ended(&origin))
}

/// Remembers that the request goes on without a login, because it is for the favicon.
pub fn mark_favicon(request: &Request<'_>) {
    request.state::<Pubcookie>().is_favicon.set(true);
}

/// Whether a request for the favicon led to this one.
pub fn comes_of_favicon(request: &Request<'_>) -> bool {
    request
        .origins()
        .any(|origin| known(&origin).is_some_and(|state| state.is_favicon.get()))
}

/// Remembers that the answer has been sent. With `Satisfy any` httpd asks further hooks all the same.
pub fn mark_answered(request: &Request<'_>) {
    request.state::<Pubcookie>().answered.set(true);
}

/// Whether the answer has been sent.
pub fn is_answered(request: &Request<'_>) -> bool {
    known(request).is_some_and(|state| state.answered.get())
}

/// The Cookie header, empty where there is none. It is read once, for the request that the client sent and all that
/// this leads to: the application in between must not see it.
pub fn cookies<'r>(request: &Request<'r>) -> &'r [u8] {
    let first = request.first();
    if let Some(cookies) = known(&first).and_then(|state| state.cookies.get()) {
        return cookies;
    }
    let Some(header) = request.headers().get("Cookie") else {
        return &[];
    };
    let read = || header.to_bytes().into();
    first.state::<Pubcookie>().cookies.get_or_init(read)
}

/// Remembers the pre-session that the browser is given, for all that the client's request leads to.
pub fn remember_pre_session(request: &Request<'_>, pre_session: PreSession) {
    let given = &request.first().state::<Pubcookie>().pre_session;
    given.replace(Some(pre_session));
}

/// The pre-session that the browser is given, if it is given one.
pub fn given_pre_session(request: &Request<'_>) -> Option<PreSession> {
    known(&request.first())?.pre_session.borrow().clone()
}

/// The granting cookie of a request that another module has authenticated, found once by `find`.
pub fn beside<'r>(
    request: &Request<'r>,
    find: impl FnOnce() -> Option<GrantingCookie>,
) -> Option<&'r GrantingCookie> {
    request.state::<Pubcookie>().beside.get_or_init(find).as_ref()
}

/// Remembers what a keyserver was asked in a query, which httpd no longer has.
pub fn remember_key_query(request: &Request<'_>, query: Zeroizing<Vec<u8>>) {
    // It is taken out of the request once.
    let _ = request.state::<Pubcookie>().key_query.set(query);
}

/// What a keyserver was asked in a query.
pub fn key_query<'r>(request: &Request<'r>) -> Option<&'r [u8]> {
    known(request)?.key_query.get().map(|query| query.as_slice())
}
