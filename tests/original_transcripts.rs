//! The recorded exchanges with the original programs (`data/transcripts/pubcookie`), replayed with our modules in their
//! place: every answer has the same status, forms, fields, cookies, destinations and reasons, or the difference is in
//! the table of those on purpose (`original_transcripts/on_purpose`), which `docs/coming-from-mod_pubcookie.md` shows.

mod original_transcripts {
    pub mod answer;
    pub mod aspect;
    pub mod clock;
    pub mod compare;
    pub mod contents;
    pub mod keys;
    pub mod on_purpose;
    pub mod remake;
    pub mod replay;
    pub mod set_cookie;
    pub mod site;
    pub mod transcript;
    pub mod wire;
}

use std::thread;

use anyhow::{Context, Result, ensure};
use original_transcripts::answer::Answer;
use original_transcripts::aspect::{Aspect, Kind};
use original_transcripts::clock::in_order;
use original_transcripts::compare::{Difference, differences, unexplained};
use original_transcripts::keys::Keys;
use original_transcripts::on_purpose::{Change, Purpose, markdown, table};
use original_transcripts::replay::{Partner, replay};
use original_transcripts::site::{Servers, SessionFormat};
use original_transcripts::transcript::{Response, Transcript};
use testbed::PrivateDirectory;

#[test]
fn ours_answers_as_the_original_did() -> Result<()> {
    let transcripts = Transcript::all()?;
    assert_eq!(transcripts.len(), 32);
    let steps: usize = transcripts.iter().map(|transcript| transcript.steps.len()).sum();
    assert_eq!(steps, 353);
    let replay_all = |format, partner| -> Result<Vec<Difference>> {
        let servers = Servers::start(format)?;
        let mut differences = Vec::new();
        for transcript in in_order(Transcript::all()?, &servers) {
            differences.extend(replay(&transcript, &servers, format, partner)?);
        }
        Ok(differences)
    };
    let runs = [
        (SessionFormat::Sealed, Partner::Ours),
        (SessionFormat::Legacy, Partner::Ours),
        (SessionFormat::Legacy, Partner::Original),
    ];
    let differences = thread::scope(|scope| -> Result<Vec<Difference>> {
        let runs = runs.map(|(format, partner)| scope.spawn(move || replay_all(format, partner)));
        let mut differences = Vec::new();
        for run in runs {
            differences.extend(run.join().expect("a replay does not panic")?);
        }
        Ok(differences)
    })?;

    let (unexplained, unused) = unexplained(&differences, table());
    let shown: Vec<String> = unexplained.iter().map(ToString::to_string).collect();
    ensure!(
        unexplained.is_empty() && unused.is_empty(),
        "{}\n{} of {} differences are not in the table; in the table, but not there: {unused:#?}",
        shown.join("\n"),
        unexplained.len(),
        differences.len()
    );
    Ok(())
}

#[test]
fn the_document_has_the_table() -> Result<()> {
    let document = include_str!("../docs/coming-from-mod_pubcookie.md");
    let table = markdown();
    ensure!(
        document.contains(&table),
        "docs/coming-from-mod_pubcookie.md should have this table:\n{table}"
    );
    Ok(())
}

/// Transcript, step, the aspect that differs after it, and the change.
type Edit<'a> = (&'a str, usize, &'a str, &'a dyn Fn(&mut Response));

/// The comparison finds what is changed, and only that.
#[test]
fn a_change_is_a_difference() -> Result<()> {
    let directory = PrivateDirectory::new("keys")?;
    let keys = Keys::write(directory.path())?;
    let transcripts = Transcript::all()?;
    let facts = |name: &str, step: usize, edit: &dyn Fn(&mut Response)| {
        let transcript = transcripts.iter().find(|transcript| transcript.name == name);
        let step = &transcript.context("no such transcript")?.steps[step];
        let mut response = step.response.clone();
        edit(&mut response);
        anyhow::Ok(Answer::recorded(&step.request.url, &response).facts(&keys, 1_795_290_576))
    };
    let edits: [Edit<'_>; 15] = [
        ("get-aes-login", 0, "status", &|answer| {
            answer.line = "HTTP/1.1 302 Found".to_owned()
        }),
        ("get-aes-login", 0, "the browser goes on", &|answer| {
            answer.page.meta_refresh = Some("0;URL=https://elsewhere.example.edu/".to_owned());
        }),
        ("get-aes-login", 0, "caches", &|answer| {
            answer.headers.retain(|(name, _)| name != "Cache-Control");
        }),
        ("get-aes-login", 0, "cookie `pubcookie_pre_s`", &|answer| {
            answer
                .headers
                .retain(|(_, value)| !value.starts_with("pubcookie_pre_s"));
        }),
        ("get-aes-login", 0, "cookie `pubcookie_g_req`", &|answer| {
            edit(answer, "; domain=.example.edu", "")
        }),
        (
            "get-aes-login",
            0,
            "protection of cookie `pubcookie_g_req`",
            &|answer| edit(answer, "; secure", "; secure; HttpOnly"),
        ),
        ("get-aes-login", 4, "cookie `pubcookie_g`", &|answer| {
            edit(answer, "; expires=Fri, 11-Jan-1990 00:00:01 GMT", "")
        }),
        ("get-aes-login", 0, "granting request `nine`", &|answer| {
            ask_for(answer, "&nine=1&", "&nine=4&")
        }),
        ("get-aes-login", 0, "granting request `sess_re`", &|answer| {
            ask_for(answer, "sess_re=0", "sess_re=1")
        }),
        ("get-aes-login", 1, "form field `two`", &|answer| {
            change_field(answer, "two", "other")
        }),
        ("get-aes-login", 1, "form", &|answer| {
            answer.page.forms[0].action = "https://elsewhere.example.edu/".to_owned()
        }),
        (
            "get-aes-login",
            3,
            "contents of cookie `pubcookie_g`",
            &|answer| {
                let granted = transcripts
                    .iter()
                    .find(|transcript| transcript.name == "noprompt-get");
                let other = granted.and_then(|transcript| transcript.steps[1].response.header("Set-Cookie"));
                let cookie = answer
                    .headers
                    .iter_mut()
                    .find(|(_, value)| value.starts_with("pubcookie_g="));
                if let (Some((_, cookie)), Some(other)) = (cookie, other) {
                    other.clone_into(cookie);
                }
            },
        ),
        (
            "get-aes-login",
            4,
            "environment variable `REMOTE_USER`",
            &|answer| {
                let environment = answer.environment.iter_mut().flatten();
                environment.for_each(|variable| *variable = variable.replace("=alice", "=bob"));
            },
        ),
        ("poststuff-get-method", 3, "body", &|answer| {
            answer.body_received_by_application = Some("a=1".to_owned())
        }),
        ("errors-app-get", 24, "page", &|answer| {
            answer.page.error_message = Some("another".to_owned())
        }),
    ];
    for (name, step, aspect, edit) in edits {
        let (as_it_is, edited) = (facts(name, step, &|_| ())?, facts(name, step, edit)?);
        let found: Vec<String> = differences(&as_it_is, &edited)
            .map(|(aspect, ..)| aspect.to_string())
            .collect();
        assert_eq!(found, [aspect], "{name} step {step}");
    }
    Ok(())
}

#[test]
fn what_is_not_in_the_table_and_what_is_there_for_nothing_are_found() {
    static PURPOSES: [Purpose; 1] = [Purpose {
        at: &[("one", &[0])],
        what: "a difference",
        changes: &[
            Change {
                kind: Kind::Status,
                name: "",
                recorded: Some("200"),
                ours: Some("4*"),
            },
            Change {
                kind: Kind::Cookie,
                name: "pubcookie_s_*",
                recorded: Some("set"),
                ours: None,
            },
        ],
        why: "for the test",
    }];
    let difference = |transcript: &str, step, ours: &str| Difference {
        transcript: transcript.to_owned(),
        step,
        aspect: Aspect {
            kind: Kind::Status,
            name: "".into(),
        },
        recorded: Some("200".to_owned()),
        ours: Some(ours.to_owned()),
    };
    let all = [
        difference("one", 0, "400"),
        difference("one", 0, "500"),
        difference("one", 1, "400"),
        difference("two", 0, "400"),
    ];
    let (unexplained, unused) = unexplained(&all, PURPOSES.iter());
    let left: Vec<_> = unexplained
        .iter()
        .map(|difference| (difference.step, difference.ours.as_deref()))
        .collect();
    assert_eq!(left, [(0, Some("500")), (1, Some("400")), (0, Some("400"))]);
    assert_eq!(unused.len(), 1, "{unused:?}");
    assert!(unused[0].contains("pubcookie_s_*"), "{unused:?}");
}

fn edit(answer: &mut Response, from: &str, to: &str) {
    let cookie = answer
        .headers
        .iter_mut()
        .map(|(_, value)| value)
        .find(|value| value.starts_with("pubcookie_g") && value.contains(from));
    if let Some(cookie) = cookie {
        *cookie = cookie.replace(from, to);
    }
}

/// Another granting request in the cookie.
fn ask_for(answer: &mut Response, from: &str, to: &str) {
    let cookie = answer
        .headers
        .iter_mut()
        .find(|(_, value)| value.starts_with("pubcookie_g_req="));
    if let Some((_, cookie)) = cookie {
        let (value, rest) = cookie["pubcookie_g_req=".len()..]
            .split_once(';')
            .unwrap_or_default();
        let asked = openssl::base64::decode_block(value).unwrap_or_default();
        let asked = String::from_utf8_lossy(&asked).replace(from, to);
        *cookie = format!(
            "pubcookie_g_req={};{rest}",
            openssl::base64::encode_block(asked.as_bytes())
        );
    }
}

fn change_field(answer: &mut Response, name: &str, to: &str) {
    let fields = answer.page.forms.iter_mut().flat_map(|form| &mut form.fields);
    for (_, field, value) in fields {
        if field.as_deref() == Some(name) {
            *value = Some(to.to_owned());
        }
    }
}
