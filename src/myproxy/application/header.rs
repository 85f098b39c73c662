//! What an application behind mod_proxy sees: it has no environment of httpd's, so it is told in headers of its request
//! (`MyProxyHeader`).

use std::collections::BTreeSet;
use std::sync::{PoisonError, RwLock};

use super::environment;
use super::environment::{DESCRIPTION, ERROR, EXPIRES, SUBJECT};
use crate::httpd::{Outcome, Request, becomes};
use crate::myproxy::MyProxy;
use crate::myproxy::config::{DirectoryConfig, ServerConfig};

/// The headers that go with the one that names the credential's file: each is a variable by another spelling.
const OTHERS: [(&str, &str); 4] = [
    (SUBJECT, "MyProxy-Cred-Subject"),
    (EXPIRES, "MyProxy-Cred-Expires"),
    (ERROR, "MyProxy-Error"),
    (DESCRIPTION, "MyProxy-Error-Desc"),
];

/// Tells a proxied application what [`environment::export`] has told.
pub fn export(request: &Request<'_>, place: &DirectoryConfig) {
    let Some(HeaderName(name)) = &place.header else {
        return;
    };
    let environment = request.environment();
    for (variable, header) in [(place.environment_name(), name.as_str())].iter().chain(&OTHERS) {
        if let Some(value) = environment.get(variable) {
            request.headers().set(header, value.to_bytes());
        }
    }
}

/// `post_read_request`: before any other module reads what a client has made up.
pub fn at_the_server(request: &Request<'_>) -> Outcome {
    if let Some(config) = request.server_config::<MyProxy>() {
        remove_foreign(request, config);
    }
    Outcome::Declined
}

/// Removes the headers that only we may set, in any spelling that becomes the same variable: in every request to a server
/// of which one place names one, whatever place it is for. An internal redirect or subrequest has those of the place
/// before.
///
/// Nor may the client have mod_proxy drop them: what `Connection` names does not go on (RFC 9110, section 7.6.1).
pub fn remove_foreign(request: &Request<'_>, config: &ServerConfig) {
    let names = config
        .header_names
        .0
        .read()
        .unwrap_or_else(PoisonError::into_inner);
    if names.is_empty() {
        return;
    }
    let ours: Vec<String> = names
        .iter()
        .map(|HeaderName(name)| environment::as_variable(name))
        .chain(OTHERS.map(|(variable, _)| variable.to_owned()))
        .collect();
    let is_ours = |name: &[u8]| ours.iter().any(|ours| becomes(name, ours));
    let headers = request.headers();
    for name in headers.names(is_ours) {
        headers.remove(&name.to_string_lossy());
    }
    for value in headers.get_all("Connection") {
        let options: Vec<&[u8]> = value.to_bytes().split(|&byte| byte == b',').collect();
        if options.iter().any(|option| is_ours(option.trim_ascii())) {
            headers.remove("Connection");
            return;
        }
    }
}

/// A header that names the credential's file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct HeaderName(String);

/// The headers that the places of a server name. Written to while the configuration is read, and never afterwards: the
/// directive stands in no .htaccess.
#[derive(Debug, Default)]
pub struct HeaderNames(RwLock<BTreeSet<HeaderName>>);

impl HeaderNames {
    /// One more.
    pub fn add(&self, name: &HeaderName) {
        let mut names = self.0.write().unwrap_or_else(PoisonError::into_inner);
        names.insert(name.clone());
    }

    /// The names of both.
    pub fn merged(&self, outer: &Self) -> Self {
        let read = |names: &Self| names.0.read().unwrap_or_else(PoisonError::into_inner).clone();
        HeaderNames(RwLock::new(read(self).into_iter().chain(read(outer)).collect()))
    }
}

impl HeaderName {
    /// Refuses what is no name, what means something to HTTP, and what servers throw away.
    pub fn new(name: &str) -> Result<Self, String> {
        const RESERVED: [&str; 24] = [
            "AUTHORIZATION",
            "CACHE_CONTROL",
            "CONNECTION",
            "COOKIE",
            "COOKIE2",
            "DATE",
            "EXPECT",
            "FORWARDED",
            "FROM",
            "HOST",
            "KEEP_ALIVE",
            "MAX_FORWARDS",
            "ORIGIN",
            "PRAGMA",
            "RANGE",
            "REFERER",
            "TE",
            "TRAILER",
            "TRANSFER_ENCODING",
            "UPGRADE",
            "USER_AGENT",
            "VIA",
            "WARNING",
            "X_REQUESTED_WITH",
        ];
        const RESERVED_BEGINNINGS: [&str; 8] = [
            "ACCEPT",
            "ACCESS_CONTROL_",
            "CONTENT_",
            "IF_",
            "PROXY",
            "SEC_",
            "UPGRADE_",
            "X_FORWARDED_",
        ];
        let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-';
        if !name.starts_with(|first: char| first.is_ascii_alphabetic()) || !name.bytes().all(is_plain) {
            return Err(format!(
                "\"{name}\" must be made of letters, digits and -, and begin with a letter (many servers throw headers \
                 with _ away)"
            ));
        }
        let variable = environment::as_variable(name);
        let reserved = RESERVED.contains(&variable.as_str())
            || OTHERS.iter().any(|(ours, _)| *ours == variable)
            || RESERVED_BEGINNINGS
                .iter()
                .any(|beginning| variable.starts_with(beginning));
        if reserved {
            Err(format!(
                "\"{name}\" means something else in a request; choose another name, such as X-Grid-Credential"
            ))
        } else {
            Ok(HeaderName(name.to_owned()))
        }
    }
}
