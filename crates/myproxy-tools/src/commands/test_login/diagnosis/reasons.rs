//! What an application server says is wrong after a login: by a reason code, or by a page.

use pubcookie_protocol::error_page::Problem;
use pubcookie_protocol::reason::Reason;
use pubcookie_protocol::set_cookie;

use super::{Finding, Remedy};
use crate::commands::test_login::hop::{Hop, without_query};

/// The login did not count: the application asks for another one.
pub fn asked_again(hop: &Hop) -> Finding {
    let reason = hop.reason.unwrap_or(Reason::NoCookie);
    let is_brought = hop.sent.iter().any(|name| name == set_cookie::GRANTING);
    Finding {
        place: hop.host(),
        what: format!("the login did not count, and another one is asked for: reason {reason}"),
        remedy: match reason {
            Reason::NoCookie if !is_brought => Remedy::new(
                &["PubcookieDomain", "ServerName"],
                "no granting cookie came along: see that the login server's PubcookieDomain covers this host, and that \
                 ServerName is the name that users visit",
            ),
            reason => after(reason),
        },
    }
}

/// The page on which an application server says what is wrong, if it is one.
pub fn problem_page(hop: &Hop) -> Option<Finding> {
    let reason = hop.reason.unwrap_or(Reason::NoCookie);
    let problem = [
        Problem::NoUser,
        Problem::NoReauthentication,
        Problem::NoCookiesKept,
        Problem::GoesInCircles(reason),
        Problem::PlainHttp,
        Problem::UnusableReply(reason),
        Problem::BadReply,
        Problem::QueryTooLong,
    ]
    .into_iter()
    .find(|problem| hop.heading.contains(problem.message()))?;
    let remedy = match problem {
        Problem::PlainHttp => Remedy::new(
            &["Redirect", "ServerName"],
            "redirect http:// to https:// before anything else; where a terminator of TLS stands in front, say \
             ServerName https://<name>",
        ),
        Problem::NoCookiesKept => Remedy::new(
            &["PubcookieSessionKeyFile", "ServerName"],
            "the pre-session cookie was not brought back or cannot be read: the login must come back to the host that \
             asked for it (ServerName), and every member behind this name needs the same PubcookieSessionKeyFile",
        ),
        Problem::GoesInCircles(reason) | Problem::UnusableReply(reason) => after(reason),
        Problem::BadReply => Remedy::new(
            &["ServerName", "PubcookiePostURL"],
            "what arrived at the reply URL does not answer a login that this browser began there; the error log has the \
             reason. ServerName must be the name that users visit",
        ),
        Problem::NoUser => Remedy::new(
            &["PubcookieNoPrompt"],
            "the login server granted a login without a user, which only a place with PubcookieNoPrompt on accepts",
        ),
        Problem::NoReauthentication => after(Reason::ReauthenticationDemanded),
        _ => Remedy::new(&["LimitRequestLine"], "test with a shorter URL"),
    };
    Some(Finding {
        place: without_query(&hop.url),
        what: match hop.reason {
            Some(reason) => format!("{}: reason {reason}", problem.message()),
            None => problem.message().to_owned(),
        },
        remedy,
    })
}

/// The likely remedy for a reason that comes right after a login.
pub fn after(reason: Reason) -> Remedy {
    match reason {
        Reason::NoCookie => Remedy::new(
            &[
                "PubcookieGrantingCertFile",
                "PubcookieCryptKeyFile",
                "PubcookieKeyDir",
                "PubcookieEncryption",
            ],
            "the granting cookie cannot be read here: PubcookieGrantingCertFile must be the certificate of the login \
             server's granting key, and the key file of this host the same here and at the login server (fetch it \
             anew with mod-myproxy keyclient); a login server of version 3.1 needs PubcookieEncryption DES",
        ),
        Reason::GrantingTooOld => Remedy::new(
            // No directive sets a clock.
            &[],
            "set the clocks of both hosts (chrony, ntpd): a granting cookie is good for 60 seconds",
        ),
        Reason::WrongAppId => Remedy::new(
            &["PubcookieAppID", "PubcookieDirDepthforAppID"],
            "the login comes back to a place with another app ID: give both places one PubcookieAppID",
        ),
        Reason::WrongAppServerId => Remedy::new(
            &["PubcookieAppSrvID", "ServerName"],
            "the host that asks for a login and the one that gets it call themselves differently: ServerName, or \
             PubcookieAppSrvID, must be the same on every member behind this name",
        ),
        Reason::WrongVersion => Remedy::new(
            &["PubcookieEncryption"],
            "application server and login server speak different versions of the protocol: a login server of version \
             3.1 needs PubcookieEncryption DES",
        ),
        Reason::WrongCreds => Remedy::new(
            &["PubcookieAuthTypeNames", "AuthType"],
            "the login server granted another flavour of login than this place demands: the position of its AuthType \
             in PubcookieAuthTypeNames is the number of the flavour at the login server",
        ),
        Reason::WrongPreSession => Remedy::new(
            &["PubcookieSessionKeyFile", "ServerName"],
            "the login answers another one than this browser began here: every member behind this name needs the same \
             PubcookieSessionKeyFile, ServerName and PubcookieAppSrvID",
        ),
        Reason::SessionTooOld | Reason::SessionInactive => Remedy::new(
            &["PubcookieHardExpire", "PubcookieInactiveExpire"],
            "a session that has just begun counts as old: set the clocks of all members behind this name",
        ),
        Reason::ReauthenticationDemanded => Remedy::new(
            &["PubcookieSessionCauseReAuth", "PubcookieStrictReauth"],
            "the place demands that the password is entered again, and the login server did not report that it was: \
             see whether it honours this demand",
        ),
    }
}
