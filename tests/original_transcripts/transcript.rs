//! The recorded exchanges with the original programs (`data/transcripts/pubcookie`), as they lie there.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde::de::Error;
use serde::{Deserialize, Deserializer};
use url::Url;

/// One file: what one browser did.
#[derive(Deserialize)]
pub struct Transcript {
    /// The file's name without `.json`.
    #[serde(skip)]
    pub name: String,
    pub steps: Vec<Step>,
}

/// A request, and what the original answered.
#[derive(Deserialize)]
pub struct Step {
    pub request: Request,
    pub response: Response,
}

#[derive(Deserialize)]
pub struct Request {
    #[serde(deserialize_with = "url")]
    pub url: Url,
    /// The request line.
    pub line: String,
    pub headers: Vec<(String, String)>,
    /// The body's fields as they were sent, percent-encoded; one that is no field has no value.
    pub form: Option<Vec<Vec<String>>>,
}

#[derive(Clone, Deserialize)]
pub struct Response {
    /// The status line.
    pub line: String,
    pub headers: Vec<(String, String)>,
    #[serde(default)]
    pub page: Page,
    /// `NAME=value` as the application behind the original saw it.
    pub environment: Option<Vec<String>>,
    pub body_received_by_application: Option<String>,
}

/// What matters of a page.
#[derive(Clone, Default, Deserialize)]
pub struct Page {
    pub meta_refresh: Option<String>,
    #[serde(default)]
    pub forms: Vec<Form>,
    pub title: Option<String>,
    pub onload: Option<String>,
    pub error_message: Option<String>,
}

#[derive(Clone, Deserialize)]
pub struct Form {
    pub method: String,
    pub action: String,
    /// Type, name, value.
    pub fields: Vec<(String, Option<String>, Option<String>)>,
}

impl Transcript {
    /// All of them, by name.
    pub fn all() -> Result<Vec<Transcript>> {
        let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/transcripts/pubcookie");
        let mut files: Vec<_> = fs::read_dir(&directory)?
            .map(|entry| Ok(entry?.path()))
            .collect::<Result<_>>()?;
        files.sort();
        files.iter().map(|file| Transcript::read(file)).collect()
    }

    fn read(file: &Path) -> Result<Transcript> {
        let text = fs::read(file)?;
        let transcript: Transcript =
            serde_json::from_slice(&text).with_context(|| file.display().to_string())?;
        let name = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Ok(Transcript { name, ..transcript })
    }
}

impl Request {
    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }

    /// Names and values of the `Cookie` header.
    pub fn cookies(&self) -> Vec<(&str, &str)> {
        let cookies = self.header("Cookie").unwrap_or_default();
        cookies
            .split("; ")
            .filter_map(|cookie| cookie.split_once('='))
            .collect()
    }

    /// The body's fields, decoded.
    pub fn fields(&self) -> Vec<(String, String)> {
        let body = self.body().unwrap_or_default();
        url::form_urlencoded::parse(body.as_bytes())
            .into_owned()
            .collect()
    }

    /// Whether it is for the reply URL.
    pub fn is_for_reply_url(&self) -> bool {
        self.url.path().trim_start_matches('/') == "PubCookie.reply"
    }

    /// Whether it posts a login form.
    pub fn is_login_form(&self) -> bool {
        self.fields().iter().any(|(name, _)| name == "reply")
    }

    /// The body as it was sent.
    pub fn body(&self) -> Option<String> {
        let form = self.form.as_ref()?;
        let fields: Vec<String> = form.iter().map(|field| field.join("=")).collect();
        Some(fields.join("&"))
    }
}

impl Response {
    pub fn status(&self) -> &str {
        self.line.split(' ').nth(1).unwrap_or_default()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        header(&self.headers, name)
    }
}

fn header<'a>(headers: &'a [(String, String)], name: &str) -> Option<&'a str> {
    headers
        .iter()
        .find(|(header, _)| header.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.as_str())
}

fn url<'a, D: Deserializer<'a>>(text: D) -> Result<Url, D::Error> {
    String::deserialize(text)?.parse().map_err(D::Error::custom)
}
