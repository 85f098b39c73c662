//! A session: what an app server remembers of a login, and whether it still counts.

use crate::app_id::{AppId, AppServerId};
use crate::auth_type::Creds;
use crate::reason::Reason;
use crate::settings::{HardExpire, InactiveExpire};

/// How far another server's clock may be ahead of ours, in seconds.
pub const CLOCK_SKEW: u64 = 300;

/// A user's session with one application. Times are Unix seconds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Session {
    /// The user, decoded, as `REMOTE_USER` has it; empty for one who was not asked to log in (`PubcookieNoPrompt`).
    pub user: String,
    /// The application.
    pub app_id: AppId,
    /// The app server.
    pub app_server_id: AppServerId,
    /// The flavour of the login.
    pub creds: Creds,
    /// Reauthentication was demanded, and happened.
    pub reauthenticated: bool,
    /// When the session began.
    pub create_time: u64,
    /// When it was last used, to within a twentieth of the inactivity expiry.
    pub last_time: u64,
}

/// What a place demands of a session.
#[derive(Clone, Copy, Debug)]
pub struct SessionPolicy<'a> {
    /// The place's application.
    pub app_id: &'a AppId,
    /// The server that it is on.
    pub app_server_id: &'a AppServerId,
    /// The flavour of login.
    pub creds: Creds,
    /// `PubcookieHardExpire`.
    pub hard_expire: HardExpire,
    /// `PubcookieInactiveExpire`.
    pub inactive_expire: InactiveExpire,
    /// `PubcookieSessionCauseReAuth`: only a session whose login asked for the password anew counts.
    pub reauthentication: bool,
    /// `PubcookieNoPrompt`: a blank user counts.
    pub blank_user: bool,
}

impl Session {
    /// Whether the session satisfies the place now, or why it does not. The order is the protocol's.
    pub fn check(&self, policy: &SessionPolicy<'_>, now: u64) -> Result<(), Reason> {
        if self.app_id != *policy.app_id {
            return Err(Reason::WrongAppId);
        }
        if self.app_server_id != *policy.app_server_id {
            return Err(Reason::WrongAppServerId);
        }
        if self.creds != policy.creds {
            return Err(Reason::WrongCreds);
        }
        // One from the future would never expire.
        let soon = now.saturating_add(CLOCK_SKEW);
        if self.create_time > soon
            || now.saturating_sub(self.create_time) > u64::from(policy.hard_expire.seconds())
        {
            return Err(Reason::SessionTooOld);
        }
        if let InactiveExpire::After(seconds) = policy.inactive_expire
            && (self.last_time > soon || now.saturating_sub(self.last_time) > u64::from(seconds))
        {
            return Err(Reason::SessionInactive);
        }
        // Nobody was asked for a password, and nobody is to be.
        let goes_blank = self.user.is_empty() && policy.blank_user;
        if policy.reauthentication && !self.reauthenticated && !goes_blank {
            return Err(Reason::ReauthenticationDemanded);
        }
        if self.user.is_empty() && !policy.blank_user {
            return Err(Reason::NoCookie);
        }
        Ok(())
    }

    /// Whether the session's last time is so old that its cookie is to be made anew: a twentieth of the inactivity
    /// expiry. Never where inactivity is not checked.
    pub fn needs_rewrite(&self, inactive_expire: InactiveExpire, now: u64) -> bool {
        match inactive_expire {
            InactiveExpire::Off => false,
            InactiveExpire::After(seconds) => now.saturating_sub(self.last_time) >= u64::from(seconds / 20),
        }
    }

    /// The same session, used now.
    pub fn used(&self, now: u64) -> Session {
        Session {
            last_time: now.max(self.last_time),
            ..self.clone()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: u64 = 1_795_291_382;

    #[test]
    fn each_demand_is_checked_in_order() {
        let (app_id, app_server_id) = (
            AppId::configured("App").unwrap(),
            AppServerId::configured("host").unwrap(),
        );
        let policy = SessionPolicy {
            app_id: &app_id,
            app_server_id: &app_server_id,
            creds: Creds::FIRST,
            hard_expire: HardExpire::default(),
            inactive_expire: InactiveExpire::default(),
            reauthentication: false,
            blank_user: false,
        };
        let session = Session {
            user: "alice".into(),
            app_id: AppId::configured("app").unwrap(),
            app_server_id: AppServerId::configured("HOST").unwrap(),
            creds: Creds::FIRST,
            reauthenticated: false,
            create_time: NOW - 28800,
            last_time: NOW - 1800,
        };
        assert_eq!(session.check(&policy, NOW), Ok(()));
        let off = SessionPolicy {
            inactive_expire: InactiveExpire::Off,
            ..policy
        };
        assert_eq!(
            Session {
                last_time: 0,
                ..session.clone()
            }
            .check(&off, NOW),
            Ok(())
        );
        let reauthentication = SessionPolicy {
            reauthentication: true,
            ..policy
        };
        assert_eq!(
            session.check(&reauthentication, NOW),
            Err(Reason::ReauthenticationDemanded)
        );
        assert_eq!(
            Session {
                reauthenticated: true,
                ..session.clone()
            }
            .check(&reauthentication, NOW),
            Ok(())
        );
        let blank = Session {
            user: String::new(),
            ..session.clone()
        };
        assert_eq!(
            blank.check(
                &SessionPolicy {
                    blank_user: true,
                    ..policy
                },
                NOW
            ),
            Ok(())
        );
        assert_eq!(
            blank.check(
                &SessionPolicy {
                    blank_user: true,
                    ..reauthentication
                },
                NOW
            ),
            Ok(())
        );

        let other_app = Session {
            app_id: AppId::configured("app2").unwrap(),
            ..session.clone()
        };
        let other_server = Session {
            app_server_id: AppServerId::configured("h").unwrap(),
            ..session.clone()
        };
        for (session, reason) in [
            (other_app, Reason::WrongAppId),
            (other_server, Reason::WrongAppServerId),
            (
                Session {
                    creds: Creds::NONE,
                    ..session.clone()
                },
                Reason::WrongCreds,
            ),
            (
                Session {
                    create_time: NOW - 28801,
                    ..session.clone()
                },
                Reason::SessionTooOld,
            ),
            (
                Session {
                    create_time: NOW + 301,
                    ..session.clone()
                },
                Reason::SessionTooOld,
            ),
            (
                Session {
                    create_time: u64::MAX,
                    ..session.clone()
                },
                Reason::SessionTooOld,
            ),
            (
                Session {
                    last_time: NOW - 1801,
                    ..session.clone()
                },
                Reason::SessionInactive,
            ),
            (
                Session {
                    last_time: NOW + 301,
                    ..session.clone()
                },
                Reason::SessionInactive,
            ),
            (blank, Reason::NoCookie),
        ] {
            assert_eq!(session.check(&policy, NOW), Err(reason), "{session:?}");
        }
    }

    #[test]
    fn a_cookie_is_made_anew_after_a_twentieth() {
        let session = Session {
            user: "alice".into(),
            app_id: AppId::configured("app").unwrap(),
            app_server_id: AppServerId::configured("host").unwrap(),
            creds: Creds::FIRST,
            reauthenticated: false,
            create_time: NOW,
            last_time: NOW,
        };
        let after = InactiveExpire::After(1800);
        assert!(!session.needs_rewrite(after, NOW + 89));
        assert!(session.needs_rewrite(after, NOW + 90));
        assert!(!session.needs_rewrite(InactiveExpire::Off, NOW + 9999));
        assert_eq!(session.used(NOW + 90).last_time, NOW + 90);
        assert_eq!(session.used(NOW - 90).last_time, NOW);
    }
}
