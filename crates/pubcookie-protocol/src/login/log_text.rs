//! How the log names what strangers chose: as one word, in which nothing can pass for the end of the line, for another
//! user or for an address.

use super::answer::Purpose;
use super::login_form::LoginFor;
use super::login_request::LoginRequest;

use super::user::UserName;
use crate::percent;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// All but what names, paths and host names are made of.
const NOT_IN_WORD: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'.')
    .remove(b'-')
    .remove(b'_')
    .remove(b'~')
    .remove(b'@')
    .remove(b'/')
    .remove(b'+');

/// The most characters of a text that the log shows.
const SHOWN: usize = 80;

/// A text that somebody typed or sent, percent-encoded.
pub(super) fn word(text: &str) -> String {
    let shown: String = text.chars().take(SHOWN).collect();
    let more = if shown.len() < text.len() { "..." } else { "" };
    format!("{}{more}", utf8_percent_encode(&shown, NOT_IN_WORD))
}

/// A user's name.
pub(super) fn user(user: &UserName) -> String {
    word(user.as_str())
}

/// What a login is for.
pub(super) fn purpose(login_for: &LoginFor) -> Purpose {
    match login_for {
        LoginFor::Request(request) => application(request),
        LoginFor::Itself => Purpose("for the login server itself".to_owned()),
    }
}

/// The application that asks.
pub(super) fn application(request: &LoginRequest) -> Purpose {
    let granting = request.granting();
    Purpose(format!(
        "app server ID {}, app ID {}, at {}",
        word(&granting.app_server_id.decoded()),
        word(&String::from_utf8_lossy(&percent::decode_form(
            granting.app_id.as_str().as_bytes()
        ))),
        granting.host
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_sent_is_one_word() {
        assert_eq!(word("alice@EXAMPLE"), "alice@EXAMPLE");
        assert_eq!(word("/portal/a+b"), "/portal/a+b");
        assert_eq!(
            word("x: wrong user name or password [10.0.0.1]\nuser é"),
            "x%3A%20wrong%20user%20name%20or%20password%20%5B10.0.0.1%5D%0Auser%20%C3%A9"
        );
        assert_eq!(word(&"é".repeat(90)), format!("{}...", "%C3%A9".repeat(80)));
    }
}
