//! The granting request: what an app server asks of the login server.
//!
//! It travels through the browser, unsigned, in the cookie `pubcookie_g_req` (GET method) or in a form field of that
//! name (POST method): base64 of `name=value` fields joined by `&`.

use crate::app_id::{AppId, AppServerId};
use crate::auth_type::Creds;
use crate::host::Host;
use crate::percent;
use crate::reason::Reason;
use base64::Engine as _;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use granting_cookie::Encryption;
use percent_encoding::{AsciiSet, CONTROLS};
use std::str::FromStr;

/// The fields of every granting request, in the order in which they are sent.
pub(crate) const FIELDS: [&str; 15] = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "hostname",
    "nine",
    "file",
    "referer",
    "sess_re",
    "pre_sess_tok",
    "flag",
];

/// How the browser carries granting request and granting cookie (`PubcookieLoginMethod`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LoginMethod {
    /// In cookies of a domain that both servers share.
    #[default]
    Get,
    /// In forms that submit themselves; the servers need not share a domain.
    Post,
}

/// Whether the login server has to ask for the password again (field `sess_re`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reauthentication {
    /// A login cookie is enough.
    #[default]
    NotDemanded,
    /// Always ask.
    Always,
    /// Ask unless the user logged in within so many seconds (2 or more).
    UnlessWithin(u32),
}

/// What an app server asks of the login server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantingRequest {
    /// `one`: who asks.
    pub app_server_id: AppServerId,
    /// `two`: for which application.
    pub app_id: AppId,
    /// `three`: the flavour of login that is demanded.
    pub creds: Creds,
    /// `four`: how the granting cookie is to be encrypted (`a5` DES, `a5a` AES, `a5A` AES+DOMAIN).
    pub encryption: Encryption,
    /// `five`: the HTTP method of the user's request.
    pub request_method: String,
    /// `six`: the server to which the user returns.
    pub host: Host,
    /// `seven`: the path to which the user returns, as a URL has it: percent-encoded, printable ASCII.
    pub path: String,
    /// `eight`: the query to return with, as a URL has it, without the `?`; empty where there is none.
    pub query: String,
    /// `hostname`: the app server's own name.
    pub server_name: String,
    /// `nine`: why the user has to log in; `None` for a number without a meaning.
    pub reason: Option<Reason>,
    /// `file`: sent empty.
    pub file: String,
    /// `referer`: the Referer of the user's request.
    pub referer: Option<String>,
    /// `sess_re`: whether to ask for the password again.
    pub reauthentication: Reauthentication,
    /// `pre_sess_tok`: the number that binds the granting cookie to the browser that began the login.
    pub pre_session_token: i32,
    /// `flag`: `Q`, never show a form; a user without a login cookie comes back blank.
    pub no_prompt: bool,
    /// Fields that this protocol does not know, in their order (`PubcookieAddlRequest`).
    pub additional: Vec<(String, String)>,
}

/// The longest granting request that is decoded, in bytes of base64: what a browser sends in one cookie, doubled for
/// the POST method.
pub const ENCODED_LIMIT: usize = 8192;

/// The most fields that a granting request may have.
pub const FIELD_LIMIT: usize = 48;

/// The longest query that is carried through a login, in bytes, as in the original.
pub const QUERY_LIMIT: usize = 1900;

/// Why a granting request was refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantingRequestError {
    /// Longer than [`ENCODED_LIMIT`].
    #[error("the granting request has {0} bytes; at most {ENCODED_LIMIT} are taken")]
    TooLong(usize),
    /// More than [`FIELD_LIMIT`] fields.
    #[error("the granting request has more than {FIELD_LIMIT} fields")]
    TooManyFields,
    /// Not base64 of text.
    #[error("the granting request is not base64 of text")]
    NotBase64,
    /// A field that must be there is not.
    #[error("the granting request has no field `{0}`")]
    Missing(&'static str),
    /// A field stands there twice, so that its meaning depends on the reader.
    #[error("the granting request has the field `{}` twice", .0.escape_debug())]
    Twice(String),
    /// A field's value is not one of its kind.
    #[error("the granting request's field `{field}` has the value `{}`: {why}", .value.escape_debug())]
    Invalid {
        /// The field.
        field: &'static str,
        /// The beginning of its value.
        value: String,
        /// What is wrong with it.
        why: String,
    },
}

impl LoginMethod {
    /// The longest granting request that reaches the login server, in bytes of base64: in a cookie there has to be room
    /// for its name and attributes.
    pub fn encoded_limit(self) -> usize {
        match self {
            LoginMethod::Get => 3900,
            LoginMethod::Post => ENCODED_LIMIT,
        }
    }
}

impl GrantingRequest {
    /// The granting request in base64, as cookie value or form field. One that is longer than
    /// [`LoginMethod::encoded_limit`] is not worth sending.
    pub fn encode(&self, method: LoginMethod) -> String {
        STANDARD.encode(self.clear(method))
    }

    /// The granting request before base64. A Referer that would make it too long to arrive is left out: no login server
    /// needs it.
    ///
    /// The original puts path and Referer in as they are, so that `&sess_re=0` in a path becomes a field. Here
    /// `% & = +` and controls are percent-encoded; login servers of the original decode that. The POST method has
    /// `seven` in base64 instead.
    pub fn clear(&self, method: LoginMethod) -> String {
        let whole = self.clear_with(self.referer.as_deref(), method);
        match base64::encoded_len(whole.len(), true) {
            Some(length) if length <= method.encoded_limit() => whole,
            _ => self.clear_with(None, method),
        }
    }

    fn clear_with(&self, referer: Option<&str>, method: LoginMethod) -> String {
        let path = match method {
            LoginMethod::Get => percent::encode(self.path.as_bytes(), NOT_IN_FIELD),
            LoginMethod::Post => STANDARD.encode(&self.path),
        };
        let referer = referer.map(|referer| percent::encode(referer.as_bytes(), NOT_IN_FIELD));
        let mut clear = format!(
            "one={}&two={}&three={}&four={}&five={}&six={}&seven={}&eight={}&hostname={}&nine={}&file={}&referer={}\
             &sess_re={}&pre_sess_tok={}&flag={}",
            self.app_server_id,
            self.app_id,
            self.creds,
            self.encryption.version(),
            percent::encode(self.request_method.as_bytes(), NOT_IN_FIELD),
            self.host,
            path,
            STANDARD.encode(&self.query).replace('+', "%2B"),
            percent::encode(self.server_name.as_bytes(), NOT_IN_FIELD),
            self.reason.map_or(0, Reason::number),
            percent::encode(self.file.as_bytes(), NOT_IN_FIELD),
            referer.as_deref().unwrap_or(NO_REFERER),
            self.reauthentication.number(),
            self.pre_session_token,
            if self.no_prompt { "Q" } else { "0" },
        );
        for (name, value) in &self.additional {
            clear.push('&');
            clear.push_str(&percent::encode(name.as_bytes(), NOT_IN_FIELD));
            clear.push('=');
            clear.push_str(&percent::encode(value.as_bytes(), NOT_IN_FIELD));
        }
        clear
    }

    /// Reads a granting request in base64 (where `+` may have become a space).
    pub fn decode(encoded: &[u8], method: LoginMethod) -> Result<GrantingRequest, GrantingRequestError> {
        if encoded.len() > ENCODED_LIMIT {
            return Err(GrantingRequestError::TooLong(encoded.len()));
        }
        let clear = lenient_base64(encoded).ok_or(GrantingRequestError::NotBase64)?;
        let clear = String::from_utf8(clear).map_err(|_| GrantingRequestError::NotBase64)?;
        GrantingRequest::read(&clear, method)
    }

    /// Reads a granting request that is no longer in base64.
    pub(crate) fn read(clear: &str, method: LoginMethod) -> Result<GrantingRequest, GrantingRequestError> {
        let mut fields = Fields::split(clear)?;
        let request = GrantingRequest {
            app_server_id: fields.parse("one", |id| AppServerId::from_encoded(id.as_bytes()))?,
            app_id: fields.parse("two", |id| AppId::from_encoded(id.as_bytes()))?,
            creds: fields.parse("three", Creds::from_str)?,
            encryption: fields.parse("four", |version| {
                Encryption::from_version(version).ok_or("not a version: a5, a5a or a5A")
            })?,
            request_method: fields.text("five")?,
            host: fields.parse("six", Host::from_str)?,
            path: fields.parse("seven", |seven| path_of(seven, method))?,
            query: fields.parse("eight", query_of)?,
            server_name: fields.text("hostname")?,
            reason: fields.parse("nine", |nine| nine.parse().map(Reason::from_number))?,
            file: fields.text("file")?,
            referer: Some(fields.text("referer")?)
                .filter(|referer| referer != NO_REFERER && !referer.is_empty()),
            reauthentication: fields.parse("sess_re", |n| n.parse().map(Reauthentication::from_number))?,
            pre_session_token: fields.parse("pre_sess_tok", i32::from_str)?,
            no_prompt: fields.text("flag")? == "Q",
            additional: fields.rest()?,
        };
        Ok(request)
    }
}

impl Reauthentication {
    /// The number on the wire: 0 no, 1 always, n unless within n seconds.
    pub fn number(self) -> u32 {
        match self {
            Reauthentication::NotDemanded => 0,
            Reauthentication::Always => 1,
            Reauthentication::UnlessWithin(seconds) => seconds,
        }
    }

    /// The meaning of a number on the wire.
    pub fn from_number(number: u32) -> Reauthentication {
        match number {
            0 => Reauthentication::NotDemanded,
            1 => Reauthentication::Always,
            seconds => Reauthentication::UnlessWithin(seconds),
        }
    }

    /// Whether a login cookie alone may not be enough.
    pub fn is_demanded(self) -> bool {
        self != Reauthentication::NotDemanded
    }
}

/// What would end a field or begin an escape in it.
const NOT_IN_FIELD: &AsciiSet = &CONTROLS.add(b'%').add(b'&').add(b'=').add(b'+');

/// How the original says that there was no Referer.
const NO_REFERER: &str = "(null)";

/// Base64 whose `+` may have become a space, with or without padding.
pub(crate) fn lenient_base64(text: &[u8]) -> Option<Vec<u8>> {
    const WITH_OR_WITHOUT_PADDING: GeneralPurpose = GeneralPurpose::new(
        &base64::alphabet::STANDARD,
        GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
    );
    let plus: Vec<u8> = text
        .iter()
        .map(|&byte| if byte == b' ' { b'+' } else { byte })
        .collect();
    WITH_OR_WITHOUT_PADDING.decode(plus).ok()
}

fn path_of(seven: &str, method: LoginMethod) -> Result<String, &'static str> {
    let path = match method {
        LoginMethod::Get => percent::decode(seven.as_bytes()),
        LoginMethod::Post => lenient_base64(&percent::decode(seven.as_bytes())).ok_or("not base64")?,
    };
    let path = percent::url_path(&path);
    // The original joins the host and a path that begins without a slash by one.
    Ok(if path.starts_with('/') {
        path
    } else {
        format!("/{path}")
    })
}

fn query_of(eight: &str) -> Result<String, &'static str> {
    let query = lenient_base64(&percent::decode(eight.as_bytes())).ok_or("not base64")?;
    Ok(percent::url_query(&query))
}

/// The fields of a granting request, each taken out as it is read.
struct Fields<'a>(Vec<(&'a str, &'a str)>);

impl<'a> Fields<'a> {
    fn split(clear: &'a str) -> Result<Fields<'a>, GrantingRequestError> {
        let mut fields: Vec<(&str, &str)> = Vec::new();
        for field in clear.split('&').filter(|field| !field.is_empty()) {
            let (name, value) = field.split_once('=').unwrap_or((field, ""));
            if fields.iter().any(|(earlier, _)| *earlier == name) {
                return Err(GrantingRequestError::Twice(name.chars().take(40).collect()));
            }
            if fields.len() == FIELD_LIMIT {
                return Err(GrantingRequestError::TooManyFields);
            }
            fields.push((name, value));
        }
        Ok(Fields(fields))
    }

    fn take(&mut self, name: &'static str) -> Result<&'a str, GrantingRequestError> {
        match self.0.iter().position(|(field, _)| *field == name) {
            Some(position) => Ok(self.0.remove(position).1),
            None => Err(GrantingRequestError::Missing(name)),
        }
    }

    fn parse<T, E: ToString>(
        &mut self,
        field: &'static str,
        read: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<T, GrantingRequestError> {
        let value = self.take(field)?;
        read(value).map_err(|why| invalid(field, value, why))
    }

    fn text(&mut self, field: &'static str) -> Result<String, GrantingRequestError> {
        self.parse(field, plain_text)
    }

    fn rest(self) -> Result<Vec<(String, String)>, GrantingRequestError> {
        let read = |(name, value)| Ok((plain_text(name)?, plain_text(value)?));
        let rest: Result<_, &str> = self.0.into_iter().map(read).collect();
        rest.map_err(|why| invalid("additional", "", why))
    }
}

fn plain_text(value: &str) -> Result<String, &'static str> {
    let text = String::from_utf8(percent::decode(value.as_bytes())).map_err(|_| "not UTF-8")?;
    if text.chars().any(char::is_control) {
        Err("a control character")
    } else {
        Ok(text)
    }
}

fn invalid(field: &'static str, value: &str, why: impl ToString) -> GrantingRequestError {
    GrantingRequestError::Invalid {
        field,
        value: value.chars().take(60).collect(),
        why: why.to_string(),
    }
}
