//! Whether a pass phrase is a granting cookie that proves who the PAM user is. No files and no clock here.

use granting_cookie::{
    Cookie, CookieError, CookieType, CryptKey, EncryptedCookie, Encryption, SignedCookie, VerifiedCookie,
    VerifyingCertificate,
};

use crate::arguments::AppServerIds;

/// What a granting cookie is measured by.
pub struct Verifier {
    pub granting_certificates: Vec<VerifyingCertificate>,
    pub app_server_ids: AppServerIds,
    pub crypt_keys: Vec<AppServerKey>,
    /// Seconds.
    pub max_age: u32,
    pub creds: u8,
    pub realms: Vec<String>,
}

/// The key that an application server shares with the login server.
pub struct AppServerKey {
    /// Its host name, as the login server knows it.
    pub app_server: String,
    pub key: CryptKey,
}

/// How far the login server's clock may be ahead of ours, in seconds.
pub const CLOCK_SKEW: u32 = 30;

/// Why a pass phrase is not taken. For the log alone.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("it is no granting cookie of this login server: {0}")]
    NotVerified(CookieError),
    #[error("the cookie is of type {:?}, not a granting cookie", char::from(.0.0))]
    WrongType(CookieType),
    #[error("the cookie's protocol version is not \"a...\"")]
    WrongVersion,
    #[error("a text field of the cookie is not printable ASCII")]
    NotPrintable,
    #[error("the cookie's user is blank: nobody logged in")]
    BlankUser,
    #[error("the cookie is for user {0:?}")]
    OtherUser(String),
    #[error("the cookie is {age} s old, but only good for {max_age} s")]
    TooOld { age: u32, max_age: u32 },
    #[error("the cookie is from {0} s in the future: set this machine's clock, or the login server's")]
    FromTheFuture(u32),
    #[error("the login has flavour (creds) {found:?}, but {demanded:?} is demanded", found = char::from(*found), demanded = char::from(*demanded))]
    OtherCreds { found: u8, demanded: u8 },
    #[error("the cookie is for app server ID {0:?}, which no app_server_id argument names")]
    OtherAppServer(String),
}

impl Verifier {
    /// The cookie, if all of it is right for this user at this time (Unix seconds).
    pub fn verify(&self, pass_phrase: &str, user: &str, now: u32) -> Result<Cookie, Refusal> {
        let cookie = self.open(pass_phrase).map_err(Refusal::NotVerified)?;
        if cookie.cookie_type != CookieType::GRANTING {
            return Err(Refusal::WrongType(cookie.cookie_type));
        }
        if !cookie.version.is_compatible() {
            return Err(Refusal::WrongVersion);
        }
        if !cookie.is_printable_ascii() {
            return Err(Refusal::NotPrintable);
        }
        self.check_user(&cookie, user)?;
        self.check_time(&cookie, now)?;
        if cookie.creds != self.creds {
            return Err(Refusal::OtherCreds {
                found: cookie.creds,
                demanded: self.creds,
            });
        }
        if !self.serves(&cookie) {
            return Err(Refusal::OtherAppServer(cookie.app_server_id.to_string()));
        }
        Ok(cookie)
    }

    /// The plain form needs the granting certificate alone; then every key and every encryption is tried, because a
    /// cookie does not say which it is.
    fn open(&self, text: &str) -> Result<Cookie, CookieError> {
        let plain = SignedCookie::from_base64(text)?.verify(&self.granting_certificates);
        plain.or_else(|error| self.decrypt(text)?.map(|verified| verified.cookie).ok_or(error))
    }

    fn decrypt(&self, text: &str) -> Result<Option<VerifiedCookie>, CookieError> {
        let encrypted = EncryptedCookie::from_base64(text)?;
        let attempts = self
            .crypt_keys
            .iter()
            .flat_map(|key| Encryption::ALL.map(|encryption| (key, encryption)));
        Ok(attempts
            .filter_map(|(AppServerKey { app_server, key }, encryption)| {
                encrypted
                    .open(encryption, key, app_server, &self.granting_certificates)
                    .ok()
            })
            .next())
    }

    fn check_user(&self, cookie: &Cookie, user: &str) -> Result<(), Refusal> {
        let name = cookie.user.decoded();
        if name.trim_ascii().is_empty() {
            return Err(Refusal::BlankUser);
        }
        let with_realm = |realm: &String| format!("{user}@{realm}");
        let matches = name == user.as_bytes()
            || self
                .realms
                .iter()
                .map(with_realm)
                .any(|user| name == user.as_bytes());
        if !matches || user.is_empty() {
            return Err(Refusal::OtherUser(String::from_utf8_lossy(&name).into_owned()));
        }
        Ok(())
    }

    fn check_time(&self, cookie: &Cookie, now: u32) -> Result<(), Refusal> {
        let ahead = cookie.create_time.saturating_sub(now);
        if ahead > CLOCK_SKEW {
            return Err(Refusal::FromTheFuture(ahead));
        }
        let age = now.saturating_sub(cookie.create_time);
        if age > self.max_age {
            return Err(Refusal::TooOld {
                age,
                max_age: self.max_age,
            });
        }
        Ok(())
    }

    fn serves(&self, cookie: &Cookie) -> bool {
        match &self.app_server_ids {
            AppServerIds::Any => true,
            AppServerIds::These(names) => names.iter().any(|name| cookie.app_server_id.names(name)),
        }
    }
}

#[cfg(test)]
mod tests;
