//! Why a user is sent to the login server: field `nine` of a granting request.

use std::fmt;

/// The reason that an app server reports to the login server, with the numbers of the original.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Reason {
    /// No granting and no session cookie, none that decodes, not over HTTPS, or a blank user where a prompt is now
    /// demanded.
    NoCookie = 1,
    /// The session is older than the hard expiry allows.
    SessionTooOld = 3,
    /// The session was not used for longer than the inactivity expiry allows.
    SessionInactive = 4,
    /// The granting cookie is too old (or, ours, from the future).
    GrantingTooOld = 7,
    /// The cookie was made for another app ID.
    WrongAppId = 8,
    /// The cookie was made for another app server ID.
    WrongAppServerId = 9,
    /// The cookie speaks another version of the protocol.
    WrongVersion = 10,
    /// The cookie proves another flavour of login than the place demands.
    WrongCreds = 11,
    /// The granting cookie does not answer a login that this browser began.
    WrongPreSession = 12,
    /// The session was made without the reauthentication that is demanded now.
    ReauthenticationDemanded = 13,
}

impl Reason {
    /// Every reason.
    pub const ALL: [Reason; 10] = [
        Reason::NoCookie,
        Reason::SessionTooOld,
        Reason::SessionInactive,
        Reason::GrantingTooOld,
        Reason::WrongAppId,
        Reason::WrongAppServerId,
        Reason::WrongVersion,
        Reason::WrongCreds,
        Reason::WrongPreSession,
        Reason::ReauthenticationDemanded,
    ];

    /// The number on the wire.
    pub fn number(self) -> u8 {
        self as u8
    }

    /// The reason of a number on the wire; `None` where it has no meaning.
    pub fn from_number(number: u8) -> Option<Reason> {
        Reason::ALL.into_iter().find(|reason| reason.number() == number)
    }

    /// What happened, for the administrator's log.
    pub fn for_log(self) -> &'static str {
        match self {
            Reason::NoCookie => "no granting or session cookie that can be read",
            Reason::SessionTooOld => "the session has reached its hard expiry",
            Reason::SessionInactive => "the session was inactive for too long",
            Reason::GrantingTooOld => {
                "the granting cookie is too old or from the future: compare the clocks of this host and the login server"
            }
            Reason::WrongAppId => "the cookie is for another app ID",
            Reason::WrongAppServerId => {
                "the cookie is for another app server ID: compare ServerName and PubcookieAppSrvID"
            }
            Reason::WrongVersion => "the cookie has another protocol version",
            Reason::WrongCreds => "the cookie proves another flavour of login than this place demands",
            Reason::WrongPreSession => {
                "the granting cookie does not belong to a login that this browser began here"
            }
            Reason::ReauthenticationDemanded => {
                "the session was made without the reauthentication demanded here"
            }
        }
    }

    /// What happened, for the user in front of the page.
    pub fn for_user(self) -> &'static str {
        match self {
            Reason::NoCookie => "You are not logged in here yet, or your browser did not send its cookies.",
            Reason::SessionTooOld => "Your session has reached its time limit.",
            Reason::SessionInactive => "You have not used this service for a while.",
            Reason::GrantingTooOld => "The login took too long, or the clocks of two servers disagree.",
            Reason::WrongAppId => "Your login was for another application.",
            Reason::WrongAppServerId => "Your login was for another server.",
            Reason::WrongVersion => "This server and the login server speak different versions.",
            Reason::WrongCreds => "This page asks for another kind of login.",
            Reason::WrongPreSession => {
                "This login did not begin in this browser, or another one has replaced it."
            }
            Reason::ReauthenticationDemanded => "This page asks you to enter your password again.",
        }
    }

    /// What is wrong with what the login server sent, for the user in front of the page.
    pub fn for_answer(self) -> &'static str {
        match self {
            Reason::NoCookie => "This server cannot read it.",
            Reason::WrongPreSession => "It does not belong to a login that this browser began here.",
            _ => self.for_user(),
        }
    }
}

/// The number and the words for the log: `7 (the granting cookie ...)`.
impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.number(), self.for_log())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_reasons_belong_together() {
        let known: Vec<u8> = (0..=255)
            .filter(|&number| Reason::from_number(number).is_some())
            .collect();
        assert_eq!(known, [1, 3, 4, 7, 8, 9, 10, 11, 12, 13]);
        for reason in Reason::ALL {
            assert_eq!(Reason::from_number(reason.number()), Some(reason));
        }
    }
}
