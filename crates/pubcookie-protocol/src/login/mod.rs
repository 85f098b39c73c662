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
mod keys;
mod login_cookie;
mod login_form;
mod login_request;
mod pages;
mod refusal;
mod relay_url;
mod steps;
mod user;
mod visit;

pub use answer::{Answer, Event};
pub use continuation::Continuation;
pub use keys::LoginKeys;
pub use login_form::form_sealing_keys;
pub use refusal::Refusal;
pub use relay_url::RelayUrlError;
pub use user::{UserName, UserNameError};
pub use visit::{Method, VisitInput};

use crate::auth_type::Creds;
use crate::cookie_header;
use crate::page::{self, Contents};
use crate::set_cookie;
use crate::settings::{CookieDomain, LoginUrl};
use login_cookie::KnownUser;
use pages::Shown;
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
}

/// The flavour of login that there is a check for.
const CREDS: Creds = Creds::FIRST;
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
    /// A login server with the usual limit.
    pub fn new(url: LoginUrl, domain: Option<CookieDomain>) -> LoginConfig {
        LoginConfig {
            url,
            domain,
            post_limit: 1 << 20,
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
        self.step(input, keys)
            .unwrap_or_else(|refusal| Step::Answer(self.refuse(refusal, input)))
    }

    fn step<'a>(&'a self, input: &VisitInput<'a>, keys: &impl LoginKeys) -> Result<Step<'a>, Refusal> {
        let known = KnownUser::read(input.cookies, self.url(), keys, input.now);
        match Visit::read(
            input,
            self.url(),
            keys.form_sealing_keys(),
            self.config.post_limit,
        )? {
            Visit::Granting(request) => self
                .answer_request(request, &known, input, keys)
                .map(Step::Answer),
            Visit::Submitted(form) => self.submitted(form, &known, input, keys),
            Visit::Logout(action) => self.logout(action, &known, input, keys).map(Step::Answer),
            Visit::Plain => self.plain(&known, input, keys).map(Step::Answer),
        }
    }

    /// A page with its cookies.
    fn answer(
        &self,
        shown: Shown,
        set_cookies: Vec<Zeroizing<String>>,
        event: Event,
        input: &VisitInput<'_>,
    ) -> Answer {
        let status = match &event {
            Event::Refused(refusal) => refusal.status(),
            Event::ProviderUnavailable { .. } => 503,
            _ => 200,
        };
        let page = page::render(
            Contents {
                status,
                title: shown.title,
                head: shown.head,
                main: shown.main,
                submits_itself: shown.submits_itself,
            },
            input.nonce,
        );
        Answer {
            page,
            set_cookies,
            event,
        }
    }

    /// A page that says why nothing was done. The granting request goes: it would only be refused again.
    fn refuse(&self, refusal: Refusal, input: &VisitInput<'_>) -> Answer {
        let asked = cookie_header::values(input.cookies, set_cookie::GRANTING_REQUEST)
            .next()
            .is_some();
        let clear = asked.then(|| cookies::clear_granting_request(self.config.domain.as_ref()));
        let shown = pages::refused(refusal.for_user());
        self.answer(shown, clear.into_iter().collect(), Event::Refused(refusal), input)
    }

    fn url(&self) -> &LoginUrl {
        &self.config.url
    }
}
