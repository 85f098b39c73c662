//! Where ours differs from the original on purpose, and why: the table of `docs/coming-from-mod_pubcookie.md`.

mod app_server;
mod everywhere;
mod login_server;
mod reply_url;

use std::fmt;

use super::aspect::{Aspect, Kind};
use super::compare::Difference;

/// One difference on purpose, in all its aspects.
pub struct Purpose {
    /// Transcripts, and steps of each (none: all of them); no transcripts: everywhere.
    pub at: &'static [(&'static str, &'static [usize])],
    /// What differs, in a few words.
    pub what: &'static str,
    pub changes: &'static [Change],
    /// Why it does.
    pub why: &'static str,
}

/// An aspect, as recorded and as ours; `*` stands for any text.
pub struct Change {
    pub kind: Kind,
    pub name: &'static str,
    pub recorded: Option<&'static str>,
    pub ours: Option<&'static str>,
}

impl Purpose {
    pub fn is_about(&self, difference: &Difference) -> bool {
        self.at.is_empty()
            || self.at.iter().any(|(transcript, steps)| {
                *transcript == difference.transcript && (steps.is_empty() || steps.contains(&difference.step))
            })
    }
}

impl Change {
    pub fn names(&self, difference: &Difference) -> bool {
        let Aspect { kind, name } = &difference.aspect;
        let fits = |pattern: Option<&str>, value: &Option<String>| match (pattern, value) {
            (None, None) => true,
            (Some(pattern), Some(value)) => matches(pattern, value),
            _ => false,
        };
        self.kind == *kind
            && matches(self.name, name)
            && fits(self.recorded, &difference.recorded)
            && fits(self.ours, &difference.ours)
    }
}

impl fmt::Display for Change {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let aspect = Aspect {
            kind: self.kind,
            name: self.name.into(),
        };
        let shown =
            |value: Option<&str>| value.map_or_else(|| "none".to_owned(), |value| format!("`{value}`"));
        write!(
            formatter,
            "{aspect}: {}, now {}",
            shown(self.recorded),
            shown(self.ours)
        )
    }
}

/// Whether a text is as the pattern says.
fn matches(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            (0..=rest.len()).any(|place| rest.is_char_boundary(place) && matches(after, &rest[place..]))
        }),
    }
}

/// The whole table.
pub fn table() -> impl Iterator<Item = &'static Purpose> + Clone {
    [
        everywhere::TABLE,
        app_server::TABLE,
        reply_url::TABLE,
        login_server::TABLE,
    ]
    .into_iter()
    .flatten()
}

/// The table in Markdown, as the document has it.
pub fn markdown() -> String {
    let mut text = "| difference | original, now | why |\n| --- | --- | --- |\n".to_owned();
    for purpose in table() {
        let changes: Vec<String> = purpose.changes.iter().map(Change::to_string).collect();
        let changes = changes.join("<br>").replace('|', r"\|");
        text += &format!("| {} | {changes} | {} |\n", purpose.what, purpose.why);
    }
    text
}

/// One aspect, as recorded and as ours.
const fn change(
    kind: Kind,
    name: &'static str,
    recorded: Option<&'static str>,
    ours: Option<&'static str>,
) -> Change {
    Change {
        kind,
        name,
        recorded,
        ours,
    }
}

const fn status(recorded: &'static str, ours: &'static str) -> Change {
    change(Kind::Status, "", Some(recorded), Some(ours))
}

const fn goes_on(recorded: &'static str, ours: &'static str) -> Change {
    change(Kind::GoesOn, "", Some(recorded), Some(ours))
}

const fn page(recorded: &'static str, ours: &'static str) -> Change {
    change(Kind::Page, "", Some(recorded), Some(ours))
}

const fn cookie(name: &'static str, recorded: Option<&'static str>, ours: Option<&'static str>) -> Change {
    change(Kind::Cookie, name, recorded, ours)
}

const fn field(name: &'static str, recorded: Option<&'static str>, ours: Option<&'static str>) -> Change {
    change(Kind::Field, name, recorded, ours)
}

const fn variable(name: &'static str, recorded: Option<&'static str>, ours: Option<&'static str>) -> Change {
    change(Kind::Variable, name, recorded, ours)
}

/// How a cookie is set or cleared.
const SET: Option<&str> = Some("set; path=/; secure");
const CLEARED: Option<&str> = Some("cleared; path=/; secure");
const SET_IN_DOMAIN: Option<&str> = Some("set; domain=example.edu; path=/; secure");
const CLEARED_IN_DOMAIN: Option<&str> = Some("cleared; domain=example.edu; path=/; secure");
const CLEARED_IN_BOTH: Option<&str> =
    Some("cleared; path=/; secure and cleared; domain=example.edu; path=/; secure");

const TO_LOGIN: &str = "by refresh to https://login.example.edu:18443/";
const TO_APP: &str = "by refresh to https://app1.example.edu:18444/secure/x";
const STAYS: &str = "no";
const ERROR_PAGE: &str = "A problem has occurred";
