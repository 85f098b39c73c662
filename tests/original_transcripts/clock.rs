//! When the recorded steps happened.

use super::answer::Answer;
use super::site::Servers;
use super::transcript::{Step, Transcript};

/// The transcripts in the order in which they were recorded: a server's clock does not go back.
pub fn in_order(transcripts: Vec<Transcript>, servers: &Servers) -> Vec<Transcript> {
    let mut transcripts = transcripts;
    transcripts.sort_by_key(|transcript| times(transcript, servers).first().copied());
    transcripts
}

/// When each step happened, in Unix seconds: as a cookie or form of its answer says; else as the step before.
pub fn times(transcript: &Transcript, servers: &Servers) -> Vec<u64> {
    let known: Vec<Option<u64>> = transcript.steps.iter().map(|step| time(step, servers)).collect();
    let mut now = known.iter().flatten().next().copied().unwrap_or(1_795_290_576);
    known
        .into_iter()
        .map(|time| {
            now = time.unwrap_or(now);
            now
        })
        .collect()
}

fn time(step: &Step, servers: &Servers) -> Option<u64> {
    let answer = Answer::recorded(&step.request.url, &step.response);
    let of_cookie = |(name, value): &(String, Option<String>)| {
        let cookie = servers.keys.open(value.as_deref()?)?.cookie;
        let time = if name.starts_with("pubcookie_s_") {
            cookie.last_time
        } else {
            cookie.create_time
        };
        Some(u64::from(time))
    };
    let of_form = || {
        let fields = &answer.forms.first()?.fields;
        fields
            .iter()
            .find(|(name, _)| name == "create_ts")?
            .1
            .parse()
            .ok()
    };
    answer
        .cookie_changes()
        .iter()
        .filter_map(of_cookie)
        .max()
        .or_else(of_form)
}
