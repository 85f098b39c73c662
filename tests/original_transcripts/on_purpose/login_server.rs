//! What the login server answers otherwise.

use super::{
    CLEARED, CLEARED_IN_DOMAIN, Purpose, SET, SET_IN_DOMAIN, STAYS, TO_APP, TO_LOGIN, change, cookie, field,
    goes_on, page, status,
};
use crate::original_transcripts::aspect::Kind;

const REFUSED: &str = "This login does not work";
const LOGIN_PAGE: &str = "Example University Login";
const LOGIN_FORM: Option<&str> = Some("post https://login.example.edu:18443/");

pub const TABLE: &[Purpose] = &[
    Purpose {
        at: &[("login-server-cases", &[0, 2]), ("pinit", &[0])],
        what: "a plain login",
        changes: &[field("seven", Some("/index.cgi"), Some("/"))],
        why: "The login server has the address that `PubcookieLogin` names; nobody has to see a program's name.",
    },
    Purpose {
        at: &[("pinit", &[1])],
        what: "the login cookie of a plain login",
        changes: &[change(
            Kind::CookieContents,
            "pubcookie_l",
            Some("*app server ID \"login.example.edu\", app ID \"pinit\"*"),
            Some("*app server ID \"\", app ID \"pinit\"*"),
        )],
        why: "It is for no application server; nothing reads the field.",
    },
    Purpose {
        at: &[("pinit", &[3])],
        what: "`?countdown=`",
        changes: &[goes_on(
            "by refresh to https://login.example.edu:18443/?countdown=10000",
            STAYS,
        )],
        why: "The page says for how long the login counts, and does not load itself again.",
    },
    Purpose {
        at: &[(
            "login-server-cases",
            &[3, 20, 21, 22, 23, 24, 25, 61, 62, 63, 64, 71],
        )],
        what: "refusals",
        changes: &[
            status("200", "400"),
            status("200", "403"),
            page(LOGIN_PAGE, REFUSED),
            cookie("pubcookie_g_req", None, CLEARED_IN_DOMAIN),
        ],
        why: "The same requests are refused, with a status that says so; the granting request goes, so that the next \
              visit is not refused too.",
    },
    Purpose {
        at: &[("login-server-cases", &[26, 60])],
        what: "a host that is none (`../keys/app1.example.edu`, `app1.example.edu:18444@evil.example.com`)",
        changes: &[
            status("200", "400"),
            goes_on("by refresh to *", STAYS),
            cookie("pubcookie_g", SET_IN_DOMAIN, None),
            cookie("pubcookie_l", SET, None),
        ],
        why: "The original took the host for the name of a key file, and sent the browser there.",
    },
    Purpose {
        at: &[("login-server-cases", &[27])],
        what: "a host in capitals",
        changes: &[
            goes_on(STAYS, TO_APP),
            cookie("pubcookie_g", None, SET_IN_DOMAIN),
            cookie("pubcookie_g_req", None, CLEARED_IN_DOMAIN),
        ],
        why: "Case does not count in names of hosts; the original found no key file.",
    },
    Purpose {
        at: &[("login-server-cases", &[30, 31, 32])],
        what: "protocol versions that there are none of (`a5z`, `b5`, nothing)",
        changes: &[
            status("200", "400"),
            page(LOGIN_PAGE, REFUSED),
            goes_on(TO_APP, STAYS),
            cookie("pubcookie_g", SET_IN_DOMAIN, None),
            cookie("pubcookie_l", SET, None),
            cookie("pubcookie_g_req", None, CLEARED_IN_DOMAIN),
            change(Kind::Form, "", LOGIN_FORM, None),
        ],
        why: "The application server would not understand the answer: the original encrypted with DES, or asked for \
              the password first.",
    },
    Purpose {
        at: &[("login-server-cases", &[11, 12])],
        what: "a login cookie of another type",
        changes: &[
            goes_on(TO_APP, STAYS),
            cookie("pubcookie_g", SET_IN_DOMAIN, None),
            cookie("pubcookie_g_req", CLEARED_IN_DOMAIN, None),
            cookie("pubcookie_l", SET, None),
            change(Kind::Form, "", None, LOGIN_FORM),
        ],
        why: "The original does not look at the type.",
    },
    Purpose {
        at: &[("login-server-cases", &[9, 10])],
        what: "a login cookie of another version",
        changes: &[field("user", Some("alice"), Some(""))],
        why: "What cannot be read says nothing, the user's name included.",
    },
    Purpose {
        at: &[("login-server-cases", &[17]), ("reauth-get", &[5, 6])],
        what: "reauthentication within five seconds of a login",
        changes: &[
            goes_on("by refresh to https://app1.example.edu:18444/*", STAYS),
            cookie("pubcookie_g", SET_IN_DOMAIN, None),
            cookie("pubcookie_g_req", CLEARED_IN_DOMAIN, None),
            cookie("pubcookie_l", SET, None),
            change(Kind::Form, "", None, LOGIN_FORM),
            // The application, which has not seen a login by then.
            goes_on(STAYS, TO_LOGIN),
            cookie("pubcookie_pre_s", CLEARED, SET),
            cookie("pubcookie_s_reauthapp", SET, None),
            cookie("pubcookie_g_req", None, SET_IN_DOMAIN),
            change(Kind::GrantingRequest, "", None, Some("made")),
        ],
        why: "`PubcookieSessionCauseReAuth on` means always; a grace time has a number of seconds.",
    },
    Purpose {
        at: &[("login-server-cases", &[36, 38, 67])],
        what: "spelling of the way back",
        changes: &[
            goes_on(
                "by refresh to https://app1.example.edu:18444/s/a%3Ab%27c%3Cd%3E%60%23x",
                "by refresh to https://app1.example.edu:18444/s/a:b'c%3Cd%3E%60%23x",
            ),
            goes_on(
                "by refresh to https://app1.example.edu:18444/secure/x?a=1&b=%22%3C%3E%27%3A%23",
                "by refresh to https://app1.example.edu:18444/secure/x?a=1&b=%22%3C%3E%27:%23",
            ),
        ],
        why: "Only what would end the path or the query is percent-encoded.",
    },
    Purpose {
        at: &[("login-server-cases", &[39])],
        what: "the field `fr` of a granting request",
        changes: &[goes_on(
            "by refresh to https://app1.example.edu:18444/https://evil.example.com/",
            TO_APP,
        )],
        why: "No application server sends it, and it must not change the way back.",
    },
    Purpose {
        at: &[("login-server-cases", &[40])],
        what: "reasons that there are none of (`14`)",
        changes: &[field("nine", Some("14"), Some("0"))],
        why: "What is unknown is carried as unknown.",
    },
    Purpose {
        at: &[("login-server-cases", &[41])],
        what: "reasons that there are none of (`99`)",
        changes: &[
            status("500", "200"),
            page("500 Internal Server Error", "Log in"),
            change(Kind::Form, "", None, LOGIN_FORM),
        ],
        why: "The original reads behind the end of its table.",
    },
    Purpose {
        at: &[("login-server-cases", &[43, 44, 45, 46, 53, 56])],
        what: "an empty `referer`",
        changes: &[field("referer", Some(""), Some("(null)"))],
        why: "It is carried as application servers write it where there is none.",
    },
    Purpose {
        at: &[("login-server-cases", &[47])],
        what: "a login form that is two minutes old",
        changes: &[
            goes_on(STAYS, TO_APP),
            change(Kind::Form, "", LOGIN_FORM, None),
            cookie("pubcookie_g", None, SET_IN_DOMAIN),
            cookie("pubcookie_g_req", None, CLEARED_IN_DOMAIN),
            cookie("pubcookie_l", None, SET),
        ],
        why: "Two minutes are little for somebody who looks for a password; a form counts for longer.",
    },
    Purpose {
        at: &[("login-server-cases", &[57])],
        what: "a login form with `reply=0`",
        changes: &[
            goes_on(STAYS, TO_APP),
            change(Kind::Form, "", LOGIN_FORM, None),
            cookie("pubcookie_g", None, SET_IN_DOMAIN),
            cookie("pubcookie_g_req", None, CLEARED_IN_DOMAIN),
            cookie("pubcookie_l", None, SET),
        ],
        why: "A form of ours says what it is by its seal, and never has that.",
    },
    Purpose {
        at: &[("login-server-cases", &[66])],
        what: "a password beside the login cookie of somebody else",
        changes: &[
            goes_on(STAYS, TO_APP),
            change(Kind::Form, "", LOGIN_FORM, None),
            cookie("pubcookie_g", None, SET_IN_DOMAIN),
            cookie("pubcookie_g_req", None, CLEARED_IN_DOMAIN),
            cookie("pubcookie_l", None, SET),
        ],
        why: "The name that was typed counts, not the one in the cookie.",
    },
    Purpose {
        at: &[("login-server-cases", &[52])],
        what: "user names with a realm",
        changes: &[
            change(
                Kind::CookieContents,
                "pubcookie_g",
                Some("user \"alice\"*"),
                Some("user \"alice@EXAMPLE\"*"),
            ),
            change(
                Kind::CookieContents,
                "pubcookie_l",
                Some("user \"alice\"*"),
                Some("user \"alice@EXAMPLE\"*"),
            ),
        ],
        why: "The provider knows the whole name; nothing is cut off before it is asked.",
    },
    Purpose {
        at: &[("login-server-cases", &[54])],
        what: "a user name of more than 41 bytes",
        changes: &[
            goes_on(TO_APP, STAYS),
            cookie("pubcookie_g", SET_IN_DOMAIN, None),
            cookie("pubcookie_g_req", CLEARED_IN_DOMAIN, None),
            cookie("pubcookie_l", SET, None),
            change(Kind::Form, "", None, LOGIN_FORM),
        ],
        why: "It is refused: cut, two users would be one.",
    },
    Purpose {
        at: &[("login-server-cases", &[58])],
        what: "a password in the address",
        changes: &[
            goes_on(TO_APP, STAYS),
            cookie("pubcookie_g", SET_IN_DOMAIN, None),
            cookie("pubcookie_g_req", CLEARED_IN_DOMAIN, None),
            cookie("pubcookie_l", SET, None),
            change(Kind::Form, "", None, LOGIN_FORM),
        ],
        why: "It would end up in logs and histories: only a form that is posted counts.",
    },
    Purpose {
        at: &[("login-server-cases", &[59])],
        what: "a login for a host without a key",
        changes: &[
            status("200", "403"),
            page(LOGIN_PAGE, REFUSED),
            cookie("pubcookie_l", SET, None),
            cookie("pubcookie_g_req", None, CLEARED_IN_DOMAIN),
        ],
        why: "It is refused before anybody is asked for a password, and nobody is logged in by it.",
    },
    Purpose {
        at: &[("login-server-cases", &[69, 70])],
        what: "a granting request by POST without a relay URL, or with a path that is no base64",
        changes: &[
            status("200", "400"),
            page(LOGIN_PAGE, REFUSED),
            change(Kind::Form, "", LOGIN_FORM, None),
        ],
        why: "There is no way back from it: it is refused before anybody is asked for a password.",
    },
    Purpose {
        at: &[("login-server-cases", &[72])],
        what: "the cookie `pubcookie_formmultipart`",
        changes: &[
            cookie("pubcookie_formmultipart", CLEARED_IN_DOMAIN, None),
            change(Kind::Form, "", None, LOGIN_FORM),
        ],
        why: "Only application servers before version 3 set it.",
    },
    Purpose {
        at: &[("logout-action-no-cookies", &[1])],
        what: "logout of a browser that was not logged in",
        changes: &[cookie("pubcookie_l", SET, None)],
        why: "There is nothing to expire: no login cookie of a user \"unknown\" is made.",
    },
    Purpose {
        at: &[("logout-action-no-cookies", &[2])],
        what: "logout actions that there are none of (`7`)",
        changes: &[status("200", "400")],
        why: "They are refused with a page that says so.",
    },
    Purpose {
        at: &[("non-ssl", &[1])],
        what: "the login server over HTTP",
        changes: &[
            status("200", "403"),
            goes_on("by refresh to https://login.example.edu/index.cgi", STAYS),
        ],
        why: "A password must not be asked for where a redirect can be changed on the way: redirect to HTTPS in httpd's \
              configuration.",
    },
];
