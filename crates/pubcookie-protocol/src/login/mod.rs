//! The login server: reads what a browser brings, and answers with pages and cookies.
//!
//! ```text
//!  granting request ──▶ login cookie good? ──yes──▶ granting cookie, back to the application
//!                             │ no                          ▲
//!                             ▼                             │ granted
//!                        login form ──▶ comes back ──▶ password checked ──denied──▶ login form
//! ```
//!
//! Everything here is a function of the request, the keys and the time. The caller reads requests, sends answers, and
//! checks passwords: [`LoginServer::visit`] says when.

mod answer;
mod continuation;
mod cookies;
mod fields;
mod granting;
mod guessing;
mod keys;
mod log_text;
mod login_cookie;
mod login_form;
mod login_request;
mod pages;
mod refusal;
mod relay_url;
mod remote_user;
mod steps;
mod template_check;
mod templates;
mod user;
mod visit;

pub use answer::{Answer, Event, Proof, Purpose};
pub use continuation::Continuation;
pub use guessing::{Allowance, Guesses, GuessingLimits, GuessingLimitsError, Source};
pub use keys::LoginKeys;
pub use login_form::form_sealing_keys;
pub use refusal::Refusal;
pub use relay_url::RelayUrlError;
pub use templates::{TemplateError, Templates};
pub use user::{UserName, UserNameError};
pub use visit::{Method, VisitInput};

use crate::auth_type::Creds;
use crate::cookie_header;
use crate::page;
use crate::set_cookie;
use crate::settings::{CookieDomain, LoginUrl};
use login_cookie::KnownUser;
use std::collections::BTreeMap;
use std::sync::LazyLock;
use templates::View;
use visit::Visit;
use zeroize::Zeroizing;

/// How a login server is set up.
#[derive(Clone, Debug)]
pub struct LoginConfig {
    /// Where it is: forms are sent there, and its path is the login cookie's.
    pub url: LoginUrl,
    /// The domain that it shares with app servers of the GET method; without one, only its own host.
    pub domain: Option<CookieDomain>,
    /// The longest body that is carried through a login, in bytes; 1 MiB.
    pub post_limit: usize,
    /// The flavours of login that there are, and how each is checked.
    pub flavours: BTreeMap<Creds, Check>,
    /// The pages.
    pub templates: Templates,
}

/// How a flavour of login finds out who a user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// By a form, with a password or the like.
    Password,
    /// Not at all: httpd has authenticated the user ([`VisitInput::remote_user`]).
    RemoteUser,
}

/// How long a login serves, in seconds.
const LOGIN_SECONDS: u64 = 8 * 3600;
/// How long a login form can be submitted, in seconds.
const FORM_SECONDS: u64 = 30 * 60;

/// A login server.
#[derive(Clone, Debug)]
pub struct LoginServer {
    config: LoginConfig,
}

/// What a visit leads to.
pub enum Step<'a> {
    /// This answer.
    Answer(Answer),
    /// The password has to be checked first; the continuation then has the answer.
    CheckPassword {
        /// Who logs in.
        user: UserName,
        /// The password as it was typed.
        password: Zeroizing<String>,
        /// The flavour of login, which decides the providers.
        creds: Creds,
        /// How it goes on.
        continuation: Box<Continuation<'a>>,
    },
}

impl LoginConfig {
    /// A login server that checks passwords for the first flavour, with the usual limit and pages.
    pub fn new(url: LoginUrl, domain: Option<CookieDomain>) -> LoginConfig {
        LoginConfig {
            url,
            domain,
            post_limit: 1 << 20,
            flavours: BTreeMap::from([(Creds::FIRST, Check::Password)]),
            templates: Templates::built_in(),
        }
    }
}

impl LoginServer {
    /// A login server that is set up so.
    pub fn new(config: LoginConfig) -> LoginServer {
        LoginServer { config }
    }

    /// The longest body of a POST that has to be read, in bytes: a carried body, percent-encoded once more, and the
    /// other fields.
    pub fn body_limit(&self) -> usize {
        self.config.post_limit.saturating_mul(3).saturating_add(64 * 1024)
    }

    /// Reads a request and says what to do.
    pub fn visit<'a>(&'a self, input: &VisitInput<'a>, keys: &impl LoginKeys) -> Step<'a> {
        let known = KnownUser::read(input.cookies, self.url(), keys, input.now);
        self.step(&known, input, keys).unwrap_or_else(|refusal| {
            let user = known.login().map(|login| login.user.clone());
            Step::Answer(self.refuse(refusal, user, input))
        })
    }

    fn step<'a>(
        &'a self,
        known: &KnownUser,
        input: &VisitInput<'a>,
        keys: &impl LoginKeys,
    ) -> Result<Step<'a>, Refusal> {
        let visit = Visit::read(
            input,
            self.url(),
            keys.form_sealing_keys(),
            self.config.post_limit,
        )?;
        match visit {
            Visit::Granting(request) => self.answer_request(request, known, input, keys).map(Step::Answer),
            Visit::Submitted(form) => self.submitted(form, known, input, keys),
            Visit::Logout(action, from) => self.logout(action, &from, known, input, keys).map(Step::Answer),
            Visit::Plain => self.plain(known, input, keys).map(Step::Answer),
        }
    }

    /// A page with its cookies.
    fn answer(
        &self,
        view: View,
        set_cookies: Vec<Zeroizing<String>>,
        event: Event,
        input: &VisitInput<'_>,
    ) -> Answer {
        let rendered = self
            .config
            .templates
            .render(&view, &self.url().to_string(), input.nonce);
        match rendered {
            Ok(body) => Answer {
                page: page::from_template(event.status(), body, view.submits_itself, input.nonce),
                set_cookies,
                event,
            },
            // Templates are tried when they are loaded: this one did not show then what is wrong with it.
            Err(why) => self.own_problem(Refusal::Template(why), input),
        }
    }

    /// The built-in page that says that the login server has a problem, whatever the site's own pages are.
    fn own_problem(&self, refusal: Refusal, input: &VisitInput<'_>) -> Answer {
        static BUILT_IN: LazyLock<Templates> = LazyLock::new(Templates::built_in);
        let body = BUILT_IN.render(&pages::refused(&refusal), &self.url().to_string(), input.nonce);
        let event = Event::Refused { refusal, user: None };
        Answer {
            page: page::from_template(event.status(), body.unwrap_or_default(), false, input.nonce),
            set_cookies: Vec::new(),
            event,
        }
    }

    /// A page that says why nothing was done. The granting request goes: it would only be refused again.
    fn refuse(&self, refusal: Refusal, user: Option<UserName>, input: &VisitInput<'_>) -> Answer {
        let asked = cookie_header::values(input.cookies, set_cookie::GRANTING_REQUEST)
            .next()
            .is_some();
        let clear = asked.then(|| cookies::clear_granting_request(self.config.domain.as_ref()));
        let view = pages::refused(&refusal);
        let event = Event::Refused { refusal, user };
        self.answer(view, clear.into_iter().collect(), event, input)
    }

    fn url(&self) -> &LoginUrl {
        &self.config.url
    }

    /// How a flavour is checked; `None` where this server does not have it.
    fn check_of(&self, creds: Creds) -> Option<Check> {
        self.config.flavours.get(&creds).copied()
    }

    /// The flavour of a login at the login server itself: the first that there is.
    fn own_flavour(&self) -> Creds {
        self.config
            .flavours
            .keys()
            .next()
            .copied()
            .unwrap_or(Creds::FIRST)
    }
}
