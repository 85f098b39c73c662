//! The pages that a user of the login server sees: which there are, and what each is told. Their words are in their
//! templates. None of them needs a script; a form that only carries something on submits itself where there is one.

use super::login_form::{LoginFor, SealedForm};
use super::login_request::{CarriedBody, LoginRequest};
use super::refusal::{REASONS, Refusal};
use super::relay_url::RelayUrl;
use super::templates::{Kind, PageTemplate, View};
use super::user::UserName;
use crate::auth_type::Creds;
use crate::form::Carriage;
use crate::settings::LoginUrl;
use maud::{Markup, html};
use minijinja::value::Value;
use zeroize::Zeroizing;

/// All of them.
pub(super) const PAGES: &[PageTemplate] =
    &[LOGIN, RETURN, SEND, STATUS, STILL_LOGGED_IN, LOGGED_OUT, REFUSED];

const LOGIN: PageTemplate = PageTemplate {
    file: "login.html",
    variables: &[
        ("host", Kind::Text),
        ("flavour", Kind::Number),
        ("user", Kind::Text),
        ("again", Kind::Flag),
        ("problem", Kind::OneOf(&PROBLEMS)),
        ("wait", Kind::Number),
    ],
    form: Some(&["user", "pass"]),
};

const RETURN: PageTemplate = PageTemplate {
    file: "return.html",
    variables: &[("host", Kind::Text), ("destination", Kind::Text)],
    form: None,
};

const SEND: PageTemplate = PageTemplate {
    file: "send.html",
    variables: &[
        ("host", Kind::Text),
        ("destination", Kind::Text),
        ("ask", Kind::Flag),
        ("button", Kind::OneOf(&["", "go"])),
    ],
    form: Some(&[]),
};

const STATUS: PageTemplate = PageTemplate {
    file: "status.html",
    variables: &[
        ("user", Kind::Text),
        ("elsewhere", Kind::Flag),
        ("hours", Kind::Number),
        ("minutes", Kind::Number),
        ("logout_url", Kind::Text),
    ],
    form: None,
};

const STILL_LOGGED_IN: PageTemplate = PageTemplate {
    file: "still-logged-in.html",
    variables: &[
        ("application", Kind::Text),
        ("user", Kind::Text),
        ("elsewhere", Kind::Flag),
        ("logout_url", Kind::Text),
    ],
    form: None,
};

const LOGGED_OUT: PageTemplate = PageTemplate {
    file: "logged-out.html",
    variables: &[("application", Kind::Text)],
    form: None,
};

const REFUSED: PageTemplate = PageTemplate {
    file: "refused.html",
    variables: &[("reason", Kind::OneOf(REASONS))],
    form: None,
};

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
    /// The password was not looked at: there were too many wrong ones before.
    TooMany {
        /// How many seconds to wait.
        wait: u64,
    },
    NothingTyped,
    NameRefused,
    TooLate,
    Unavailable,
}

/// What templates call them; empty for none.
const PROBLEMS: [&str; 7] = [
    "",
    "wrong-password",
    "too-many",
    "nothing-typed",
    "name-refused",
    "too-late",
    "unavailable",
];

impl Problem {
    fn name(self) -> &'static str {
        match self {
            Problem::WrongPassword => "wrong-password",
            Problem::TooMany { .. } => "too-many",
            Problem::NothingTyped => "nothing-typed",
            Problem::NameRefused => "name-refused",
            Problem::TooLate => "too-late",
            Problem::Unavailable => "unavailable",
        }
    }
}

fn page(template: &'static PageTemplate, variables: Vec<(&'static str, Value)>) -> View {
    View {
        template,
        variables,
        refresh: None,
        form: None,
        submits_itself: false,
    }
}

/// The login form. Its fields are the original's.
pub(super) fn login_form(
    url: &LoginUrl,
    login_for: &LoginFor,
    creds: Creds,
    name: NameField<'_>,
    problem: Option<Problem>,
    sealed: &SealedForm,
) -> View {
    let (user, again) = match name {
        NameField::Open(user) => (user, false),
        NameField::Fixed(user) => (user.as_str(), true),
    };
    let host = match login_for {
        LoginFor::Request(request) => request.granting().host.name(),
        LoginFor::Itself => "",
    };
    let wait = match problem {
        Some(Problem::TooMany { wait }) => wait,
        _ => 0,
    };
    let fields = sealed.fields.iter().map(|(name, value)| (*name, value.as_str()));
    let variables = vec![
        ("host", host.into()),
        ("flavour", u64::from(creds.number()).into()),
        ("user", user.into()),
        ("again", again.into()),
        ("problem", problem.map_or("", Problem::name).into()),
        ("wait", wait.into()),
    ];
    View {
        form: Some(form("query", &url.to_string(), fields)),
        ..page(&LOGIN, variables)
    }
}

/// GET method: the cookies are set, and the browser goes back to the application.
pub(super) fn return_by_get(request: &LoginRequest) -> View {
    match request.carried() {
        None => return_without_body(request),
        Some(carried) => return_with_body(request, carried),
    }
}

fn return_without_body(request: &LoginRequest) -> View {
    let destination = request.destination();
    let variables = vec![
        ("host", request.granting().host.name().into()),
        ("destination", destination.as_str().into()),
    ];
    View {
        refresh: Some(destination),
        ..page(&RETURN, variables)
    }
}

/// A form that posts the body of the user's POST again, where it was to go: by itself, or after the user has seen where
/// that is and clicks.
fn return_with_body(request: &LoginRequest, carried: &CarriedBody) -> View {
    let by_itself = carried.carriage == Carriage::ByItself;
    let granting = request.granting();
    let texts: Vec<_> = carried
        .fields
        .fields()
        .map(|(name, value)| (String::from_utf8_lossy(name), String::from_utf8_lossy(value)))
        .collect();
    let fields = texts.iter().map(|(name, value)| (&**name, &**value));
    let variables = vec![
        ("host", granting.host.name().into()),
        (
            "destination",
            format!("{}{}", granting.host, granting.path).into(),
        ),
        ("ask", (!by_itself).into()),
        ("button", "".into()),
    ];
    View {
        form: Some(form("query", &request.destination(), fields)),
        submits_itself: by_itself,
        ..page(&SEND, variables)
    }
}

/// POST method: a form that takes the granting cookie to the app server's reply URL.
pub(super) fn return_by_post(request: &LoginRequest, relay_url: &RelayUrl, granting_cookie: &str) -> View {
    let granting = request.granting();
    let redirect_url = request.redirect_url();
    let fields = [
        (
            "post_stuff",
            request.carried().map_or("", |carried| carried.body.as_str()),
        ),
        ("get_args", &granting.query),
        ("redirect_url", &redirect_url),
        ("pubcookie_g", granting_cookie),
    ];
    let variables = vec![
        ("host", granting.host.name().into()),
        (
            "destination",
            format!("{}{}", granting.host, granting.path).into(),
        ),
        ("ask", false.into()),
        ("button", "go".into()),
    ];
    View {
        form: Some(form("relay", &relay_url.to_string(), fields)),
        submits_itself: true,
        ..page(&SEND, variables)
    }
}

/// Who is logged in, and until when.
pub(super) fn status(url: &LoginUrl, user: &UserName, seconds_left: u64) -> View {
    let variables = vec![
        ("user", user.as_str().into()),
        ("elsewhere", false.into()),
        ("hours", (seconds_left / 3600).into()),
        ("minutes", (seconds_left % 3600 / 60).into()),
        ("logout_url", format!("{url}?logout_action=2").into()),
    ];
    page(&STATUS, variables)
}

/// Who is logged in, by httpd's own authentication.
pub(super) fn status_elsewhere(user: &UserName) -> View {
    let variables = vec![
        ("user", user.as_str().into()),
        ("elsewhere", true.into()),
        ("hours", 0.into()),
        ("minutes", 0.into()),
        ("logout_url", "".into()),
    ];
    page(&STATUS, variables)
}

/// After a logout at an application that leaves the login here as it is. `application` is the application's server, where
/// it is known. `elsewhere`: httpd's own authentication logs the user in, and would at once again.
pub(super) fn still_logged_in(url: &LoginUrl, application: &str, user: &UserName, elsewhere: bool) -> View {
    let variables = vec![
        ("application", application.into()),
        ("user", user.as_str().into()),
        ("elsewhere", elsewhere.into()),
        ("logout_url", format!("{url}?logout_action=1").into()),
    ];
    page(&STILL_LOGGED_IN, variables)
}

/// After a logout. `application` is the application's server, where the user comes from one that is known.
pub(super) fn logged_out(application: &str) -> View {
    page(&LOGGED_OUT, vec![("application", application.into())])
}

/// Why nothing was done.
pub(super) fn refused(refusal: &Refusal) -> View {
    page(&REFUSED, vec![("reason", refusal.reason().into())])
}

/// The beginning of a form, with its hidden fields.
fn form<'a>(
    name: &str,
    action: &str,
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Zeroizing<String> {
    let hidden: Vec<(&str, &str)> = fields.into_iter().collect();
    let markup: Markup = html! {
        form name=(name) method="post" action=(action) {
            @for (name, value) in hidden {
                input type="hidden" name=(name) value=(value);
            }
        }
    };
    let mut markup = Zeroizing::new(markup.into_string());
    let open = markup.len() - "</form>".len();
    markup.truncate(open);
    markup
}
