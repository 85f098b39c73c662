//! Differences in many answers.

use super::{
    CLEARED, CLEARED_IN_BOTH, CLEARED_IN_DOMAIN, Purpose, SET, change, cookie, field, page, variable,
};
use crate::original_transcripts::aspect::Kind;

const NONE: Option<&str> = Some("none");

pub const TABLE: &[Purpose] = &[
    Purpose {
        at: &[],
        what: "protection of cookies",
        changes: &[
            change(Kind::CookieProtection, "pubcookie_g_req", NONE, Some("HttpOnly")),
            change(Kind::CookieProtection, "pubcookie_g", NONE, Some("HttpOnly")),
            change(
                Kind::CookieProtection,
                "pubcookie_g",
                NONE,
                Some("HttpOnly; SameSite=Lax"),
            ),
            change(
                Kind::CookieProtection,
                "pubcookie_l",
                NONE,
                Some("HttpOnly; SameSite=None"),
            ),
            change(
                Kind::CookieProtection,
                "pubcookie_s_*",
                NONE,
                Some("HttpOnly; SameSite=Lax"),
            ),
            change(
                Kind::CookieProtection,
                "pubcookie_pre_s",
                NONE,
                Some("HttpOnly; SameSite=Lax"),
            ),
        ],
        why: "No script of a page can read them, and a request that another site makes carries no session.",
    },
    Purpose {
        at: &[],
        what: "the pre-session cookie (with `PubcookieSessionFormat legacy` the original's is beside it)",
        changes: &[
            change(
                Kind::CookieName,
                "pubcookie_pre_s",
                Some("pubcookie_pre_s"),
                Some("__Host-pubcookie_pre_s"),
            ),
            change(
                Kind::CookieName,
                "pubcookie_pre_s",
                Some("pubcookie_pre_s"),
                Some("pubcookie_pre_s and __Host-pubcookie_pre_s"),
            ),
        ],
        why: "Ours is sealed, holds the logins of up to eight tabs, and no other host of the domain can set it.",
    },
    Purpose {
        at: &[],
        what: "session cookies (with `PubcookieSessionFormat legacy` they are the original's)",
        changes: &[
            change(
                Kind::CookieName,
                "pubcookie_s_*",
                Some("pubcookie_s_*"),
                Some("__Host-pubcookie_s_*"),
            ),
            change(
                Kind::CookieMaking,
                "pubcookie_s_*",
                Some("version a5, signed by *, encrypted for *"),
                Some("sealed by *"),
            ),
        ],
        why: "They are sealed with a key made of the private session key: neither the login server nor whoever else \
              has the shared key file can make one.",
    },
    Purpose {
        at: &[],
        what: "caches between browser and server",
        changes: &[change(Kind::Caching, "", Some("as ever"), Some("private"))],
        why: "Pages behind a login, and answers with a cookie, are for their user alone.",
    },
    Purpose {
        at: &[],
        what: "where the granting cookie is cleared",
        changes: &[
            cookie("pubcookie_g", CLEARED_IN_DOMAIN, CLEARED_IN_BOTH),
            cookie("pubcookie_g", CLEARED, CLEARED_IN_BOTH),
        ],
        why: "It is cleared wherever either login method sets it.",
    },
    Purpose {
        at: &[
            ("conditional-get", &[4, 5]),
            ("errors-app-get", &[8, 13, 31, 33, 38, 52, 53, 58]),
            ("get-aes-login", &[5]),
            ("get-aes-login2", &[4]),
            ("get-des-login", &[4]),
            ("logout-custom-get", &[6]),
            ("noprompt-get", &[3]),
            ("post-aes-login", &[6]),
            ("post-aesdomain-login", &[6]),
        ],
        what: "when a session cookie is written again",
        changes: &[cookie("pubcookie_s_*", SET, None)],
        why: "A request writes it only where a twentieth of the inactivity time has passed: a signature a request made \
              the original four times slower than open pages.",
    },
    Purpose {
        at: &[
            ("logout-clearlogin-post", &[0, 4]),
            ("logout-on-file-post", &[0, 4, 6]),
            ("logout-on-post", &[0, 4]),
            ("logout-redirect-post", &[0, 4]),
            ("post-aes-login", &[0, 5, 6, 7, 10]),
            ("post-aesdomain-login", &[0, 5, 6, 7, 10]),
            ("poststuff-nosubmit-post-method", &[0, 4]),
            ("poststuff-post-method", &[0, 4]),
            ("reply-handler", &[27]),
        ],
        what: "pre-session in the POST method",
        changes: &[
            cookie("pubcookie_pre_s", None, SET),
            variable("HTTP_COOKIE pubcookie_pre_s", None, Some("hidden")),
        ],
        why: "A granting cookie is taken only from the browser that began the login, by this method too: nobody can be \
              logged in as somebody else without knowing it.",
    },
    Purpose {
        at: &[],
        what: "the login form",
        changes: &[
            cookie("pubcookie_login_form_*", None, SET),
            field("seal", None, Some("new each time")),
            field("confirm_post", None, Some("*")),
            field("first_kiss", Some("new each time"), None),
            field("fr", Some("*"), None),
        ],
        why: "The form is sealed for the browser that it was shown to: nobody else can make one or change its fields.",
    },
    Purpose {
        at: &[],
        what: "the pages of the login server",
        changes: &[
            page("Example University Login", "Log in"),
            page("Example University Login", "You are logged in"),
            page("Example University Logout", "You are logged out"),
            page("Example University Logout", "Logged out of an application"),
        ],
        why: "They are pages of our own; `PubcookieLoginTemplates` puts a site's in their place.",
    },
    Purpose {
        at: &[
            ("get-aes-login", &[2]),
            ("post-aes-login", &[2]),
            ("post-aesdomain-login", &[2]),
            ("login-server-cases", &[43, 44, 46, 53, 56]),
        ],
        what: "the form after a wrong password",
        changes: &[field("user", Some(""), Some("*"))],
        why: "The user name stays in the form.",
    },
    Purpose {
        at: &[("get-aes-login2", &[0, 1]), ("get-des-login", &[0, 1])],
        what: "a `Referer` with `&` in it",
        changes: &[
            change(
                Kind::GrantingRequest,
                "referer",
                Some("https://ref.example.org/x?y=1"),
                Some("https://ref.example.org/x?y=1&z=2"),
            ),
            change(Kind::GrantingRequest, "z", Some("2"), None),
            field(
                "referer",
                Some("https://ref.example.org/x?y=1"),
                Some("https://ref.example.org/x?y=1&z=2"),
            ),
        ],
        why: "What ends a field of a granting request is escaped: the original let a path or a `Referer` add fields, \
              `sess_re=0` for instance.",
    },
];
