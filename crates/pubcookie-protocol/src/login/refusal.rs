//! Why the login server did not do what a browser asked: exactly for the log, in plain words for the page.

use super::log_text;
use super::relay_url::RelayUrlError;
use super::templates::TemplateError;
use super::user::UserNameError;
use crate::auth_type::Creds;
use crate::form::FormError;
use crate::granting_request::GrantingRequestError;
use crate::host::Host;
use crate::sealed::SealingError;
use granting_cookie::{EncryptError, KeyFileError, SignError, TextError};

/// Why a visit was refused. Its text is for the administrator's log, on one line; the user reads
/// what the template of the page says to [`Refusal::reason`].
#[derive(Debug, thiserror::Error)]
pub enum Refusal {
    /// The granting request cannot be read.
    #[error("{0}")]
    GrantingRequest(#[from] GrantingRequestError),
    /// A granting request in a form, without the address to return to.
    #[error("the granting request came in a form (POST method) without the field relay_url")]
    NoRelayUrl,
    /// The address to return to is none.
    #[error("the field relay_url is refused: {0}")]
    RelayUrl(#[from] RelayUrlError),
    /// The address to return to is on another server than the granting request names.
    #[error("the field relay_url names {relay}, but the granting request is from {host}")]
    RelayHost {
        /// The server that would get the granting cookie.
        relay: Host,
        /// The server that asked for it (`six`).
        host: Host,
    },
    /// There is no key for the host.
    #[error(
        "{host} is not served: {why}; make its key, if it is to be: `mod-myproxy keyclient` on that host, or a file of 2048 \
         random bytes in PubcookieKeyDir"
    )]
    NoKey {
        /// The server that asked.
        host: Host,
        /// What the key directory says.
        why: KeyFileError,
    },
    /// The app server ID belongs to another server.
    #[error(
        "{host} asks with the app server ID `{}`, which belongs to another server: the key file of that name has another key",
        .id.escape_debug()
    )]
    AppServerIdOfAnother {
        /// The server that asked.
        host: Host,
        /// The ID, decoded, in lower case.
        id: String,
    },
    /// The app server ID is not the host's name, and no key file permits it.
    #[error(
        "{host} asks with the app server ID `{}`, which is not its name; if no other server goes by it, permit it by a key \
         file of that name with the host's own key, and reload httpd", .id.escape_debug()
    )]
    AppServerIdNotPermitted {
        /// The server that asked.
        host: Host,
        /// The ID, decoded, in lower case.
        id: String,
    },
    /// The GET method cannot reach the host.
    #[error(
        "{host} asks by the GET method but is outside of the cookie domain; set its PubcookieLoginMethod to POST"
    )]
    OutsideDomain {
        /// The server that asked.
        host: Host,
    },
    /// A flavour of login that this server does not have.
    #[error(
        "{host} asks for login flavour {creds}, which this login server does not have: no PubcookieLoginProvider checks it"
    )]
    UnknownCreds {
        /// The server that asked.
        host: Host,
        /// The flavour.
        creds: Creds,
    },
    /// A new login is demanded, but httpd has authenticated the user, and cannot be made to do so again.
    #[error(
        "{host} demands a new login (PubcookieSessionCauseReAuth), which PubcookieLoginTrustRemoteUser cannot give"
    )]
    CannotAskAgain {
        /// The server that asked.
        host: Host,
    },
    /// httpd was to authenticate the user, and has not.
    #[error(
        "PubcookieLoginTrustRemoteUser is on, but httpd has authenticated nobody here: the handler's Location needs an \
         AuthType and Require, or SSLVerifyClient and SSLUserName"
    )]
    NobodyAuthenticated,
    /// httpd authenticated somebody whose name cannot log in.
    #[error("httpd authenticated user {}, who cannot log in: {why}", log_text::word(.name))]
    AuthenticatedName {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: UserNameError,
    },
    /// More fields than a form to this server has.
    #[error("a form with too many fields")]
    TooManyFields,
    /// A field's name is too long or no text.
    #[error("a form with a field whose name is too long or not UTF-8")]
    FieldName,
    /// A field stands there twice, so that its meaning depends on the reader.
    #[error("a form with the field `{}` twice", .0.escape_debug())]
    FieldTwice(String),
    /// A field's value is no text.
    #[error("a form with the field `{}` that is not UTF-8", .0.escape_debug())]
    FieldNotText(String),
    /// A field's value is too long.
    #[error("a form with the field `{}` of {bytes} bytes; at most {limit} are taken", .name.escape_debug())]
    FieldTooLong {
        /// The field.
        name: String,
        /// Its length in bytes.
        bytes: usize,
        /// The longest that is taken, in bytes.
        limit: usize,
    },
    /// The body that is carried along has too many fields, or would not come out as it went in.
    #[error("the field post_stuff: {0}")]
    Body(#[from] FormError),
    /// The login form was not made by this server for this browser, or was changed on its way.
    #[error("a login form that was not made for this browser, or was changed")]
    ForeignForm,
    /// Another site sent the login form.
    #[error("a login form that was submitted from another site (Sec-Fetch-Site)")]
    FormFromElsewhere,
    /// A `logout_action` without a meaning.
    #[error("the logout_action `{}` has no meaning (0, 1 and 2 have)", .0.escape_debug())]
    LogoutAction(String),
    /// A field of a cookie cannot be written.
    #[error("a cookie could not be made: {0}")]
    Text(#[from] TextError),
    /// Signing failed.
    #[error("a cookie could not be signed: {0}")]
    Sign(#[from] SignError),
    /// Encrypting failed.
    #[error("a cookie could not be encrypted: {0}")]
    Encrypt(#[from] EncryptError),
    /// Sealing a form failed.
    #[error("a login form could not be sealed: {0}")]
    Seal(#[from] SealingError),
    /// A page cannot be shown.
    #[error("PubcookieLoginTemplates: {0}")]
    Template(#[from] TemplateError),
}

impl Refusal {
    /// The HTTP status that fits.
    pub fn status(&self) -> u16 {
        match self {
            Refusal::NoKey { .. }
            | Refusal::AppServerIdOfAnother { .. }
            | Refusal::AppServerIdNotPermitted { .. }
            | Refusal::UnknownCreds { .. }
            | Refusal::CannotAskAgain { .. }
            | Refusal::NobodyAuthenticated
            | Refusal::AuthenticatedName { .. }
            | Refusal::FormFromElsewhere
            | Refusal::OutsideDomain { .. }
            | Refusal::RelayHost { .. }
            | Refusal::ForeignForm => 403,
            Refusal::FieldTooLong { .. } => 413,
            Refusal::Text(_)
            | Refusal::Sign(_)
            | Refusal::Encrypt(_)
            | Refusal::Seal(_)
            | Refusal::Template(_) => 500,
            _ => 400,
        }
    }

    /// What the page's template calls it: one of [`REASONS`]. It does not tell one forgery from another.
    pub(super) fn reason(&self) -> &'static str {
        match self {
            Refusal::NoKey { .. } => "unknown-site",
            Refusal::AppServerIdOfAnother { .. } | Refusal::AppServerIdNotPermitted { .. } => {
                "unregistered-name"
            }
            Refusal::UnknownCreds { .. } => "unknown-flavour",
            Refusal::CannotAskAgain { .. } => "no-second-login",
            Refusal::NobodyAuthenticated => "not-logged-in",
            Refusal::AuthenticatedName { .. } => "user-name",
            Refusal::ForeignForm | Refusal::FormFromElsewhere => "foreign-form",
            Refusal::Body(FormError::NotCarriable) => "not-carriable",
            Refusal::FieldTooLong { .. } | Refusal::Body(_) => "too-large",
            Refusal::LogoutAction(_) => "unknown-logout",
            Refusal::Text(_)
            | Refusal::Sign(_)
            | Refusal::Encrypt(_)
            | Refusal::Seal(_)
            | Refusal::Template(_) => "own-problem",
            _ => "bad-request",
        }
    }
}

/// What a refusal is called in the template of its page.
pub(super) const REASONS: &[&str] = &[
    "unknown-site",
    "unregistered-name",
    "unknown-flavour",
    "no-second-login",
    "not-logged-in",
    "user-name",
    "foreign-form",
    "not-carriable",
    "too-large",
    "unknown-logout",
    "own-problem",
    "bad-request",
];
