//! What was found.

use std::fmt;

use serde::Serialize;

/// Something that an administrator has to look at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// File and line of the directive.
    pub place: String,
    pub severity: Severity,
    pub directive: String,
    /// What is wrong.
    pub problem: String,
    /// What to do about it; empty where the problem says that too.
    pub advice: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// httpd does not start, or users get no credential.
    Fails,
    /// It works today, or for some.
    Doubtful,
}

impl Finding {
    /// What httpd says of a configuration that it refuses. It names the place itself.
    pub fn of_httpd(line: &str) -> Self {
        Finding {
            place: "httpd".to_owned(),
            severity: Severity::Fails,
            directive: String::new(),
            problem: line.to_owned(),
            advice: String::new(),
        }
    }
}

/// `place: severity: directive: problem; advice`, in one line whatever is in a name.
impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Fails => "fails",
            Severity::Doubtful => "doubtful",
        };
        let mut line = format!("{}: {severity}", self.place);
        for part in [&self.directive, &self.problem] {
            if !part.is_empty() {
                line += ": ";
                line += part;
            }
        }
        if !self.advice.is_empty() {
            line += "; ";
            line += &self.advice;
        }
        f.write_str(&line.replace(char::is_control, "?"))
    }
}
