//! Why there is no credential: what the application sees as `MYPROXY_ERROR`, and the log as a line.

use std::fmt;

use myproxy_client::Refusal;

/// The short class in `MYPROXY_ERROR`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// There is none, and this request brings nothing to get one with.
    None,
    /// There was one; it has expired.
    Expired,
    /// The MyProxy server said no.
    Refused,
    /// No MyProxy server could be asked.
    Unreachable,
    /// The MyProxy server, or what it sent, cannot be trusted.
    Untrusted,
    /// The store of this server failed, or its configuration does not fit.
    Store,
}

impl Class {
    const ALL: [Class; 6] = [
        Class::None,
        Class::Expired,
        Class::Refused,
        Class::Unreachable,
        Class::Untrusted,
        Class::Store,
    ];

    /// As `MYPROXY_ERROR` says it.
    pub fn as_str(self) -> &'static str {
        match self {
            Class::None => "none",
            Class::Expired => "expired",
            Class::Refused => "refused",
            Class::Unreachable => "unreachable",
            Class::Untrusted => "untrusted",
            Class::Store => "store",
        }
    }

    /// The status of what cannot be shown without a credential: 403 where it lies with the user, 503 where it lies with a
    /// server.
    pub fn status(self) -> u16 {
        match self {
            Class::None | Class::Expired | Class::Refused => 403,
            Class::Unreachable | Class::Untrusted | Class::Store => 503,
        }
    }

    /// Reads what [`Class::as_str`] wrote.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.as_str() == name)
    }
}

/// Why a request gets no credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shortfall {
    /// What kind of reason.
    pub class: Class,
    /// In words, for `MYPROXY_ERROR_DESC`: printable ASCII, 200 characters at most.
    description: String,
    /// What the MyProxy server refused, as far as it said so.
    pub refusal: Option<Refusal>,
    /// Whether the log has it already: another request met it first.
    pub told: bool,
    /// Whether nothing was shown to a MyProxy server: the login can be used for another try.
    pub login_unspent: bool,
}

impl Shortfall {
    /// Takes any words: what is not printable ASCII becomes `?`, and the rest is cut.
    pub fn new(class: Class, words: impl fmt::Display) -> Self {
        const LONGEST: usize = 200;
        let printable = |letter: char| if matches!(letter, ' '..='~') { letter } else { '?' };
        let description = words.to_string().chars().take(LONGEST).map(printable).collect();
        Shortfall {
            class,
            description,
            refusal: None,
            told: false,
            login_unspent: false,
        }
    }

    /// The request itself has ended the session.
    pub fn logged_out() -> Self {
        Shortfall::new(Class::None, "this request logged the user out")
    }

    /// There is no credential, and nothing to get one with.
    pub fn nothing() -> Self {
        Shortfall::new(Class::None, "there is no credential; log in again")
    }

    /// Something is refused in the MyProxy server's stead, or as it has done.
    pub fn refused(refusal: Refusal, words: impl fmt::Display) -> Self {
        Shortfall {
            refusal: Some(refusal),
            ..Shortfall::new(Class::Refused, words)
        }
    }

    /// As it may be shown to whoever guesses: names that exist are not told from others.
    pub fn for_strangers(self) -> Self {
        match self.refusal {
            Some(Refusal::WrongPassPhrase | Refusal::UnknownUser) => {
                Shortfall::new(Class::Refused, "the user name or the pass phrase is wrong")
            }
            _ => self,
        }
    }

    /// What another request met and told.
    pub fn of_another(failure: &credential_store::Failure) -> Self {
        let class = Class::from_name(&failure.class).unwrap_or(Class::Store);
        Shortfall::new(class, &failure.description).told_before()
    }

    /// What kept a logon from succeeding lately, and was told then.
    pub fn of_pause(pause: &credential_store::Pause) -> Self {
        let class = Class::from_name(&pause.class).unwrap_or(Class::Store);
        Shortfall::new(class, &pause.description).told_before()
    }

    /// No MyProxy server could be asked. The next request may try again with the same login.
    pub fn not_asked(words: impl fmt::Display) -> Self {
        Shortfall {
            login_unspent: true,
            ..Shortfall::new(Class::Unreachable, words)
        }
    }

    /// The same, with the log having it already.
    pub fn told_before(self) -> Self {
        Shortfall { told: true, ..self }
    }

    /// The words.
    pub fn description(&self) -> &str {
        &self.description
    }
}

impl From<credential_store::Error> for Shortfall {
    fn from(error: credential_store::Error) -> Self {
        use credential_store::Error;
        match error {
            Error::SessionEnded => {
                Shortfall::new(Class::None, "the session ended while the logon was under way")
            }
            Error::Busy { .. } => Shortfall::not_asked("another logon of this user took too long; try again"),
            error @ (Error::MyProxyUserTaken { .. } | Error::EndsEarlier) => {
                Shortfall::new(Class::Refused, error)
            }
            error => Shortfall::new(Class::Store, error),
        }
    }
}

impl From<&myproxy_client::Error> for Shortfall {
    fn from(error: &myproxy_client::Error) -> Self {
        let class = match error.class() {
            myproxy_client::ErrorClass::Refused => Class::Refused,
            myproxy_client::ErrorClass::Unreachable => Class::Unreachable,
            myproxy_client::ErrorClass::Untrusted => Class::Untrusted,
            myproxy_client::ErrorClass::Internal => Class::Store,
        };
        let refusal = match error {
            myproxy_client::Error::Refused { refusal, .. } => Some(*refusal),
            _ => None,
        };
        Shortfall {
            refusal,
            login_unspent: error.is_temporary(),
            ..Shortfall::new(class, error)
        }
    }
}
