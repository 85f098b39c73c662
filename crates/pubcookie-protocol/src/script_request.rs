//! Requests that a page's JavaScript made: a login page would be of no use to them.

/// Whether JavaScript made the request, going by its headers: `Sec-Fetch-Mode` is anything but `navigate`, or there is
/// an `X-Requested-With`. Such a request is answered 401 with [`challenge`] instead of a login page.
pub fn is_script_request(sec_fetch_mode: Option<&str>, x_requested_with: Option<&str>) -> bool {
    sec_fetch_mode.is_some_and(|mode| mode != "navigate") || x_requested_with.is_some()
}

/// The `WWW-Authenticate` value of the 401.
pub fn challenge(realm: &str) -> String {
    let realm: String = realm
        .chars()
        .filter(|&c| c == ' ' || c.is_ascii_graphic())
        .collect();
    format!(
        "Pubcookie realm=\"{}\"",
        realm.replace('\\', "\\\\").replace('"', "\\\"")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn navigation_is_no_script() {
        assert!(!is_script_request(None, None));
        assert!(!is_script_request(Some("navigate"), None));
        for mode in ["cors", "no-cors", "same-origin", "websocket", ""] {
            assert!(is_script_request(Some(mode), None), "{mode}");
        }
        assert!(is_script_request(None, Some("XMLHttpRequest")));
    }

    #[test]
    fn a_realm_is_a_quoted_string() {
        assert_eq!(
            challenge("My \"app\"\r\nX: y\\"),
            "Pubcookie realm=\"My \\\"app\\\"X: y\\\\\""
        );
    }
}
