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
        let demanded = policy.reauthentication.is_demanded();
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
mod tests {
    use super::*;
    use crate::granting_request::Reauthentication as Demand;
    use granting_cookie::{User, Version};

    const NOW: u64 = 1_795_291_382;

    struct Place {
        app_id: AppId,
        app_server_id: AppServerId,
        pre_session: PreSession,
        token: i32,
    }

    impl Place {
        fn new() -> Place {
            let mut pre_session = PreSession::default();
            let token = pre_session.begin(None, NOW).unwrap();
            let app_server_id = AppServerId::configured("app1.example.edu").unwrap();
            Place {
                app_id: AppId::configured("SecureApp").unwrap(),
                app_server_id,
                pre_session,
                token,
            }
        }

        fn policy(&self) -> GrantPolicy<'_> {
            GrantPolicy {
                app_id: &self.app_id,
                app_server_id: &self.app_server_id,
                creds: Creds::FIRST,
                reauthentication: Demand::NotDemanded,
                strict_reauthentication: false,
                blank_user: false,
            }
        }

        fn cookie(&self) -> Cookie {
            Cookie {
                user: User::encode("alice").unwrap(),
                version: Version(*b"a5a\0"),
                app_server_id: granting_cookie::AppServerId::encode("APP1.example.edu").unwrap(),
                app_id: granting_cookie::AppId::encode("secureapp").unwrap(),
                cookie_type: CookieType::GRANTING,
                creds: b'1',
                pre_session_token: self.token,
                create_time: NOW as u32,
                last_time: 0,
            }
        }

        fn check(&self, cookie: &Cookie) -> Result<Grant, GrantRefusal> {
            Grant::check(cookie, &self.policy(), Some(&self.pre_session), NOW)
        }
    }

    #[test]
    fn a_good_cookie_begins_a_session() {
        let place = Place::new();
        let cookie = Cookie {
            user: User::encode("zo\u{eb} b@x").unwrap(),
            ..place.cookie()
        };
        let grant = place.check(&cookie).unwrap();
        assert_eq!(
            (grant.user.as_str(), grant.pre_session_token),
            ("zo\u{eb} b@x", place.token)
        );
        assert!(!grant.other_version && !grant.reauthenticated);
        let session = grant.session(&place.policy(), NOW + 2);
        assert_eq!((session.create_time, session.last_time), (NOW + 2, NOW + 2));
        assert_eq!(session.user, grant.user);
    }

    #[test]
    fn each_check_has_its_reason() {
        let place = Place::new();
        let good = place.cookie();
        let app_server_id = granting_cookie::AppServerId::encode("app2.example.edu").unwrap();
        let version = |bytes: &[u8; 4]| Version(*bytes);
        for (cookie, reason) in [
            (
                Cookie {
                    cookie_type: CookieType::SESSION,
                    ..good.clone()
                },
                Reason::NoCookie,
            ),
            (
                Cookie {
                    user: User::from_encoded("a%0Ab").unwrap(),
                    ..good.clone()
                },
                Reason::NoCookie,
            ),
            (
                Cookie {
                    user: User::from_encoded("a%00").unwrap(),
                    ..good.clone()
                },
                Reason::NoCookie,
            ),
            (
                Cookie {
                    user: User::from_encoded("%FF").unwrap(),
                    ..good.clone()
                },
                Reason::NoCookie,
            ),
            (
                Cookie {
                    pre_session_token: good.pre_session_token ^ 1,
                    ..good.clone()
                },
                Reason::WrongPreSession,
            ),
            (
                Cookie {
                    create_time: good.create_time - 61,
                    ..good.clone()
                },
                Reason::GrantingTooOld,
            ),
            (
                Cookie {
                    create_time: good.create_time + 301,
                    ..good.clone()
                },
                Reason::GrantingTooOld,
            ),
            (
                Cookie {
                    app_id: granting_cookie::AppId::encode("other").unwrap(),
                    ..good.clone()
                },
                Reason::WrongAppId,
            ),
            (
                Cookie {
                    app_server_id,
                    ..good.clone()
                },
                Reason::WrongAppServerId,
            ),
            (
                Cookie {
                    version: version(b"b5a\0"),
                    ..good.clone()
                },
                Reason::WrongVersion,
            ),
            (
                Cookie {
                    creds: b'2',
                    ..good.clone()
                },
                Reason::WrongCreds,
            ),
            (
                Cookie {
                    creds: 0,
                    ..good.clone()
                },
                Reason::WrongCreds,
            ),
        ] {
            assert_eq!(
                place.check(&cookie),
                Err(GrantRefusal::LogInAnew(reason)),
                "{cookie:?}"
            );
        }
        for create_time in [good.create_time - 60, good.create_time + 300] {
            assert!(
                place
                    .check(&Cookie {
                        create_time,
                        ..good.clone()
                    })
                    .is_ok()
            );
        }
        assert!(
            place
                .check(&Cookie {
                    version: version(b"a6\0\0"),
                    ..good.clone()
                })
                .unwrap()
                .other_version
        );
        let without = Grant::check(&good, &place.policy(), None, NOW);
        assert_eq!(without, Err(GrantRefusal::LogInAnew(Reason::NoCookie)));
    }

    #[test]
    fn a_blank_user_counts_only_where_nobody_is_prompted() {
        let place = Place::new();
        let blank = Cookie {
            user: User::encode("").unwrap(),
            ..place.cookie()
        };
        assert_eq!(place.check(&blank), Err(GrantRefusal::NoUser));
        let policy = GrantPolicy {
            blank_user: true,
            ..place.policy()
        };
        assert_eq!(
            Grant::check(&blank, &policy, Some(&place.pre_session), NOW)
                .unwrap()
                .user,
            ""
        );
    }

    #[test]
    fn reauthentication_is_what_the_version_says() {
        let place = Place::new();
        for (byte, demand, strict, happened) in [
            (b'N', Demand::NotDemanded, true, Some(false)),
            (b'N', Demand::Always, false, None),
            (b'R', Demand::Always, true, Some(true)),
            (0, Demand::UnlessWithin(60), false, Some(true)),
            (0, Demand::UnlessWithin(60), true, None),
        ] {
            let cookie = Cookie {
                version: Version([b'a', b'5', b'a', byte]),
                ..place.cookie()
            };
            let policy = GrantPolicy {
                reauthentication: demand,
                strict_reauthentication: strict,
                ..place.policy()
            };
            let grant = Grant::check(&cookie, &policy, Some(&place.pre_session), NOW);
            let expected = happened.ok_or(GrantRefusal::NoReauthentication);
            assert_eq!(
                grant.map(|grant| grant.reauthenticated),
                expected,
                "{byte} {demand:?} {strict}"
            );
        }
    }
}
