//! What is wrong where a login server neither shows its form nor grants a login.

use pubcookie_protocol::granting_request::GrantingRequest;

use super::{Finding, Remedy, words};
use crate::commands::test_login::hop::{Hop, without_query};

/// The login server's last answer to what was asked.
pub fn nothing_granted(hop: &Hop, asked: &GrantingRequest) -> Finding {
    let (what, remedy) = match Refused::shown_by(hop) {
        Some(refused) => refused.finding(asked),
        None => no_refusal_of_ours(hop, asked),
    };
    Finding {
        place: without_query(&hop.url),
        what: format!("{what} (status {}){}", hop.status, words(hop)),
        remedy,
    }
}

/// What our login server refuses.
#[derive(Clone, Copy)]
enum Refused {
    Host,
    AppServerId,
    Flavour,
}

impl Refused {
    /// By the words of the page, where the site has not replaced them.
    fn shown_by(hop: &Hop) -> Option<Refused> {
        [
            ("is not known to this login service", Refused::Host),
            ("a name that is not registered", Refused::AppServerId),
            (
                "a kind of login that this service does not offer",
                Refused::Flavour,
            ),
        ]
        .into_iter()
        .find_map(|(words, refused)| hop.alert.contains(words).then_some(refused))
    }

    fn finding(self, asked: &GrantingRequest) -> (String, Remedy) {
        match self {
            Refused::Host => (
                format!("the login server does not serve {}", asked.host),
                Remedy::new(
                    &["PubcookieKeyDir", "PubcookieKeyPermit"],
                    format!(
                        "its PubcookieKeyDir has no key for {}: permit the host at the keyserver, and run mod-myproxy \
                         keyclient on it",
                        asked.host.name()
                    ),
                ),
            ),
            Refused::AppServerId => (
                format!(
                    "the login server does not let {} ask as {}",
                    asked.host, asked.app_server_id
                ),
                Remedy::new(
                    &["PubcookieAppSrvID", "ServerName", "PubcookieKeyDir"],
                    "an app server ID that is not the host's name needs a key file of that name at the login server",
                ),
            ),
            Refused::Flavour => (
                format!("the login server does not offer login flavour {}", asked.creds),
                Remedy::new(
                    &["PubcookieAuthTypeNames", "PubcookieLoginProvider"],
                    "the position of the place's AuthType in PubcookieAuthTypeNames is the number of the flavour",
                ),
            ),
        }
    }
}

fn no_refusal_of_ours(hop: &Hop, asked: &GrantingRequest) -> (String, Remedy) {
    match (hop.status, &hop.challenge) {
        (401, Some(scheme)) => (
            format!("the login server asks for HTTP authentication: {scheme}"),
            Remedy::new(
                &["PubcookieLoginTrustRemoteUser"],
                "this command fills in forms only: test such a login server with a browser",
            ),
        ),
        (404 | 405, _) => (
            "no login server answers there".to_owned(),
            Remedy::new(
                &["PubcookieLogin", "SetHandler"],
                "the application server's PubcookieLogin must be the URL at which the login server has SetHandler \
                 pubcookie-login",
            ),
        ),
        (500.., _) => (
            "internal error of the login server".to_owned(),
            Remedy::new(
                &["PubcookieGrantingKeyFile", "PubcookieLoginProvider"],
                "the login server's error log names the directive",
            ),
        ),
        _ => (
            "the login server shows a page that leads nowhere".to_owned(),
            Remedy::new(
                &[
                    "PubcookieKeyDir",
                    "PubcookieAppSrvID",
                    "PubcookieDomain",
                    "PubcookieLoginMethod",
                ],
                format!(
                    "the login server's error log has the reason; it needs a key for {}, and for the app server ID {}",
                    asked.host.name(),
                    asked.app_server_id
                ),
            ),
        ),
    }
}
