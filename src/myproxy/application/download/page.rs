//! The pages of the download: the form, and why there is none.

use credential_store::Credential;
use maud::{Markup, html};
use pubcookie_protocol::page::{Contents, Nonce, Page, render};
use time::OffsetDateTime;
use time::macros::format_description;

use super::credential_file::Format;
use super::form::{AGAIN, FORMAT, LONGEST, PASS_PHRASE, Problem, SEAL, SHORTEST};
use crate::myproxy::shortfall::{Class, Shortfall};

/// The form, shown again where something was wrong with what was typed.
pub fn form(
    user: &str,
    credential: &Credential,
    seal: &str,
    problem: Option<Problem>,
    nonce: &Nonce,
) -> Page {
    let certificate = &credential.certificate;
    let until = OffsetDateTime::from(certificate.expires)
        .format(format_description!("[year]-[month]-[day] [hour]:[minute] UTC"))
        .unwrap_or_default();
    let main = html! {
        h1 { "Download your credential" }
        p { (user) ": " (certificate.subject) ", good until " (until) "." }
        @if let Some(problem) = problem { p.problem role="alert" { (words(problem)) } }
        form method="post" {
            input type="hidden" name=(SEAL) value=(seal);
            (pass_phrase_field(PASS_PHRASE, "Pass phrase for the file"))
            (pass_phrase_field(AGAIN, "The same once more"))
            p.hint id="rules" {
                "At least " (SHORTEST) " letters without accents, digits, spaces and signs. Whoever has the file and the \
                 pass phrase can act for you until the credential ends; nobody can tell you a pass phrase that you have \
                 forgotten."
            }
            p { (button(Format::Pem, "Download for command-line tools (PEM)")) }
            p { (button(Format::Pkcs12, "Download for browsers and key stores (PKCS#12)")) }
        }
    };
    let status = match problem {
        None => 200,
        Some(problem) if problem.is_suspicious() => 403,
        Some(_) => 400,
    };
    page(status, "Download your credential", main, nonce)
}

/// Why there is nothing to download.
pub fn no_credential(shortfall: &Shortfall, nonce: &Nonce) -> Page {
    let advice = match shortfall.class {
        Class::None | Class::Expired => "Log in again, and come back to this page.",
        Class::Refused => "If you think that you should have one, tell the administrator.",
        Class::Unreachable => "Try again in a minute.",
        Class::Untrusted | Class::Store => "Tell the administrator.",
    };
    let main = html! {
        h1 { "There is no credential to download" }
        p.problem role="alert" { (shortfall.description()) }
        p { (advice) }
    };
    page(shortfall.class.status(), "There is no credential", main, nonce)
}

fn pass_phrase_field(name: &str, label: &str) -> Markup {
    html! {
        label for=(name) { (label) }
        input id=(name) name=(name) type="password" autocomplete="new-password" required minlength=(SHORTEST)
            maxlength=(LONGEST) aria-describedby="rules";
    }
}

fn button(format: Format, label: &str) -> Markup {
    html! { button name=(FORMAT) value=(format.name()) { (label) } }
}

fn words(problem: Problem) -> &'static str {
    match problem {
        Problem::OtherSite => {
            "This form was sent by a page of another site. If it was you who sent it, send this one."
        }
        Problem::NotOurs => {
            "The form was too old, or of another login; or your browser keeps no cookies. Type the pass phrase again."
        }
        Problem::Incomplete => "Something was missing in the form. Type the pass phrase again.",
        Problem::Differ => "The two pass phrases differ.",
        Problem::Unfit => {
            "The pass phrase is too short, too long, or has letters with accents or other signs in it."
        }
    }
}

/// The frame of all pages, and what only a page with a form of this site needs: the form goes nowhere else, and browsers
/// without `Sec-Fetch-Site` may say where it comes from.
fn page(status: u16, title: &str, main: Markup, nonce: &Nonce) -> Page {
    let contents = Contents {
        status,
        title,
        head: html! {},
        main,
        submits_itself: false,
    };
    let mut page = render(contents, nonce);
    for (name, value) in &mut page.headers {
        match *name {
            "Content-Security-Policy" => value.push_str("; form-action 'self'"),
            "Referrer-Policy" => "same-origin".clone_into(value),
            _ => {}
        }
    }
    page
}
