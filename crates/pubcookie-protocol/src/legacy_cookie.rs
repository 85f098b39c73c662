//! The original's cookies that an app server makes for itself: sessions and pre-sessions, signed and encrypted.

use crate::app_id::{AppId, AppServerId};
use crate::auth_type::Creds;
use granting_cookie::{
    Cookie, CookieType, EncryptError, EncryptedCookie, Encryption, Reauthentication, SignError, SignedCookie,
    SigningKey, TextError, User, VerifyingCertificate, Version, WatchedKey,
};
use std::sync::Arc;
use zeroize::Zeroizing;

/// The keys of the original's session and pre-session cookies.
#[derive(Debug)]
pub struct LegacyKeys {
    /// `PubcookieSessionKeyFile`.
    pub signing_key: SigningKey,
    /// `PubcookieSessionCertFile`.
    pub certificates: Vec<VerifyingCertificate>,
    /// The key shared with the login server, and the one before it. The caller has it look at its file.
    pub crypt_key: Arc<WatchedKey>,
    /// `PubcookieEncryption`.
    pub encryption: Encryption,
    /// The app server's own name, which is part of the key under [`Encryption::AesDomain`].
    pub own_name: String,
}

/// What a cookie of the original is to say. It says it of this app server alone.
#[derive(Clone, Copy, Debug)]
pub struct LegacyCookie<'a> {
    /// Session or pre-session.
    pub cookie_type: CookieType,
    /// The user, decoded.
    pub user: &'a str,
    /// The server that makes it.
    pub app_server_id: &'a AppServerId,
    /// The application.
    pub app_id: &'a AppId,
    /// The flavour of login.
    pub creds: Creds,
    /// The token field, which a session uses for something else.
    pub token: i32,
    /// In Unix seconds.
    pub create_time: u64,
    /// In Unix seconds.
    pub last_time: u64,
}

/// Why a cookie of the original could not be made.
#[derive(Debug, thiserror::Error)]
pub enum LegacyCookieError {
    /// The user does not fit into it.
    #[error("the user does not fit into a legacy cookie: {0}")]
    User(#[from] TextError),
    /// A time that it cannot hold.
    #[error("the time {0} does not fit into a legacy cookie")]
    Time(u64),
    /// Signing failed.
    #[error(transparent)]
    Signing(#[from] SignError),
    /// Encryption failed.
    #[error(transparent)]
    Encryption(#[from] EncryptError),
}

impl LegacyKeys {
    /// The cookie's value.
    pub fn make(&self, cookie: &LegacyCookie<'_>) -> Result<Zeroizing<String>, LegacyCookieError> {
        let time = |time: u64| u32::try_from(time).map_err(|_| LegacyCookieError::Time(time));
        let cookie = Cookie {
            user: User::encode(cookie.user)?,
            version: Version::new(self.encryption, Reauthentication::Unknown),
            app_server_id: cookie.app_server_id.to_field(),
            app_id: cookie.app_id.to_field(),
            cookie_type: cookie.cookie_type,
            creds: cookie.creds.digit(),
            pre_session_token: cookie.token,
            create_time: time(cookie.create_time)?,
            last_time: time(cookie.last_time)?,
        };
        let signed = SignedCookie::sign(&cookie, &self.signing_key)?;
        let encrypted = signed.encrypt(self.encryption, self.crypt_key.keys().current(), &self.own_name)?;
        Ok(encrypted.to_base64())
    }

    /// What a cookie of this type says. `None` where it does not verify or is of another type or version, and where its
    /// text is not printable. Its time is still to be checked.
    pub fn open(&self, value: &[u8], cookie_type: CookieType) -> Option<Cookie> {
        let encrypted = EncryptedCookie::from_base64(std::str::from_utf8(value).ok()?).ok()?;
        let keys = self.crypt_key.keys();
        let verified = keys.open(&encrypted, self.encryption, &self.own_name, &self.certificates);
        let cookie = verified.ok()?.cookie;
        let is_ours = cookie.cookie_type == cookie_type && cookie.version.is_compatible();
        (is_ours && cookie.is_printable_ascii()).then_some(cookie)
    }
}
