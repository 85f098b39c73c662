//! A fresh login for a fresh granting cookie (`MyProxyOnMissing login`), and why that never goes in circles.
//!
//! Only who has no credential, or one that has expired, is sent to log in; what a MyProxy server has refused, another
//! login would not change. `pubcookie_module` sends nobody whose request comes from a login this very moment. And
//! a browser that loses the granting cookie on its way keeps a mark that it has been sent: it is not sent again before that
//! lapses. One that keeps no cookie at all has no login by Pubcookie either.

use credential_store::Method;
use pubcookie_protocol::{cookie_header, script_request};

use crate::httpd::{Outcome, Request};
use crate::myproxy::config::DirectoryConfig;
use crate::myproxy::session::session_cookie;
use crate::myproxy::shortfall::{Class, Shortfall};
use crate::myproxy::{MyProxy, log, meeting};

/// For how long a browser is not sent again, in seconds.
const MARK_SECONDS: i64 = 300;

/// Sends the user to log in, or answers 401 where a script asked. `None` where a login would be of no use.
pub fn start(request: &Request<'_>, place: &DirectoryConfig, shortfall: &Shortfall) -> Option<Outcome> {
    // Who logs out wants no login.
    let logged_out = request.first().state::<MyProxy>().logged_out.get();
    let would_help = matches!(shortfall.class, Class::None | Class::Expired) && !logged_out;
    if !would_help || !place.methods().contains(&Method::Cookie) {
        return None;
    }
    let is_script = script_request::is_script_request(
        request.header("Sec-Fetch-Mode"),
        request.header("X-Requested-With"),
    );
    if !is_script && was_sent(request) {
        log!(
            request,
            Info,
            "the user was sent to log in already, and it brought no credential"
        );
        return None;
    }
    // The login page, if there will be one, is on its way when we are back.
    let headers = request.response_headers_always();
    let before = headers.get_all("Set-Cookie");
    mark(request);
    match meeting::log_in_again(request) {
        Outcome::Done => {
            log!(
                request,
                Info,
                "sent to log in again, because there is no credential: {}",
                shortfall.class.as_str()
            );
            Some(Outcome::Done)
        }
        outcome => {
            headers.set_all("Set-Cookie", &before);
            matches!(outcome, Outcome::Status(_)).then_some(outcome)
        }
    }
}

/// Forgets that the browser was sent: who logs out begins anew.
pub fn forget(request: &Request<'_>) {
    if mark_of(request).is_some() {
        session_cookie::send(request, &format!("{MARK}=; {ATTRIBUTES}; Max-Age=0"));
    }
}

/// The cookie that says when the browser was sent. No neighbour in the domain can plant one of such a name.
const MARK: &str = "__Host-myproxy_login";
const ATTRIBUTES: &str = "Path=/; Secure; HttpOnly; SameSite=Lax";

fn mark(request: &Request<'_>) {
    let now = request.time();
    session_cookie::send(
        request,
        &format!("{MARK}={now}; {ATTRIBUTES}; Max-Age={MARK_SECONDS}"),
    );
}

fn was_sent(request: &Request<'_>) -> bool {
    mark_of(request).is_some_and(|since| (since..since + MARK_SECONDS).contains(&request.time()))
}

/// When the browser says it was sent. Who pretends to another time changes the own way alone.
fn mark_of(request: &Request<'_>) -> Option<i64> {
    let headers = request.headers().get_all("Cookie").into_iter();
    headers
        .flat_map(|header| cookie_header::values(header.to_bytes(), MARK).collect::<Vec<_>>())
        .find_map(|value| {
            let seconds: u32 = std::str::from_utf8(value).ok()?.parse().ok()?;
            Some(i64::from(seconds))
        })
}
