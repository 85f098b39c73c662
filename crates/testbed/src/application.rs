//! The application behind httpd: a CGI program that shows what httpd let it see.
//!
//! The program is `show-environment`; its page is for a person, and carries [`Seen`] for the tests.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use maud::{DOCTYPE, Markup, PreEscaped, html};
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::pkey::PKey;
use openssl::x509::{X509, X509NameRef};
use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::artifact::artifact;
use crate::private_directory::write_file;

/// What the application saw of one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    /// The whole CGI environment.
    pub environment: BTreeMap<String, String>,
    /// The request's body.
    pub body: String,
    /// The credential in the file that `X509_USER_PROXY` names, or why it cannot be read; none where the
    /// variable is not set.
    pub credential: Option<Result<Credential, String>>,
}

/// A credential as the application reads it from its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Credential {
    /// The subject of the first certificate, as `/DC=org/DC=example/CN=alice`.
    pub subject: String,
    /// Until when the first certificate is valid, RFC 3339 in UTC.
    pub expires: String,
    /// How many certificates the file holds.
    pub certificates: usize,
    /// Permission bits of the file, in octal.
    pub mode: String,
}

impl Seen {
    /// What this process sees, being a CGI program that has read `body`.
    pub fn here(body: &[u8]) -> Self {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .map(|(name, value)| {
                (
                    name.to_string_lossy().into_owned(),
                    value.to_string_lossy().into_owned(),
                )
            })
            .collect();
        let credential = environment
            .get("X509_USER_PROXY")
            .map(|file| Credential::read(Path::new(file)).map_err(|error| format!("{file}: {error:#}")));
        Seen {
            environment,
            body: String::from_utf8_lossy(body).into_owned(),
            credential,
        }
    }

    /// What the application saw when it made this page.
    ///
    /// # Errors
    /// Another program made it: the page is in the message.
    pub fn in_page(page: &str) -> Result<Self> {
        let json = page
            .split_once(JSON_BEGIN)
            .and_then(|(_, rest)| rest.split_once(JSON_END));
        let (json, _) = json.with_context(|| format!("this page is not the application's: {page}"))?;
        Ok(serde_json::from_str(json)?)
    }

    /// A variable of its environment.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(String::as_str)
    }

    /// The credential, which has to be there.
    ///
    /// # Errors
    /// There is none, or its file cannot be read: with what the application was told instead.
    pub fn credential(&self) -> Result<&Credential> {
        match &self.credential {
            Some(Ok(credential)) => Ok(credential),
            Some(Err(error)) => Err(anyhow::anyhow!(
                "the application could not read its credential: {error}"
            )),
            None => Err(anyhow::anyhow!(
                "the application got no credential: MYPROXY_ERROR is {:?}, {:?}",
                self.variable("MYPROXY_ERROR"),
                self.variable("MYPROXY_ERROR_DESC")
            )),
        }
    }

    /// The page for a person, with the JSON of this in it.
    pub fn page(&self) -> Result<String> {
        let json = serde_json::to_string(self)?.replace('<', "\\u003c");
        let user = self.variable("REMOTE_USER");
        let set = SHOWN
            .iter()
            .filter_map(|name| Some((*name, self.variable(name)?)));
        let all = self
            .environment
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str()));
        Ok(html! {
            (DOCTYPE)
            html lang="en" {
                head { meta charset="utf-8"; title { "What the application sees" } style { (STYLE) } }
                body {
                    h1 { "Hello, " (user.unwrap_or("stranger")) }
                    (table(set))
                    h2 { "The credential, as read from its file" }
                    @match &self.credential {
                        None => p { "There is none." },
                        Some(Err(error)) => p { "It cannot be read: " (error) },
                        Some(Ok(credential)) => (table([
                            ("subject", credential.subject.as_str()),
                            ("expires", credential.expires.as_str()),
                            ("certificates", credential.certificates.to_string().as_str()),
                            ("mode", credential.mode.as_str()),
                        ].into_iter())),
                    }
                    @match user {
                        Some(_) => p { a href="/logout" { "Log out" } },
                        None => p { a href="/app" { "Log in" } },
                    }
                    details { summary { "The whole environment" } (table(all)) }
                    (PreEscaped(JSON_BEGIN)) (PreEscaped(json)) (PreEscaped(JSON_END))
                }
            }
        }
        .into_string())
    }
}

fn table<'a>(rows: impl Iterator<Item = (&'a str, &'a str)>) -> Markup {
    html! {
        table { @for (name, value) in rows { tr { th { (name) } td { (value) } } } }
    }
}

const STYLE: &str = "body { font: 1em sans-serif; max-width: 55em; margin: 2em auto; padding: 0 1em } \
                     th { text-align: left; vertical-align: top; padding-right: 1em; white-space: nowrap } \
                     td { font-family: monospace; overflow-wrap: anywhere }";
const JSON_BEGIN: &str = "<script type=\"application/json\">";
const JSON_END: &str = "</script>";

/// What a person wants to see first, where it is set.
const SHOWN: [&str; 8] = [
    "REMOTE_USER",
    "AUTH_TYPE",
    "X509_USER_PROXY",
    "AJP_X509_USER_PROXY",
    "MYPROXY_CRED_SUBJECT",
    "MYPROXY_CRED_EXPIRES",
    "MYPROXY_ERROR",
    "MYPROXY_ERROR_DESC",
];

impl Credential {
    /// Reads a credential file: certificate, private key, rest of the chain, in PEM.
    fn read(file: &Path) -> Result<Self> {
        let pem = zeroize::Zeroizing::new(fs::read(file)?);
        let certificates = X509::stack_from_pem(&pem)?;
        let first = certificates.first().context("no certificate")?;
        let key = PKey::private_key_from_pem(&pem).context("no private key")?;
        ensure!(
            first.public_key()?.public_eq(&key),
            "the key is not the first certificate's"
        );
        Ok(Credential {
            subject: slashed(first.subject_name()),
            expires: rfc3339(first.not_after())?,
            certificates: certificates.len(),
            mode: format!("{:04o}", fs::metadata(file)?.permissions().mode() & 0o7777),
        })
    }
}

/// Puts the program into `directory`, where httpd's user can run it, and answers the path to give to
/// `ScriptAlias`.
///
/// That is a shell script that runs the program in the background: httpd waits 47 ms for a CGI program that has
/// ended its output but not yet itself (`apr_pool_note_subprocess`), and the shell is long gone by then.
pub fn install(directory: &Path) -> Result<PathBuf> {
    let program = directory.join("show-environment");
    fs::copy(artifact("show-environment")?, &program)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let script = directory.join("application");
    write_file(
        &script,
        0o755,
        format!("#!/bin/sh\nexec 3<&0\n'{}' <&3 &\n", program.display()).as_bytes(),
    )?;
    Ok(script)
}

fn slashed(name: &X509NameRef) -> String {
    name.entries()
        .map(|entry| {
            let key = entry.object().nid().short_name().unwrap_or("?");
            format!("/{key}={}", String::from_utf8_lossy(entry.data().as_slice()))
        })
        .collect()
}

fn rfc3339(time: &Asn1TimeRef) -> Result<String> {
    let since = Asn1Time::from_unix(0)?.diff(time)?;
    let seconds = i64::from(since.days) * 86_400 + i64::from(since.secs);
    Ok(OffsetDateTime::from_unix_timestamp(seconds)?.format(&Rfc3339)?)
}
