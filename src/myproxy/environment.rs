//! What the application sees, and what a client cannot make it see.

use std::time::SystemTime;

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use super::MyProxy;
use super::config::DirectoryConfig;
use super::shortfall::Shortfall;
use crate::httpd::{Request, becomes};

const SUBJECT: &str = "MYPROXY_CRED_SUBJECT";
const EXPIRES: &str = "MYPROXY_CRED_EXPIRES";
const ERROR: &str = "MYPROXY_ERROR";
const DESCRIPTION: &str = "MYPROXY_ERROR_DESC";

/// Shows the application its credential, or why there is none.
pub fn export(
    request: &Request<'_>,
    place: &DirectoryConfig,
    verdict: &Result<credential_store::Credential, Shortfall>,
) {
    let environment = request.environment();
    match verdict {
        Ok(credential) => {
            use std::os::unix::ffi::OsStrExt as _;
            let path = credential.path.as_os_str().as_bytes();
            environment.set(place.environment_name(), path);
            environment.set(&format!("AJP_{}", place.environment_name()), path);
            environment.set(SUBJECT, &credential.certificate.subject);
            environment.set(EXPIRES, rfc3339(credential.certificate.expires));
        }
        Err(shortfall) => {
            environment.set(ERROR, shortfall.class.as_str());
            environment.set(DESCRIPTION, shortfall.description());
        }
    }
}

/// Takes our variables out of a request: those that an ErrorDocument or another internal redirect inherits
/// from the places before as `REDIRECT_...`, and headers by which a client would pretend to them, in any
/// spelling that becomes the same variable.
pub fn remove_foreign(request: &Request<'_>, place: &DirectoryConfig) {
    let places = request
        .origins()
        .filter_map(|origin| origin.directory_config::<MyProxy>());
    let mut ours: Vec<String> = [SUBJECT, EXPIRES, ERROR, DESCRIPTION].map(str::to_owned).into();
    for name in places.chain([place]).map(DirectoryConfig::environment_name) {
        ours.extend([name.to_owned(), format!("AJP_{name}")]);
    }
    let environment = request.environment();
    for (name, _) in environment.entries() {
        if ours
            .iter()
            .any(|ours| becomes(without_redirects(name.to_bytes()), ours))
        {
            environment.remove(&name.to_string_lossy());
        }
    }
    let headers = request.headers();
    for (name, _) in headers.entries() {
        if ours.iter().any(|ours| becomes(name.to_bytes(), ours)) {
            headers.remove(&name.to_string_lossy());
        }
    }
}

/// Each internal redirect puts a `REDIRECT_` before the variables of the request before.
fn without_redirects(mut name: &[u8]) -> &[u8] {
    while let Some(rest) = name.strip_prefix(b"REDIRECT_") {
        name = rest;
    }
    name
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
