//! `PubcookieAddlRequest`: what an application asks of the login server besides.

use super::{SettingError, refuse};
use crate::granting_request;
use crate::percent;

/// Options for the login server, decoded, in their order. No name stands there twice, and none is a field that a
/// granting request has already.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AdditionalRequests(Vec<(String, String)>);

/// The longest option, in bytes: all of a granting request has to fit into a cookie.
const LONGEST: usize = 255;

/// The most options of one place.
const MOST: usize = 16;

/// The fields of the login server's form besides those of granting requests. A second one of a name would be refused
/// there, or change what is asked for.
const TAKEN: [&str; 11] = [
    "user",
    "pass",
    "creds_from_greq",
    "fr",
    "relay_url",
    "post_stuff",
    "first_kiss",
    "pinit",
    "reply",
    "create_ts",
    "logout_action",
];

impl AdditionalRequests {
    /// Adds an option, `name=value` in the spelling of a granting request: `+` is a space, `%XX` any byte.
    pub fn add(&mut self, option: &str) -> Result<(), SettingError> {
        if option.len() > LONGEST {
            return refuse(option, "is too long: an option has at most 255 bytes");
        }
        if self.0.len() == MOST {
            return refuse(option, "is one too many: a place has at most 16 options");
        }
        let Some((name, value)) = option.split_once('=') else {
            return refuse(option, "is not of the form option=value");
        };
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.".contains(&byte);
        if name.is_empty() || !name.bytes().all(plain) {
            return refuse(
                option,
                "has a name before its = that is not made of letters, digits and _-.",
            );
        }
        if granting_request::FIELDS.contains(&name) || TAKEN.contains(&name) {
            return refuse(option, "has the name of a field that every login has already");
        }
        if self.0.iter().any(|(other, _)| other == name) {
            return refuse(option, "stands there twice: each option has one value");
        }
        if value.contains('&') {
            return refuse(option, "has an & in it, which would end the option; say %26");
        }
        match String::from_utf8(percent::decode_form(value.as_bytes())) {
            Ok(value) if !value.chars().any(char::is_control) => {
                self.0.push((name.to_owned(), value));
                Ok(())
            }
            _ => refuse(
                option,
                "has a value with control characters, or that is not UTF-8",
            ),
        }
    }

    /// These options for a place inside one that has the options `outer`: all of them, and where both have a name, the
    /// inner value.
    pub fn inside(&self, outer: &AdditionalRequests) -> AdditionalRequests {
        let mine = |name: &str| self.0.iter().any(|(own, _)| own == name);
        let inherited = outer.0.iter().filter(|(name, _)| !mine(name));
        AdditionalRequests(inherited.chain(&self.0).cloned().collect())
    }

    /// Names and values.
    pub fn fields(&self) -> &[(String, String)] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(all: &[&str]) -> AdditionalRequests {
        let mut options = AdditionalRequests::default();
        for option in all {
            options.add(option).unwrap();
        }
        options
    }

    fn texts(options: &AdditionalRequests) -> Vec<String> {
        let fields = options.fields().iter();
        fields.map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn options_keep_their_order_and_the_inner_value_wins() {
        let outer = options(&["ldap_groups=staff", "theme=dark", "empty="]);
        let inner = options(&["theme=a+b%26c%3D", "x=1=2"]);
        assert_eq!(
            texts(&inner.inside(&outer)),
            ["ldap_groups=staff", "empty=", "theme=a b&c=", "x=1=2"]
        );
        assert_eq!(inner.inside(&AdditionalRequests::default()), inner);
        assert_eq!(AdditionalRequests::default().inside(&outer), outer);
    }

    #[test]
    fn what_would_break_a_granting_request_is_refused() {
        let long = format!("a={}", "x".repeat(254));
        for (option, why) in [
            ("option", "option=value"),
            ("=value", "name before its ="),
            ("a b=value", "name before its ="),
            ("a%3Db=value", "name before its ="),
            ("sess_re=0", "every login has"),
            ("pass=guess", "every login has"),
            ("here=again", "twice"),
            ("a=b&sess_re=0", "%26"),
            ("a=b%0Ac", "control characters"),
            ("a=\u{1b}", "control characters"),
            ("a=%FF", "not UTF-8"),
            (&long, "at most 255 bytes"),
        ] {
            let mut options = options(&["here=1"]);
            let error = options.add(option).unwrap_err().to_string();
            assert!(error.contains(why), "{option}: {error}");
            assert_eq!(texts(&options), ["here=1"]);
        }
        let mut many = AdditionalRequests::default();
        for number in 0..MOST {
            many.add(&format!("option{number}=x")).unwrap();
        }
        assert!(many.add("last=x").unwrap_err().to_string().contains("at most 16"));
    }
}
