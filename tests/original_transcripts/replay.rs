//! One transcript with our servers: the browser of the recording, as it would have been with us.
//!
//! It sends what was recorded, with what our servers gave it in the place of what theirs gave: cookies, and the fields of
//! the forms that it submits. What it made up itself (broken cookies, forms of no page) it makes up again.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use openssl::base64::encode_block;
use pubcookie_protocol::set_cookie::PRE_SESSION;

use super::answer::{Answer, Facts, Form};
use super::clock::times;
use super::compare::{Difference, differences};
use super::contents::{GRANTING_REQUEST, granting_request};
use super::remake::{NO_GRANTING_COOKIE, granted, made_again, pre_session_of};
use super::site::{Sent, Servers, SessionFormat};
use super::transcript::{Request, Step, Transcript};
use super::wire::{headers, urlencoded};

/// Fields whose values are new in each answer: where ours has another, it goes on in the place of the recorded one.
const NEW_EACH_TIME: [&str; 4] = ["pubcookie_g_req", "pubcookie_g", "first_kiss", "pre_sess_tok"];

/// Who is at the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Partner {
    /// Our own servers: the browser carries what they gave it.
    Ours,
    /// The original: each server of ours is brought the cookies and granting requests that the recorded ones made.
    Original,
}

/// Replays a transcript, and answers how ours differs.
pub fn replay(
    transcript: &Transcript,
    servers: &Servers,
    format: SessionFormat,
    partner: Partner,
) -> Result<Vec<Difference>> {
    let times = times(transcript, servers);
    let mut browser = Browser {
        servers,
        format,
        partner,
        ours: BTreeMap::new(),
        jar: BTreeMap::new(),
        recorded_cookies: cookies_set_in(transcript),
        pages: None,
    };
    let mut found = Vec::new();
    for (number, (step, time)) in transcript.steps.iter().zip(times).enumerate() {
        let what = || format!("{} step {number}", transcript.name);
        servers.set_clock(time)?;
        let recorded = Answer::recorded(&step.request.url, &step.response);
        let ours = browser.take(step, time).with_context(what)?;
        browser.learn(&recorded, &ours);
        let recorded = browser.with_granting_cookie(recorded);
        let expected = browser.translated(recorded.facts(&servers.keys, time));
        found.extend(differences(&expected, &ours.facts(&servers.keys, time)).map(
            |(aspect, theirs, ours)| Difference {
                transcript: transcript.name.clone(),
                step: number,
                aspect,
                recorded: theirs,
                ours,
            },
        ));
        browser.pages = Some((recorded.forms, ours.forms));
        if partner == Partner::Original {
            browser.ours.clear();
        }
    }
    Ok(found)
}

struct Browser<'a> {
    servers: &'a Servers,
    format: SessionFormat,
    partner: Partner,
    /// Our value for each recorded one, by the name of the cookie or field.
    ours: BTreeMap<(String, String), String>,
    /// The cookies that our servers set, by host and name.
    jar: BTreeMap<(String, String), String>,
    /// Names of cookies that the recorded servers set, by host.
    recorded_cookies: BTreeSet<(String, String)>,
    /// The forms of the recorded page before this step, and of ours.
    pages: Option<(Vec<Form>, Vec<Form>)>,
}

impl Browser<'_> {
    fn take(&mut self, step: &Step, time: u64) -> Result<Answer> {
        let request = &step.request;
        if request.is_for_reply_url() {
            self.log_in_for_reply(request, time)?;
        }
        if self.partner == Partner::Original {
            self.begin_login_of(request);
        }
        let submits_ours = self.partner == Partner::Ours || request.is_login_form();
        if let Some(form) = self.submitted_form(request).filter(|_| submits_ours) {
            return self.send(request, Some(form));
        }
        if request.is_login_form() {
            return self.submit_made_up_login(request, time);
        }
        let body = request.form.is_some().then(|| self.body(request));
        self.send(request, body)
    }

    /// The reply URL of ours takes nothing but what belongs to a login that began here.
    fn log_in_for_reply(&mut self, request: &Request, time: u64) -> Result<()> {
        let host = request.url.host_str().unwrap_or_default();
        let granted = granted(host, time, self.servers)?;
        let brought = ("pubcookie_g".to_owned(), NO_GRANTING_COOKIE.to_owned());
        if request.fields().contains(&brought)
            || request.url.query_pairs().into_owned().any(|pair| pair == brought)
        {
            self.ours.insert(brought, granted.granting_cookie);
            let key = (host.to_owned(), PRE_SESSION.to_owned());
            self.jar.insert(key, granted.pre_session);
        }
        Ok(())
    }

    /// The pre-session that the browser of ours would have: in the POST method that of the recording has none. By GET it
    /// has the original's, and that has to do.
    fn begin_login_of(&mut self, request: &Request) {
        let fields = request.fields();
        let cookies = request.cookies();
        if cookies.iter().any(|(name, _)| *name == "pubcookie_pre_s") {
            return;
        }
        let granting_cookie = cookies
            .into_iter()
            .chain(fields.iter().map(|(name, value)| (name.as_str(), value.as_str())))
            .find(|(name, _)| *name == "pubcookie_g");
        let host = request.url.host_str().unwrap_or_default();
        if let Some(made) = granting_cookie.and_then(|(_, text)| pre_session_of(text, host, self.servers)) {
            self.jar.insert((host.to_owned(), PRE_SESSION.to_owned()), made);
        }
    }

    /// The recorded answer as it would have been to the granting cookie that ours was brought.
    fn with_granting_cookie(&self, mut answer: Answer) -> Answer {
        let brought = ("pubcookie_g".to_owned(), NO_GRANTING_COOKIE.to_owned());
        if let Some(ours) = self.ours.get(&brought) {
            for cookie in &mut answer.set_cookies {
                *cookie = cookie.replace(NO_GRANTING_COOKIE, ours);
            }
        }
        answer
    }

    /// The form of our page, where the recorded browser submitted that of theirs; with what the user typed.
    fn submitted_form(&self, request: &Request) -> Option<String> {
        let fields = request.fields();
        let (recorded, ours) = self.pages.as_ref()?;
        let (recorded, ours) = (recorded.first()?, ours.first()?);
        request.form.as_ref()?;
        let typed = |name: &str| matches!(name, "user" | "pass");
        let from_page = recorded
            .fields
            .iter()
            .filter(|(name, _)| !typed(name) && name != "submit")
            .all(|field| fields.contains(field));
        let has_fields = recorded.fields.iter().any(|(name, _)| !typed(name));
        (from_page && has_fields).then(|| {
            let typed_now = |name: &str| fields.iter().find(|(field, _)| field == name && typed(name));
            let filled = ours
                .fields
                .iter()
                .map(|(name, value)| (name, typed_now(name).map_or(value, |(_, value)| value)));
            urlencoded(filled)
        })
    }

    /// A login form that no page had. As it is it must lead nowhere; the same login with a form of ours is the answer.
    fn submit_made_up_login(&mut self, request: &Request, time: u64) -> Result<Answer> {
        let refused = self.send(request, Some(self.body(request)))?;
        let of_the_form = |name: &str| name.starts_with("__Host-pubcookie_login_form");
        let sets = refused.cookie_changes();
        let granted = sets
            .iter()
            .any(|(name, value)| value.is_some() && !of_the_form(name))
            || refused
                .forms
                .iter()
                .any(|form| form.field("pubcookie_g").is_some());
        ensure!(!granted, "a form that no page of ours had was taken");

        let fields: BTreeMap<_, _> = request.fields().into_iter().collect();
        let field = |name: &str| fields.get(name).map_or("", String::as_str);
        let created = field("create_ts")
            .parse()
            .ok()
            .filter(|created| time.abs_diff(*created) < 3600);
        self.servers.set_clock(created.unwrap_or(time))?;
        let asked: Vec<String> = GRANTING_REQUEST
            .map(|name| format!("{name}={}", field(name)))
            .into();
        let asked = encode_block(asked.join("&").as_bytes());
        let (cookie, body) = match field("relay_url") {
            _ if field("pinit") == "1" => (None, None),
            "" => (
                Some(format!("pubcookie_g_req={asked}")),
                Some(vec![("post_stuff", field("post_stuff"))]),
            ),
            relay_url => (
                None,
                Some(vec![
                    ("pubcookie_g_req", asked.as_str()),
                    ("post_stuff", field("post_stuff")),
                    ("relay_url", relay_url),
                ]),
            ),
        };
        let body = body.map(urlencoded);
        let page = self.servers.ask(&Sent {
            method: if body.is_some() { "POST" } else { "GET" },
            url: &request.url,
            headers: headers(request, cookie),
            body,
        })?;
        self.keep(request, &page);
        self.servers.set_clock(time)?;
        let Some(form) = page.forms.first().filter(|form| form.field("pass").is_some()) else {
            return Ok(page);
        };
        let filled = form.fields.iter().map(|(name, value)| match name.as_str() {
            "user" | "pass" => (name, field(name)),
            _ => (name, value.as_str()),
        });
        let filled = urlencoded(filled);
        self.send(request, Some(filled))
    }

    /// The recorded body, with our values in it.
    fn body(&self, request: &Request) -> String {
        let known = request.fields().iter().any(|field| self.ours.contains_key(field));
        if !known {
            return request.body().unwrap_or_default();
        }
        let fields = request.fields().into_iter().map(|field| {
            let ours = self.ours.get(&field).filter(|ours| !ours.is_empty()).cloned();
            let elsewhere = field.1 == NO_GRANTING_COOKIE && !request.is_for_reply_url();
            (field.0, ours.filter(|_| !elsewhere).unwrap_or(field.1))
        });
        urlencoded(fields)
    }

    fn send(&mut self, request: &Request, body: Option<String>) -> Result<Answer> {
        let host = request.url.host_str().unwrap_or_default();
        let recorded = request.cookies().into_iter().filter_map(|(name, value)| {
            let ours = self.ours.get(&(name.to_owned(), value.to_owned()));
            match ours.map(String::as_str) {
                // Ours never set it, or cleared it.
                Some("") => None,
                Some(ours) => Some(format!("{}={ours}", self.our_name(host, name))),
                None => Some(made_again((name, value), request, self.servers, self.format)),
            }
        });
        let besides = self
            .jar
            .iter()
            .filter(|(key, _)| key.0 == host && !self.recorded_cookies.contains(key));
        let besides = besides.map(|((_, name), value)| format!("{name}={value}"));
        let cookies: Vec<String> = recorded.chain(besides).collect();
        let cookies = (!cookies.is_empty()).then(|| cookies.join("; "));
        let mut url = request.url.clone();
        if request.form.is_none() && request.is_for_reply_url() && url.query().is_some() {
            let ours = |pair: (String, String)| match self.ours.get(&pair) {
                Some(ours) => (pair.0, ours.clone()),
                None => pair,
            };
            let pairs: Vec<_> = url.query_pairs().into_owned().map(ours).collect();
            url.set_query(Some(&urlencoded(pairs)));
        }
        let answer = self.servers.ask(&Sent {
            method: request.line.split(' ').next().unwrap_or_default(),
            url: &url,
            headers: headers(request, cookies),
            body,
        })?;
        self.keep(request, &answer);
        Ok(answer)
    }

    /// Keeps the cookies of an answer of ours.
    fn keep(&mut self, request: &Request, answer: &Answer) {
        let host = request.url.host_str().unwrap_or_default();
        for (name, value) in answer.cookie_changes() {
            let key = (host.to_owned(), name);
            match value {
                Some(value) => {
                    self.jar.insert(key, value);
                }
                // The browser has it no longer, even where that of the recording has.
                None => {
                    let gone = self.jar.remove(&key);
                    self.ours
                        .values_mut()
                        .filter(|value| Some(&**value) == gone.as_ref())
                        .for_each(String::clear);
                }
            }
        }
    }

    /// What our answer has in the place of what the recorded one has.
    fn learn(&mut self, recorded: &Answer, ours: &Answer) {
        let host = recorded.url.host_str().unwrap_or_default();
        for (name, value) in recorded.cookie_changes() {
            if let Some(value) = value {
                let key = (host.to_owned(), self.our_name(host, &name));
                let in_jar = self.jar.get(&key).cloned().unwrap_or_default();
                self.learn_token(&name, &value, &in_jar);
                self.ours.insert((name, value), in_jar);
            }
        }
        if let (Some(recorded), Some(ours)) = (recorded.forms.first(), ours.forms.first()) {
            for (name, value) in recorded
                .fields
                .iter()
                .filter(|(name, _)| NEW_EACH_TIME.contains(&name.as_str()))
            {
                if let Some(in_form) = ours.field(name) {
                    self.learn_token(name, value, in_form);
                    self.ours
                        .insert((name.clone(), value.clone()), in_form.to_owned());
                }
            }
        }
    }

    /// The pre-session token of a granting request.
    fn learn_token(&mut self, name: &str, recorded: &str, ours: &str) {
        if name == "pubcookie_g_req" {
            let token = |text: &str| {
                let mut fields = granting_request(text).into_iter();
                fields
                    .find(|(name, _)| name == "pre_sess_tok")
                    .map(|(_, token)| token)
            };
            if let (Some(recorded), Some(ours)) = (token(recorded), token(ours)) {
                self.ours.insert(("pre_sess_tok".to_owned(), recorded), ours);
            }
        }
    }

    /// The recorded facts, with our tokens in them.
    fn translated(&self, facts: Facts) -> Facts {
        let translate = |name: &str, value: String| {
            let ours = self.ours.get(&(name.to_owned(), value.clone()));
            ours.cloned().unwrap_or(value)
        };
        facts
            .into_iter()
            .map(|(aspect, value)| {
                let value = translate(&aspect.name, value);
                let value = match value.split_once(", token ") {
                    Some((before, rest)) => {
                        let (token, after) = rest.split_once(',').unwrap_or((rest, ""));
                        format!(
                            "{before}, token {},{after}",
                            translate("pre_sess_tok", token.to_owned())
                        )
                    }
                    None => value,
                };
                (aspect, value)
            })
            .collect()
    }

    /// Our name of a recorded cookie.
    fn our_name(&self, host: &str, name: &str) -> String {
        let ours = format!("__Host-{name}");
        if self.jar.contains_key(&(host.to_owned(), ours.clone())) {
            ours
        } else {
            name.to_owned()
        }
    }
}

/// The cookies that the recorded servers set, by host and our name in either format.
fn cookies_set_in(transcript: &Transcript) -> BTreeSet<(String, String)> {
    let mut names = BTreeSet::new();
    for step in &transcript.steps {
        let host = step.request.url.host_str().unwrap_or_default();
        let answer = Answer::recorded(&step.request.url, &step.response);
        for (name, value) in answer.cookie_changes() {
            if value.is_some() {
                names.insert((host.to_owned(), format!("__Host-{name}")));
                names.insert((host.to_owned(), name));
            }
        }
    }
    names
}
