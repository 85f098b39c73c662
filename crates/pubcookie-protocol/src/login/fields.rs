//! The fields of a form that a browser sends, or of a query: each once, each within its limit.

use super::refusal::Refusal;
use crate::granting_request::ENCODED_LIMIT;
use crate::percent;
use zeroize::Zeroizing;

/// The most fields that a form to the login server may have.
const FIELD_LIMIT: usize = 64;

/// Fields whose values may be asked for by name. They may hold a password: wiped from memory when dropped.
pub(super) struct Fields(Vec<(String, Zeroizing<String>)>);

impl Fields {
    /// Reads `application/x-www-form-urlencoded` text. `post_limit` is the longest carried body, in bytes.
    pub fn read(text: &[u8], post_limit: usize) -> Result<Fields, Refusal> {
        let mut fields: Vec<(String, Zeroizing<String>)> = Vec::new();
        for field in text.split(|&byte| byte == b'&').filter(|field| !field.is_empty()) {
            let equals = field.iter().position(|&byte| byte == b'=');
            let (name, value) =
                equals.map_or((field, &b""[..]), |place| (&field[..place], &field[place + 1..]));
            let name = text_of(name)
                .filter(|name| name.len() <= 64)
                .ok_or(Refusal::FieldName)?;
            if fields.len() == FIELD_LIMIT {
                return Err(Refusal::TooManyFields);
            }
            if fields.iter().any(|(earlier, _)| *earlier == *name) {
                return Err(Refusal::FieldTwice(name.to_string()));
            }
            let limit = limit_of(&name, post_limit);
            let value = text_of(value).ok_or_else(|| Refusal::FieldNotText(name.to_string()))?;
            if value.len() > limit {
                return Err(Refusal::FieldTooLong {
                    name: name.to_string(),
                    bytes: value.len(),
                    limit,
                });
            }
            fields.push((name.to_string(), value));
        }
        Ok(Fields(fields))
    }

    /// The value of a field; `None` where the form does not have it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
    }

    /// The value of a field; empty where the form does not have it.
    pub fn text(&self, name: &str) -> &str {
        self.get(name).unwrap_or_default()
    }
}

/// The longest value of a field, in bytes once decoded.
fn limit_of(name: &str, post_limit: usize) -> usize {
    match name {
        "post_stuff" => post_limit,
        "user" => 256,
        // A granting request, or any one of its fields.
        _ => ENCODED_LIMIT,
    }
}

fn text_of(encoded: &[u8]) -> Option<Zeroizing<String>> {
    match String::from_utf8(percent::decode_form(encoded)) {
        Ok(text) => Some(Zeroizing::new(text)),
        Err(error) => {
            drop(Zeroizing::new(error.into_bytes()));
            None
        }
    }
}
