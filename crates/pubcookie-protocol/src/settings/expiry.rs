//! When sessions end.

use super::{SettingError, refuse};
use std::str::FromStr;

/// `PubcookieInactiveExpire`: after how many seconds without a request a session ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InactiveExpire {
    /// `-1`: inactivity ends no session.
    Off,
    /// Seconds, at least 300.
    After(u32),
}

impl Default for InactiveExpire {
    fn default() -> InactiveExpire {
        InactiveExpire::After(1800)
    }
}

impl FromStr for InactiveExpire {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<InactiveExpire, SettingError> {
        match text.parse::<i64>() {
            Ok(-1) => Ok(InactiveExpire::Off),
            Ok(seconds @ 300..=0x7fff_ffff) => Ok(InactiveExpire::After(seconds as u32)),
            Ok(_) => refuse(text, "is out of range: at least 300 seconds, or -1 for no limit"),
            Err(_) => refuse(
                text,
                "is not a number of seconds (at least 300, or -1 for no limit)",
            ),
        }
    }
}

/// `PubcookieHardExpire`: how many seconds after its login a session ends, 3600 to 43200.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HardExpire(u32);

impl HardExpire {
    /// Seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl Default for HardExpire {
    fn default() -> HardExpire {
        HardExpire(28800)
    }
}

impl FromStr for HardExpire {
    type Err = SettingError;

    fn from_str(text: &str) -> Result<HardExpire, SettingError> {
        match text.parse::<i64>() {
            Ok(seconds @ 3600..=43200) => Ok(HardExpire(seconds as u32)),
            Ok(_) => refuse(text, "is out of range: 3600 to 43200 seconds"),
            Err(_) => refuse(text, "is not a number of seconds (3600 to 43200)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expiries_keep_their_limits() {
        assert_eq!("-1".parse(), Ok(InactiveExpire::Off));
        assert_eq!("300".parse(), Ok(InactiveExpire::After(300)));
        assert_eq!("43200".parse(), Ok(HardExpire(43200)));
        for text in ["299", "0", "-2", "", "300s", "99999999999"] {
            assert!(text.parse::<InactiveExpire>().is_err(), "{text}");
        }
        for (text, limit) in [
            ("3599", "3600 to 43200"),
            ("43201", "3600 to 43200"),
            ("x", "not a number"),
        ] {
            let error = text.parse::<HardExpire>().unwrap_err().to_string();
            assert!(error.contains(limit) && error.contains(text), "{error}");
        }
    }
}
