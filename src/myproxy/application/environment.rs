//! What the application sees, and what a client cannot make it see.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::httpd::{Request, becomes};
use crate::myproxy::MyProxy;
use crate::myproxy::config::DirectoryConfig;
use crate::myproxy::shortfall::Shortfall;

pub const SUBJECT: &str = "MYPROXY_CRED_SUBJECT";
pub const EXPIRES: &str = "MYPROXY_CRED_EXPIRES";
pub const ERROR: &str = "MYPROXY_ERROR";
pub const DESCRIPTION: &str = "MYPROXY_ERROR_DESC";

/// What mod_proxy_ajp passes on: it leaves the prefix away.
const AJP: &str = "AJP_";

/// Shows the application its credential, or why there is none.
pub fn export(
    request: &Request<'_>,
    place: &DirectoryConfig,
    verdict: &Result<credential_store::Credential, Shortfall>,
) {
    let environment = request.environment();
    let set = |name: &str, value: &[u8]| environment.set_also_behind(AJP, name, value);
    match verdict {
        Ok(credential) => {
            use std::os::unix::ffi::OsStrExt as _;
            set(place.environment_name(), credential.path.as_os_str().as_bytes());
            set(SUBJECT, credential.certificate.subject.as_bytes());
            set(EXPIRES, rfc3339(credential.certificate.expires).as_bytes());
        }
        Err(shortfall) => {
            set(ERROR, shortfall.class.as_str().as_bytes());
            set(DESCRIPTION, shortfall.description().as_bytes());
        }
    }
}

/// Takes our variables out of a request: those that an ErrorDocument or another internal redirect inherits
/// from the places before as `REDIRECT_...`, and a subrequest by their own names; and headers by which a client would
/// pretend to them, in any spelling that becomes the same variable.
pub fn remove_foreign(request: &Request<'_>, place: &DirectoryConfig) {
    let places = request
        .origins()
        .filter_map(|origin| origin.directory_config::<MyProxy>());
    let ours: Vec<&str> = places
        .chain([place])
        .map(DirectoryConfig::environment_name)
        .chain([SUBJECT, EXPIRES, ERROR, DESCRIPTION])
        .collect();
    let is_ours = |name: &[u8]| {
        let behind_prefix = match name.split_at_checked(AJP.len()) {
            Some((prefix, rest)) if becomes(prefix, AJP) => Some(rest),
            _ => None,
        };
        let mut spellings = [Some(name), behind_prefix].into_iter().flatten();
        spellings.any(|name| ours.iter().any(|ours| becomes(name, ours)))
    };
    let environment = request.environment();
    for name in environment.names(|name| is_ours(without_redirects(name))) {
        environment.remove(&name.to_string_lossy());
    }
    let headers = request.headers();
    for name in headers.names(is_ours) {
        headers.remove(&name.to_string_lossy());
    }
}

/// Each internal redirect puts a `REDIRECT_` before the variables of the request before.
fn without_redirects(mut name: &[u8]) -> &[u8] {
    while let Some(rest) = name.strip_prefix(b"REDIRECT_") {
        name = rest;
    }
    name
}

/// The variable that a header becomes for an application, without the `HTTP_` before it.
pub fn as_variable(header: &str) -> String {
    header.to_ascii_uppercase().replace('-', "_")
}

fn rfc3339(time: SystemTime) -> String {
    OffsetDateTime::from(time).format(&Rfc3339).unwrap_or_default()
}

/// Refuses names that mean something to the loader, to CGI or to httpd.
pub fn check_name(name: &str) -> Result<(), String> {
    const RESERVED: [&str; 12] = [
        "PATH",
        "IFS",
        "ENV",
        "BASH_ENV",
        "HOME",
        "SHELL",
        "USER",
        "LOGNAME",
        "TZ",
        "PATH_INFO",
        "AUTH_TYPE",
        "HTTPS",
    ];
    const RESERVED_BEGINNINGS: [&str; 17] = [
        "LD_",
        "GCONV_",
        "GLIBC_",
        "MALLOC_",
        "NLS",
        "LC_",
        "HTTP_",
        "REMOTE_",
        "SERVER_",
        "REQUEST_",
        "SCRIPT_",
        "DOCUMENT_",
        "CONTENT_",
        "GATEWAY_",
        "QUERY_",
        "REDIRECT_",
        "SSL_",
    ];
    let written = name
        .bytes()
        .all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_');
    if !written || name.is_empty() || name.starts_with(|letter: char| letter.is_ascii_digit()) {
        return Err(format!(
            "\"{name}\" must be made of capitals, digits and _, and not begin with a digit"
        ));
    }
    let ours = [SUBJECT, EXPIRES, ERROR, DESCRIPTION];
    let reserved = RESERVED.contains(&name)
        || ours.contains(&name)
        || RESERVED_BEGINNINGS
            .iter()
            .any(|beginning| name.starts_with(beginning));
    if reserved {
        Err(format!(
            "\"{name}\" means something else to applications; choose another name"
        ))
    } else {
        Ok(())
    }
}
