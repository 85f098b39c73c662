//! Every error message that can reach the log has its words in "when there is no credential".

use std::fs;

use anyhow::{Context, Result, ensure};

/// Where the messages are that reach `MYPROXY_ERROR_DESC`.
const SOURCES: [&str; 9] = [
    "crates/credential-store/src/error.rs",
    "crates/myproxy-client/src/chain.rs",
    "crates/myproxy-client/src/client_certificate.rs",
    "crates/myproxy-client/src/error.rs",
    "crates/myproxy-client/src/identity.rs",
    "crates/myproxy-client/src/refusal.rs",
    "crates/myproxy-client/src/response.rs",
    "crates/myproxy-client/src/signing_policy.rs",
    "crates/myproxy-client/src/trust.rs",
];

#[test]
fn every_message_has_a_line_in_the_troubleshooting_guide() -> Result<()> {
    let guide = words(&fs::read_to_string("docs/troubleshooting-credentials.md")?);
    let mut missing = Vec::new();
    for source in SOURCES {
        let messages = messages(&fs::read_to_string(source).context(source)?);
        ensure!(!messages.is_empty(), "no message in {source}");
        // A message that is put together from others has no words of its own: it is theirs that are looked for.
        let unknown = |message: &String| {
            let fragments = fragments(message);
            !fragments.is_empty() && !fragments.iter().any(|fragment| guide.contains(fragment))
        };
        missing.extend(
            messages
                .into_iter()
                .filter(unknown)
                .map(|message| format!("{source}: {message}")),
        );
    }
    ensure!(missing.is_empty(), "not in the guide:\n{}", missing.join("\n"));
    Ok(())
}

/// The texts of `#[error("...")]`.
fn messages(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut rest = source;
    while let Some(start) = rest.find("#[error(") {
        rest = &rest[start + "#[error(".len()..];
        // `transparent` has no text of its own.
        if let Some(text) = rest.trim_start().strip_prefix('"') {
            let end =
                (1..text.len()).find(|&end| text[end..].starts_with('"') && !text[..end].ends_with('\\'));
            let text = &text[..end.unwrap_or(text.len())];
            let joined: Vec<_> = text.split("\\\n").map(str::trim_start).collect();
            found.push(joined.concat());
        }
    }
    found
}

/// The words of a message between what is filled in: as many as three together, or the most there are.
fn fragments(message: &str) -> Vec<String> {
    let mut outside = String::new();
    let mut depth = 0;
    for letter in message.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ if depth > 0 => continue,
            _ => {}
        }
        outside.push(letter);
    }
    let fixed: Vec<_> = outside
        .split(['{', '}', ':', '(', ','])
        .map(words)
        .filter(|fragment| !fragment.is_empty())
        .collect();
    let count = |fragment: &String| fragment.split(' ').count();
    let enough = fixed.iter().map(count).max().unwrap_or(0).min(3);
    fixed
        .into_iter()
        .filter(|fragment| count(fragment) >= enough)
        .collect()
}

/// Words with single spaces, without the marks of Markdown.
fn words(text: &str) -> String {
    let plain = text.replace(['`', '\n'], " ");
    plain.split_whitespace().collect::<Vec<_>>().join(" ")
}
