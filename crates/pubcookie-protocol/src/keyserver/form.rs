//! Our form of a request: the fields of an HTML form in the body of a `POST`.
//!
//! `request` is `fetch`, `make`, `put`, `permit`, `deny`, `granting-certificate` or `trust`; `host` names the host, `key` is
//! the key in base64, `certificate` a certificate in PEM format.

use base64::prelude::{BASE64_STANDARD, Engine};
use zeroize::Zeroizing;

use super::query::key;
use super::{HostName, REQUEST_LIMIT, Request, RequestError, TrustedCertificate};
use crate::form::Form;
use crate::percent;

impl Request {
    /// Reads a form's body.
    pub fn from_form(body: &[u8]) -> Result<Request, RequestError> {
        let form = Form::parse(body, REQUEST_LIMIT).map_err(|_| RequestError::TooLong)?;
        let field = |name| form.only(name).and_then(|value| std::str::from_utf8(value).ok());
        let host =
            || -> Result<HostName, RequestError> { Ok(field("host").ok_or(RequestError::NoHost)?.parse()?) };
        let (request, fields) = match field("request").ok_or(RequestError::Missing)? {
            "fetch" => (Request::Fetch(host()?), 2),
            "make" => (Request::Make(host()?), 2),
            "put" => (Request::Put(host()?, key(field("key").unwrap_or_default())?), 3),
            "permit" => (Request::Permit(host()?), 2),
            "deny" => (Request::Deny(host()?), 2),
            "granting-certificate" => (Request::GrantingCertificate, 1),
            "trust" => {
                let certificate = field("certificate").unwrap_or_default();
                (Request::Trust(TrustedCertificate::from_pem(certificate)?), 2)
            }
            _ => return Err(RequestError::Unknown),
        };
        if form.fields().count() == fields {
            Ok(request)
        } else {
            Err(RequestError::ExtraField)
        }
    }

    /// Writes the form's body. It may hold a key.
    pub fn to_form(&self) -> Zeroizing<String> {
        let (kind, secret) = match self {
            Request::Fetch(_) => ("fetch", None),
            Request::Make(_) => ("make", None),
            Request::Put(_, key) => (
                "put",
                Some(("key", BASE64_STANDARD.encode(key.as_bytes()).into_bytes())),
            ),
            Request::Permit(_) => ("permit", None),
            Request::Deny(_) => ("deny", None),
            Request::GrantingCertificate => ("granting-certificate", None),
            Request::Trust(certificate) => {
                let pem = certificate.to_pem().unwrap_or_default();
                ("trust", Some(("certificate", pem)))
            }
        };
        // Room for all of it: growing would leave copies behind.
        let mut body = Zeroizing::new(String::with_capacity(REQUEST_LIMIT));
        body.push_str("request=");
        body.push_str(kind);
        if let Some(host) = self.host() {
            body.push_str("&host=");
            body.push_str(host.as_str());
        }
        if let Some((name, value)) = secret {
            let value = Zeroizing::new(value);
            body.push('&');
            body.push_str(name);
            body.push('=');
            percent::push_encoded_form(&mut body, &value);
        }
        body
    }
}
