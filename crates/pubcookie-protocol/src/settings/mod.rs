//! Values of directives, with their limits.

mod additional_requests;
mod cookie_domain;
mod end_session;
mod expiry;
mod login_method;
mod login_url;
mod reauthentication;
mod reply_path;

pub use additional_requests::AdditionalRequests;
pub use cookie_domain::CookieDomain;
pub use end_session::EndSession;
pub use expiry::{HardExpire, InactiveExpire};
pub use login_url::LoginUrl;
pub(crate) use login_url::explicit;
pub use reply_path::ReplyPath;

/// A directive's value that was refused; the message names the value and the limit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{}` {why}", .value.escape_debug())]
pub struct SettingError {
    value: String,
    why: &'static str,
}

/// A refusal of a value, cut to 120 characters.
pub(crate) fn refuse<T>(value: &str, why: &'static str) -> Result<T, SettingError> {
    Err(SettingError {
        value: value.chars().take(120).collect(),
        why,
    })
}
