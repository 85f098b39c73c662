//! Names, attributes and clearing of the cookies that an app server sets.

use crate::app_id::AppId;
use crate::granting_request::LoginMethod;
use crate::settings::CookieDomain;
use percent_encoding::{AsciiSet, CONTROLS};
use zeroize::Zeroizing;

/// The cookie that carries a granting request to the login server (GET method).
pub const GRANTING_REQUEST: &str = "pubcookie_g_req";
/// The cookie that carries a granting cookie to the app server.
pub const GRANTING: &str = "pubcookie_g";
/// The pre-session cookie in the sealed format: a neighbour in the same domain cannot plant a `__Host-` cookie.
pub const PRE_SESSION: &str = "__Host-pubcookie_pre_s";
/// The pre-session cookie of the original, for the members of a cluster that are of the original; else only cleared.
pub const LEGACY_PRE_SESSION: &str = "pubcookie_pre_s";

/// The name of an application's session cookie in the sealed format.
pub fn session(app_id: &AppId) -> String {
    with_app_id("__Host-pubcookie_s_", app_id)
}

/// The name of an application's session cookie in the original's format.
///
/// `/` becomes `_`, as in the original; what no cookie name may hold (RFC 6265, section 4.1.1) is percent-encoded.
/// Two app IDs may share a name: the app ID inside the cookie tells them apart.
pub fn legacy_session(app_id: &AppId) -> String {
    with_app_id("pubcookie_s_", app_id)
}

fn with_app_id(prefix: &str, app_id: &AppId) -> String {
    let id = app_id.as_str();
    let mut name = String::with_capacity(prefix.len() + id.len());
    name.push_str(prefix);
    for (position, segment) in id.as_bytes().split(|&byte| byte == b'/').enumerate() {
        if position > 0 {
            name.push('_');
        }
        name.extend(percent_encoding::percent_encode(segment, NOT_IN_NAME));
    }
    name
}

/// The names that an application's session cookie has: in the sealed format, and in the original's.
pub fn session_names(app_id: &AppId) -> [String; 2] {
    [session(app_id), legacy_session(app_id)]
}

/// `Set-Cookie` for a granting request, which the login server must be able to read.
pub fn granting_request(encoded: &str, domain: Option<&CookieDomain>) -> String {
    shared(GRANTING_REQUEST, encoded, domain)
}

/// `Set-Cookie` for a granting cookie at the reply URL: for this host alone.
pub fn granting(encoded: &str) -> Zeroizing<String> {
    Zeroizing::new(shared(GRANTING, encoded, None))
}

/// `Set-Cookie` for a sealed pre-session cookie. In the POST method it has to come along with the login server's
/// cross-site POST to the reply URL.
pub fn pre_session(sealed: &str, method: LoginMethod) -> String {
    let same_site = match method {
        LoginMethod::Get => "Lax",
        LoginMethod::Post => "None",
    };
    format!("{PRE_SESSION}={sealed}; path=/; secure; HttpOnly; SameSite={same_site}")
}

/// `Set-Cookie` for a pre-session cookie of the original, which has one in the GET method alone.
pub fn legacy_pre_session(value: &str) -> Zeroizing<String> {
    session_cookie(LEGACY_PRE_SESSION, value)
}

/// `Set-Cookie` for a session cookie; `name` is [`session`] or [`legacy_session`].
pub fn session_cookie(name: &str, value: &str) -> Zeroizing<String> {
    Zeroizing::new(format!("{name}={value}; path=/; secure; HttpOnly; SameSite=Lax"))
}

/// `Set-Cookie` that takes a used or refused granting cookie away: the one that the login server set for the domain
/// (GET), or the one that our reply URL set for this host (POST).
pub fn clear_granting(method: LoginMethod, domain: Option<&CookieDomain>) -> String {
    match method {
        LoginMethod::Get => cleared(GRANTING, "", domain),
        LoginMethod::Post => cleared(GRANTING, "", None),
    }
}

/// `Set-Cookie` values that take the pre-session cookies away, ours and the original's.
pub fn clear_pre_session() -> [String; 2] {
    [cleared(PRE_SESSION, "", None), clear_legacy_pre_session()]
}

/// `Set-Cookie` that takes the original's pre-session cookie away.
pub fn clear_legacy_pre_session() -> String {
    cleared(LEGACY_PRE_SESSION, "", None)
}

/// `Set-Cookie` values that end an application's session, in both formats.
pub fn clear_session(app_id: &AppId) -> [String; 2] {
    session_names(app_id).map(|name| clear_named_session(&name))
}

/// `Set-Cookie` that ends the session in the cookie of this name.
pub fn clear_named_session(name: &str) -> String {
    cleared(name, "clear", None)
}

const EXPIRED: &str = "Fri, 11-Jan-1990 00:00:01 GMT";

/// Separators of RFC 2616, section 2.2; what an app ID encodes already stays as it is.
const NOT_IN_NAME: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'(')
    .add(b')')
    .add(b'<')
    .add(b'>')
    .add(b'@')
    .add(b',')
    .add(b';')
    .add(b':')
    .add(b'\\')
    .add(b'"')
    .add(b'/')
    .add(b'[')
    .add(b']')
    .add(b'?')
    .add(b'=')
    .add(b'{')
    .add(b'}');

fn shared(name: &str, value: &str, domain: Option<&CookieDomain>) -> String {
    format!(
        "{name}={value}{}; path=/; secure; HttpOnly",
        domain_attribute(domain)
    )
}

fn cleared(name: &str, value: &str, domain: Option<&CookieDomain>) -> String {
    let domain = domain_attribute(domain);
    format!("{name}={value}{domain}; path=/; expires={EXPIRED}; secure; HttpOnly")
}

fn domain_attribute(domain: Option<&CookieDomain>) -> String {
    domain.map_or(String::new(), |domain| format!("; domain={domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn domain() -> CookieDomain {
        "example.edu".parse().unwrap()
    }

    #[test]
    fn attributes_are_those_of_the_original_and_http_only() {
        assert_eq!(
            granting_request("b25l", Some(&domain())),
            "pubcookie_g_req=b25l; domain=.example.edu; path=/; secure; HttpOnly"
        );
        assert_eq!(*granting("AAA="), "pubcookie_g=AAA=; path=/; secure; HttpOnly");
        assert_eq!(
            clear_granting(LoginMethod::Get, Some(&domain())),
            "pubcookie_g=; domain=.example.edu; path=/; expires=Fri, 11-Jan-1990 00:00:01 GMT; secure; HttpOnly"
        );
        assert_eq!(
            clear_granting(LoginMethod::Post, Some(&domain())),
            "pubcookie_g=; path=/; expires=Fri, 11-Jan-1990 00:00:01 GMT; secure; HttpOnly"
        );
    }

    #[test]
    fn pre_session_cookies_cross_sites_only_in_the_post_method() {
        assert!(pre_session("x", LoginMethod::Get).ends_with("; SameSite=Lax"));
        assert!(pre_session("x", LoginMethod::Post).ends_with("; secure; HttpOnly; SameSite=None"));
    }

    #[test]
    fn a_session_cookie_is_named_after_its_application() {
        let name = |id: &str| session(&AppId::configured(id).unwrap());
        assert_eq!(name("/secure2/"), "__Host-pubcookie_s__secure2_");
        assert_eq!(name("secureapp"), "__Host-pubcookie_s_secureapp");
        assert_eq!(name("a b&c"), "__Host-pubcookie_s_a+b%26c");
        assert_eq!(
            name("a(b)@[c],{d}<e>\\"),
            "__Host-pubcookie_s_a%28b%29%40%5Bc%5D%2C%7Bd%7D%3Ce%3E%5C"
        );
        let [sealed, legacy] = clear_session(&AppId::configured("secureapp").unwrap());
        assert!(
            sealed.starts_with("__Host-pubcookie_s_secureapp=clear; path=/; expires="),
            "{sealed}"
        );
        assert!(
            legacy.starts_with("pubcookie_s_secureapp=clear; path=/; expires="),
            "{legacy}"
        );
    }

    proptest! {
        #[test]
        fn any_app_id_makes_a_cookie_name(id in "\\PC{1,10}") {
            let name = session(&AppId::configured(&id).unwrap());
            prop_assert!(name.bytes().all(|b| b.is_ascii_graphic() && !b"()<>@,;:\\\"/[]?={}".contains(&b)), "{}", name);
        }
    }
}
