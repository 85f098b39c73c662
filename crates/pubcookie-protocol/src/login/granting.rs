//! Granting: the cookie that lets a user in at an application, and the way back there.

use super::LoginServer;
use super::answer::{Answer, Event, Proof};
use super::cookies;
use super::keys::LoginKeys;
use super::log_text;
use super::login_cookie::Login;
use super::login_request::LoginRequest;
use super::pages;
use super::refusal::Refusal;
use super::user::UserName;
use super::visit::VisitInput;
use crate::granting_request::GrantingRequest;
use crate::host::Host;
use granting_cookie::{CryptKey, Reauthentication};
use std::str::FromStr;

/// How an application's question is answered.
#[derive(Clone, Copy)]
pub(super) enum Admission<'a> {
    /// With a user who has just typed the password.
    Password(&'a Login),
    /// With a user who had logged in before.
    SingleSignOn(&'a Login),
    /// With a user whom httpd authenticated, which leaves no login here.
    Httpd(&'a UserName),
    /// With a blank user: nobody is logged in, and nobody was to be asked.
    Blank,
}

impl Admission<'_> {
    fn login(&self) -> Option<&Login> {
        match self {
            Admission::Password(login) | Admission::SingleSignOn(login) => Some(login),
            Admission::Httpd(_) | Admission::Blank => None,
        }
    }

    fn user(&self) -> Option<&UserName> {
        match self {
            Admission::Httpd(user) => Some(user),
            _ => self.login().map(|login| &login.user),
        }
    }

    /// What the granting cookie says of it. A login that was recent enough for the application's demand is the
    /// reauthentication that was demanded. Of httpd's own authentication nobody knows when it was.
    fn reauthentication(&self, request: &GrantingRequest) -> Reauthentication {
        match self {
            Admission::Password(_) => Reauthentication::Happened,
            Admission::SingleSignOn(_) if request.reauthentication.is_demanded() => {
                Reauthentication::Happened
            }
            Admission::SingleSignOn(_) | Admission::Httpd(_) | Admission::Blank => {
                Reauthentication::DidNotHappen
            }
        }
    }

    fn proof(&self) -> Proof {
        match self {
            Admission::Password(_) => Proof::Password,
            Admission::Httpd(_) => Proof::Httpd,
            Admission::SingleSignOn(_) | Admission::Blank => Proof::EarlierLogin,
        }
    }
}

/// Whether the app server ID is the asking host's own. Granting cookies are believed elsewhere by their app server ID
/// alone: a host that could choose it would log its visitors in as another one's. Its name is its own; of any other ID a
/// key file says it, named after the ID and with the host's own key in it.
fn check_app_server_id(
    request: &GrantingRequest,
    host_key: &CryptKey,
    keys: &impl LoginKeys,
) -> Result<(), Refusal> {
    let host = request.host.clone();
    let id = request.app_server_id.decoded().to_ascii_lowercase();
    if Host::from_str(&id).is_ok_and(|named| named.name() == host.name()) {
        return Ok(());
    }
    match keys.crypt_key_named(&id) {
        Some(key) if key.is_same_as(host_key) => Ok(()),
        Some(_) => Err(Refusal::AppServerIdOfAnother { host, id }),
        None => Err(Refusal::AppServerIdNotPermitted { host, id }),
    }
}

impl LoginServer {
    /// Whether the request is one that this server answers; the key shared with the host that asks.
    pub(super) fn check(&self, request: &LoginRequest, keys: &impl LoginKeys) -> Result<CryptKey, Refusal> {
        let granting = request.granting();
        let host = &granting.host;
        let key = keys.crypt_key_for(host.name()).map_err(|why| Refusal::NoKey {
            host: host.clone(),
            why,
        })?;
        check_app_server_id(granting, &key, keys)?;
        if self.check_of(granting.creds).is_none() {
            return Err(Refusal::UnknownCreds {
                host: host.clone(),
                creds: granting.creds,
            });
        }
        let reached = match &self.config.domain {
            _ if request.relay_url().is_some() => true,
            Some(domain) => domain.covers(host.name()),
            None => host.name() == self.url().host().name(),
        };
        if reached {
            Ok(key)
        } else {
            Err(Refusal::OutsideDomain { host: host.clone() })
        }
    }

    /// Gives the application its answer, and sends the browser back there with it.
    pub(super) fn grant(
        &self,
        request: &LoginRequest,
        admission: Admission<'_>,
        crypt_key: &CryptKey,
        input: &VisitInput<'_>,
        keys: &impl LoginKeys,
    ) -> Result<Answer, Refusal> {
        let (config, granting) = (&self.config, request.granting());
        let user = admission.user();
        let reauthentication = admission.reauthentication(granting);
        let granting_cookie =
            cookies::granting_cookie(granting, user, reauthentication, input.now, crypt_key, keys)?;
        let mut set_cookies = Vec::new();
        if let Some(login) = admission.login() {
            set_cookies.push(cookies::set_login(login, Some(granting), self.url(), keys)?);
        }
        let view = match request.relay_url() {
            Some(relay_url) => pages::return_by_post(request, relay_url, &granting_cookie),
            None => {
                set_cookies.push(cookies::set_granting(&granting_cookie, config.domain.as_ref()));
                set_cookies.push(cookies::clear_granting_request(config.domain.as_ref()));
                pages::return_by_get(request)
            }
        };
        let event = Event::Granted {
            user: user.cloned(),
            by: admission.proof(),
            purpose: log_text::application(request),
        };
        Ok(self.answer(view, set_cookies, event, input))
    }

    /// Lets a user in who has just typed the password.
    pub(super) fn grant_by_password(
        &self,
        request: &LoginRequest,
        login: &Login,
        input: &VisitInput<'_>,
        keys: &impl LoginKeys,
    ) -> Result<Answer, Refusal> {
        let crypt_key = self.check(request, keys)?;
        self.grant(request, Admission::Password(login), &crypt_key, input, keys)
    }

    /// Logs a user in who has typed the password for the login server itself.
    pub(super) fn logged_in_itself(
        &self,
        login: &Login,
        input: &VisitInput<'_>,
        keys: &impl LoginKeys,
    ) -> Result<Answer, Refusal> {
        let set_cookies = vec![cookies::set_login(login, None, self.url(), keys)?];
        let view = pages::status(self.url(), &login.user, login.expires.saturating_sub(input.now));
        Ok(self.answer(view, set_cookies, Event::LoggedIn(login.user.clone()), input))
    }
}
