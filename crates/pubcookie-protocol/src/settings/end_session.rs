//! `PubcookieEndSession`: what a request does to the session.

use super::{SettingError, refuse};
use std::str::FromStr;

/// `PubcookieEndSession`: what a request for a place does to the session.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum EndSession {
    /// Nothing.
    #[default]
    Off,
    /// Clears the session cookie and answers the request without a user.
    On,
    /// Clears all our cookies and sends the browser to the login server.
    Redirect,
    /// As [`EndSession::Redirect`], and the login server forgets its login too.
    ClearLogin,
}

impl FromStr for EndSession {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<EndSession, SettingError> {
        match text.to_ascii_lowercase().as_str() {
            "off" => Ok(EndSession::Off),
            "on" => Ok(EndSession::On),
            "redirect" => Ok(EndSession::Redirect),
            "clearlogin" => Ok(EndSession::ClearLogin),
            _ => refuse(text, "is not one of on, redirect, clearLogin, off"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_case() {
        assert_eq!("ClearLogin".parse(), Ok(EndSession::ClearLogin));
        assert!("maybe".parse::<EndSession>().is_err());
    }
}
