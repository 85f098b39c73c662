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
    // Nobody was asked for a password: there is none to be asked for again.
    for reauthentication in [Demand::NotDemanded, Demand::Always] {
        let policy = GrantPolicy {
            blank_user: true,
            strict_reauthentication: true,
            reauthentication,
            ..place.policy()
        };
        let grant = Grant::check(&blank, &policy, Some(&place.pre_session), NOW).unwrap();
        assert_eq!((grant.user.as_str(), grant.reauthenticated), ("", false));
    }
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
