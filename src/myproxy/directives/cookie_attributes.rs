//! The attributes of the session cookie (`MyProxySessionCookie`).

use crate::myproxy::config::SessionCookie;

/// What may be said of it. `Secure` and `HttpOnly` cannot be taken away.
const KNOWN: [&str; 7] = [
    "path",
    "domain",
    "samesite",
    "max-age",
    "secure",
    "httponly",
    "partitioned",
];

/// The attributes of a Set-Cookie header: the given ones, and the defaults that they do not replace.
///
/// # Errors
/// One that is not an attribute, or that would end the header.
pub fn over_defaults(given: &[&str]) -> Result<String, String> {
    for attribute in given {
        let known = KNOWN
            .iter()
            .any(|known| name(attribute).eq_ignore_ascii_case(known));
        let clean = attribute
            .bytes()
            .all(|byte| (byte.is_ascii_graphic() || byte == b' ') && byte != b';');
        if !known || !clean {
            return Err(format!("\"{attribute}\" is not an attribute of a session cookie"));
        }
    }
    let replaced = |default: &&str| {
        given
            .iter()
            .any(|given| name(given).eq_ignore_ascii_case(name(default)))
    };
    let defaults = SessionCookie::DEFAULT.attributes;
    let kept = defaults.split("; ").filter(|default| !replaced(default));
    Ok(kept.chain(given.iter().copied()).collect::<Vec<_>>().join("; "))
}

fn name(attribute: &str) -> &str {
    attribute.split('=').next().unwrap_or_default()
}
