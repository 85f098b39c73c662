//! The pages and redirects with which an app server moves a login on. Form and field names are the original's.

use crate::form::{Carriage, Form};
use crate::granting_request::LoginMethod;
use crate::host::Host;
use crate::page::{Contents, Nonce, Page, render, uncacheable};
use crate::reply::Destination;
use crate::settings::{LoginUrl, ReplyPath, explicit};
use maud::html;
use zeroize::Zeroizing;

/// Sends the browser to the login server, by the page that the method and the request's body need.
pub fn login_page(
    method: LoginMethod,
    login: &LoginUrl,
    granting_request: &str,
    body: Option<&Form>,
    relay_url: &str,
    nonce: &Nonce,
) -> Page {
    match (method, body) {
        (LoginMethod::Get, None) => to_login_server(login, nonce),
        (LoginMethod::Get, Some(body)) => to_login_server_with_body(login, body, nonce),
        (LoginMethod::Post, body) => relay_to_login_server(login, granting_request, body, relay_url, nonce),
    }
}

/// Sends the browser to the login server, the granting request being in a cookie (GET method).
fn to_login_server(login: &LoginUrl, nonce: &Nonce) -> Page {
    moved_by_page(
        "Log in",
        "You are being taken to the login page.",
        &login.to_string(),
        nonce,
    )
}

/// Sends the browser to the login server with the body of its request, the granting request being in a cookie (GET
/// method). The body waits there until the user has logged in.
fn to_login_server_with_body(login: &LoginUrl, body: &Form, nonce: &Nonce) -> Page {
    let main = html! {
        h1 { "Log in" }
        p { "You are being taken to the login page. What you have entered goes on after the login." }
        form name="query" method="post" action=(login) {
            input type="hidden" name="post_stuff" value=(body.to_urlencoded().as_str());
            button type="submit" name="submit" value="Click here to continue" { "Continue" }
        }
    };
    render(
        Contents {
            status: 200,
            title: "Log in",
            head: html! {},
            main,
            submits_itself: true,
        },
        nonce,
    )
}

/// Sends the browser to the login server with the granting request, the body of its request (if it has one) and the
/// URL for the reply (POST method).
fn relay_to_login_server(
    login: &LoginUrl,
    granting_request: &str,
    body: Option<&Form>,
    relay_url: &str,
    nonce: &Nonce,
) -> Page {
    let post_stuff = body.map(Form::to_urlencoded).unwrap_or_default();
    let main = html! {
        h1 { "Log in" }
        p { "You are being taken to the login page." }
        form name="relay" method="post" action=(login) {
            input type="hidden" name="pubcookie_g_req" value=(granting_request);
            input type="hidden" name="post_stuff" value=(post_stuff.as_str());
            input type="hidden" name="relay_url" value=(relay_url);
            button type="submit" name="go" value="Continue" { "Continue" }
        }
    };
    render(
        Contents {
            status: 200,
            title: "Log in",
            head: html! {},
            main,
            submits_itself: true,
        },
        nonce,
    )
}

/// The absolute URL of our reply URL, for [`login_page`].
pub fn relay_url(own: &Host, path: &ReplyPath) -> String {
    format!("https://{}{}", explicit(own), path.as_str())
}

/// Sends the form that waited for the login on to where it was meant to go: by itself, or after the user has seen where
/// that is and clicks.
pub fn carry_on(
    destination: &Destination,
    body: &Form,
    carriage: Carriage,
    own: &Host,
    nonce: &Nonce,
) -> Page {
    let by_itself = carriage == Carriage::ByItself;
    let main = html! {
        h1 { @if by_itself { "You are logged in" } @else { "Send this form?" } }
        @if by_itself {
            p { "What you entered before the login is being sent on." }
        } @else {
            p {
                "You are logged in. Before that, a page of another site filled in a form and sent it to "
                strong { (own) (path_alone(destination)) }
                ". Continue only if you meant to send it."
            }
        }
        form name="relay" method="post" action=(destination) {
            @for (name, value) in body.fields() {
                input type="hidden" name=(String::from_utf8_lossy(name)) value=(String::from_utf8_lossy(value));
            }
            button type="submit" { @if by_itself { "Continue" } @else { "Send" } }
        }
    };
    render(
        Contents {
            status: 200,
            title: "Continue",
            head: html! {},
            main,
            submits_itself: by_itself,
        },
        nonce,
    )
}

/// Sends the browser on without a body.
pub fn redirect(destination: &Destination) -> Page {
    let mut headers = uncacheable();
    headers.push(("Location", destination.to_string()));
    Page {
        status: 302,
        headers,
        body: Zeroizing::default(),
    }
}

/// Sends the browser to the login server's logout page; `url` comes from [`crate::end_session::logout_url`].
pub fn to_logout(url: &str, nonce: &Nonce) -> Page {
    moved_by_page("Log out", "You are being logged out.", url, nonce)
}

/// A page and not a redirect: browsers keep the cookies of a page before they go on.
fn moved_by_page(title: &str, text: &str, url: &str, nonce: &Nonce) -> Page {
    let head = html! { meta http-equiv="Refresh" content={ "0;URL=" (url) }; };
    let main = html! {
        h1 { (title) }
        p { (text) }
        p { a class="button" href=(url) { "Continue" } }
    };
    render(
        Contents {
            status: 200,
            title,
            head,
            main,
            submits_itself: false,
        },
        nonce,
    )
}

fn path_alone(destination: &Destination) -> &str {
    let whole = destination.as_str();
    whole.split_once('?').map_or(whole, |(path, _)| path)
}
