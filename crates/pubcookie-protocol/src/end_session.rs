//! Ending a session at the login server.

use crate::app_id::{AppId, AppServerId};
use crate::settings::{EndSession, LoginUrl};

/// Where the browser is sent to end a session: the login server says what is still logged in
/// ([`EndSession::Redirect`]) or forgets its login as well ([`EndSession::ClearLogin`]). `None` where the browser is
/// not sent anywhere.
pub fn logout_url(
    end_session: EndSession,
    login: &LoginUrl,
    app_id: &AppId,
    app_server_id: &AppServerId,
) -> Option<String> {
    let action = match end_session {
        EndSession::Off | EndSession::On => return None,
        EndSession::Redirect => 0,
        EndSession::ClearLogin => 1,
    };
    let spelled = |id: &str| crate::percent::encode(id.as_bytes(), NOT_IN_URL);
    let (two, one) = (spelled(app_id.as_str()), spelled(app_server_id.as_str()));
    Some(format!("{login}?logout_action={action}&two={two}&one={one}"))
}

/// IDs are URL-encoded already, but for characters that the original leaves as they are and no URL may hold.
const NOT_IN_URL: &percent_encoding::AsciiSet = &percent_encoding::CONTROLS
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_url_names_application_and_server() {
        let login: LoginUrl = "https://login.example.edu:18443/".parse().unwrap();
        let app_server_id = AppServerId::configured("app1.example.edu").unwrap();
        let url = |end_session, id| {
            logout_url(
                end_session,
                &login,
                &AppId::configured(id).unwrap(),
                &app_server_id,
            )
        };
        assert_eq!(
            url(EndSession::Redirect, "secureapp").unwrap(),
            "https://login.example.edu:18443/?logout_action=0&two=secureapp&one=app1.example.edu"
        );
        assert_eq!(
            url(EndSession::ClearLogin, "a b&<c>").unwrap(),
            "https://login.example.edu:18443/?logout_action=1&two=a+b%26%3Cc%3E&one=app1.example.edu"
        );
        assert_eq!(url(EndSession::On, "secureapp"), None);
        assert_eq!(url(EndSession::Off, "secureapp"), None);
    }
}
