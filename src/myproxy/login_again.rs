//! A fresh login for a fresh granting cookie (`MyProxyOnMissing login`), and why that never goes in circles.
//!
//! Only who has no credential, or one that has expired, is sent to log in; what a MyProxy server has refused, another
//! login would not change. `pubcookie_module` sends nobody whose request comes from a login this very moment. And
//! a browser that loses the granting cookie on its way keeps a mark that it has been sent: it is not sent again before that
//! lapses. One that keeps no cookie at all has no login by Pubcookie either.

use pubcookie_protocol::{cookie_header, script_request};

use super::config::{ServerConfig, SessionCookie};
use super::shortfall::{Class, Shortfall};
use super::{MyProxy, log, meeting, session_cookie};
use crate::httpd::{Outcome, Request};

/// For how long a browser is not sent again, in seconds.
const MARK_SECONDS: i64 = 300;

/// Sends the user to log in, or answers 401 where a script asked. `None` where a login would be of no use.
pub fn start(request: &Request<'_>, shortfall: &Shortfall) -> Option<Outcome> {
    if !matches!(shortfall.class, Class::None | Class::Expired) {
        return None;
    }
    let config = request.server_config::<MyProxy>()?;
    let is_script = script_request::is_script_request(
        request.header("Sec-Fetch-Mode"),
        request.header("X-Requested-With"),
    );
    if !is_script && was_sent(request, config) {
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
    mark(request, config);
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
pub fn forget(request: &Request<'_>, config: &ServerConfig) {
    if mark_of(request, config).is_some() {
        session_cookie::send(
            request,
            &format!("{}=; {}; Max-Age=0", name(config), attributes(config)),
        );
    }
}

fn mark(request: &Request<'_>, config: &ServerConfig) {
    session_cookie::send(
        request,
        &format!(
            "{}={}; {}; Max-Age={MARK_SECONDS}",
            name(config),
            request.time(),
            attributes(config)
        ),
    );
}

fn was_sent(request: &Request<'_>, config: &ServerConfig) -> bool {
    mark_of(request, config).is_some_and(|since| (since..since + MARK_SECONDS).contains(&request.time()))
}

/// When the browser says it was sent. Who pretends to another time changes the own way alone.
fn mark_of(request: &Request<'_>, config: &ServerConfig) -> Option<i64> {
    let name = name(config);
    request
        .headers()
        .get_all("Cookie")
        .into_iter()
        .find_map(|header| {
            let mut values = cookie_header::values(header.to_bytes(), &name);
            let seconds: u32 = std::str::from_utf8(values.next()?).ok()?.parse().ok()?;
            Some(i64::from(seconds))
        })
}

/// The mark goes where the session cookie goes.
fn name(config: &ServerConfig) -> String {
    let SessionCookie { name, .. } = config.settings.session_cookie();
    format!("{name}_LOGIN")
}

fn attributes(config: &ServerConfig) -> &str {
    &config.settings.session_cookie().attributes
}
