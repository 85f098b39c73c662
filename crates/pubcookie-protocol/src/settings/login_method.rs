//! `PubcookieLoginMethod`: how the browser carries granting request and granting cookie.

use super::{SettingError, refuse};
use crate::granting_request::LoginMethod;
use std::str::FromStr;

impl FromStr for LoginMethod {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<Self, SettingError> {
        match text.to_ascii_uppercase().as_str() {
            "GET" => Ok(Self::Get),
            "POST" => Ok(Self::Post),
            _ => refuse(text, "is not one of GET, POST"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_read_in_any_case() {
        assert_eq!("post".parse(), Ok(LoginMethod::Post));
        assert!("PUT".parse::<LoginMethod>().is_err());
    }
}
