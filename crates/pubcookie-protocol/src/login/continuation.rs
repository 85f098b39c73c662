//! A login that waits for the verdict on its password.

use super::answer::{Answer, Event, Purpose};
use super::guessing::Source;
use super::keys::LoginKeys;
use super::log_text;
use super::login_cookie::Login;
use super::login_form::LoginFor;
use super::pages::{NameField, Problem};
use super::steps::FormPage;
use super::user::{UserName, UserNameError};
use super::visit::VisitInput;
use super::{LOGIN_SECONDS, LoginServer};
use crate::auth_type::Creds;

/// What a login needs once its password was checked. It knows the user and what the login is for; the browser can change
/// neither any more.
pub struct Continuation<'a> {
    pub(super) server: &'a LoginServer,
    pub(super) input: VisitInput<'a>,
    pub(super) login_for: LoginFor,
    pub(super) user: UserName,
    pub(super) creds: Creds,
    /// The login of this flavour that counts already. Its expiry is kept if it is this user's.
    pub(super) earlier: Option<Login>,
}

impl Continuation<'_> {
    /// The password is right: the user is logged in, and goes back to the application. The provider calls the user `name`,
    /// however that was typed. `now` is in Unix seconds.
    pub fn granted(self, name: &str, now: u64, keys: &impl LoginKeys) -> Answer {
        let user = match UserName::authenticated(name) {
            Ok(user) => user,
            Err(why) => return self.name_refused(name, why, now, keys),
        };
        let earlier = self.earlier.filter(|login| login.user == user);
        let login = Login {
            user: user.clone(),
            creds: self.creds,
            logged_in: now,
            expires: earlier.map_or(now.saturating_add(LOGIN_SECONDS), |login| login.expires),
        };
        let (server, input) = (self.server, VisitInput { now, ..self.input });
        let answer = match &self.login_for {
            LoginFor::Request(request) => server.grant_by_password(request, &login, &input, keys),
            LoginFor::Itself => server.logged_in_itself(&login, &input, keys),
        };
        answer.unwrap_or_else(|refusal| server.refuse(refusal, Some(user), &input))
    }

    fn name_refused(self, name: &str, why: UserNameError, now: u64, keys: &impl LoginKeys) -> Answer {
        let event = Event::UserNameRefused {
            user: name.to_owned(),
            why,
            purpose: self.purpose(),
        };
        self.again(Problem::NameRefused, event, now, keys)
    }

    /// The provider does not know this user with this password. The answer does not say which of the two was wrong.
    pub fn denied(self, now: u64, keys: &impl LoginKeys) -> Answer {
        let event = Event::Denied {
            user: self.user.as_str().to_owned(),
            purpose: self.purpose(),
        };
        self.again(Problem::WrongPassword, event, now, keys)
    }

    /// The provider was not asked, and will not be for `wait` seconds: there were too many wrong passwords.
    pub fn delayed(self, wait: u64, source: Source, now: u64, keys: &impl LoginKeys) -> Answer {
        let event = Event::Delayed {
            user: self.user.as_str().to_owned(),
            wait,
            source,
            purpose: self.purpose(),
        };
        let mut answer = self.again(Problem::TooMany { wait }, event, now, keys);
        answer.page.headers.push(("Retry-After", wait.to_string()));
        answer
    }

    /// The provider could not be asked.
    pub fn unavailable(self, now: u64, keys: &impl LoginKeys) -> Answer {
        let event = Event::ProviderUnavailable {
            user: self.user.as_str().to_owned(),
            purpose: self.purpose(),
        };
        self.again(Problem::Unavailable, event, now, keys)
    }

    fn purpose(&self) -> Purpose {
        log_text::purpose(&self.login_for)
    }

    fn again(self, problem: Problem, event: Event, now: u64, keys: &impl LoginKeys) -> Answer {
        let input = VisitInput { now, ..self.input };
        let form = FormPage {
            name: NameField::Open(self.user.as_str()),
            problem: Some(problem),
            event,
        };
        self.server
            .form(&self.login_for, form, &input, keys)
            .unwrap_or_else(|refusal| self.server.refuse(refusal, Some(self.user), &input))
    }
}
