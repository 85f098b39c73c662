//! Signing policies: which subjects a certification authority of a trust directory may sign.
//!
//! The file `<hash>.signing_policy` is the "extended access control list" of the Globus Toolkit:
//!
//! ```text
//! # the authority, its right, and the subjects for which it has that right
//! access_id_CA   X509    '/DC=org/DC=example/CN=Example CA'
//! pos_rights     globus  CA:sign
//! cond_subjects  globus  '"/DC=org/DC=example/*" "/DC=org/DC=elsewhere/CN=one"'
//! ```

use crate::distinguished_name;

/// The entries of one file.
#[derive(Debug, PartialEq, Eq)]
pub struct SigningPolicy {
    entries: Vec<Entry>,
}

/// An authority's right to sign.
#[derive(Debug, Default, PartialEq, Eq)]
struct Entry {
    authority: String,
    may_sign: bool,
    subjects: Vec<String>,
}

/// Why a file is not a signing policy. Nothing is allowed by a file with an error in it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {problem}")]
pub struct SigningPolicyError {
    line: usize,
    problem: &'static str,
}

impl SigningPolicy {
    /// Reads a file's text.
    pub fn parse(text: &str) -> Result<Self, SigningPolicyError> {
        let mut entries: Vec<Entry> = Vec::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if line.is_empty() || line.starts_with('#') {
                continue;
            }
            parse_line(line, &mut entries).map_err(|problem| SigningPolicyError {
                line: index + 1,
                problem,
            })?;
        }
        Ok(SigningPolicy { entries })
    }

    /// Whether `issuer` may sign a certificate for `subject`, both in slash form.
    pub fn allows(&self, issuer: &str, subject: &str) -> bool {
        self.entries.iter().any(|entry| {
            entry.may_sign
                && distinguished_name::same(&entry.authority, issuer)
                && entry.subjects.iter().any(|pattern| matches(pattern, subject))
        })
    }
}

fn parse_line(line: &str, entries: &mut Vec<Entry>) -> Result<(), &'static str> {
    let (keyword, rest) = word(line);
    let (authority, value) = word(rest);
    match (keyword, authority.to_ascii_lowercase().as_str()) {
        ("access_id_CA", "x509") => {
            let authority = unquoted(value, '\'')
                .or_else(|| unquoted(value, '"'))
                .unwrap_or(value)
                .to_owned();
            if authority.is_empty() {
                return Err("access_id_CA names no authority");
            }
            entries.push(Entry {
                authority,
                ..Entry::default()
            });
            Ok(())
        }
        ("pos_rights", "globus") if value == "CA:sign" => {
            entries
                .last_mut()
                .ok_or("pos_rights comes before access_id_CA")?
                .may_sign = true;
            Ok(())
        }
        ("cond_subjects", "globus") => {
            let entry = entries
                .last_mut()
                .ok_or("cond_subjects comes before access_id_CA")?;
            entry.subjects.extend(subjects(value)?);
            Ok(())
        }
        ("access_id_CA" | "pos_rights" | "cond_subjects", _) => {
            Err("expected \"access_id_CA X509\", \"pos_rights globus CA:sign\" or \"cond_subjects globus\"")
        }
        _ => Err("expected access_id_CA, pos_rights or cond_subjects"),
    }
}

/// The first word, and what follows it.
fn word(text: &str) -> (&str, &str) {
    match text.split_once(char::is_whitespace) {
        Some((word, rest)) => (word, rest.trim()),
        None => (text, ""),
    }
}

fn unquoted(text: &str, quote: char) -> Option<&str> {
    text.strip_prefix(quote)?.strip_suffix(quote)
}

/// `'"first" "second"'`, `'only one'`, `"only one"`, or one without quotes.
fn subjects(value: &str) -> Result<Vec<String>, &'static str> {
    let inner = unquoted(value, '\'').unwrap_or(value).trim();
    if inner.contains('\'') {
        return Err("the subjects have an unclosed quote");
    }
    let list: Vec<String> = if inner.contains('"') {
        if !inner.matches('"').count().is_multiple_of(2) {
            return Err("the subjects have an unclosed quote");
        }
        let pieces: Vec<&str> = inner.split('"').collect();
        if pieces.iter().step_by(2).any(|between| !between.trim().is_empty()) {
            return Err("there is text between the quoted subjects");
        }
        pieces.into_iter().skip(1).step_by(2).map(str::to_owned).collect()
    } else {
        vec![inner.to_owned()]
    };
    if list.iter().any(String::is_empty) {
        Err("a subject is empty")
    } else {
        Ok(list)
    }
}

/// Whether a subject fits a pattern. As in the Globus libraries the last `*` stands for one or more
/// characters and any other `*` for itself.
fn matches(pattern: &str, subject: &str) -> bool {
    if distinguished_name::same(pattern, subject) {
        return true;
    }
    let Some((before, after)) = pattern.rsplit_once('*') else {
        return false;
    };
    let (Some(head), Some(tail_start)) = (
        subject.get(..before.len()),
        subject.len().checked_sub(after.len()),
    ) else {
        return false;
    };
    let Some(tail) = subject.get(tail_start..) else {
        return false;
    };
    tail_start > before.len()
        && distinguished_name::same(head, before)
        && distinguished_name::same(tail, after)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const AUTHORITY: &str = "/DC=org/DC=example/CN=Example CA";

    fn policy(subjects: &str) -> SigningPolicy {
        SigningPolicy::parse(&format!(
            "# comment\n\naccess_id_CA   X509    '{AUTHORITY}'\npos_rights globus CA:sign\n\
             cond_subjects\tglobus   {subjects}\n"
        ))
        .unwrap()
    }

    #[test]
    fn every_way_of_writing_subjects_is_read() {
        for subjects in [
            r#"'"/DC=org/DC=example/*"'"#,
            r#"'"/DC=com/*"  "/DC=org/DC=example/*"'"#,
            r#""/DC=org/DC=example/*""#,
            "'/DC=org/DC=example/*'",
            "/DC=org/DC=example/*",
            r#"'"/dc=ORG/dc=Example/cn=ALICE"'"#,
        ] {
            assert!(
                policy(subjects).allows(AUTHORITY, "/DC=org/DC=example/CN=alice"),
                "{subjects}"
            );
        }
    }

    #[test]
    fn other_subjects_and_authorities_are_not_allowed() {
        let policy = policy(r#"'"/DC=org/DC=example/*"'"#);
        assert!(!policy.allows(AUTHORITY, "/DC=org/DC=other/CN=alice"));
        assert!(
            !policy.allows(AUTHORITY, "/DC=org/DC=example/"),
            "the star stands for something"
        );
        assert!(!policy.allows("/DC=org/DC=other/CN=Example CA", "/DC=org/DC=example/CN=alice"));
    }

    #[test]
    fn an_authority_without_the_right_to_sign_may_not() {
        let text = format!("access_id_CA X509 '{AUTHORITY}'\ncond_subjects globus '\"*\"'\n");
        assert!(!SigningPolicy::parse(&text).unwrap().allows(AUTHORITY, "/CN=a"));
    }

    #[test]
    fn several_authorities_keep_apart() {
        let entry = |name: &str| {
            format!(
                "access_id_CA X509 '/CN={name}'\npos_rights globus CA:sign\ncond_subjects globus '\"/CN={name}/*\"'\n"
            )
        };
        let policy = SigningPolicy::parse(&(entry("A") + &entry("B"))).unwrap();
        assert!(policy.allows("/CN=A", "/CN=A/CN=x") && policy.allows("/CN=B", "/CN=B/CN=x"));
        assert!(!policy.allows("/CN=A", "/CN=B/CN=x") && !policy.allows("/CN=B", "/CN=A/CN=x"));
    }

    #[test]
    fn an_error_is_placed() {
        for (text, line) in [
            ("pos_rights globus CA:sign", 1),
            ("# a\naccess_id_CA X509 ''", 2),
            ("access_id_CA X509 '/CN=a'\nneg_rights globus CA:sign", 2),
            (
                "access_id_CA X509 '/CN=a'\npos_rights globus CA:sign\ncond_subjects globus '\"/CN=a'",
                3,
            ),
            (
                "access_id_CA X509 '/CN=a'\npos_rights globus CA:sign\ncond_subjects globus '\"a\" b'",
                3,
            ),
            (
                "access_id_CA X509 '/CN=a'\npos_rights globus CA:sign\ncond_subjects globus",
                3,
            ),
        ] {
            assert_eq!(
                SigningPolicy::parse(text).map_err(|error| error.line),
                Err(line),
                "{text}"
            );
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text: String, issuer: String, subject: String) {
            if let Ok(policy) = SigningPolicy::parse(&text) {
                policy.allows(&issuer, &subject);
            }
        }

        #[test]
        fn no_pattern_panics(pattern: String, subject: String) {
            matches(&pattern, &subject);
        }

        #[test]
        fn a_star_stands_for_any_ending(subject in "/DC=org/CN=[ -~&&[^*]]{1,40}") {
            prop_assert!(matches("/DC=org/CN=*", &subject));
        }
    }
}
