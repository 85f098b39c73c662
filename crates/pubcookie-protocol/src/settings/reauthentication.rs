//! `PubcookieSessionCauseReAuth`: whether the password is asked for again.

use super::{SettingError, refuse};
use crate::granting_request::Reauthentication;
use std::str::FromStr;

/// `on`, `off`, or the seconds of grace after a login, 0 to 2147483647; 0 is `off` and 1 is `on`, as in the original.
impl FromStr for Reauthentication {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        match text.to_ascii_lowercase().as_str() {
            "on" => Ok(Reauthentication::Always),
            "off" => Ok(Reauthentication::NotDemanded),
            number => match number.parse() {
                Ok(seconds @ 0..=0x7fff_ffff) => Ok(Reauthentication::from_number(seconds)),
                _ => refuse(
                    text,
                    "is not one of on, off, or seconds of grace (0 to 2147483647)",
                ),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_seconds_are_read_within_their_limits() {
        for (text, demanded) in [
            ("on", Reauthentication::Always),
            ("OFF", Reauthentication::NotDemanded),
            ("0", Reauthentication::NotDemanded),
            ("1", Reauthentication::Always),
            ("900", Reauthentication::UnlessWithin(900)),
            ("2147483647", Reauthentication::UnlessWithin(2_147_483_647)),
        ] {
            assert_eq!(text.parse(), Ok(demanded), "{text}");
        }
        for text in ["", "yes", "-1", "15m", "2147483648", "99999999999"] {
            let error = text.parse::<Reauthentication>().unwrap_err().to_string();
            assert!(error.contains(text) && error.contains("2147483647"), "{error}");
        }
    }
}
