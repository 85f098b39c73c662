//! `PubcookieOnDemand`: directives that wait for a cookie.

use std::fmt;

/// The cookie whose value is the key that is asked for. Any page of the site may set it, and so may its user.
pub const COOKIE: &str = "OnDemandKey";

/// The variable that tells the application which key is active.
pub const VARIABLE: &str = "ON_DEMAND_KEY";

/// What may be set on demand: what the original allows, realms (which it reads but cannot set), and what our own
/// `PubcookieAuthType` and httpd's `AuthName` say about a login.
const ALLOWED: [&str; 13] = [
    "AuthType",
    "AuthName",
    "Require",
    "PubcookieAuthType",
    "PubcookieAppID",
    "PubcookieInactiveExpire",
    "PubcookieHardExpire",
    "PubcookieSessionCauseReAuth",
    "PubcookieEndSession",
    "PubcookieAddlRequest",
    "PubcookieAcceptRealm",
    "PubcookieStripRealm",
    "PubcookieNoPrompt",
];

/// The key of on-demand directives: printable ASCII without what ends a cookie's value. Keys that differ only in case
/// are the same, as in the original.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

impl Key {
    /// Whether a cookie's value asks for it. The original cuts the value at the first space.
    pub fn is_asked_for_by(&self, cookie_value: &[u8]) -> bool {
        let word = cookie_value.split(u8::is_ascii_whitespace).next();
        word.is_some_and(|word| word.eq_ignore_ascii_case(self.0.as_bytes()))
    }

    /// The key as configured.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether both ask for the same.
    pub fn is_same(&self, other: &Key) -> bool {
        self.0.eq_ignore_ascii_case(&other.0)
    }
}

impl std::str::FromStr for Key {
    type Err = OnDemandError;

    fn from_str(text: &str) -> Result<Key, OnDemandError> {
        let is_value = |byte: u8| byte.is_ascii_graphic() && !b"\",;\\".contains(&byte);
        if text.is_empty() || !text.bytes().all(is_value) {
            return Err(OnDemandError::NoCookieValue(text.to_owned()));
        }
        Ok(Key(text.to_owned()))
    }
}

/// A directive that waits: its name as written, and the rest as httpd reads it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WaitingDirective<'a> {
    /// One of those that may be set on demand.
    pub name: &'a str,
    /// Its arguments, with their quotes; empty where it has none.
    pub arguments: &'a str,
}

/// Why `PubcookieOnDemand` was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OnDemandError {
    /// The key could not be the value of a cookie.
    #[error("the key `{}` cannot be a cookie's value: printable ASCII without space, quotes, comma and semicolon can", .0.escape_debug())]
    NoCookieValue(String),
    /// A directive that must not wait.
    #[error("`{}` cannot be set on demand; {Allowed} can", .0.escape_debug())]
    NotAllowed(String),
    /// A quote that does not end.
    #[error("`{}` has a quote that does not end", .0.escape_debug())]
    OpenQuote(String),
    /// No directive at all.
    #[error("no directive stands behind the key")]
    Empty,
}

/// The directives in one argument, which commas separate (or semicolons, as in the original), but not those within quotes.
pub fn directives(text: &str) -> Result<Vec<WaitingDirective<'_>>, OnDemandError> {
    let parts = split(text)?;
    let mut directives = Vec::new();
    for part in parts.into_iter().map(str::trim).filter(|part| !part.is_empty()) {
        let (name, arguments) = part
            .split_once(|c: char| c.is_ascii_whitespace())
            .unwrap_or((part, ""));
        if !ALLOWED.iter().any(|allowed| allowed.eq_ignore_ascii_case(name)) {
            return Err(OnDemandError::NotAllowed(name.chars().take(60).collect()));
        }
        directives.push(WaitingDirective {
            name,
            arguments: arguments.trim_start(),
        });
    }
    if directives.is_empty() {
        return Err(OnDemandError::Empty);
    }
    Ok(directives)
}

/// httpd knows both kinds of quotes, and in quotes a backslash before the quote that would end them.
fn split(text: &str) -> Result<Vec<&str>, OnDemandError> {
    let mut parts = Vec::new();
    let (mut start, mut quote, mut is_escaped) = (0, None, false);
    for (at, byte) in text.bytes().enumerate() {
        match (quote, byte) {
            (Some(_), _) if is_escaped => is_escaped = false,
            (Some(_), b'\\') => is_escaped = true,
            (Some(open), _) if byte == open => quote = None,
            (Some(_), _) => {}
            (None, b'"' | b'\'') => quote = Some(byte),
            (None, b',' | b';') => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    if quote.is_some() {
        return Err(OnDemandError::OpenQuote(text.chars().take(120).collect()));
    }
    parts.push(&text[start..]);
    Ok(parts)
}

/// The names that may be set on demand, for a message.
struct Allowed;

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&ALLOWED.join(", "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(text: &str) -> Vec<(&str, &str)> {
        let directives = directives(text).unwrap();
        let pairs = directives.into_iter();
        pairs
            .map(|directive| (directive.name, directive.arguments))
            .collect()
    }

    #[test]
    fn commas_separate_directives_and_not_what_is_quoted() {
        assert_eq!(
            read("AuthType webiso, require  user alice bob,PubcookieInactiveExpire -1"),
            [
                ("AuthType", "webiso"),
                ("require", "user alice bob"),
                ("PubcookieInactiveExpire", "-1")
            ]
        );
        assert_eq!(
            read(r#"PubcookieAppID 'a, b' ; Require user "c, \"d" e,"#),
            [("PubcookieAppID", "'a, b'"), ("Require", r#"user "c, \"d" e"#)]
        );
        assert_eq!(read("AuthType"), [("AuthType", "")]);
    }

    #[test]
    fn other_directives_are_refused_by_name() {
        for (text, named) in [
            ("Require valid-user, Options All", "`Options`"),
            ("SetEnv X y", "`SetEnv`"),
            ("PubcookieOnDemand k \"AuthType x\"", "`PubcookieOnDemand`"),
            ("Satisfy any", "`Satisfy`"),
            ("<Limit GET>", "`<Limit`"),
            ("PubcookieAppID 'a", "a quote that does not end"),
            (" , ;", "no directive"),
        ] {
            let problem = directives(text).unwrap_err().to_string();
            assert!(problem.contains(named), "{text}: {problem}");
        }
    }

    #[test]
    fn a_key_is_asked_for_by_its_value_alone() {
        let key: Key = "Grades".parse().unwrap();
        for value in ["Grades", "grades", "Grades and more"] {
            assert!(key.is_asked_for_by(value.as_bytes()), "{value}");
        }
        for value in ["", "Grade", "Gradesx", "\"Grades\"", " Grades"] {
            assert!(!key.is_asked_for_by(value.as_bytes()), "{value}");
        }
        for text in ["", "a b", "a;b", "a,b", "é", "\"a\""] {
            assert!(text.parse::<Key>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic_or_passes_another_directive(text in "\\PC{0,40}") {
            for directive in directives(&text).unwrap_or_default() {
                prop_assert!(ALLOWED.iter().any(|allowed| allowed.eq_ignore_ascii_case(directive.name)));
            }
        }
    }
}
