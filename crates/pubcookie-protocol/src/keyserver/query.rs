//! The original's form of a request: `genkey` and `setkey` in the query of a URL.

use base64::prelude::{BASE64_STANDARD, Engine};
use granting_cookie::{CRYPT_KEY_SIZE, CryptKey};
use percent_encoding::{NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};
use zeroize::Zeroizing;

use super::{REQUEST_LIMIT, Request, RequestError, TrustedCertificate};

impl Request {
    /// Reads a query, without the `?`. A `;` may end it.
    pub fn from_query(query: &[u8]) -> Result<Request, RequestError> {
        if query.len() > REQUEST_LIMIT {
            return Err(RequestError::TooLong);
        }
        let (mut kind, mut subject) = (None, None);
        for field in query
            .split(|&byte| byte == b'&')
            .filter(|field| !field.is_empty())
        {
            let place = match field {
                [b'g', b'e', b'n', b'k', b'e', b'y', b'=', ..] => &mut kind,
                [b's', b'e', b't', b'k', b'e', b'y', b'=', ..] => &mut subject,
                _ => return Err(RequestError::ExtraField),
            };
            if place.replace(decoded(&field["genkey=".len()..])).is_some() {
                return Err(RequestError::ExtraField);
            }
        }
        let kind = kind.ok_or(RequestError::Missing)?;
        let kind = kind.trim_end_matches(';');
        let subject = subject.unwrap_or_default();
        let (host, rest) = subject.split_once(';').unwrap_or((&subject, ""));
        match kind {
            "put" => Ok(Request::Put(named(host)?, key(rest)?)),
            "setpkey" => Ok(Request::Trust(TrustedCertificate::from_pem(&subject)?)),
            _ if !rest.is_empty() => Err(RequestError::ExtraField),
            "yes" => Ok(Request::Make(named(host)?)),
            "no" => Ok(Request::Fetch(named(host)?)),
            "permit" => Ok(Request::Permit(named(host)?)),
            "deny" => Ok(Request::Deny(named(host)?)),
            "getgc" => Ok(Request::GrantingCertificate),
            _ => Err(RequestError::Unknown),
        }
    }

    /// Writes the query, without the `?`. It may hold a key.
    pub fn to_query(&self) -> Zeroizing<String> {
        let mut query = Zeroizing::new(self.query_without_secrets());
        match self {
            Request::Put(_, key) => {
                // Room for all of it: growing would leave copies behind.
                let key = Zeroizing::new(BASE64_STANDARD.encode(key.as_bytes()));
                let mut whole = Zeroizing::new(String::with_capacity(query.len() + key.len()));
                whole.push_str(&query);
                whole.push_str(&key);
                whole
            }
            Request::Trust(certificate) => {
                let pem = certificate.to_pem().unwrap_or_default();
                let pem = String::from_utf8_lossy(&pem);
                query.extend(utf8_percent_encode(&pem, NON_ALPHANUMERIC));
                query
            }
            _ => query,
        }
    }

    /// The same up to where a key or certificate would begin.
    pub fn query_without_secrets(&self) -> String {
        match self {
            Request::Fetch(host) => format!("genkey=no&setkey={host}"),
            Request::Make(host) => format!("genkey=yes&setkey={host}"),
            Request::Put(host, _) => format!("genkey=put&setkey={host};"),
            Request::Permit(host) => format!("genkey=permit&setkey={host};"),
            Request::Deny(host) => format!("genkey=deny&setkey={host};"),
            Request::GrantingCertificate => "genkey=getgc;".to_owned(),
            Request::Trust(_) => "genkey=setpkey&setkey=".to_owned(),
        }
    }
}

/// Whether a query, or a whole request line, asks something of a keyserver, well or badly: it may hold a key.
pub fn asks_for_keys(query: &[u8]) -> bool {
    let decoded: Vec<u8> = percent_decode(query).collect();
    let decoded = decoded.to_ascii_lowercase();
    let has = |field: &[u8]| decoded.windows(field.len()).any(|window| window == field);
    has(b"genkey=") || has(b"setkey=")
}

/// What a log may show of such a query.
pub fn without_secrets(query: &[u8]) -> String {
    match Request::from_query(query) {
        Ok(request) => request.query_without_secrets(),
        Err(_) => "genkey=".to_owned(),
    }
}

/// `+` stays what it is: it is one of base64's letters.
fn decoded(value: &[u8]) -> Zeroizing<String> {
    let bytes = Zeroizing::new(percent_decode(value).collect::<Vec<u8>>());
    Zeroizing::new(String::from_utf8_lossy(&bytes).into_owned())
}

fn named(host: &str) -> Result<super::HostName, RequestError> {
    if host.is_empty() {
        return Err(RequestError::NoHost);
    }
    Ok(host.parse()?)
}

/// A key in base64; a `;` may end it.
pub(super) fn key(text: &str) -> Result<CryptKey, RequestError> {
    let text = text.trim_end_matches(';').trim();
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(text).map_err(|_| RequestError::BadKey)?);
    if bytes.len() != CRYPT_KEY_SIZE {
        return Err(RequestError::BadKey);
    }
    CryptKey::from_bytes(&bytes).ok_or(RequestError::BadKey)
}
