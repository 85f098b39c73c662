//! `PubcookiePostURL`: where the login server's form is posted.

use super::{SettingError, refuse};
use std::str::FromStr;

/// `PubcookiePostURL`: the path of the reply URL of the POST method.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplyPath(String);

impl ReplyPath {
    /// The path, beginning with one `/`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for ReplyPath {
    fn default() -> ReplyPath {
        ReplyPath("/PubCookie.reply".into())
    }
}

impl FromStr for ReplyPath {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<ReplyPath, SettingError> {
        let path = format!("/{}", text.trim_start_matches('/'));
        if path == "/"
            || !path
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"/-._~".contains(&byte))
        {
            return refuse(text, "is not a path of letters, digits and /-._~");
        }
        Ok(ReplyPath(path))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_one_slash_in_front_and_nothing_that_means_more() {
        assert_eq!("reply".parse::<ReplyPath>().unwrap().as_str(), "/reply");
        assert_eq!("//reply".parse::<ReplyPath>().unwrap().as_str(), "/reply");
        assert!("/a?b".parse::<ReplyPath>().is_err());
    }
}
