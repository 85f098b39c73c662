//! The original programs' own configuration file, `/usr/local/pubcookie/config`: lines of `key: value`.
//!
//! ```text
//! # for keyclient
//! keymgt_uri:  https://weblogin.example.edu:2222
//! ssl_ca_file: /etc/pki/tls/certs/ca-bundle.crt
//! ```

use std::fmt;

/// What such a file says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfigFile(Vec<Setting>);

/// One line of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// The key, in lower case: letters, digits, `-`, `_` and `.`.
    pub key: String,
    /// The value: not empty, no white space around it.
    pub value: String,
    /// The number of the line where it begins; the first is 1.
    pub line: usize,
}

/// A line that says nothing.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct ConfigFileError {
    /// The number of the line; the first is 1.
    pub line: usize,
    /// What is wrong with it. The line itself is not shown: values may be secret.
    pub problem: LineProblem,
}

/// What is wrong with a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineProblem {
    /// It is not `key: value`.
    NoKey,
    /// Nothing stands behind the colon.
    NoValue,
}

impl fmt::Display for LineProblem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            LineProblem::NoKey => {
                "no `key: value`; a key is made of letters, digits, `-`, `_` and `.`, and comments begin with `#`"
            }
            LineProblem::NoValue => "no value behind the colon",
        })
    }
}

impl ConfigFile {
    /// Reads a file's text. Empty lines and those that begin with `#` say nothing; `\` at the end of a line continues
    /// it on the next that says something.
    pub fn parse(text: &str) -> Result<Self, ConfigFileError> {
        let mut settings = Vec::new();
        let mut unfinished: Option<(usize, String)> = None;
        for (line, text) in (1..).zip(text.lines()) {
            let text = text.trim();
            if text.is_empty() || text.starts_with('#') {
                continue;
            }
            let (line, mut whole) = unfinished.take().unwrap_or((line, String::new()));
            match text.strip_suffix('\\') {
                Some(text) => {
                    whole.push_str(text);
                    unfinished = Some((line, whole));
                }
                None => {
                    whole.push_str(text);
                    settings.push(Setting::parse(&whole, line)?);
                }
            }
        }
        if let Some((line, whole)) = unfinished {
            settings.push(Setting::parse(&whole, line)?);
        }
        Ok(ConfigFile(settings))
    }

    /// The value of a key, whatever its case; the first one counts.
    pub fn get(&self, key: &str) -> Option<&str> {
        let mut settings = self.0.iter();
        settings
            .find(|setting| setting.key.eq_ignore_ascii_case(key))
            .map(|setting| setting.value.as_str())
    }

    /// All of it, in the file's order.
    pub fn settings(&self) -> &[Setting] {
        &self.0
    }
}

impl Setting {
    fn parse(text: &str, line: usize) -> Result<Self, ConfigFileError> {
        let refused = |problem| ConfigFileError { line, problem };
        let (key, value) = text.split_once(':').ok_or(refused(LineProblem::NoKey))?;
        let of_a_key = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if key.is_empty() || !key.bytes().all(of_a_key) {
            return Err(refused(LineProblem::NoKey));
        }
        let value = value.trim();
        if value.is_empty() {
            return Err(refused(LineProblem::NoValue));
        }
        Ok(Setting {
            key: key.to_ascii_lowercase(),
            value: value.to_owned(),
            line,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_values_are_read_whatever_stands_around_them() {
        let file = ConfigFile::parse(
            "# a comment: with a colon\n\
             \n\
             SSL_Key_File:/etc/ssl/server key.pem  \r\n\
             \t keymgt_uri: https://login.example.edu:2222 # not a comment\n\
             app_logout_string-app.example.edu-x: <b>bye</b>\n\
             keymgt_uri: https://another.example.edu/\n",
        )
        .unwrap();
        assert_eq!(file.get("ssl_key_file"), Some("/etc/ssl/server key.pem"));
        assert_eq!(
            file.get("KEYMGT_URI"),
            Some("https://login.example.edu:2222 # not a comment")
        );
        assert_eq!(file.get("keydir"), None);
        assert_eq!(file.settings()[3].line, 6);
    }

    #[test]
    fn a_backslash_continues_a_line_beyond_comments() {
        let file = ConfigFile::parse("kiosk: 10m \\\n# between\n\n  192.168.1.1\nkeydir: /k\\").unwrap();
        assert_eq!(file.get("kiosk"), Some("10m 192.168.1.1"));
        assert_eq!(file.settings()[0].line, 1);
        assert_eq!(file.get("keydir"), Some("/k"));
    }

    #[test]
    fn an_error_names_the_line_and_not_what_stands_there() {
        for (text, line, problem) in [
            ("keydir /secret", 1, LineProblem::NoKey),
            ("keydir : x", 1, LineProblem::NoKey),
            ("\n: x", 2, LineProblem::NoKey),
            ("a b: x", 1, LineProblem::NoKey),
            ("é: x", 1, LineProblem::NoKey),
            ("\\", 1, LineProblem::NoKey),
            ("#\nkeydir:  ", 2, LineProblem::NoValue),
            ("x: y\nkeydir: \\\n", 2, LineProblem::NoValue),
        ] {
            let error = ConfigFile::parse(text).unwrap_err();
            assert_eq!(error, ConfigFileError { line, problem }, "{text:?}");
            assert!(
                error.to_string().starts_with(&format!("line {line}: no ")),
                "{error}"
            );
            assert!(!error.to_string().contains("secret"));
        }
    }
}
