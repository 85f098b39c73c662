//! How a browser writes headers and forms.

use url::form_urlencoded::Serializer;

use super::transcript::Request;

/// The recorded headers, with these cookies, and what today's browsers say of the page that it comes from: a login form
/// is submitted from the login server's own, the rest from a page of the same site.
pub fn headers(request: &Request, cookies: Option<String>) -> Vec<(&str, String)> {
    let mut headers: Vec<_> = request
        .headers
        .iter()
        .filter(|(name, _)| name != "Host" && name != "Cookie")
        .map(|(name, value)| (name.as_str(), value.clone()))
        .collect();
    let from = if request.is_login_form() {
        "same-origin"
    } else {
        "same-site"
    };
    headers.push(("Sec-Fetch-Site", from.to_owned()));
    headers.extend(cookies.map(|cookies| ("Cookie", cookies)));
    headers
}

/// What a browser makes of fields: every line end is sent as CR LF.
pub fn urlencoded(fields: impl IntoIterator<Item = (impl AsRef<str>, impl AsRef<str>)>) -> String {
    let line_ends = |text: &str| text.replace("\r\n", "\n").replace('\n', "\r\n");
    Serializer::new(String::new())
        .extend_pairs(
            fields
                .into_iter()
                .map(|(name, value)| (line_ends(name.as_ref()), line_ends(value.as_ref()))),
        )
        .finish()
}
