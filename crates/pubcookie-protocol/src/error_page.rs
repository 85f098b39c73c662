//! Pages that say why a login went wrong. Never a redirect, so that there is no loop.

use crate::form::FormError;
use crate::page::{Contents, Nonce, Page, render};
use crate::reason::Reason;
use crate::reply::{Destination, ReplyError};
use maud::html;

/// What went wrong, as far as the user is told. The log has the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A granting cookie with a blank user where a login is required.
    NoUser,
    /// Reauthentication was demanded and did not happen.
    NoReauthentication,
    /// The browser comes back from the login server without the cookie that it was given before.
    NoCookiesKept,
    /// The browser goes to and fro between here and the login server.
    GoesInCircles(Reason),
    /// The request did not come over TLS, so that no cookie of ours would be kept.
    PlainHttp,
    /// The reply of the login server is not one.
    BadReply,
    /// The request's query is too long to be carried through a login.
    QueryTooLong,
    /// Files cannot be carried through a login.
    Multipart,
    /// The request's body cannot be carried through a login.
    BadBody,
    /// The request's body is too large to be carried through a login.
    BodyTooLarge,
}

impl Problem {
    /// 403 where a login was refused, 400 where the request was at fault.
    pub fn status(self) -> u16 {
        match self {
            Problem::NoUser | Problem::NoReauthentication | Problem::GoesInCircles(_) => 403,
            _ => 400,
        }
    }

    /// One line, for page and log.
    pub fn message(self) -> &'static str {
        match self {
            Problem::NoUser => "Required user login didn't happen",
            Problem::NoReauthentication => "Required Session Reauthentication didn't happen",
            Problem::NoCookiesKept => "Your browser keeps no cookies",
            Problem::GoesInCircles(_) => "The login does not come to an end",
            Problem::PlainHttp => "This page needs a secure connection",
            Problem::BadReply => "No granting reply",
            Problem::QueryTooLong => "GET arguments longer than supported",
            Problem::Multipart => "multipart/form-data not allowed",
            Problem::BadBody => "Invalid POST data",
            Problem::BodyTooLarge => "POST data larger than supported",
        }
    }

    /// What the user can do.
    fn advice(self) -> &'static str {
        match self {
            Problem::NoUser => "This page is only for users who have logged in. Try again and log in.",
            Problem::NoReauthentication => {
                "This page asks you to enter your password again. Try again and enter it."
            }
            Problem::NoCookiesKept => {
                "The login needs cookies. Allow cookies for this site and for the login page in your browser's \
                 settings, then try again. If you came here through an old link to the login page, just try again."
            }
            Problem::GoesInCircles(_) => {
                "You were sent to the login page several times, and each time this server could not use what came \
                 back. Check that your browser keeps cookies and that your computer's clock is right. If that does \
                 not help, tell the administrator of this server."
            }
            Problem::PlainHttp => "Open the page again with an address that begins with https://.",
            Problem::BadReply => {
                "What arrived here is not the answer of the login page. Open the page again that you want to see."
            }
            Problem::QueryTooLong => {
                "The address is too long to be kept during a login. Log in first, then open the page again."
            }
            Problem::Multipart => "Files cannot be kept during a login. Log in first, then send them again.",
            Problem::BadBody => {
                "What you sent cannot be kept during a login. Log in first, then send it again."
            }
            Problem::BodyTooLarge => {
                "What you sent is too large to be kept during a login. Log in first, then send it again."
            }
        }
    }
}

impl From<&FormError> for Problem {
    fn from(error: &FormError) -> Problem {
        match error {
            FormError::Multipart => Problem::Multipart,
            FormError::TooLarge { .. } | FormError::TooManyFields => Problem::BodyTooLarge,
            FormError::Empty | FormError::NotAForm(_) | FormError::NotCarriable => Problem::BadBody,
        }
    }
}

impl From<&ReplyError> for Problem {
    fn from(error: &ReplyError) -> Problem {
        match error {
            ReplyError::QueryTooLong(_) => Problem::QueryTooLong,
            _ => Problem::BadReply,
        }
    }
}

/// The page. `reference` is what the user can tell the administrator to find the log line; `again` is where to try
/// again, if that makes sense.
pub fn error_page(problem: Problem, reference: &str, again: Option<&Destination>, nonce: &Nonce) -> Page {
    let main = html! {
        h1 { (problem.message()) }
        @if let Problem::GoesInCircles(reason) = problem {
            p { (reason.for_user()) " (reason " (reason.number()) ")" }
        }
        p { (problem.advice()) }
        @if let Some(again) = again {
            p { a class="button" href=(again) { "Try again" } }
        }
        @if !reference.is_empty() {
            p class="hint" { "Reference for the administrator: " (reference) }
        }
    };
    let title = "A problem has occurred";
    render(
        Contents {
            status: problem.status(),
            title,
            head: html! {},
            main,
            submits_itself: false,
        },
        nonce,
    )
}
