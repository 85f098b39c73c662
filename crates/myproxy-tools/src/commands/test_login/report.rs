//! The journey on paper: for people, and as one JSON object.

use std::fmt::Write;

use serde_json::{Value, json};

use super::client::Fate;
use super::diagnosis::{self, Finding, Remedy};
use super::hop::{Hop, Kind, without_query};
use super::journey::Journey;

/// Each hop, the clocks, and what is wrong.
pub fn text(journey: &Journey) -> Result<String, std::fmt::Error> {
    let mut text = String::new();
    for (number, hop) in (1..).zip(&journey.hops) {
        let milliseconds = hop.took.as_millis();
        writeln!(
            text,
            "{number:>2}  {} {} -> {} ({milliseconds} ms)",
            hop.method,
            without_query(&hop.url),
            hop.status
        )?;
        writeln!(text, "      {}{}", hop.kind, shown_words(hop))?;
        if let Some(reason) = hop.reason {
            writeln!(text, "      reason {reason}")?;
        }
        for (what, names) in cookies(hop) {
            writeln!(text, "      {what} {}", names.join(", "))?;
        }
    }
    for (host, ahead) in diagnosis::clocks(journey) {
        writeln!(text, "Clock of {host}: {}", clock(ahead))?;
    }
    for odd in diagnosis::oddities(journey) {
        write_finding(&mut text, "Odd", &odd)?;
    }
    match diagnosis::problem(journey) {
        Some(problem) => write_finding(&mut text, "Wrong", &problem)?,
        None => writeln!(
            text,
            "Reached {} with a session that serves",
            without_query(&journey.url)
        )?,
    }
    Ok(text)
}

/// The same as one object.
pub fn json(journey: &Journey) -> Value {
    json!({
        "url": without_query(&journey.url),
        "reached": journey.is_good(),
        "hops": journey.hops.iter().map(hop_json).collect::<Vec<_>>(),
        "clocks": diagnosis::clocks(journey)
            .into_iter()
            .map(|(host, ahead)| json!({ "host": host, "seconds_ahead": ahead }))
            .collect::<Vec<_>>(),
        "problem": diagnosis::problem(journey).as_ref().map(finding_json),
        "oddities": diagnosis::oddities(journey).iter().map(finding_json).collect::<Vec<_>>(),
    })
}

fn hop_json(hop: &Hop) -> Value {
    let names = |fits: fn(&Fate) -> bool| -> Vec<&str> {
        let cookies = hop.cookies.iter().filter(|(_, fate)| fits(fate));
        cookies.map(|(name, _)| name.as_str()).collect()
    };
    json!({
        "method": hop.method,
        "url": without_query(&hop.url),
        "status": hop.status,
        "milliseconds": u64::try_from(hop.took.as_millis()).unwrap_or(u64::MAX),
        "page": hop.kind.to_string(),
        "reason": hop.reason.map(|reason| json!({ "number": reason.number(), "words": reason.for_log() })),
        "cookies_sent": hop.sent,
        "cookies_set": names(|fate| *fate == Fate::Kept),
        "cookies_cleared": names(|fate| *fate == Fate::Cleared),
        "cookies_refused": names(|fate| matches!(fate, Fate::Refused(_))),
    })
}

fn finding_json(finding: &Finding) -> Value {
    json!({
        "place": finding.place,
        "what": finding.what,
        "directives": finding.remedy.directives,
        "advice": finding.remedy.advice,
    })
}

fn write_finding(text: &mut String, kind: &str, finding: &Finding) -> std::fmt::Result {
    let Remedy { directives, advice } = &finding.remedy;
    writeln!(text, "{kind} at {}: {}", finding.place, finding.what)?;
    match directives {
        [] => writeln!(text, "      {advice}"),
        directives => writeln!(text, "      {}: {advice}", directives.join(", ")),
    }
}

fn shown_words(hop: &Hop) -> String {
    match (&hop.kind, hop.alert.as_str(), hop.heading.as_str()) {
        (Kind::Page, "", heading) if !heading.is_empty() => format!(": \"{heading}\""),
        (Kind::Page | Kind::LoginForm, alert, _) if !alert.is_empty() => format!(": \"{alert}\""),
        _ => String::new(),
    }
}

fn cookies(hop: &Hop) -> Vec<(&'static str, Vec<String>)> {
    let names = |fits: fn(&Fate) -> bool| -> Vec<String> {
        let cookies = hop.cookies.iter().filter(|(_, fate)| fits(fate));
        cookies.map(|(name, _)| name.clone()).collect()
    };
    let refused = hop.cookies.iter().filter_map(|(name, fate)| match fate {
        Fate::Refused(why) => Some(format!("{name} ({why})")),
        _ => None,
    });
    let mut lists = vec![
        ("brought", hop.sent.clone()),
        ("sets", names(|fate| *fate == Fate::Kept)),
        ("clears", names(|fate| *fate == Fate::Cleared)),
        ("sets in vain", refused.collect()),
    ];
    lists.retain(|(_, names)| !names.is_empty());
    lists
}

fn clock(ahead: i64) -> String {
    match ahead {
        -1..=1 => "as ours".to_owned(),
        2.. => format!("{ahead} s ahead of ours"),
        _ => format!("{} s behind ours", -ahead),
    }
}
