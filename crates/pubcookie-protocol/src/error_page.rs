//! Pages that say why a login went wrong. Never a redirect, so that there is no loop.

use crate::form::FormError;
use crate::page::{Contents, Nonce, Page, render};
use crate::reason::Reason;
use crate::reply::{Destination, ReplyError};
use maud::{Markup, html};

/// What went wrong, as far as the user is told. The log has the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Problem {
    /// A granting cookie with a blank user where a login is required.
    NoUser,
    /// Reauthentication was demanded and did not happen.
    NoReauthentication,
    /// The browser comes back from the login server without the cookie that it was given before.
    NoCookiesKept,
    /// The browser goes to and fro between here and the login server: what it brings each time does not do, for this
    /// reason.
    GoesInCircles(Reason),
    /// The login server's answer to a login that this browser began does not do, for this reason.
    UnusableReply(Reason),
    /// The request did not come over TLS, so that no cookie of ours would be kept.
    PlainHttp,
    /// The reply of the login server is not one.
    BadReply,
    /// The request's query is too long to be carried through a login.
    QueryTooLong,
    /// Files cannot be carried through a login.
    Multipart,
    /// There is nothing in the request's body that could be carried through a login.
    EmptyBody,
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
            Problem::UnusableReply(_) => "The answer of the login page cannot be used",
            Problem::PlainHttp => "This page needs a secure connection",
            Problem::BadReply => "No granting reply",
            Problem::QueryTooLong => "GET arguments longer than supported",
            Problem::Multipart => "multipart/form-data not allowed",
            Problem::EmptyBody | Problem::BadBody => "Invalid POST data",
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
                 settings, then try again. If you came here through an old link to the login page, or if the address \
                 that you began with names this server differently, just try again."
            }
            Problem::GoesInCircles(_) => {
                "You were sent to the login page several times, and each time this server could not use what came \
                 back."
            }
            Problem::UnusableReply(_) => {
                "You have logged in, but this server cannot use what the login page sent here."
            }
            Problem::PlainHttp => "Open the page again with an address that begins with https://.",
            Problem::BadReply => {
                "What arrived here is not the answer of the login page to this browser. Open the page again that you want \
                 to see. If this comes after each login, the address that you began with names this server differently \
                 than it knows itself, or its keys are wrong: tell the administrator."
            }
            Problem::QueryTooLong => {
                "The address is too long to be kept during a login. Log in first, then open the page again."
            }
            Problem::Multipart => "Files cannot be kept during a login. Log in first, then send them again.",
            Problem::EmptyBody => {
                "What you sent is empty, and cannot be kept during a login. Log in first, then send it again."
            }
            Problem::BadBody => {
                "What you sent cannot be kept during a login. Log in first, then send it again."
            }
            Problem::BodyTooLarge => {
                "What you sent is too large to be kept during a login. Log in first, then send it again."
            }
        }
    }

    /// Why what comes back from the login server does not do, where it was that.
    fn reason(self) -> Option<Reason> {
        match self {
            Problem::GoesInCircles(reason) | Problem::UnusableReply(reason) => Some(reason),
            _ => None,
        }
    }

    /// What the administrator should compare, for the log; nothing where the user alone can mend it.
    pub fn hint(self) -> Option<String> {
        if self == Problem::NoCookiesKept {
            return Some(format!(
                "{}; {}",
                Cause::Cookies.for_log(),
                Cause::HostName.for_log()
            ));
        }
        let first = Cause::of(self.reason()?);
        let others = Cause::ALL.into_iter().filter(|cause| Some(*cause) != first);
        let causes: Vec<_> = first.into_iter().chain(others).map(Cause::for_log).collect();
        Some(format!("possible causes: {}", causes.join("; ")))
    }
}

impl From<&FormError> for Problem {
    fn from(error: &FormError) -> Problem {
        match error {
            FormError::Multipart => Problem::Multipart,
            FormError::TooLarge { .. } | FormError::TooManyFields => Problem::BodyTooLarge,
            FormError::Empty => Problem::EmptyBody,
            FormError::NotAForm(_) | FormError::NotCarriable => Problem::BadBody,
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

/// What makes logins fruitless.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    Cookies,
    Clocks,
    Keys,
    HostName,
}

impl Cause {
    const ALL: [Cause; 4] = [Cause::Cookies, Cause::Clocks, Cause::Keys, Cause::HostName];

    /// The one that a reason points to.
    fn of(reason: Reason) -> Option<Cause> {
        match reason {
            // What came back could not be read at all.
            Reason::NoCookie => Some(Cause::Keys),
            Reason::GrantingTooOld => Some(Cause::Clocks),
            Reason::WrongAppServerId => Some(Cause::HostName),
            Reason::WrongPreSession => Some(Cause::Cookies),
            _ => None,
        }
    }

    fn for_user(self) -> &'static str {
        match self {
            Cause::Cookies => {
                "Your browser, or an extension in it, does not keep the cookies of this site or of the login page."
            }
            Cause::Clocks => "The clocks of this server and of the login server disagree.",
            Cause::Keys => "This server and the login server have different keys.",
            Cause::HostName => {
                "The address that you used names this server differently than it knows itself."
            }
        }
    }

    fn for_log(self) -> &'static str {
        match self {
            Cause::Cookies => {
                "the browser keeps no cookies (its settings; PubcookieDomain must be a domain of this server and the \
                 login server)"
            }
            Cause::Clocks => "the clocks are apart (compare `date -u` on this host and the login server)",
            Cause::Keys => {
                "the keys differ (compare PubcookieGrantingCertFile, PubcookieCryptKeyFile or the file in \
                 PubcookieKeyDir, and PubcookieEncryption with the login server's)"
            }
            Cause::HostName => {
                "another host name (compare ServerName, ServerAlias and PubcookieAppSrvID with the address that users \
                 open)"
            }
        }
    }
}

/// The page. `reference` is what the user can tell the administrator to find the log line; `again` is where to try
/// again, if that makes sense.
pub fn error_page(problem: Problem, reference: &str, again: Option<&Destination>, nonce: &Nonce) -> Page {
    let main = html! {
        h1 { (problem.message()) }
        p { (problem.advice()) }
        @if let Some(reason) = problem.reason() { (causes(reason)) }
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

/// What may be wrong, the likeliest first, and who can mend it.
fn causes(reason: Reason) -> Markup {
    let first = Cause::of(reason);
    let others = Cause::ALL.into_iter().filter(|cause| Some(*cause) != first);
    html! {
        p { "What was wrong with it: " (reason.for_answer()) " (reason " (reason.number()) ")" }
        p { "This happens for one of these reasons:" }
        ul {
            @for cause in first.into_iter().chain(others) { li { (cause.for_user()) } }
        }
        p {
            "You can check your browser's settings, wait a minute and try again. The other reasons are for the \
             administrator of this server to look into."
        }
    }
}
