//! What an application server answers otherwise.

use super::{
    CLEARED, CLEARED_IN_BOTH, CLEARED_IN_DOMAIN, ERROR_PAGE, Purpose, SET, SET_IN_DOMAIN, STAYS, TO_LOGIN,
    change, cookie, field, goes_on, page, status, variable,
};
use crate::original_transcripts::aspect::Kind;

const ANSWERS: Option<&str> = Some("answers");
const MADE: Option<&str> = Some("made");

pub const TABLE: &[Purpose] = &[
    Purpose {
        at: &[("errors-app-get", &[2])],
        what: "a granting cookie comes back without the pre-session cookie",
        changes: &[
            status("200", "400"),
            goes_on(TO_LOGIN, STAYS),
            cookie("pubcookie_g_req", SET_IN_DOMAIN, None),
            cookie("pubcookie_pre_s", SET, None),
            cookie("pubcookie_g", None, CLEARED_IN_BOTH),
            change(Kind::GrantingRequest, "", MADE, None),
        ],
        why: "The browser keeps no cookies for this host: a page says so, where the original sent it round and round.",
    },
    Purpose {
        at: &[("errors-app-get", &[6, 11, 22, 23])],
        what: "a granting cookie from the future, of another type, or with an old pre-session",
        changes: &[
            goes_on(STAYS, TO_LOGIN),
            cookie("pubcookie_pre_s", CLEARED, SET),
            cookie("pubcookie_s_secureapp", SET, None),
            variable("", ANSWERS, None),
            cookie("pubcookie_g_req", None, SET_IN_DOMAIN),
            change(Kind::GrantingRequest, "", None, MADE),
        ],
        why: "The original looks at neither: any cookie that the login server signed let in. A time more than five \
              minutes ahead, a type other than `1`, and a login that took more than an hour are refused.",
    },
    Purpose {
        at: &[("errors-app-get", &[30, 36, 42, 45, 46, 54])],
        what: "a session from the future, of another type or format, and cookies under longer names",
        changes: &[
            goes_on(STAYS, TO_LOGIN),
            cookie("pubcookie_s_secureapp", SET, None),
            variable("", ANSWERS, None),
            cookie("pubcookie_g_req", None, SET_IN_DOMAIN),
            cookie("pubcookie_pre_s", None, SET),
            cookie("pubcookie_pre_s", CLEARED, SET),
            change(Kind::GrantingRequest, "", None, MADE),
        ],
        why: "The original takes a pre-session cookie for a session, looks for names anywhere in the header \
              (`xxpubcookie_g=` counts), and guesses what is missing of base64.",
    },
    Purpose {
        at: &[("errors-app-get", &[7, 12, 30])],
        what: "a login begun a moment ago in another tab",
        changes: &[cookie("pubcookie_pre_s", Some("*"), None)],
        why: "It is joined: the browser has the cookie for it already.",
    },
    Purpose {
        at: &[("errors-app-get", &[7, 8, 25, 26, 30])],
        what: "a granting cookie that cannot be read",
        changes: &[cookie("pubcookie_g", CLEARED_IN_DOMAIN, None)],
        why: "It is passed over, and the next login overwrites it.",
    },
    Purpose {
        at: &[("errors-app-get", &[12])],
        what: "reason for a granting cookie of another application, without a session",
        changes: &[change(Kind::GrantingRequest, "nine", Some("4"), Some("1"))],
        why: "The original says that the session was idle too long, and there is none.",
    },
    Purpose {
        at: &[("errors-app-get", &[40, 44])],
        what: "reason for a session cookie of another version or type",
        changes: &[change(Kind::GrantingRequest, "nine", Some("1*"), Some("1"))],
        why: "It is none that can be read, whatever it says of itself.",
    },
    Purpose {
        at: &[("errors-app-get", &[24]), ("reauth-version-byte", &[0])],
        what: "error pages for a granting cookie that proves too little",
        changes: &[
            status("200", "403"),
            page("Required user login didn't happen", ERROR_PAGE),
            page("Required Session Reauthentication didn't happen", ERROR_PAGE),
            cookie("pubcookie_pre_s", CLEARED, None),
            cookie("pubcookie_s_*", CLEARED, None),
        ],
        why: "An error is no success for caches and programs. The granting cookie goes, and no session ends by it.",
    },
    Purpose {
        at: &[("errors-app-get", &[63, 64, 65])],
        what: "error pages for what cannot be carried through a login",
        changes: &[
            status("200", "400"),
            page(
                "GET arguments longer than supported.  (args length: 1901)",
                ERROR_PAGE,
            ),
            page("multipart/form-data not allowed", ERROR_PAGE),
            page("Invalid POST data. (POST data length: 0)", ERROR_PAGE),
            cookie("pubcookie_g", CLEARED_IN_DOMAIN, None),
            cookie("pubcookie_pre_s", CLEARED, None),
            cookie("pubcookie_s_secureapp", CLEARED, None),
        ],
        why: "The same is refused, with status 400 and the reason in words; no session ends by it.",
    },
    Purpose {
        at: &[("errors-app-get", &[66])],
        what: "PUT without a session",
        changes: &[
            status("200", "401"),
            goes_on("by submitting the form", STAYS),
            cookie("pubcookie_g_req", SET_IN_DOMAIN, None),
            cookie("pubcookie_pre_s", SET, None),
            change(Kind::GrantingRequest, "", MADE, None),
            change(
                Kind::Form,
                "",
                Some("post https://login.example.edu:18443/"),
                None,
            ),
        ],
        why: "No form can send it again: the original turned it into a POST. A program is told 401.",
    },
    Purpose {
        at: &[("errors-app-get", &[61])],
        what: "a granting cookie of another login beside a good session",
        changes: &[
            goes_on(TO_LOGIN, STAYS),
            cookie("pubcookie_g_req", SET_IN_DOMAIN, None),
            cookie("pubcookie_pre_s", SET, None),
            change(Kind::GrantingRequest, "", MADE, None),
            variable("", None, ANSWERS),
        ],
        why: "It is passed over, and the session counts.",
    },
    Purpose {
        at: &[("errors-app-get", &[58])],
        what: "`REMOTE_REALM` with a session cookie",
        changes: &[variable("REMOTE_REALM", None, Some("X"))],
        why: "It is set with every request, not with the first one after a login alone.",
    },
    Purpose {
        at: &[("conditional-get", &[4])],
        what: "`If-Modified-Since`",
        changes: &[status("200", "304")],
        why: "A page that did not change since is not sent again; the original lets only `If-None-Match` have its way.",
    },
    Purpose {
        at: &[("errors-app-get", &[53]), ("noprompt-loggedin-get", &[6])],
        what: "which cookies the application sees",
        changes: &[variable(
            "HTTP_COOKIE pubcookie_s_secureapp",
            Some("*shown"),
            Some("hidden"),
        )],
        why: "All Pubcookie cookies are hidden from it, another application's among them.",
    },
    Purpose {
        at: &[
            ("logout-on-get", &[4, 5]),
            ("logout-on-post", &[5]),
            ("logout-without-session", &[0]),
        ],
        what: "`PubcookieEndSession on` for a directory",
        changes: &[
            status("401", "200"),
            cookie("pubcookie_s_secureapp", None, CLEARED),
            // The next request.
            goes_on(STAYS, TO_LOGIN),
            cookie("pubcookie_s_secureapp", SET, None),
            cookie("pubcookie_g_req", None, SET_IN_DOMAIN),
            cookie("pubcookie_pre_s", None, SET),
            change(Kind::GrantingRequest, "", None, MADE),
        ],
        why: "It works, and the next request begins a login: under httpd 2.4 the original answered 401 and left the \
              session as it was.",
    },
    Purpose {
        at: &[("non-ssl", &[0])],
        what: "a protected place over HTTP",
        changes: &[
            status("200", "400"),
            goes_on(TO_LOGIN, STAYS),
            cookie("pubcookie_g_req", SET_IN_DOMAIN, None),
            cookie("pubcookie_pre_s", SET, None),
            change(Kind::GrantingRequest, "", MADE, None),
        ],
        why: "The browser would not send the secure cookies back: the original sent it round and round.",
    },
    Purpose {
        at: &[
            ("poststuff-get-method", &[2, 3]),
            ("poststuff-post-method", &[3, 4]),
        ],
        what: "UTF-8 in a body that is carried through a login",
        changes: &[
            field("utf", Some("Ã©"), Some("é")),
            variable("CONTENT_LENGTH", Some("89"), Some("83")),
            change(
                Kind::Body,
                "",
                Some("*utf=%C3%83%C2%A9*"),
                Some("*submit=Go%21&utf=%C3%A9"),
            ),
        ],
        why: "The body arrives as it was sent, field by field in its order.",
    },
    Purpose {
        at: &[
            ("poststuff-get-method", &[3]),
            ("poststuff-nosubmit-get-method", &[3]),
        ],
        what: "a body whose login began at a member of the original (`PubcookieSessionFormat legacy`)",
        changes: &[
            variable("", ANSWERS, None),
            change(
                Kind::Form,
                "",
                None,
                Some("post https://app1.example.edu:18444/secure/env.cgi*"),
            ),
            change(Kind::Caching, "", Some("as ever"), Some("no-store")),
        ],
        why: "The original does not say which site's page had sent it: the user sees where it goes, and has to click.",
    },
    Purpose {
        at: &[
            ("login-server-cases", &[68]),
            ("poststuff-nosubmit-get-method", &[2]),
            ("poststuff-get-method", &[2]),
        ],
        what: "the form that takes a body back to the application",
        changes: &[goes_on(STAYS, "by submitting the form")],
        why: "It submits itself where the login server's own pages led to it; from another site it waits for a click.",
    },
];
