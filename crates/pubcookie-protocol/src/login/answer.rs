//! What the login server answers, as values that a web server can send.

use super::login_request::LoginRequest;
use super::refusal::Refusal;
use super::user::{UserName, UserNameError};
use crate::page::Page;
use std::fmt;
use zeroize::Zeroizing;

/// A complete answer. Page and cookies hold granting and login cookies: they are wiped from memory when dropped, and
/// there is no way to show them.
pub struct Answer {
    /// Status, headers and page.
    pub page: Page,
    /// The values of the Set-Cookie headers, in their order.
    pub set_cookies: Vec<Zeroizing<String>>,
    /// What happened, for the log.
    pub event: Event,
}

/// What happened at the login server. Its text is one line for the log, without a secret.
#[derive(Debug)]
pub enum Event {
    /// The login form was shown.
    FormShown,
    /// The login form came back too late and was shown again.
    FormExpired,
    /// A user got a granting cookie.
    Granted {
        /// Who; `None` for somebody who was not to be asked (`PubcookieNoPrompt`).
        user: Option<UserName>,
        /// Whether the password was typed for it, or an earlier login served.
        password_typed: bool,
        /// For whom: app server ID, app ID and host.
        application: String,
    },
    /// A user logged in at the login server itself.
    LoggedIn(UserName),
    /// The authentication provider did not know this user with this password.
    Denied {
        /// The name as it was typed.
        user: String,
    },
    /// The name that was typed cannot be a user's.
    UserNameRefused(UserNameError),
    /// The authentication provider could not be asked.
    ProviderUnavailable {
        /// The name as it was typed.
        user: String,
    },
    /// The page that says who is logged in was shown.
    StatusShown(UserName),
    /// A user came from a logout at an application or logged out here.
    LoggedOut {
        /// Who, where it is known.
        user: Option<UserName>,
        /// Whether the login at the login server ended as well.
        here: bool,
    },
    /// The visit was refused.
    Refused(Refusal),
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer")
            .field("page", &self.page)
            .field("event", &self.event)
            .finish_non_exhaustive()
    }
}

impl Event {
    /// Whether the log should tell of it as a failure.
    pub fn is_failure(&self) -> bool {
        matches!(
            self,
            Event::Denied { .. }
                | Event::UserNameRefused(_)
                | Event::ProviderUnavailable { .. }
                | Event::Refused(_)
        )
    }

    /// How the log names an application.
    pub(super) fn application(request: &LoginRequest) -> String {
        let granting = request.granting();
        format!(
            "app server ID {}, app ID {}, at {}",
            granting.app_server_id, granting.app_id, granting.host
        )
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |user: &UserName| user.as_str().escape_debug().to_string();
        match self {
            Event::FormShown => f.write_str("showed the login form"),
            Event::FormExpired => f.write_str("showed the login form again: it came back too late"),
            Event::Granted {
                user: None,
                application,
                ..
            } => {
                write!(
                    f,
                    "granted without a user, who was not to be asked: {application}"
                )
            }
            Event::Granted {
                user: Some(user),
                password_typed,
                application,
            } => {
                let how = if *password_typed {
                    "with the password"
                } else {
                    "by single sign-on"
                };
                write!(f, "granted user {} {how}: {application}", name(user))
            }
            Event::LoggedIn(user) => write!(f, "user {} logged in at the login server itself", name(user)),
            Event::Denied { user } => write!(f, "user {}: wrong user name or password", user.escape_debug()),
            Event::UserNameRefused(why) => write!(f, "a login was refused: {why}"),
            Event::ProviderUnavailable { user } => {
                write!(
                    f,
                    "user {}: the password could not be checked",
                    user.escape_debug()
                )
            }
            Event::StatusShown(user) => write!(f, "showed user {} that the login counts", name(user)),
            Event::LoggedOut { user, here } => {
                let who = user
                    .as_ref()
                    .map_or("somebody who was not logged in".to_owned(), |user| {
                        format!("user {}", name(user))
                    });
                let what = if *here {
                    "logged out"
                } else {
                    "logged out at an application, stays logged in here"
                };
                write!(f, "{who}: {what}")
            }
            Event::Refused(refusal) => write!(f, "refused: {refusal}"),
        }
    }
}
