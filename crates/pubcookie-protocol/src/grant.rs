//! What an app server checks about a granting cookie whose signature holds.

use crate::app_id::{AppId, AppServerId};
use crate::auth_type::Creds;
use crate::granting_request;
use crate::pre_session::PreSession;
use crate::reason::Reason;
use crate::session::{CLOCK_SKEW, Session};
use granting_cookie::{Cookie, CookieType, Reauthentication};

/// How long a granting cookie may be under way, in seconds.
pub const GRANTING_SECONDS: u64 = 60;

/// What a place demands of a granting cookie.
#[derive(Clone, Copy, Debug)]
pub struct GrantPolicy<'a> {
    /// The place's application.
    pub app_id: &'a AppId,
    /// The server that it is on.
    pub app_server_id: &'a AppServerId,
    /// The flavour of login.
    pub creds: Creds,
    /// `PubcookieSessionCauseReAuth`.
    pub reauthentication: granting_request::Reauthentication,
    /// `PubcookieStrictReauth`: only a cookie that says so counts as reauthenticated.
    pub strict_reauthentication: bool,
    /// `PubcookieNoPrompt`: a blank user counts.
    pub blank_user: bool,
}

/// A granting cookie that satisfies the place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// The user, decoded, as `REMOTE_USER` has it; empty for one who was not asked to log in.
    pub user: String,
    /// The flavour of the login.
    pub creds: Creds,
    /// The token that binds it to the browser's pre-session.
    pub pre_session_token: i32,
    /// When it was made, in Unix seconds.
    pub create_time: u64,
    /// Reauthentication was demanded, and happened.
    pub reauthenticated: bool,
    /// The second character of the version is not ours: worth a line in the log.
    pub other_version: bool,
}

/// Why a granting cookie does not satisfy the place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantRefusal {
    /// Log in anew, for this reason. With [`Reason::WrongAppId`] it belongs to another application: it is passed over,
    /// and the session cookie is looked at.
    #[error("{0}")]
    LogInAnew(Reason),
    /// An error page, because logging in anew would end the same: a blank user where a login is required.
    #[error("required user login didn't happen")]
    NoUser,
    /// An error page: reauthentication was demanded and did not happen.
    #[error("required session reauthentication didn't happen")]
    NoReauthentication,
}

impl Grant {
    /// Checks a granting cookie whose signature holds, in the protocol's order. `pre_session` is what the browser sent
    /// of ours, if anything; its token is left there until [`PreSession::finish`].
    pub fn check(
        cookie: &Cookie,
        policy: &GrantPolicy<'_>,
        pre_session: Option<&PreSession>,
        now: u64,
    ) -> Result<Grant, GrantRefusal> {
        match pre_session {
            Some(begun) if readable_user(cookie).is_some() && !begun.holds(cookie.pre_session_token) => {
                Err(GrantRefusal::LogInAnew(Reason::WrongPreSession))
            }
            Some(_) => Grant::check_unbound(cookie, policy, now),
            None => Err(GrantRefusal::LogInAnew(Reason::NoCookie)),
        }
    }

    /// The same without a pre-session. Only for a place where another module has authenticated the user, who must be the
    /// cookie's: elsewhere anybody could log a stranger's browser in as themselves.
    pub fn check_unbound(cookie: &Cookie, policy: &GrantPolicy<'_>, now: u64) -> Result<Grant, GrantRefusal> {
        let log_in_anew = |reason| Err(GrantRefusal::LogInAnew(reason));
        let Some(user) = readable_user(cookie) else {
            return log_in_anew(Reason::NoCookie);
        };
        let create_time = u64::from(cookie.create_time);
        if now.saturating_sub(create_time) > GRANTING_SECONDS || create_time > now.saturating_add(CLOCK_SKEW)
        {
            return log_in_anew(Reason::GrantingTooOld);
        }
        if !policy.app_id.is_in(&cookie.app_id) {
            return log_in_anew(Reason::WrongAppId);
        }
        if !policy.app_server_id.is_in(&cookie.app_server_id) {
            return log_in_anew(Reason::WrongAppServerId);
        }
        if !cookie.version.is_compatible() {
            return log_in_anew(Reason::WrongVersion);
        }
        if cookie.creds != policy.creds.digit() {
            return log_in_anew(Reason::WrongCreds);
        }
        if user.is_empty() && !policy.blank_user {
            return Err(GrantRefusal::NoUser);
        }
        // A blank user has no password.
        let demanded = policy.reauthentication.is_demanded() && !user.is_empty();
        if demanded && !reauthentication_happened(cookie, policy.strict_reauthentication) {
            return Err(GrantRefusal::NoReauthentication);
        }
        Ok(Grant {
            user,
            creds: policy.creds,
            pre_session_token: cookie.pre_session_token,
            create_time,
            reauthenticated: demanded,
            other_version: cookie.version.0[1] != b'5',
        })
    }

    /// The session that begins with it.
    pub fn session(&self, policy: &GrantPolicy<'_>, now: u64) -> Session {
        Session {
            user: self.user.clone(),
            app_id: policy.app_id.clone(),
            app_server_id: policy.app_server_id.clone(),
            creds: self.creds,
            reauthenticated: self.reauthenticated,
            create_time: now,
            last_time: now,
        }
    }
}

/// The decoded user of a granting cookie; `None` where the cookie is of another type, holds anything but printable
/// ASCII, or its user decodes to anything but text.
fn readable_user(cookie: &Cookie) -> Option<String> {
    if cookie.cookie_type != CookieType::GRANTING || !cookie.is_printable_ascii() {
        return None;
    }
    let user = String::from_utf8(cookie.user.decoded()).ok()?;
    (!user.chars().any(char::is_control)).then_some(user)
}

/// The original's login server leaves the byte that says it to chance, so silence counts unless told otherwise.
fn reauthentication_happened(cookie: &Cookie, strict: bool) -> bool {
    match cookie.version.reauthentication() {
        Reauthentication::Happened => true,
        Reauthentication::DidNotHappen => false,
        Reauthentication::Unknown => !strict,
    }
}

#[cfg(test)]
mod tests;
