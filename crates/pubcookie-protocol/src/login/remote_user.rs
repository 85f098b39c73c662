//! Logins without a form: httpd has authenticated the user (`PubcookieLoginTrustRemoteUser`).
//!
//! Each visit goes by what httpd says at that visit. No login cookie is made or read: it could only disagree.

use super::answer::{Answer, Event};
use super::granting::Admission;
use super::keys::LoginKeys;
use super::login_request::LoginRequest;
use super::pages;
use super::refusal::Refusal;
use super::user::UserName;
use super::visit::VisitInput;
use super::{Check, LoginServer};
use granting_cookie::CryptKey;

impl LoginServer {
    /// An application asks for a flavour of which httpd knows the user. A new login cannot be had, and is never claimed.
    pub(super) fn answer_by_remote_user(
        &self,
        request: &LoginRequest,
        crypt_key: &CryptKey,
        input: &VisitInput<'_>,
        keys: &impl LoginKeys,
    ) -> Result<Answer, Refusal> {
        let granting = request.granting();
        let user = remote_user(input)?;
        let demands_a_form = granting.reauthentication.is_demanded();
        match &user {
            Some(user) if !demands_a_form => {
                self.grant(request, Admission::Httpd(user), crypt_key, input, keys)
            }
            _ if granting.no_prompt => self.grant(request, Admission::Blank, crypt_key, input, keys),
            Some(_) => Err(Refusal::CannotAskAgain {
                host: granting.host.clone(),
            }),
            None => Err(Refusal::NobodyAuthenticated),
        }
    }

    /// Whom httpd logs in here, where logins at the login server itself go by that.
    pub(super) fn own_remote_user(&self, input: &VisitInput<'_>) -> Option<Result<UserName, Refusal>> {
        let goes_by_it = self.check_of(self.own_flavour()) == Some(Check::RemoteUser);
        goes_by_it.then(|| remote_user(input)?.ok_or(Refusal::NobodyAuthenticated))
    }

    /// Somebody looks in whom httpd has authenticated.
    pub(super) fn show_remote_user(&self, user: UserName, input: &VisitInput<'_>) -> Answer {
        let view = pages::status_elsewhere(&user);
        self.answer(view, vec![], Event::StatusShown(user), input)
    }
}

/// The user whom httpd has authenticated, with a name that can log in.
fn remote_user(input: &VisitInput<'_>) -> Result<Option<UserName>, Refusal> {
    let Some(name) = input.remote_user.filter(|name| !name.is_empty()) else {
        return Ok(None);
    };
    UserName::authenticated(name)
        .map(Some)
        .map_err(|why| Refusal::AuthenticatedName {
            name: name.to_owned(),
            why,
        })
}
