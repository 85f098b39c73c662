//! What the login server answers, as values that a web server can send.

use super::guessing::Source;
use super::log_text;
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

/// What happened at the login server. Its text is one line for the log, without a secret. User names and
/// IDs, which somebody typed or sent, are one word in it, so that none can pass for a line of its own.
#[derive(Debug)]
pub enum Event {
    /// The login form was shown.
    FormShown(Purpose),
    /// The login form came back too late and was shown again.
    FormExpired(Purpose),
    /// A user got a granting cookie.
    Granted {
        /// Who; `None` for somebody who was not to be asked (`PubcookieNoPrompt`).
        user: Option<UserName>,
        /// How it is known who it is.
        by: Proof,
        /// For which application.
        purpose: Purpose,
    },
    /// A user logged in at the login server itself.
    LoggedIn(UserName),
    /// The authentication provider did not know this user with this password.
    Denied {
        /// The name as it was typed.
        user: String,
        /// What the login was for.
        purpose: Purpose,
    },
    /// The password was not looked at, after too many wrong ones.
    Delayed {
        /// The name as it was typed.
        user: String,
        /// For how many seconds more.
        wait: u64,
        /// Where they came from.
        source: Source,
        /// What the login was for.
        purpose: Purpose,
    },
    /// The name that was typed cannot be a user's.
    UserNameRefused {
        /// The name as it was typed.
        user: String,
        /// What is wrong with it.
        why: UserNameError,
        /// What the login was for.
        purpose: Purpose,
    },
    /// The authentication provider could not be asked.
    ProviderUnavailable {
        /// The name as it was typed.
        user: String,
        /// What the login was for.
        purpose: Purpose,
    },
    /// The page that says who is logged in was shown.
    StatusShown(UserName),
    /// A user came from a logout at an application or logged out here.
    LoggedOut {
        /// Who, where it is known.
        user: Option<UserName>,
        /// Whether the login at the login server ended as well.
        here: bool,
        /// The app server ID that the application gave; empty where the user logged out here.
        application: String,
    },
    /// The visit was refused.
    Refused {
        /// Why.
        refusal: Refusal,
        /// Who is logged in, if somebody is.
        user: Option<UserName>,
    },
}

/// How it is known who a user is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The password was typed for it.
    Password,
    /// An earlier login served.
    EarlierLogin,
    /// httpd authenticated the user (`PubcookieLoginTrustRemoteUser`).
    Httpd,
}

/// What a login is for: an application, or the login server itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purpose(pub(super) String);

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
                | Event::Delayed { .. }
                | Event::UserNameRefused { .. }
                | Event::ProviderUnavailable { .. }
                | Event::Refused { .. }
        )
    }

    /// The HTTP status that fits.
    pub(super) fn status(&self) -> u16 {
        match self {
            Event::Refused { refusal, .. } => refusal.status(),
            Event::Delayed { .. } => 429,
            Event::ProviderUnavailable { .. } => 503,
            _ => 200,
        }
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Event::FormShown(purpose) => write!(f, "showed the login form: {purpose}"),
            Event::FormExpired(purpose) => {
                write!(
                    f,
                    "showed the login form again, which came back too late: {purpose}"
                )
            }
            Event::Granted {
                user: None, purpose, ..
            } => write!(f, "granted without a user, who was not to be asked: {purpose}"),
            Event::Granted {
                user: Some(user),
                by,
                purpose,
            } => write!(f, "granted user {} {by}: {purpose}", log_text::user(user)),
            Event::LoggedIn(user) => {
                write!(
                    f,
                    "user {} logged in at the login server itself",
                    log_text::user(user)
                )
            }
            Event::Denied { user, purpose } => write!(
                f,
                "user {}: wrong user name or password: {purpose}",
                log_text::word(user)
            ),
            Event::Delayed {
                user,
                wait,
                source,
                purpose,
            } => write!(
                f,
                "user {}: refused for {wait} more seconds, after too many wrong passwords {source}: {purpose}",
                log_text::word(user)
            ),
            Event::UserNameRefused { user, why, purpose } => {
                write!(
                    f,
                    "user {}: login refused, {why}: {purpose}",
                    log_text::word(user)
                )
            }
            Event::ProviderUnavailable { user, purpose } => write!(
                f,
                "user {}: the password could not be checked: {purpose}",
                log_text::word(user)
            ),
            Event::StatusShown(user) => {
                write!(f, "showed user {} that the login counts", log_text::user(user))
            }
            Event::LoggedOut {
                user,
                here,
                application,
            } => {
                match user {
                    Some(user) => write!(f, "user {}: ", log_text::user(user))?,
                    None => f.write_str("somebody who was not logged in: ")?,
                }
                f.write_str(if *here {
                    "logged out"
                } else {
                    "logged out at an application, stays logged in here"
                })?;
                if application.is_empty() {
                    Ok(())
                } else {
                    write!(f, ": app server ID {}", log_text::word(application))
                }
            }
            Event::Refused { refusal, user } => {
                write!(f, "refused: {refusal}")?;
                match user {
                    Some(user) => write!(f, " (user {})", log_text::user(user)),
                    None => Ok(()),
                }
            }
        }
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Proof::Password => "with the password",
            Proof::EarlierLogin => "by single sign-on",
            Proof::Httpd => "whom httpd authenticated",
        })
    }
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
