//! How each kind of visit is answered.

use super::answer::{Answer, Event};
use super::continuation::Continuation;
use super::cookies;
use super::granting::Admission;
use super::keys::LoginKeys;
use super::log_text;
use super::login_cookie::KnownUser;
use super::login_form::{self, LoginFor, SubmittedForm};
use super::login_request::LoginRequest;
use super::pages::{self, NameField, Problem};
use super::refusal::Refusal;
use super::user::{UserName, UserNameError};
use super::visit::{LoggedOutOf, LogoutAction, VisitInput};
use super::{Check, FORM_SECONDS, LoginServer, Step};
use crate::host::Host;
use zeroize::Zeroizing;

impl LoginServer {
    /// An application asks: single sign-on, a blank user, or the form.
    pub(super) fn answer_request(
        &self,
        request: LoginRequest,
        known: &KnownUser,
        input: &VisitInput<'_>,
        keys: &impl LoginKeys,
    ) -> Result<Answer, Refusal> {
        let crypt_key = self.check(&request, keys)?;
        let granting = request.granting();
        if self.check_of(granting.creds) == Some(Check::RemoteUser) {
            return self.answer_by_remote_user(&request, &crypt_key, input, keys);
        }
        if let Some(login) = known.login().filter(|login| login.answers(granting, input.now)) {
            return self.grant(&request, Admission::SingleSignOn(login), &crypt_key, input, keys);
        }
        if granting.no_prompt {
            return self.grant(&request, Admission::Blank, &crypt_key, input, keys);
        }
        let name = match known.login() {
            Some(login) if granting.reauthentication.is_demanded() => NameField::Fixed(&login.user),
            _ => NameField::Open(known.name().map_or("", UserName::as_str)),
        };
        self.first_form(&LoginFor::Request(request), name, input, keys)
    }

    /// The form comes back: the password is to be checked, unless the form itself shows a mistake.
    pub(super) fn submitted<'a>(
        &'a self,
        form: SubmittedForm,
        known: &KnownUser,
        input: &VisitInput<'a>,
        keys: &impl LoginKeys,
    ) -> Result<Step<'a>, Refusal> {
        let creds = match &form.login_for {
            LoginFor::Request(request) => {
                self.check(request, keys)?;
                request.granting().creds
            }
            LoginFor::Itself => self.own_flavour(),
        };
        if self.check_of(creds) != Some(Check::Password) {
            // The configuration has changed since the form was made.
            return Err(Refusal::ForeignForm);
        }
        let user = match user_of(&form, input.now) {
            Ok(user) => user,
            Err(mistake) => {
                let form_page = FormPage {
                    name: NameField::Open(&form.user),
                    problem: Some(mistake.problem()),
                    event: mistake.event(&form),
                };
                return self
                    .form(&form.login_for, form_page, input, keys)
                    .map(Step::Answer);
            }
        };
        let earlier = known.login().filter(|login| login.creds == creds).cloned();
        let continuation = Box::new(Continuation {
            server: self,
            input: *input,
            login_for: form.login_for,
            user: user.clone(),
            creds,
            earlier,
        });
        Ok(Step::CheckPassword {
            user,
            password: form.password,
            creds,
            continuation,
        })
    }

    /// The user comes from a logout at an application, or logs out here.
    pub(super) fn logout(
        &self,
        action: LogoutAction,
        from: &LoggedOutOf,
        known: &KnownUser,
        input: &VisitInput<'_>,
        keys: &impl LoginKeys,
    ) -> Result<Answer, Refusal> {
        let LoggedOutOf(application) = from;
        // Only of a server that is served the page repeats what came with the address.
        let shown = match application.parse::<Host>() {
            Ok(host) if keys.crypt_key_for(host.name()).is_ok() => application.as_str(),
            _ => "",
        };
        let remote_user = self.own_remote_user(input).and_then(Result::ok);
        let login = known.login().map(|login| &login.user);
        let event = |here| Event::LoggedOut {
            user: login.or(remote_user.as_ref()).cloned(),
            here,
            application: application.clone(),
        };
        let set_cookies = match (action, known.name()) {
            (LogoutAction::Expire, Some(user)) => {
                vec![cookies::set_expired_login(user, self.url(), input.now, keys)?]
            }
            (LogoutAction::Clear, _) => vec![cookies::clear_login(self.url())],
            (LogoutAction::Keep | LogoutAction::Expire, _) => vec![],
        };
        Ok(match (action, login, &remote_user) {
            (_, _, Some(user)) => {
                let view = pages::still_logged_in(self.url(), shown, user, true);
                self.answer(view, set_cookies, event(false), input)
            }
            (LogoutAction::Keep, Some(user), None) => {
                let view = pages::still_logged_in(self.url(), shown, user, false);
                self.answer(view, set_cookies, event(false), input)
            }
            _ => self.answer(pages::logged_out(shown), set_cookies, event(true), input),
        })
    }

    /// Somebody looks in: who is logged in sees that, others can log in ahead of need.
    pub(super) fn plain(
        &self,
        known: &KnownUser,
        input: &VisitInput<'_>,
        keys: &impl LoginKeys,
    ) -> Result<Answer, Refusal> {
        if let Some(user) = self.own_remote_user(input) {
            return Ok(self.show_remote_user(user?, input));
        }
        if let Some(login) = known.login() {
            let view = pages::status(self.url(), &login.user, login.expires.saturating_sub(input.now));
            return Ok(self.answer(view, vec![], Event::StatusShown(login.user.clone()), input));
        }
        let name = NameField::Open(known.name().map_or("", UserName::as_str));
        self.first_form(&LoginFor::Itself, name, input, keys)
    }

    /// The login form, as it is shown first.
    fn first_form(
        &self,
        login_for: &LoginFor,
        name: NameField<'_>,
        input: &VisitInput<'_>,
        keys: &impl LoginKeys,
    ) -> Result<Answer, Refusal> {
        let form_page = FormPage {
            name,
            problem: None,
            event: Event::FormShown(log_text::purpose(login_for)),
        };
        self.form(login_for, form_page, input, keys)
    }

    /// The login form.
    pub(super) fn form(
        &self,
        login_for: &LoginFor,
        form: FormPage<'_>,
        input: &VisitInput<'_>,
        keys: &impl LoginKeys,
    ) -> Result<Answer, Refusal> {
        let creds = match login_for {
            LoginFor::Request(request) => request.granting().creds,
            LoginFor::Itself => self.own_flavour(),
        };
        let sealed = login_form::seal(login_for, creds, self.url(), input, keys.form_sealing_keys())?;
        let shown = pages::login_form(self.url(), login_for, creds, form.name, form.problem, &sealed);
        let set_cookies = sealed.set_cookie.into_iter().map(Zeroizing::new).collect();
        Ok(self.answer(shown, set_cookies, form.event, input))
    }
}

/// What is wrong with a form before any check.
enum Mistake {
    TooLate,
    Name(UserNameError),
    NoPassword,
}

/// The user who is to be checked.
fn user_of(form: &SubmittedForm, now: u64) -> Result<UserName, Mistake> {
    if now.saturating_sub(form.created) > FORM_SECONDS {
        return Err(Mistake::TooLate);
    }
    let user = UserName::typed(&form.user).map_err(Mistake::Name)?;
    if form.password.is_empty() {
        return Err(Mistake::NoPassword);
    }
    Ok(user)
}

impl Mistake {
    fn problem(&self) -> Problem {
        match self {
            Mistake::TooLate => Problem::TooLate,
            Mistake::Name(UserNameError::Blank) | Mistake::NoPassword => Problem::NothingTyped,
            Mistake::Name(_) => Problem::NameRefused,
        }
    }

    fn event(self, form: &SubmittedForm) -> Event {
        let (user, purpose) = (form.user.clone(), log_text::purpose(&form.login_for));
        match self {
            Mistake::TooLate => Event::FormExpired(purpose),
            Mistake::Name(why) => Event::UserNameRefused { user, why, purpose },
            Mistake::NoPassword => Event::Denied { user, purpose },
        }
    }
}

/// How the login form is shown.
pub(super) struct FormPage<'a> {
    pub name: NameField<'a>,
    pub problem: Option<Problem>,
    pub event: Event,
}
