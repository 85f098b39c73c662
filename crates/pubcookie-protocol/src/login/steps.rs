//! How each kind of visit is answered.

use super::answer::{Answer, Event};
use super::continuation::Continuation;
use super::cookies;
use super::granting::Admission;
use super::keys::LoginKeys;
use super::login_cookie::KnownUser;
use super::login_form::{self, LoginFor, SubmittedForm};
use super::login_request::LoginRequest;
use super::pages::{self, NameField, Problem};
use super::refusal::Refusal;
use super::user::{UserName, UserNameError};
use super::visit::{LogoutAction, VisitInput};
use super::{CREDS, FORM_SECONDS, LoginServer, Step};
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
        let form_page = FormPage {
            name,
            problem: None,
            event: Event::FormShown,
        };
        self.form(&LoginFor::Request(request), form_page, input, keys)
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
            LoginFor::Itself => CREDS,
        };
        let user = match self.user_of(&form, input.now) {
            Ok(user) => user,
            Err((problem, event)) => {
                let form_page = FormPage {
                    name: NameField::Open(&form.user),
                    problem: Some(problem),
                    event,
                };
                return self
                    .form(&form.login_for, form_page, input, keys)
                    .map(Step::Answer);
            }
        };
        let earlier = known
            .login()
            .filter(|login| login.user == user && login.creds == creds)
            .cloned();
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

    /// The user who is to be checked, or what is wrong before any check.
    fn user_of(&self, form: &SubmittedForm, now: u64) -> Result<UserName, (Problem, Event)> {
        if now.saturating_sub(form.created) > FORM_SECONDS {
            return Err((Problem::TooLate, Event::FormExpired));
        }
        let user = UserName::typed(&form.user).map_err(|why| {
            let problem = if why == UserNameError::Blank {
                Problem::NothingTyped
            } else {
                Problem::NameRefused
            };
            (problem, Event::UserNameRefused(why))
        })?;
        if form.password.is_empty() {
            return Err((
                Problem::NothingTyped,
                Event::Denied {
                    user: form.user.clone(),
                },
            ));
        }
        Ok(user)
    }

    /// The user comes from a logout at an application, or logs out here.
    pub(super) fn logout(
        &self,
        action: LogoutAction,
        known: &KnownUser,
        input: &VisitInput<'_>,
        keys: &impl LoginKeys,
    ) -> Result<Answer, Refusal> {
        let login = known.login();
        let event = |here| Event::LoggedOut {
            user: login.map(|login| login.user.clone()),
            here,
        };
        let logged_out = || pages::logged_out(self.url());
        Ok(match (action, known.name(), login) {
            (LogoutAction::Keep, _, Some(login)) => self.answer(
                pages::still_logged_in(self.url(), &login.user),
                vec![],
                event(false),
                input,
            ),
            (LogoutAction::Expire, Some(user), _) => {
                let expired = cookies::set_expired_login(user, self.url(), input.now, keys)?;
                self.answer(logged_out(), vec![expired], event(true), input)
            }
            (LogoutAction::Clear, ..) => self.answer(
                logged_out(),
                vec![cookies::clear_login(self.url())],
                event(true),
                input,
            ),
            (LogoutAction::Keep | LogoutAction::Expire, ..) => {
                self.answer(logged_out(), vec![], event(true), input)
            }
        })
    }

    /// Somebody looks in: who is logged in sees that, others can log in ahead of need.
    pub(super) fn plain(
        &self,
        known: &KnownUser,
        input: &VisitInput<'_>,
        keys: &impl LoginKeys,
    ) -> Result<Answer, Refusal> {
        if let Some(login) = known.login() {
            let page = pages::status(self.url(), &login.user, login.expires.saturating_sub(input.now));
            return Ok(self.answer(page, vec![], Event::StatusShown(login.user.clone()), input));
        }
        let name = NameField::Open(known.name().map_or("", UserName::as_str));
        let form_page = FormPage {
            name,
            problem: None,
            event: Event::FormShown,
        };
        self.form(&LoginFor::Itself, form_page, input, keys)
    }

    /// The login form.
    pub(super) fn form(
        &self,
        login_for: &LoginFor,
        form: FormPage<'_>,
        input: &VisitInput<'_>,
        keys: &impl LoginKeys,
    ) -> Result<Answer, Refusal> {
        let sealed = login_form::seal(login_for, self.url(), input, keys.form_sealing_keys())?;
        let shown = pages::login_form(self.url(), login_for, form.name, form.problem, &sealed);
        let set_cookies = sealed.set_cookie.into_iter().map(Zeroizing::new).collect();
        Ok(self.answer(shown, set_cookies, form.event, input))
    }
}

/// How the login form is shown.
pub(super) struct FormPage<'a> {
    pub name: NameField<'a>,
    pub problem: Option<Problem>,
    pub event: Event,
}
