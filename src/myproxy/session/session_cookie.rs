//! The cookie that names a session: what the browser has, and no application sees.

use credential_store::SessionId;
use pubcookie_protocol::cookie_header;

use crate::httpd::{Outcome, Request};
use crate::myproxy::MyProxy;
use crate::myproxy::config::{ServerConfig, SessionCookie};

/// Gives the browser the cookie of a session.
pub fn set(request: &Request<'_>, config: &ServerConfig, id: &SessionId) {
    let SessionCookie { name, attributes } = config.settings.session_cookie();
    send(request, &format!("{name}={}; {attributes}", *id.to_cookie()));
}

/// Tells the browser to forget its session cookie.
pub fn clear(request: &Request<'_>, config: &ServerConfig) {
    let SessionCookie { name, attributes } = config.settings.session_cookie();
    send(request, &format!("{name}=; {attributes}; Max-Age=0"));
}

/// Every well-formed identifier that the client sent. Whether they exist is another question.
///
/// They are read once, for the first request and all that it leads to: the application in between must not see
/// them.
pub fn identifiers<'r>(request: &Request<'r>, config: &ServerConfig) -> &'r [SessionId] {
    request.first().state::<MyProxy>().identifiers.get_or_init(|| {
        let SessionCookie { name, .. } = config.settings.session_cookie();
        let headers = request.headers().get_all("Cookie").into_iter();
        headers
            .flat_map(|header| cookie_header::values(header.to_bytes(), name).collect::<Vec<_>>())
            .filter_map(|value| SessionId::parse(std::str::from_utf8(value).ok()?))
            .collect()
    })
}

/// `post_perdir_config`: hides the session cookie from the application, which could pretend to the user with it, and before
/// that from the modules that an .htaccess file configures (mod_setenvif, mod_rewrite).
pub fn hide(request: &Request<'_>) -> Outcome {
    let config = request.server_config::<MyProxy>();
    if let Some(config) = config.filter(|config| config.asking.get().is_some())
        && request.headers().get("Cookie").is_some()
    {
        hide_as_configured(request, config);
    }
    Outcome::Declined
}

fn hide_as_configured(request: &Request<'_>, config: &ServerConfig) {
    identifiers(request, config);
    let SessionCookie { name, .. } = config.settings.session_cookie();
    let is_ours = |cookie: &[u8]| cookie == name.as_bytes();
    let headers = request.headers();
    let cookies = headers.get_all("Cookie");
    let hidden: Vec<_> = cookies
        .iter()
        .map(|header| cookie_header::obscured(header.to_bytes(), is_ours))
        .collect();
    if hidden.iter().all(Option::is_none) {
        return;
    }
    headers.remove("Cookie");
    for (header, hidden) in cookies.iter().zip(&hidden) {
        headers.add("Cookie", hidden.as_deref().unwrap_or(header.to_bytes()));
    }
}

/// Sends a cookie. The answer is for this browser alone.
pub fn send(request: &Request<'_>, value: &str) {
    let headers = request.response_headers_always();
    headers.add("Set-Cookie", value);
    // No cache that is shared may keep an answer that carries a session.
    let stricter = |value: &str| ["private", "no-store"].iter().any(|word| value.contains(word));
    if !headers.get_str("Cache-Control").is_some_and(stricter) {
        headers.add("Cache-Control", "private");
    }
}
