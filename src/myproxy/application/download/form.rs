//! The form: what a user orders with it, and what ties it to the session that it was shown to.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::memcmp;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use pubcookie_protocol::form::{Form, check_content_type};
use thiserror::Error;
use zeroize::Zeroizing;

use super::FORM_LIMIT;
use super::credential_file::Format;
use crate::httpd::Request;
use crate::myproxy::session::OpenSession;

/// The fields' names.
pub const SEAL: &str = "seal";
pub const PASS_PHRASE: &str = "pass_phrase";
pub const AGAIN: &str = "again";
pub const FORMAT: &str = "format";

/// Characters of a pass phrase: a file can be guessed at without limit.
pub const SHORTEST: usize = 12;
/// More than anybody types, and less than any tool reads.
pub const LONGEST: usize = 255;

/// How long a form can be sent.
const VALID: Duration = Duration::from_secs(1800);

/// What a user wants: which file, under which pass phrase.
pub struct Order {
    pub pass_phrase: Zeroizing<String>,
    pub format: Format,
}

/// Why the form is shown again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Problem {
    #[error("the form was sent by a page of another site (Sec-Fetch-Site, Origin)")]
    OtherSite,
    #[error("the form is not one that was shown to this session of this user within the last half hour")]
    NotOurs,
    #[error("the form has not the fields that ours has")]
    Incomplete,
    #[error("the pass phrases differ")]
    Differ,
    #[error("the pass phrase is too short, too long, or not plain ASCII")]
    Unfit,
}

impl Problem {
    /// Whether more than a slip of the user's fingers may be behind it.
    pub fn is_suspicious(self) -> bool {
        matches!(self, Problem::OtherSite | Problem::NotOurs | Problem::Incomplete)
    }
}

/// What the posted form orders, if it is this session's and the user typed all of it.
pub fn read(request: &Request<'_>, session: Option<&OpenSession>, posted: &[u8]) -> Result<Order, Problem> {
    if !was_sent_from_here(request) {
        return Err(Problem::OtherSite);
    }
    check_content_type(request.header("Content-Type")).map_err(|_| Problem::Incomplete)?;
    let form = Form::parse(posted, FORM_LIMIT).map_err(|_| Problem::Incomplete)?;
    let field = |name| form.only(name).and_then(|value| std::str::from_utf8(value).ok());
    let sealed = session.zip(field(SEAL));
    if !sealed.is_some_and(|(session, seal)| is_sealed(session, seal, SystemTime::now())) {
        return Err(Problem::NotOurs);
    }
    let format = field(FORMAT)
        .and_then(Format::from_name)
        .ok_or(Problem::Incomplete)?;
    let pass_phrase = form.only(PASS_PHRASE).ok_or(Problem::Incomplete)?;
    if form.only(AGAIN) != Some(pass_phrase) {
        return Err(Problem::Differ);
    }
    // Other letters have several spellings in bytes: what was typed here might not open the file elsewhere.
    let is_plain = |byte: &u8| matches!(byte, b' '..=b'~');
    if !(SHORTEST..=LONGEST).contains(&pass_phrase.len()) || !pass_phrase.iter().all(is_plain) {
        return Err(Problem::Unfit);
    }
    let pass_phrase = Zeroizing::new(String::from_utf8_lossy(pass_phrase).into_owned());
    Ok(Order { pass_phrase, format })
}

/// Whether our own page sent the form: `Sec-Fetch-Site` says so, or `Origin` for browsers without it. A client that says
/// neither is no browser, and is refused.
fn was_sent_from_here(request: &Request<'_>) -> bool {
    match request.header("Sec-Fetch-Site") {
        Some(site) => site == "same-origin",
        None => {
            let origin = request
                .header("Origin")
                .and_then(|origin| origin.strip_prefix("https://"));
            origin.is_some_and(|host| {
                request
                    .header("Host")
                    .is_some_and(|own| own.eq_ignore_ascii_case(host))
            })
        }
    }
}

/// A seal for a form that is shown now: only this server can make it, and only for this session of this user.
pub fn seal(session: &OpenSession, now: SystemTime) -> Result<String, ErrorStack> {
    let made = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    Ok(format!("{made}.{}", mac(session, made)?))
}

/// Whether it is a seal of this session's that still holds.
fn is_sealed(session: &OpenSession, seal: &str, now: SystemTime) -> bool {
    let Some((made, given)) = seal.split_once('.') else {
        return false;
    };
    let Ok(made) = made.parse::<u64>() else {
        return false;
    };
    let age = now
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default()
        .as_secs()
        .checked_sub(made);
    let in_time = age.is_some_and(|age| age < VALID.as_secs());
    let right = mac(session, made)
        .is_ok_and(|mac| mac.len() == given.len() && memcmp::eq(mac.as_bytes(), given.as_bytes()));
    in_time && right
}

/// HMAC-SHA256 in hexadecimal, under the session's identifier, which only the browser has.
fn mac(session: &OpenSession, made: u64) -> Result<String, ErrorStack> {
    let key = PKey::hmac(session.id.to_cookie().as_bytes())?;
    let mut signer = Signer::new(MessageDigest::sha256(), &key)?;
    let user = session.session.web_user();
    let realm = user.realm.as_deref().unwrap_or_default();
    let made = made.to_string();
    for part in [
        "mod_myproxy credential download",
        &made,
        &user.authentication_type,
        realm,
        &user.name,
    ] {
        signer.update(&part.len().to_be_bytes())?;
        signer.update(part.as_bytes())?;
    }
    Ok(signer
        .sign_to_vec()?
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
