//! The pages that a user of the login server sees. None of them needs a script; a form that only carries something on
//! submits itself where there is one.

use super::login_form::{LoginFor, SealedForm};
use super::login_request::{CarriedBody, LoginRequest};
use super::relay_url::RelayUrl;
use super::user::UserName;
use crate::form::Carriage;
use crate::settings::LoginUrl;
use maud::{Markup, html};

/// What a page shows.
pub(super) struct Shown {
    pub title: &'static str,
    /// What goes into the head besides the title.
    pub head: Markup,
    pub main: Markup,
    /// Whether its only form submits itself.
    pub submits_itself: bool,
}

/// The name in the form, and whether the user may change it.
#[derive(Clone, Copy)]
pub(super) enum NameField<'a> {
    /// To be typed, or to be corrected.
    Open(&'a str),
    /// Of the user who is asked for the password again.
    Fixed(&'a UserName),
}

/// Why the form is shown again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    WrongPassword,
    NothingTyped,
    NameRefused,
    TooLate,
    Unavailable,
}

impl Problem {
    fn text(self) -> &'static str {
        match self {
            Problem::WrongPassword => "The user name or the password is not right. Please try again.",
            Problem::NothingTyped => "Please enter your user name and your password.",
            Problem::NameRefused => "This is not a user name that can log in here. Please check it.",
            Problem::TooLate => "This page was open for too long. Please log in again.",
            Problem::Unavailable => {
                "Your password cannot be checked at the moment. Please try again in a while."
            }
        }
    }
}

const TITLE_LOGGED_IN: &str = "You are logged in";

fn page(title: &'static str, main: Markup) -> Shown {
    Shown {
        title,
        head: html! {},
        main,
        submits_itself: false,
    }
}

/// The login form. Its fields are the original's, in its order.
pub(super) fn login_form(
    url: &LoginUrl,
    login_for: &LoginFor,
    name: NameField<'_>,
    problem: Option<Problem>,
    sealed: &SealedForm,
) -> Shown {
    let (user, fixed) = match name {
        NameField::Open(user) => (user, false),
        NameField::Fixed(user) => (user.as_str(), true),
    };
    let described_by = problem.map(|_| "problem");
    page(
        "Log in",
        html! {
            h1 { "Log in" }
            @if let LoginFor::Request(request) = login_for {
                p { "to continue to " strong { (request.granting().host.name()) } }
            }
            @if let Some(problem) = problem {
                p id="problem" class="problem" role="alert" { (problem.text()) }
            } @else if fixed {
                p { "This site asks you to enter your password again." }
            }
            form name="query" method="post" action=(url) {
                label for="user" { "User name" }
                input id="user" type="text" name="user" value=(user) required maxlength="256" autocomplete="username"
                    autocapitalize="none" autocorrect="off" spellcheck="false" readonly[fixed] autofocus[user.is_empty()]
                    aria-describedby=[described_by];
                label for="pass" { "Password" }
                input id="pass" type="password" name="pass" required autocomplete="current-password"
                    autofocus[!user.is_empty()] aria-describedby=[described_by];
                button type="submit" { "Log in" }
                @for (name, value) in &sealed.fields {
                    input type="hidden" name=(name) value=(value.as_str());
                }
            }
            p class="hint" {
                "Before you enter your password, check that the address begins with "
                strong { (url) }
            }
        },
    )
}

/// GET method: the cookies are set, and the browser goes back to the application.
pub(super) fn return_by_get(request: &LoginRequest) -> Shown {
    match request.carried() {
        None => return_without_body(request),
        Some(carried) => return_with_body(request, carried),
    }
}

fn return_without_body(request: &LoginRequest) -> Shown {
    let destination = request.destination();
    let head = html! { meta http-equiv="Refresh" content={ "0;URL=" (destination) }; };
    let main = html! {
        h1 { (TITLE_LOGGED_IN) }
        p { "You are on your way back to " strong { (request.granting().host.name()) } "." }
        p { a class="button" href=(destination) { "Continue" } }
    };
    Shown {
        head,
        ..page(TITLE_LOGGED_IN, main)
    }
}

/// A form that posts the body of the user's POST again, where it was to go: by itself, or after the user has seen where
/// that is and clicks.
fn return_with_body(request: &LoginRequest, carried: &CarriedBody) -> Shown {
    let by_itself = carried.carriage == Carriage::ByItself;
    let title = if by_itself {
        TITLE_LOGGED_IN
    } else {
        "Send this form?"
    };
    let granting = request.granting();
    let main = html! {
        h1 { (title) }
        @if by_itself {
            p { "What you entered before the login is being sent on to " strong { (granting.host.name()) } "." }
        } @else {
            p {
                "You are logged in. Before that, a form was filled in, maybe by another site, for "
                strong { (granting.host) (granting.path) } ". Send it only if you meant to."
            }
        }
        form name="query" method="post" action=(request.destination()) {
            @for (name, value) in carried.fields.fields() {
                input type="hidden" name=(String::from_utf8_lossy(name)) value=(String::from_utf8_lossy(value));
            }
            button type="submit" { @if by_itself { "Continue" } @else { "Send" } }
        }
    };
    Shown {
        submits_itself: by_itself,
        ..page(title, main)
    }
}

/// POST method: a form that takes the granting cookie to the app server's reply URL.
pub(super) fn return_by_post(request: &LoginRequest, relay_url: &RelayUrl, granting_cookie: &str) -> Shown {
    let granting = request.granting();
    let main = html! {
        h1 { (TITLE_LOGGED_IN) }
        p { "You are on your way back to " strong { (granting.host.name()) } "." }
        form name="relay" method="post" action=(relay_url) {
            input type="hidden" name="post_stuff" value=(request.carried().map_or("", |carried| &carried.body));
            input type="hidden" name="get_args" value=(granting.query);
            input type="hidden" name="redirect_url" value=(request.redirect_url());
            input type="hidden" name="pubcookie_g" value=(granting_cookie);
            button type="submit" name="go" value="Continue" { "Continue" }
        }
    };
    Shown {
        submits_itself: true,
        ..page(TITLE_LOGGED_IN, main)
    }
}

/// Who is logged in, and until when.
pub(super) fn status(url: &LoginUrl, user: &UserName, seconds_left: u64) -> Shown {
    let (hours, minutes) = (seconds_left / 3600, seconds_left % 3600 / 60);
    page(
        TITLE_LOGGED_IN,
        html! {
            h1 { (TITLE_LOGGED_IN) }
            p { "as " strong { (user) } ", for another " (hours) " h " (minutes) " min." }
            p { a class="button" href={ (url) "?logout_action=2" } { "Log out" } }
        },
    )
}

/// After a logout at an application that leaves the login here as it is.
pub(super) fn still_logged_in(url: &LoginUrl, user: &UserName) -> Shown {
    page(
        "Logged out of an application",
        html! {
            h1 { "You are logged out of one application" }
            p { "You are still logged in here as " strong { (user) } ", and other applications let you in." }
            p { a class="button" href={ (url) "?logout_action=1" } { "Log out here too" } }
        },
    )
}

/// After a logout.
pub(super) fn logged_out(url: &LoginUrl) -> Shown {
    page(
        "You are logged out",
        html! {
            h1 { "You are logged out" }
            p {
                "Applications that you did not log out of may go on for a while. To be sure that nobody goes on in your \
                 place, close all windows of the browser."
            }
            p { a href=(url) { "Log in again" } }
        },
    )
}

/// Why nothing was done.
pub(super) fn refused(why: &'static str) -> Shown {
    page(
        "This login does not work",
        html! {
            h1 { "This login does not work" }
            p role="alert" { (why) }
        },
    )
}
