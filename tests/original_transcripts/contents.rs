//! What granting requests and cookies say.

use openssl::base64::decode_block;
use percent_encoding::percent_decode_str;
use pubcookie_protocol::app_id::AppId;
use pubcookie_protocol::sealed::Purpose;
use pubcookie_protocol::session_cookie::SessionCookies;

use super::keys::Keys;

/// The fields of a granting request.
pub const GRANTING_REQUEST: [&str; 15] = [
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "hostname",
    "nine",
    "file",
    "referer",
    "sess_re",
    "pre_sess_tok",
    "flag",
];

/// The fields of a granting request, decoded: ours escapes what would end a field.
pub fn granting_request(text: &str) -> Vec<(String, String)> {
    let clear = decode_block(text).unwrap_or_default();
    String::from_utf8_lossy(&clear)
        .split('&')
        .filter_map(|field| field.split_once('='))
        .map(|(name, value)| {
            let value = percent_decode_str(value).decode_utf8_lossy().into_owned();
            (name.to_owned(), value)
        })
        .collect()
}

/// What a cookie of the original says, with its times relative to `now`, and who made it how. Bytes 2 and 3 of the
/// version are chance in the original's; those are compared where they matter, in the answer to them.
pub fn contents(text: &str, keys: &Keys, now: u64) -> Option<(String, String)> {
    let opened = keys.open(text)?;
    let cookie = opened.cookie;
    let version = cookie.version.as_bytes();
    let said = format!(
        "user {:?}, app server ID {:?}, app ID {:?}, type {}, creds {}, token {}, created {}, last time {}",
        cookie.user.to_string(),
        cookie.app_server_id.to_string(),
        cookie.app_id.to_string(),
        char::from(cookie.cookie_type.0),
        char::from(cookie.creds),
        cookie.pre_session_token,
        relative(cookie.create_time.into(), now),
        relative(cookie.last_time.into(), now),
    );
    let made = format!(
        "version {}, signed by {}, encrypted for {} with {:?}",
        String::from_utf8_lossy(&version[..version.len().min(2)]),
        opened.signer,
        opened.peer,
        opened.encryption,
    );
    Some((said, made))
}

/// The same of a session cookie that is sealed.
pub fn sealed_session(name: &str, text: &str, host: &str, keys: &Keys, now: u64) -> Option<(String, String)> {
    // The cookie's name is all that this is for: it has no `/`.
    let app_id = AppId::from_encoded(name.strip_prefix("__Host-pubcookie_s_")?.as_bytes()).ok()?;
    let cookies = SessionCookies::Sealed(keys.sealing(Purpose::Session, host)?);
    let found = cookies.read(format!("{name}={text}").as_bytes(), &app_id);
    let session = &found.first()?.session;
    let said = format!(
        "user {:?}, app server ID {:?}, app ID {:?}, type 2, creds {}, token {}, created {}, last time {}",
        session.user,
        session.app_server_id.as_str(),
        session.app_id.as_str(),
        session.creds,
        if session.reauthenticated { 24 } else { 23 },
        relative(session.create_time, now),
        relative(session.last_time, now),
    );
    Some((said, format!("sealed by {host}")))
}

/// A time as seconds from `now`. The recorded programs took a second now and then.
pub fn relative(time: u64, now: u64) -> String {
    match time.cast_signed() - now.cast_signed() {
        _ if time == 0 => "never".to_owned(),
        -2..=2 => "now".to_owned(),
        // Lifetimes are counted from a moment before.
        seconds if seconds > 0 => format!("in {} s", (seconds + 2) / 5 * 5),
        seconds => format!("{} s ago", -seconds),
    }
}
